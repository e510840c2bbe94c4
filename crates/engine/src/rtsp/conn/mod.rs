//! One viewer's connection as a state machine: bytes and times in, events, bytes and a deadline out.
//! What a request means for the stream is the driver's business; it answers by [`Ticket`].

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::{
    Credentials, Status, Transport,
    input::{Input, Item},
    message::Response,
};

mod answer;
mod request;

/// Most bytes held of what the client sent and we have not looked at yet.
pub const MAX_BUFFERED_BYTES: usize = 32 << 10;

/// Times a client must keep.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From connecting, or from the first byte of a request, until the request is complete.
    pub request: Duration,
    /// Longest silence; told to the client as the session's timeout (RFC 2326 section 12.37).
    pub session: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { request: Duration::from_secs(10), session: Duration::from_mins(1) }
    }
}

/// Names the request an answer belongs to. Must be answered: until then later requests wait.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the client waits for an answer"]
pub struct Ticket(u64);

/// What the driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Answer with [`Conn::accept_describe`] or [`Conn::refuse`].
    Describe {
        /// Decoded, without slashes at its ends.
        path: String,
        /// Not judged: who may not watch is refused with [`Status::Unauthorized`] and may try again.
        credentials: Credentials,
        /// For the answer.
        ticket: Ticket,
    },
    /// Answer with [`Conn::accept_setup`] or [`Conn::refuse`]. May come again before PLAY or after a
    /// pause, and then replaces the transport (ffmpeg falls back from UDP to TCP so).
    Setup {
        /// Decoded, without slashes at its ends and without the track.
        path: String,
        /// Not judged: who may not watch is refused with [`Status::Unauthorized`] and may try again.
        credentials: Credentials,
        /// The first the client offered that can be served.
        transport: Transport,
        /// For the answer.
        ticket: Ticket,
    },
    /// Answer with [`Conn::accept_play`] or [`Conn::refuse`], then send from a key frame.
    Play {
        /// For the answer.
        ticket: Ticket,
    },
    /// Already answered: stop sending; the transport stays for another PLAY.
    Pause,
    /// Already answered: stop sending and forget the transport.
    Teardown,
    /// An RTCP packet from the viewer of a TCP session.
    Rtcp(Bytes),
}

/// Why a client is not served any longer. Send what [`Conn::take_output`] still has, then close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// This is not RTSP. Nothing was answered.
    NotRtsp,
    /// A request that cannot be read, or without `CSeq`; answered with 400.
    BadRequest,
    /// A header or body over its cap; answered with 413.
    TooLarge,
    /// More than [`MAX_BUFFERED_BYTES`] sent ahead of our answers.
    Flood,
}

/// Why a connection has a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A request was not completed in time.
    RequestOverdue,
    /// No sign of life for too long.
    SessionTimeout,
}

/// Most bytes of answers nobody took. More than [`MAX_BUFFERED_BYTES`] of requests can cause.
const MAX_OUTPUT_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No session.
    Init,
    /// A transport is agreed on.
    Ready,
    /// Packets flow.
    Playing,
}

/// A request the driver has to answer.
#[derive(Debug)]
struct Awaiting {
    ticket: u64,
    cseq: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// With the base address as the client asked for it.
    Describe(Option<String>),
    Setup(Setup),
    Play,
}

/// What SETUP agrees on.
#[derive(Debug)]
struct Setup {
    path: String,
    base: Option<String>,
    transport: Transport,
}

/// A server's side of one RTSP connection.
#[derive(Debug)]
pub struct Conn {
    session_id: String,
    limits: Limits,
    state: State,
    setup: Option<Setup>,
    /// A TCP transport was agreed on: RTCP may come, even after TEARDOWN.
    interleaved: bool,
    awaiting: Option<Awaiting>,
    tickets: u64,
    violation: Option<Violation>,
    input: Input,
    output: BytesMut,
    /// When bytes came last.
    received: Instant,
    /// Last sign of life.
    alive: Instant,
    /// Since when a request is owed: from connecting until the first is complete, then from the first
    /// byte of each.
    unfinished: Option<Instant>,
    /// The first request is complete.
    greeted: bool,
    /// `unfinished` began while we owed an answer; the client shall not pay for our time.
    waited: bool,
}

