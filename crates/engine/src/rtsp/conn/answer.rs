//! The driver's answers. A ticket that is not the open one changes nothing; one of another kind of
//! request is the driver's mistake and tells the client 500.

use super::{Awaiting, Conn, Kind, State, Ticket};
use crate::rtsp::{Status, message::Response};

impl Conn {
    /// 200 to DESCRIBE. `base`: the absolute address of the stream, to which the SDP's `trackID=0` is
    /// relative; if empty, as the client asked for it, without its query.
    pub fn accept_describe(&mut self, ticket: Ticket, sdp: &str, base: &str) {
        let Some(Awaiting { cseq, kind, .. }) = self.take(ticket) else { return };
        let Kind::Describe(asked) = kind else { return self.reply(cseq, Status::Internal) };
        let mut base = if base.is_empty() { asked.unwrap_or_default() } else { base.to_owned() };
        let mut response = Response::new(Status::Ok, Some(cseq));
        if !base.is_empty() {
            if !base.ends_with('/') {
                base.push('/');
            }
            response = response.header("Content-Base", &base);
        }
        response.write_with(sdp, "application/sdp", &mut self.output);
    }

    /// 200 to SETUP. `server_ports`: the ports RTP and RTCP come from, for UDP.
    pub fn accept_setup(&mut self, ticket: Ticket, server_ports: Option<(u16, u16)>, ssrc: u32) {
        let Some(Awaiting { cseq, kind, .. }) = self.take(ticket) else { return };
        let Kind::Setup(setup) = kind else { return self.reply(cseq, Status::Internal) };
        self.state = State::Ready;
        self.interleaved |= matches!(setup.transport, crate::rtsp::Transport::Tcp { .. });
        Response::new(Status::Ok, Some(cseq))
            .header("Session", &self.session_header())
            .header("Transport", &setup.transport.answer(server_ports, ssrc))
            .write(&mut self.output);
        self.setup = Some(setup);
    }

    /// 200 to PLAY; packets may follow. `first_seq` and `rtp_time`: of the first packet that will be
    /// sent. `url`: of the track; if empty, as the client asked for it.
    pub fn accept_play(&mut self, ticket: Ticket, first_seq: u16, rtp_time: u32, url: &str) {
        let asked = || Some(format!("{}trackID=0", self.setup.as_ref()?.base.as_ref()?));
        let url = if url.is_empty() { asked() } else { Some(url.to_owned()) };
        self.play(ticket, url.map(|url| format!("url={url};seq={first_seq};rtptime={rtp_time}")));
    }

    /// 200 to PLAY when the first packet is not known yet: without RTP-Info, since a wrong one is worse
    /// than none.
    pub fn accept_play_later(&mut self, ticket: Ticket) {
        self.play(ticket, None);
    }

    /// Any answer but 200. The state stays as it was.
    pub fn refuse(&mut self, ticket: Ticket, status: Status) {
        if let Some(awaiting) = self.take(ticket) {
            let status = if status == Status::Ok { Status::Internal } else { status };
            self.reply(awaiting.cseq, status);
        }
    }

    fn play(&mut self, ticket: Ticket, rtp_info: Option<String>) {
        let Some(Awaiting { cseq, kind, .. }) = self.take(ticket) else { return };
        if !matches!(kind, Kind::Play) {
            return self.reply(cseq, Status::Internal);
        }
        self.state = State::Playing;
        let mut response = Response::new(Status::Ok, Some(cseq))
            .header("Session", &self.session_header())
            .header("Range", "npt=now-");
        if let Some(info) = rtp_info {
            response = response.header("RTP-Info", &info);
        }
        response.write(&mut self.output);
    }

    #[expect(clippy::needless_pass_by_value, reason = "a ticket that was used is gone")]
    fn take(&mut self, ticket: Ticket) -> Option<Awaiting> {
        let awaiting = self.awaiting.take_if(|awaiting| awaiting.ticket == ticket.0)?;
        self.waited = true;
        Some(awaiting)
    }
}
