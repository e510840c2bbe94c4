//! Whole conversations with a driver that has one camera, and what exactly is answered.

use std::time::Instant;

use engine::rtsp::{Conn, Credentials, Event, Limits, Status, Transport, Violation};

use crate::origin;

/// A client and a driver with one `camera0` around one connection.
pub(crate) struct Viewer {
    pub(crate) conn: Conn,
    pub(crate) now: Instant,
    /// One word an event.
    pub(crate) events: Vec<String>,
    /// All that was answered.
    pub(crate) heard: String,
}

impl Viewer {
    pub(crate) fn new() -> Self {
        let now = origin();
        let conn = Conn::new("Session1".into(), now, Limits::default());
        Self { conn, now, events: Vec::new(), heard: String::new() }
    }

    /// Sends bytes, in pieces a driver would read; returns the status codes answered.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Vec<u16> {
        let before = self.heard.len();
        for piece in bytes.chunks(8_192) {
            self.conn.receive(self.now, piece);
            if !self.serve() {
                break;
            }
        }
        let mut codes = Vec::new();
        for line in self.heard[before..].lines() {
            codes.extend(line.strip_prefix("RTSP/1.0 ").map(|rest| rest[..3].parse::<u16>().unwrap()));
        }
        codes
    }

    /// One request; its answer without the lines every answer has.
    pub(crate) fn say(&mut self, text: &str) -> String {
        let before = self.heard.len();
        self.hear(text.replace('\n', "\r\n").as_bytes());
        self.heard[before..].replace("\r\n", "\n")
    }

    /// Whether the connection stays open.
    fn serve(&mut self) -> bool {
        let open = loop {
            let event = match self.conn.poll() {
                Ok(Some(event)) => event,
                Ok(None) => break true,
                Err(violation) => {
                    self.events.push(
                        match violation {
                            Violation::NotRtsp => "not-rtsp",
                            Violation::BadRequest => "bad-request",
                            Violation::TooLarge => "too-large",
                            Violation::Flood => "flood",
                        }
                        .into(),
                    );
                    break false;
                }
            };
            let word = match event {
                Event::Describe { path, ticket, .. } => {
                    if path == "camera0" {
                        self.conn.accept_describe(ticket, "v=0\r\n", "");
                    } else {
                        self.conn.refuse(ticket, Status::NotFound);
                    }
                    "describe"
                }
                Event::Setup { path, transport, ticket, .. } => {
                    assert_eq!(path, "camera0");
                    let tcp = matches!(transport, Transport::Tcp { .. });
                    self.conn.accept_setup(ticket, (!tcp).then_some((8000, 8001)), 0xABC);
                    if tcp { "setup-tcp" } else { "setup-udp" }
                }
                Event::Play { ticket } => {
                    self.conn.accept_play(ticket, 65_535, 4_294_967_295, "");
                    "play"
                }
                Event::Pause => "pause",
                Event::Teardown => "teardown",
                Event::Rtcp(_) => "rtcp",
            };
            self.events.push(word.into());
        };
        self.heard.push_str(str::from_utf8(&self.conn.take_output()).unwrap());
        open
    }

    /// Up to PLAY.
    pub(crate) fn play(transport: &str) -> Self {
        let mut viewer = Self::new();
        let setup = format!("SETUP rtsp://h/camera0/trackID=0 RTSP/1.0\nCSeq: 1\nTransport: {transport}\n\n");
        assert!(viewer.say(&setup).starts_with("RTSP/1.0 200 "));
        assert!(
            viewer
                .say("PLAY rtsp://h/camera0/ RTSP/1.0\nCSeq: 2\nSession: Session1\n\n")
                .starts_with("RTSP/1.0 200 ")
        );
        viewer.events.clear();
        viewer
    }
}

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