impl Conn {
    /// A connection accepted at `now`. `session_id` is what its session will be called: unguessable, and
    /// of letters and digits (RFC 2326 section 3.4).
    pub fn new(session_id: String, now: Instant, limits: Limits) -> Self {
        Self {
            session_id,
            limits,
            state: State::Init,
            setup: None,
            interleaved: false,
            awaiting: None,
            tickets: 0,
            violation: None,
            input: Input::default(),
            output: BytesMut::new(),
            received: now,
            alive: now,
            unfinished: Some(now),
            greeted: false,
            waited: false,
        }
    }

    /// Takes what was read from the socket at `now`. Hand over at most 16 KiB at a time and
    /// [`Self::poll`] until `None` in between.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        if self.violation.is_some() || bytes.is_empty() {
            return;
        }
        if self.input.len() + bytes.len() > MAX_BUFFERED_BYTES {
            self.fail(Violation::Flood);
            return;
        }
        self.input.push(bytes);
        self.received = now;
        self.unfinished.get_or_insert(now);
    }

    /// The next event. `None`: more bytes, or the answer to the last event, are needed first. After an
    /// error it only repeats the error.
    pub fn poll(&mut self) -> Result<Option<Event>, Violation> {
        while self.awaiting.is_none() {
            if let Some(violation) = self.violation {
                return Err(violation);
            }
            if self.output.len() > MAX_OUTPUT_BYTES {
                return Err(self.fail(Violation::Flood));
            }
            let item = match self.input.next(self.interleaved) {
                Ok(Some(item)) => item,
                Ok(None) => {
                    if self.greeted && self.input.is_idle() {
                        self.unfinished = None;
                    }
                    return Ok(None);
                }
                Err(violation) => return Err(self.fail(violation)),
            };
            self.unfinished = (!self.input.is_idle()).then_some(self.received);
            let event = match item {
                Item::Request(request) => {
                    self.greeted = true;
                    self.alive = self.received;
                    match self.request(&request) {
                        Ok(event) => event,
                        Err(violation) => return Err(self.fail(violation)),
                    }
                }
                Item::Frame { channel, data } => self.rtcp(channel, data),
                Item::Skipped => None,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Takes all bytes to be sent now; empty if none. Call it after every [`Self::poll`] and answer.
    pub fn take_output(&mut self) -> BytesMut {
        std::mem::take(&mut self.output)
    }

    /// When the client's time is up, unless something happens before. `None` while we owe an answer and
    /// after a violation.
    pub fn deadline(&self) -> Option<(Instant, Why)> {
        if self.awaiting.is_some() || self.violation.is_some() {
            return None;
        }
        let request = self.unfinished.and_then(|since| since.checked_add(self.limits.request));
        let session = self.alive.checked_add(self.limits.session);
        let request = request.map(|at| (at, Why::RequestOverdue));
        let session = session.map(|at| (at, Why::SessionTimeout));
        request.into_iter().chain(session).min_by_key(|(at, _)| *at)
    }

    /// Is the time up at `now`? Then close.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.deadline().is_some_and(|(at, _)| at <= now)
    }

    /// A sign of life the state machine does not see itself: bytes written to the TCP connection, or a
    /// receiver report over UDP. Packets sent over UDP are none.
    pub fn alive(&mut self, now: Instant) {
        self.alive = self.alive.max(now);
        if std::mem::take(&mut self.waited) && self.unfinished.is_some() {
            self.unfinished = Some(now);
        }
    }

    /// Between PLAY and PAUSE or TEARDOWN?
    pub fn is_playing(&self) -> bool {
        self.state == State::Playing
    }

    /// The transport agreed on, if any.
    pub fn transport(&self) -> Option<Transport> {
        self.setup.as_ref().map(|setup| setup.transport)
    }

    /// Bytes of the client held now.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.input.len()
    }

    fn rtcp(&mut self, channel: u8, data: Bytes) -> Option<Event> {
        match self.transport() {
            Some(Transport::Tcp { rtcp: own, .. }) if own == channel => {
                if crate::rtcp::is_receiver_report(&data) {
                    self.alive = self.received;
                }
                Some(Event::Rtcp(data))
            }
            // Left over from a session that has ended, or RTP nobody asked for.
            _ => None,
        }
    }

    /// Ends service; says so when there is somebody who speaks RTSP.
    fn fail(&mut self, violation: Violation) -> Violation {
        let status = match violation {
            Violation::TooLarge => Some(Status::TooLarge),
            Violation::BadRequest => Some(Status::BadRequest),
            Violation::NotRtsp | Violation::Flood => None,
        };
        if let Some(status) = status {
            Response::new(status, None).write(&mut self.output);
        }
        self.violation = Some(violation);
        self.awaiting = None;
        self.input.clear();
        violation
    }
}
