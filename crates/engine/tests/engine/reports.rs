//! SDP and RTCP, byte by byte.

use std::time::{Duration, SystemTime};

use engine::{
    rtcp::{bye, is_receiver_report, sender_report},
    sdp::describe,
};

use crate::params;

#[test]
fn the_description_of_a_stream() {
    let expected = "v=0\r\n\
        o=- 7 7 IN IP4 0.0.0.0\r\n\
        s=Camera\r\n\
        c=IN IP4 0.0.0.0\r\n\
        t=0 0\r\n\
        a=control:*\r\n\
        a=range:npt=now-\r\n\
        m=video 0 RTP/AVP 96\r\n\
        a=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1;profile-level-id=42C01F;sprop-parameter-sets=Z0LAHxEi,aM48gA==\r\n\
        a=framerate:30\r\n\
        a=control:trackID=0\r\n";
    assert_eq!(describe(&params(), 7), expected);
    for (fps, line) in [
        (None, None),
        (Some(0.0), None),
        (Some(f64::NAN), None),
        (Some(f64::INFINITY), None),
        (Some(30_000.0 / 1_001.0), Some("a=framerate:29.97\r\n")),
        (Some(12.5), Some("a=framerate:12.5\r\n")),
    ] {
        let mut sets = (*params()).clone();
        sets.info.fps = fps;
        let sdp = describe(&sets, 7);
        assert_eq!(sdp.find("a=framerate").map(|at| sdp[at..].split_inclusive('\n').next().unwrap()), line);
    }
}

#[test]
fn a_sender_report_with_its_name() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    let packet = sender_report(0x0102_0304, now, 0xA0B0_C0D0, 5, 6, "cam");
    #[rustfmt::skip]
    let expected = [
        0x80, 200, 0, 6, 1, 2, 3, 4,
        0x83, 0xAA, 0x7E, 0x81, 0x80, 0, 0, 0, // 2,208,988,801.5 s since 1900
        0xA0, 0xB0, 0xC0, 0xD0, 0, 0, 0, 5, 0, 0, 0, 6,
        0x81, 202, 0, 3, 1, 2, 3, 4, 1, 3, b'c', b'a', b'm', 0, 0, 0,
    ];
    assert_eq!(packet, expected);
    // A chunk ends with one zero at least, on a word boundary; names are cut at 255 bytes.
    for length in [0, 1, 2, 5, 254, 255, 300] {
        let packet = sender_report(1, now, 0, 0, 0, &"n".repeat(length));
        let name = length.min(255);
        assert_eq!(packet.len() % 4, 0);
        assert_eq!(packet[37], name as u8);
        assert_eq!(packet[38 + name], 0);
        assert_eq!(packet.len(), 28 + 4 * (1 + usize::from(packet[31])));
        assert!(packet.len() - (38 + name) <= 4);
    }
    // The NTP era ends in 2036; a clock before 1970 is no reason to panic.
    let late = sender_report(1, SystemTime::UNIX_EPOCH + Duration::from_secs(2_085_978_496), 0, 0, 0, "");
    assert_eq!(late[8..12], [0; 4]);
    sender_report(1, SystemTime::UNIX_EPOCH - Duration::from_secs(1), 0, 0, 0, "");
}

#[test]
fn the_end_of_a_source_is_a_compound_packet() {
    assert_eq!(bye(0x0102_0304), [0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 203, 0, 1, 1, 2, 3, 4]);
}

#[test]
fn which_packets_are_a_sign_of_life() {
    let empty = [0x80, 201, 0, 1, 0, 0, 0, 1];
    assert!(is_receiver_report(&empty));
    assert!(is_receiver_report(&[&empty[..], &[0x81, 202, 0, 0]].concat()));
    assert!(is_receiver_report(&[&[0x81, 201, 0, 7][..], &[0; 28]].concat()));
    for bad in [
        &empty[..7],
        &[],
        &[0x40, 201, 0, 1, 0, 0, 0, 1],
        &[0x80, 200, 0, 1, 0, 0, 0, 1],
        &[0x81, 201, 0, 1, 0, 0, 0, 1],
        &[0x80, 201, 0xff, 0xff, 0, 0, 0, 1],
        &[0x80, 201, 0, 0],
        &sender_report(1, SystemTime::UNIX_EPOCH, 0, 0, 0, "x"),
    ] {
        assert!(!is_receiver_report(bad), "{bad:?}");
    }
}
