//! Every way to be refused, and that serving goes on where it can.

use crate::conversations::Viewer;

/// What follows `RTSP/1.0 ` in the answer.
fn code(viewer: &mut Viewer, request: &str) -> String {
    let answer = viewer.say(request);
    answer.strip_prefix("RTSP/1.0 ").map_or(answer.clone(), |rest| rest[..3].to_owned())
}

#[test]
fn refusals_before_a_session() {
    let long = format!("DESCRIBE rtsp://h/{} RTSP/1.0\nCSeq: 9\n\n", "a".repeat(3_000));
    let setup = |track: &str, transport: &str| {
        format!("SETUP rtsp://h/camera0{track} RTSP/1.0\nCSeq: 9\nTransport: {transport}\n\n")
    };
    let table = [
        ("404", "DESCRIBE rtsp://h/camera9 RTSP/1.0\nCSeq: 9\n\n".to_owned()),
        ("400", "DESCRIBE camera0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("400", "DESCRIBE rtsp://h/%ff RTSP/1.0\nCSeq: 9\n\n".into()),
        ("414", long),
        ("405", "ANNOUNCE rtsp://h/camera0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("405", "RECORD rtsp://h/camera0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("501", "REDIRECT rtsp://h/camera0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("501", "PLAY_NOTIFY rtsp://h/camera0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("505", "OPTIONS * RTSP/2.0\nCSeq: 9\n\n".into()),
        ("551", "OPTIONS * RTSP/1.0\nCSeq: 9\nRequire: onvif-replay\n\n".into()),
        ("551", "OPTIONS * RTSP/1.0\nCSeq: 9\nProxy-Require: x\n\n".into()),
        ("454", "OPTIONS * RTSP/1.0\nCSeq: 9\nSession: Session1\n\n".into()),
        ("454", "GET_PARAMETER * RTSP/1.0\nCSeq: 9\nSession: other\n\n".into()),
        ("454", "TEARDOWN rtsp://h/camera0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("455", "PLAY rtsp://h/camera0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("455", "PAUSE rtsp://h/camera0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("400", "SETUP rtsp://h/camera0/trackID=0 RTSP/1.0\nCSeq: 9\n\n".into()),
        ("404", setup("/trackID=1", "RTP/AVP/TCP")),
        ("461", setup("", "")),
        ("461", setup("", "RTP/AVP;multicast")),
        ("461", setup("", "RTP/AVP")),
        ("461", setup("", "RTP/SAVP;unicast;client_port=6000-6001")),
        ("461", setup("", "RAW/RAW/UDP;unicast;client_port=6000-6001")),
        ("461", setup("", "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record")),
        ("461", setup("", "RTP/AVP/TCP;unicast;interleaved=1-1")),
        ("461", setup("", "RTP/AVP/TCP;unicast;interleaved=255")),
        ("461", setup("", "RTP/AVP/TCP;unicast;interleaved=254")),
        ("461", setup("", "RTP/AVP/TCP;unicast;interleaved=0-256")),
        ("461", setup("", "RTP/AVP/TCP;unicast;interleaved=")),
        ("461", setup("", "RTP/AVP;unicast;client_port=0-1")),
        ("461", setup("", "RTP/AVP;unicast;client_port=53-54")),
        ("461", setup("", "RTP/AVP;unicast;client_port=6000-0")),
        ("461", setup("", "RTP/AVP;unicast;client_port=6000-6000")),
        ("461", setup("", "RTP/AVP;unicast;client_port=65535")),
        ("461", setup("", "RTP/AVP;unicast;client_port=65536-65537")),
        ("461", setup("", "RTP/AVP;unicast;client_port=+6000-6001")),
        ("461", setup("", "RTP/AVP;unicast;client_port=6000-6001-6002")),
    ];
    let mut viewer = Viewer::new();
    for (expected, request) in &table {
        assert_eq!(code(&mut viewer, request), *expected, "{request}");
        let last = viewer.heard.split("RTSP/1.0").last().unwrap();
        assert!(last.contains("\r\nCSeq: 9\r\n"), "{last}");
        let allow = ["405", "455", "501"].contains(expected);
        assert_eq!(last.contains("\r\nAllow: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE,"), allow, "{last}");
        assert!(!last.contains("ANNOUNCE") && !last.contains("RECORD"), "{last}");
    }
    assert!(viewer.heard.contains("\r\nUnsupported: onvif-replay\r\n"));
    assert!(viewer.events.iter().all(|event| event == "describe"), "{:?}", viewer.events);
    assert_eq!(code(&mut viewer, "OPTIONS * RTSP/1.0\nCSeq: 9\n\n"), "200", "serving goes on");
}

#[test]
fn transports_that_are_taken() {
    for (header, answer) in [
        ("RTP/AVP/TCP;unicast;interleaved=4-5", "RTP/AVP/TCP;unicast;interleaved=4-5;"),
        ("RTP/AVP/TCP;interleaved=253", "RTP/AVP/TCP;unicast;interleaved=253-254;"),
        (" rtp/avp/tcp ; unicast ; Interleaved = 7-3 ", "RTP/AVP/TCP;unicast;interleaved=7-3;"),
        ("RTP/AVP;multicast,RTP/AVP;unicast;client_port=6000-6001", "RTP/AVP;unicast;client_port=6000-6001;"),
        (
            "RTP/AVP;unicast;destination=10.9.9.9;client_port=6000-6001;mode=\"PLAY\"",
            "RTP/AVP;unicast;client_port=6000-6001;",
        ),
        (",,RTP/AVP/UDP;unicast;client_port=6001-6004,RTP/AVP/TCP", "RTP/AVP;unicast;client_port=6001-6004;"),
    ] {
        let mut viewer = Viewer::new();
        let told = viewer
            .say(&format!("SETUP rtsp://h/camera0/trackID=0 RTSP/1.0\nCSeq: 1\nTransport: {header}\n\n"));
        assert!(told.contains(&format!("\nTransport: {answer}")), "{header}: {told}");
        assert!(!told.contains("10.9.9.9"));
    }
}

#[test]
fn refusals_in_a_session() {
    let mut viewer = Viewer::play("RTP/AVP/TCP");
    let setup = "SETUP rtsp://h/camera0/trackID=0 RTSP/1.0\nCSeq: 3\nTransport: RTP/AVP/TCP\n\n";
    for (expected, request) in [
        ("455", setup),
        ("455", "DESCRIBE rtsp://h/camera0 RTSP/1.0\nCSeq: 3\n\n"),
        ("454", "PLAY rtsp://h/camera0 RTSP/1.0\nCSeq: 3\nSession: session1\n\n"),
        ("454", "TEARDOWN rtsp://h/camera0 RTSP/1.0\nCSeq: 3\nSession: Session1x\n\n"),
        ("454", "SET_PARAMETER rtsp://h/camera0 RTSP/1.0\nCSeq: 3\nSession:\n\n"),
        ("200", "PLAY rtsp://h/camera0 RTSP/1.0\nCSeq: 3\nSession: Session1\n\n"),
        ("200", "PAUSE rtsp://h/camera0 RTSP/1.0\nCSeq: 3\nSession: Session1\n\n"),
        ("200", "PAUSE rtsp://h/camera0 RTSP/1.0\nCSeq: 3\nSession: Session1\n\n"),
        ("459", "SETUP rtsp://h/camera1/trackID=0 RTSP/1.0\nCSeq: 3\nTransport: RTP/AVP/TCP\n\n"),
        ("404", "SETUP rtsp://h/camera0/trackID=1 RTSP/1.0\nCSeq: 3\nTransport: RTP/AVP/TCP\n\n"),
        ("200", "TEARDOWN rtsp://h/camera0 RTSP/1.0\nCSeq: 3\nSession: Session1\n\n"),
        ("454", "GET_PARAMETER rtsp://h/camera0 RTSP/1.0\nCSeq: 3\nSession: Session1\n\n"),
        ("200", setup),
    ] {
        assert_eq!(code(&mut viewer, request), expected, "{request}");
    }
    assert_eq!(viewer.events.join(" "), "pause teardown setup-tcp");
}

#[test]
fn garbage_ends_it_at_once() {
    let not_rtsp: [&[u8]; 9] = [
        b"\x16\x03\x01",
        b"\0",
        b"options * RTSP/1.0",
        b"OPTIONS\r\n",
        b" OPTIONS",
        b"O:",
        b"AAAAAAAAAAAAAAAAAAAAA",
        b"$\x00\x00\x00",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
    ];
    for bytes in not_rtsp {
        let mut viewer = Viewer::new();
        assert_eq!(
            (viewer.hear(bytes).len(), viewer.events.join(" ").as_str()),
            (0, "not-rtsp"),
            "{bytes:?}"
        );
    }
    for text in [
        "OPTIONS *\n\n",
        "OPTIONS * RTSP/1.0 x\nCSeq: 1\n\n",
        "OPTIONS * RTSP/1.0\nCSeq: -1\n\n",
        "OPTIONS * RTSP/1.0\nCSeq: 4294967296\n\n",
        "OPTIONS * RTSP/1.0\nCSeq: 1\nno colon\n\n",
        "OPTIONS * RTSP/1.0\nCSeq: 1\n: x\n\n",
        "OPTIONS * RTSP/1.0\nCSeq: 1\nA B: x\n\n",
        "OPTIONS * RTSP/1.0\n folded: first\n\n",
        "OPTIONS * RTSP/1.0\nCSeq: 1\nContent-Length: -1\n\n",
        "OPTIONS * RTSP/1.0\nCSeq: 1\nContent-Length:\n\n",
    ] {
        let mut viewer = Viewer::new();
        assert_eq!(code(&mut viewer, text), "400", "{text}");
        assert_eq!(viewer.events, ["bad-request"]);
    }
}

#[test]
fn heads_at_the_limit() {
    for (total, answered) in [(8_192, "200"), (8_193, "413")] {
        let head = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: \r\n\r\n";
        let padding = "a".repeat(total - head.len());
        let request = head.replace("X: ", &format!("X: {padding}")).replace("\r\n", "\n");
        assert_eq!(code(&mut Viewer::new(), &request), answered, "{total}");
    }
    for (headers, answered) in [(63, "200"), (64, "413")] {
        let request = format!("OPTIONS * RTSP/1.0\nCSeq: 1\n{}\n", "X: y\n".repeat(headers));
        assert_eq!(code(&mut Viewer::new(), &request), answered, "{headers}");
    }
    let request = format!("OPTIONS * RTSP/1.0\nCSeq: 1\nContent-Length: 16384\n\n{}", "$".repeat(16_384));
    assert_eq!(code(&mut Viewer::new(), &request), "200");
    // Without an end in sight it does not wait for one.
    let mut viewer = Viewer::new();
    viewer.hear(format!("OPTIONS * RTSP/1.0\r\nX: {}", "a".repeat(8_192)).as_bytes());
    assert_eq!(viewer.events, ["too-large"]);
}
