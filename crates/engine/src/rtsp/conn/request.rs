//! What a request means in the state the connection is in (RFC 2326 section 10 and appendix A.2).

use super::{Awaiting, Conn, Event, Kind, Setup, State, Ticket, Violation};
use crate::rtsp::{
    Credentials, Status, Transport,
    message::{Request, Response},
    uri::{MAX_URI_BYTES, Uri},
};

/// What a viewer may do, as OPTIONS and refusals tell it. PAUSE is needed: ffmpeg sends it before it
/// falls back from UDP to TCP.
const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

impl Conn {
    /// Answers a request or makes an event of it. An error means: no use talking on.
    pub(super) fn request(&mut self, request: &Request) -> Result<Option<Event>, Violation> {
        let cseq = request.cseq().ok_or(Violation::BadRequest)?;
        match self.objection(request) {
            Some(Status::OptionNotSupported) => {
                Response::new(Status::OptionNotSupported, Some(cseq))
                    .header("Unsupported", &Self::unsupported(request))
                    .write(&mut self.output);
                return Ok(None);
            }
            Some(status) => {
                self.reply(cseq, status);
                return Ok(None);
            }
            None => {}
        }
        let Some(uri) = Uri::parse(&request.uri) else {
            let long = request.uri.len() > MAX_URI_BYTES;
            self.reply(cseq, if long { Status::UriTooLong } else { Status::BadRequest });
            return Ok(None);
        };
        Ok(match (request.method.as_str(), self.state) {
            ("OPTIONS", _) => {
                Response::new(Status::Ok, Some(cseq)).header("Public", METHODS).write(&mut self.output);
                None
            }
            ("GET_PARAMETER" | "SET_PARAMETER", _) | ("PAUSE", State::Ready) => {
                self.reply_in_session(cseq);
                None
            }
            ("DESCRIBE", State::Init | State::Ready) => {
                let ticket = self.await_answer(cseq, Kind::Describe(uri.base()));
                let credentials = shown(request, &uri);
                Some(Event::Describe { path: uri.path, credentials, ticket })
            }
            ("SETUP", State::Init | State::Ready) => self.setup(cseq, request, uri),
            ("PLAY", State::Ready) => Some(Event::Play { ticket: self.await_answer(cseq, Kind::Play) }),
            ("PLAY", State::Playing) => {
                // Live: there is nowhere else to go.
                self.reply_in_session(cseq);
                None
            }
            ("PAUSE", State::Playing) => {
                self.state = State::Ready;
                self.reply_in_session(cseq);
                Some(Event::Pause)
            }
            ("TEARDOWN", State::Ready | State::Playing) => {
                self.state = State::Init;
                self.setup = None;
                self.reply(cseq, Status::Ok);
                Some(Event::Teardown)
            }
            ("TEARDOWN", State::Init) => {
                self.reply(cseq, Status::SessionNotFound);
                None
            }
            _ => {
                self.reply(cseq, Status::NotValidInThisState);
                None
            }
        })
    }

    /// What is wrong whatever the state.
    fn objection(&self, request: &Request) -> Option<Status> {
        if request.version != "RTSP/1.0" {
            return Some(Status::VersionNotSupported);
        }
        match request.method.as_str() {
            "ANNOUNCE" | "RECORD" => return Some(Status::MethodNotAllowed),
            method if !METHODS.split(", ").any(|known| known == method) => {
                return Some(Status::NotImplemented);
            }
            _ => {}
        }
        if request.header("Require").or_else(|| request.header("Proxy-Require")).is_some() {
            return Some(Status::OptionNotSupported);
        }
        let id = request.header("Session")?.split(';').next().unwrap_or_default().trim();
        let known = self.state != State::Init && id == self.session_id;
        (!known).then_some(Status::SessionNotFound)
    }

    /// We know no options: those asked for, as the Unsupported header repeats them.
    fn unsupported(request: &Request) -> String {
        // Option tags are tokens (RFC 2326 section 1.3); what else stands there is not repeated.
        let legal = |c: &char| c.is_ascii_alphanumeric() || "-._, ".contains(*c);
        let options =
            request.header("Require").or_else(|| request.header("Proxy-Require")).unwrap_or_default();
        options.chars().filter(legal).take(128).collect()
    }

    fn setup(&mut self, cseq: u32, request: &Request, mut uri: Uri) -> Option<Event> {
        let track = uri.split_track();
        let refusal = if track.is_some_and(|number| number != 0) {
            Some(Status::NotFound)
        } else if self.setup.as_ref().is_some_and(|setup| setup.path != uri.path) {
            // One session, one stream.
            Some(Status::AggregateNotAllowed)
        } else {
            None
        };
        if let Some(status) = refusal {
            self.reply(cseq, status);
            return None;
        }
        let Some(wishes) = request.header("Transport") else {
            self.reply(cseq, Status::BadRequest);
            return None;
        };
        let Some(transport) = Transport::choose(wishes) else {
            self.reply(cseq, Status::UnsupportedTransport);
            return None;
        };
        let kind = Kind::Setup(Setup { path: uri.path.clone(), base: uri.base(), transport });
        let ticket = self.await_answer(cseq, kind);
        let credentials = shown(request, &uri);
        Some(Event::Setup { path: uri.path, credentials, transport, ticket })
    }

    fn await_answer(&mut self, cseq: u32, kind: Kind) -> Ticket {
        self.tickets += 1;
        self.awaiting = Some(Awaiting { ticket: self.tickets, cseq, kind });
        Ticket(self.tickets)
    }

    /// An answer without a body.
    pub(super) fn reply(&mut self, cseq: u32, status: Status) {
        let mut response = Response::new(status, Some(cseq));
        if matches!(status, Status::MethodNotAllowed | Status::NotValidInThisState | Status::NotImplemented) {
            response = response.header("Allow", METHODS);
        }
        if status == Status::Unauthorized {
            response = response.header("WWW-Authenticate", "Basic realm=\"camera-service\"");
        }
        response.write(&mut self.output);
    }

    fn reply_in_session(&mut self, cseq: u32) {
        let mut response = Response::new(Status::Ok, Some(cseq));
        if self.state != State::Init {
            response = response.header("Session", &self.session_header());
        }
        response.write(&mut self.output);
    }

    /// RFC 2326 section 12.37.
    pub(super) fn session_header(&self) -> String {
        format!("{};timeout={}", self.session_id, self.limits.session.as_secs())
    }
}

fn shown(request: &Request, uri: &Uri) -> Credentials {
    Credentials::read(request.header("Authorization"), uri.query.as_deref())
}
