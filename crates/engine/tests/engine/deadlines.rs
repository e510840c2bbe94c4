//! What a client must do in time.

use std::time::Duration;

use engine::rtsp::{Conn, Event, Limits, Status, Why};

use crate::{conversations::Viewer, origin};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_first_request_comes_within_ten_seconds() {
    let begin = origin();
    let mut conn = Conn::new("s".into(), begin, Limits::default());
    assert_eq!(conn.deadline(), Some((begin + s(10), Why::RequestOverdue)));
    // Neither empty lines nor half a request win time.
    conn.receive(begin + s(3), b"\r\n");
    assert_eq!(conn.poll(), Ok(None));
    conn.receive(begin + s(9), b"OPTIONS");
    assert_eq!(conn.poll(), Ok(None));
    assert!(!conn.handle_timeout(begin + Duration::from_millis(9_999)));
    assert!(conn.handle_timeout(begin + s(10)));
}

#[test]
fn each_request_is_complete_ten_seconds_after_its_first_byte() {
    let begin = origin();
    let mut conn = Conn::new("s".into(), begin, Limits::default());
    conn.receive(begin + s(9), b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert_eq!(conn.poll(), Ok(None));
    assert_eq!(conn.deadline(), Some((begin + s(69), Why::SessionTimeout)));
    conn.receive(begin + s(20), b"\r\n");
    assert_eq!(conn.poll(), Ok(None));
    assert_eq!(conn.deadline(), Some((begin + s(69), Why::SessionTimeout)), "empty lines are nothing");
    // The body belongs to the request.
    for (at, bytes) in
        [(30, &b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 2\r\n"[..]), (35, b"Content-Length: 2\r\n\r\na")]
    {
        conn.receive(begin + s(at), bytes);
        assert_eq!(conn.poll(), Ok(None));
        assert_eq!(conn.deadline(), Some((begin + s(40), Why::RequestOverdue)));
    }
    // With the end of one the beginning of the next.
    conn.receive(begin + s(39), b"bOPT");
    assert_eq!(conn.poll(), Ok(None));
    assert_eq!(conn.deadline(), Some((begin + s(49), Why::RequestOverdue)));
}

#[test]
fn the_client_does_not_pay_for_our_time() {
    let begin = origin();
    let mut conn = Conn::new("s".into(), begin, Limits::default());
    conn.receive(begin, b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\nOPT");
    let Ok(Some(Event::Describe { ticket, .. })) = conn.poll() else { panic!() };
    assert_eq!(conn.deadline(), None);
    assert!(!conn.handle_timeout(begin + s(1_000)));
    conn.refuse(ticket, Status::Unavailable);
    conn.alive(begin + s(90));
    assert_eq!(conn.poll(), Ok(None));
    assert_eq!(conn.deadline(), Some((begin + s(100), Why::RequestOverdue)));
    conn.alive(begin + s(95));
    assert_eq!(conn.deadline(), Some((begin + s(100), Why::RequestOverdue)), "writing wins no more time");
}

#[test]
fn a_session_without_a_sign_of_life_ends() {
    let receiver_report = b"$\x01\x00\x08\x80\xC9\x00\x01\x00\x00\x00\x01";
    let other_rtcp = b"$\x01\x00\x08\x80\xCB\x00\x01\x00\x00\x00\x01";
    let wrong_channel = b"$\x00\x00\x08\x80\xC9\x00\x01\x00\x00\x00\x01";
    let request = b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 9\r\n\r\n";
    for (transport, bytes, counts) in [
        ("RTP/AVP/TCP", &receiver_report[..], true),
        ("RTP/AVP/TCP", other_rtcp, false),
        ("RTP/AVP/TCP", wrong_channel, false),
        ("RTP/AVP/TCP", request, true),
        ("RTP/AVP/TCP", b"\r\n\r\n", false),
        ("RTP/AVP;unicast;client_port=6000", request, true),
    ] {
        let mut viewer = Viewer::play(transport);
        let begin = viewer.now;
        viewer.now += s(30);
        viewer.hear(bytes);
        let expected = begin + s(if counts { 90 } else { 60 });
        assert_eq!(viewer.conn.deadline(), Some((expected, Why::SessionTimeout)), "{bytes:?}");
    }
    let mut viewer = Viewer::play("RTP/AVP/TCP");
    let begin = viewer.now;
    viewer.conn.alive(begin + s(50));
    viewer.conn.alive(begin + s(40));
    assert_eq!(viewer.conn.deadline(), Some((begin + s(110), Why::SessionTimeout)));
    assert!(!viewer.conn.handle_timeout(begin + s(109)) && viewer.conn.handle_timeout(begin + s(110)));
}

#[test]
fn limits_are_what_they_are_set_to() {
    let begin = origin();
    let limits = Limits { request: s(1), session: s(7) };
    let mut conn = Conn::new("s".into(), begin, limits);
    assert_eq!(conn.deadline(), Some((begin + s(1), Why::RequestOverdue)));
    conn.receive(begin, b"SETUP rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n");
    let Ok(Some(Event::Setup { ticket, .. })) = conn.poll() else { panic!() };
    conn.accept_setup(ticket, None, 1);
    assert!(String::from_utf8_lossy(&conn.take_output()).contains("Session: s;timeout=7\r\n"));
    assert_eq!(conn.deadline(), Some((begin + s(7), Why::SessionTimeout)));
}
