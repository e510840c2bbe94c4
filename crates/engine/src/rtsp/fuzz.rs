//! Drives a connection with arbitrary bytes and asserts what must always hold. For fuzzers and tests:
//! nothing here runs in the service.

use std::time::{Duration, Instant};

use super::{
    Conn, Credentials, Event, Limits, MAX_BUFFERED_BYTES, Status, Transport, Violation,
    input::{Input, Item},
    message::Request,
};

/// Largest piece handed over at once, as a driver's read buffer might be.
const PIECE_BYTES: usize = 4_096;

/// What one run did.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    events: Vec<String>,
    output: Vec<u8>,
    violation: Option<Violation>,
}

/// Panics when an invariant breaks. Sizes of the pieces come from the data itself.
pub fn fuzz(data: &[u8]) {
    let large = run(data, |_| PIECE_BYTES);
    let tiny = run(data, |_| 1);
    let mixed = run(data, |at| 1 + usize::from(data[at]) * 7);
    assert_eq!(large, tiny, "the pieces must not matter");
    assert_eq!(large, mixed, "the pieces must not matter");
    check_responses(&large.output);
    check_round_trip(data);
}

fn run(data: &[u8], piece: impl Fn(usize) -> usize) -> Outcome {
    #[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way; any will do")]
    let begin = Instant::now();
    let mut now = begin;
    let limits = Limits::default();
    let mut conn = Conn::new("Session1".into(), begin, limits);
    let mut outcome = Outcome::default();
    let mut at = 0;
    while at < data.len() && outcome.violation.is_none() {
        let end = data.len().min(at + piece(at).min(PIECE_BYTES));
        now += Duration::from_millis(1);
        conn.receive(now, &data[at..end]);
        at = end;
        loop {
            match conn.poll() {
                Ok(Some(event)) => {
                    if owes(&event) {
                        assert_eq!(conn.poll(), Ok(None), "one thing at a time");
                        assert_eq!(conn.deadline(), None, "the client does not pay for our time");
                    }
                    outcome.events.push(answer(&mut conn, event));
                }
                Ok(None) => break,
                Err(violation) => {
                    outcome.violation = Some(violation);
                    break;
                }
            }
        }
        outcome.output.extend_from_slice(&conn.take_output());
        assert!(conn.buffered_bytes() <= MAX_BUFFERED_BYTES);
        assert_eq!(conn.deadline().is_none(), outcome.violation.is_some(), "a deadline while it lives");
    }
    assert_ne!(outcome.violation, Some(Violation::Flood), "never when everything is taken at once");
    if let Some(violation) = outcome.violation {
        conn.receive(now, data);
        assert_eq!((conn.poll(), conn.take_output().len()), (Err(violation), 0), "an error is the end");
    } else {
        assert!(conn.handle_timeout(now + limits.session), "silence ends");
    }
    outcome
}

fn owes(event: &Event) -> bool {
    matches!(event, Event::Describe { .. } | Event::Setup { .. } | Event::Play { .. })
}

/// Answers as a driver with one camera would.
fn answer(conn: &mut Conn, event: Event) -> String {
    let told = match &event {
        Event::Rtcp(packet) => format!("rtcp of {} bytes", packet.len()),
        other => format!("{other:?}"),
    };
    match event {
        Event::Describe { credentials: Credentials::Unreadable, ticket, .. } => {
            conn.refuse(ticket, Status::Unauthorized);
        }
        Event::Describe { path, ticket, .. } if path == "camera0" => {
            conn.accept_describe(ticket, "v=0\r\n", "");
        }
        Event::Describe { ticket, .. } => conn.refuse(ticket, Status::NotFound),
        Event::Setup { transport: Transport::Udp { .. }, ticket, .. } => {
            conn.accept_setup(ticket, Some((8000, 8001)), 7);
        }
        Event::Setup { ticket, .. } => conn.accept_setup(ticket, None, 7),
        Event::Play { ticket } => {
            conn.accept_play(ticket, 1, 2, "");
            assert!(conn.is_playing());
        }
        Event::Pause | Event::Teardown | Event::Rtcp(_) => {}
    }
    told
}

/// Whatever was sent to us, what we send are whole responses with clean headers.
fn check_responses(mut output: &[u8]) {
    while !output.is_empty() {
        let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("every response has an end");
        let head = str::from_utf8(&output[..end]).expect("every response is text");
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let code = first.strip_prefix("RTSP/1.0 ").and_then(|rest| rest.get(..3)).unwrap_or_default();
        assert!(code.parse::<u16>().is_ok_and(|code| (200..600).contains(&code)), "{first}");
        let mut body = 0;
        for line in lines {
            assert!(!line.chars().any(char::is_control), "{line:?}");
            let (name, value) = line.split_once(": ").expect("every header has a name");
            let known = [
                "CSeq",
                "Public",
                "Allow",
                "Unsupported",
                "WWW-Authenticate",
                "Session",
                "Transport",
                "Content-Base",
                "Content-Type",
                "Content-Length",
                "Range",
                "RTP-Info",
            ];
            assert!(known.contains(&name), "{name}");
            if name == "Content-Length" {
                body = value.parse().expect("a length is a number");
            }
        }
        output = &output[end + 4 + body..];
    }
}

/// A request that was read, written and read again is the same.
fn check_round_trip(data: &[u8]) {
    let mut input = Input::default();
    input.push(data);
    while let Ok(Some(item)) = input.next(true) {
        if let Item::Request(request) = item {
            let written = request.write();
            assert_eq!(Request::parse(&written), Ok(request));
        }
    }
}