#[test]
fn what_a_viewer_is_answered_word_for_word() {
    let mut viewer = Viewer::new();
    for (request, answer) in [
        (
            "OPTIONS rtsp://h:8554/camera0 RTSP/1.0\nCSeq: 1\n\n",
            format!("RTSP/1.0 200 OK\nCSeq: 1\nPublic: {METHODS}\n\n"),
        ),
        (
            "DESCRIBE rtsp://me:pw@h:8554/camera0?x=1 RTSP/1.0\nCSeq: 2\nAccept: application/sdp\n\n",
            "RTSP/1.0 200 OK\nCSeq: 2\nContent-Base: rtsp://h:8554/camera0/\nContent-Type: application/sdp\n\
             Content-Length: 5\n\nv=0\n"
                .into(),
        ),
        (
            "SETUP rtsp://h:8554/camera0/trackID=0 RTSP/1.0\nCSeq: 3\nTransport: rtp/avp/udp;UNICAST;Client_Port=5000\n\n",
            "RTSP/1.0 200 OK\nCSeq: 3\nSession: Session1;timeout=60\n\
             Transport: RTP/AVP;unicast;client_port=5000-5001;server_port=8000-8001;ssrc=00000ABC\n\n"
                .into(),
        ),
        (
            "SETUP rtsp://h:8554/camera0/trackID=0 RTSP/1.0\nCSeq: 4\nTransport: RTP/AVP/TCP;unicast\n\n",
            "RTSP/1.0 200 OK\nCSeq: 4\nSession: Session1;timeout=60\n\
             Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000ABC\n\n"
                .into(),
        ),
        (
            "PLAY rtsp://h:8554/camera0/ RTSP/1.0\nCSeq: 5\nSession: Session1\n\n",
            "RTSP/1.0 200 OK\nCSeq: 5\nSession: Session1;timeout=60\nRange: npt=now-\n\
             RTP-Info: url=rtsp://h:8554/camera0/trackID=0;seq=65535;rtptime=4294967295\n\n"
                .into(),
        ),
        (
            "GET_PARAMETER rtsp://h:8554/camera0/ RTSP/1.0\nCSeq: 6\nSession: Session1;timeout=60\n\n",
            "RTSP/1.0 200 OK\nCSeq: 6\nSession: Session1;timeout=60\n\n".into(),
        ),
        (
            "PAUSE rtsp://h:8554/camera0/ RTSP/1.0\nCSeq: 7\nSession: Session1\n\n",
            "RTSP/1.0 200 OK\nCSeq: 7\nSession: Session1;timeout=60\n\n".into(),
        ),
        (
            "TEARDOWN rtsp://h:8554/camera0/ RTSP/1.0\nCSeq: 4294967295\nSession: Session1\n\n",
            "RTSP/1.0 200 OK\nCSeq: 4294967295\n\n".into(),
        ),
    ] {
        assert_eq!(viewer.say(request), answer, "{request}");
    }
    assert_eq!(viewer.events.join(" "), "describe setup-udp setup-tcp play pause teardown");
    assert!(viewer.conn.transport().is_none());
}

#[test]
fn what_the_driver_learns() {
    let mut conn = Conn::new("s".into(), origin(), Limits::default());
    let request = "DESCRIBE rtsp://h/camera%30?ticket=a%20b RTSP/1.0\r\nCSeq: 1\r\nauthorization:  Basic bWU6cHc= \r\n\r\n";
    conn.receive(origin(), request.as_bytes());
    let Ok(Some(Event::Describe { path, credentials, ticket })) = conn.poll() else { panic!() };
    assert_eq!((path.as_str(), credentials), ("camera0", Credentials::Secret("pw".into())));
    conn.accept_describe(ticket, "", "rtsp://public/camera0");
    assert!(
        String::from_utf8_lossy(&conn.take_output()).contains("Content-Base: rtsp://public/camera0/\r\n")
    );

    let request = "SETUP rtsp://h/camera0?ticket=1/trackID=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP;unicast;client_port=6000-6001\r\n\r\n";
    conn.receive(origin(), request.as_bytes());
    let Ok(Some(Event::Setup { path, credentials, transport, ticket })) = conn.poll() else { panic!() };
    assert_eq!((path.as_str(), credentials), ("camera0", Credentials::Secret("1".into())));
    assert_eq!(transport, Transport::Udp { rtp: 6000, rtcp: 6001 });
    conn.accept_setup(ticket, Some((1, 2)), 0);
    assert_eq!(conn.transport(), Some(transport));

    conn.receive(origin(), b"PLAY rtsp://h/camera0 RTSP/1.0\r\nCSeq: 3\r\n\r\n");
    let Ok(Some(Event::Play { ticket })) = conn.poll() else { panic!() };
    assert!(!conn.is_playing());
    conn.take_output();
    conn.accept_play_later(ticket);
    assert!(conn.is_playing());
    assert!(!String::from_utf8_lossy(&conn.take_output()).contains("RTP-Info"));
}

#[test]
fn who_is_refused_may_try_again_on_the_same_connection() {
    let mut conn = Conn::new("s".into(), origin(), Limits::default());
    for (header, shown) in [
        ("", Credentials::None),
        ("Authorization: Basic bWU6d3Jvbmc=\r\n", Credentials::Secret("wrong".into())),
        ("Authorization: Digest x\r\n", Credentials::Unreadable),
    ] {
        let request = format!("DESCRIBE rtsp://h/camera0 RTSP/1.0\r\nCSeq: 1\r\n{header}\r\n");
        conn.receive(origin(), request.as_bytes());
        let Ok(Some(Event::Describe { credentials, ticket, .. })) = conn.poll() else { panic!() };
        assert_eq!(credentials, shown);
        conn.refuse(ticket, Status::Unauthorized);
        assert_eq!(
            conn.take_output(),
            "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm=\"camera-service\"\r\n\r\n"
        );
    }
    conn.receive(
        origin(),
        b"SETUP rtsp://h/camera0/trackID=0?token=t RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP\r\n\r\n",
    );
    let Ok(Some(Event::Setup { credentials, ticket, .. })) = conn.poll() else { panic!() };
    assert_eq!(credentials, Credentials::Secret("t".into()));
    conn.refuse(ticket, Status::Unauthorized);
    assert!(conn.transport().is_none() && conn.deadline().is_some());
}

#[test]
fn later_requests_wait_for_the_answer() {
    let mut conn = Conn::new("s".into(), origin(), Limits::default());
    conn.receive(
        origin(),
        b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n",
    );
    let Ok(Some(Event::Describe { ticket, .. })) = conn.poll() else { panic!() };
    assert_eq!((conn.poll(), conn.take_output().len()), (Ok(None), 0));
    conn.receive(origin(), b"DESCRIBE rtsp://h/b RTSP/1.0\r\nCSeq: 3\r\n\r\n");
    assert_eq!((conn.poll(), conn.take_output().len()), (Ok(None), 0));
    conn.refuse(ticket, Status::GatewayTimeout);
    let Ok(Some(Event::Describe { path, ticket, .. })) = conn.poll() else { panic!() };
    assert_eq!(path, "b");
    let answered = String::from_utf8(conn.take_output().to_vec()).unwrap();
    let codes: Vec<&str> =
        answered.split("\r\n").filter(|line| line.contains("1.0 ") || line.contains("CSeq")).collect();
    assert_eq!(codes, ["RTSP/1.0 504 Gateway Time-out", "CSeq: 1", "RTSP/1.0 200 OK", "CSeq: 2"]);

    // Who sends on and on while we work on an answer is stopped.
    let flood = [b'\n'; 16 << 10];
    conn.receive(origin(), &flood);
    assert_eq!(conn.poll(), Ok(None));
    conn.receive(origin(), &flood);
    conn.receive(origin(), &flood);
    assert_eq!(conn.poll(), Err(Violation::Flood));
    conn.accept_describe(ticket, "too late", "");
    assert_eq!((conn.poll(), conn.take_output().len()), (Err(Violation::Flood), 0));
}

#[test]
fn a_tickets_answer_fits_its_request() {
    let mut conn = Conn::new("s".into(), origin(), Limits::default());
    conn.receive(origin(), b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let Ok(Some(Event::Describe { ticket, .. })) = conn.poll() else { panic!() };
    conn.accept_play(ticket, 0, 0, "");
    assert!(conn.take_output().starts_with(b"RTSP/1.0 500 "));
    assert!(!conn.is_playing());
}

#[test]
fn what_a_driver_gives_stays_one_header() {
    let mut conn = Conn::new("s".into(), origin(), Limits::default());
    conn.receive(origin(), b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let Ok(Some(Event::Describe { ticket, .. })) = conn.poll() else { panic!() };
    conn.accept_describe(ticket, "", "rtsp://h/a\r\nX: y");
    assert!(String::from_utf8_lossy(&conn.take_output()).contains("Content-Base: rtsp://h/aX: y/\r\n"));
}
