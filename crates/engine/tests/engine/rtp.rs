//! Packets, read back by a depacketiser of their own (RFC 6184).

use bytes::Bytes;
use engine::rtp::{MAX_PACKET_BYTES, Packetizer, Rtp};

use crate::{params, slice, unit};

/// The NAL units in the packets. Checks header, sequence, marker and fragment rules on the way.
fn depacketise(rtp: &Rtp, ssrc: u32) -> Vec<Vec<u8>> {
    let packets: Vec<Bytes> = rtp.packets().collect();
    let (mut nals, mut fragments): (Vec<Vec<u8>>, Option<Vec<u8>>) = (Vec::new(), None);
    let mut payload_bytes = 0;
    for (index, packet) in packets.iter().enumerate() {
        assert!(packet.len() <= MAX_PACKET_BYTES);
        assert_eq!(packet[0], 0x80);
        let last = index + 1 == packets.len();
        assert_eq!(packet[1], if last { 0x80 + 96 } else { 96 }, "marker on the last packet only");
        let seq = u16::from_be_bytes([packet[2], packet[3]]);
        assert_eq!(seq, rtp.first_seq().wrapping_add(index as u16));
        assert_eq!(packet[4..8], rtp.timestamp().to_be_bytes());
        assert_eq!(packet[8..12], ssrc.to_be_bytes());
        let payload = &packet[12..];
        payload_bytes += payload.len();
        match payload[0] & 0x1f {
            24 => {
                let mut rest = &payload[1..];
                while let [high, low, more @ ..] = rest {
                    let (nal, more) = more.split_at(usize::from(u16::from_be_bytes([*high, *low])));
                    nals.push(nal.to_vec());
                    rest = more;
                }
                assert!(rest.is_empty());
            }
            28 => {
                let (start, end) = (payload[1] & 0x80 != 0, payload[1] & 0x40 != 0);
                assert!(!(start && end), "a single fragment is forbidden (section 5.8)");
                assert_eq!(payload[1] & 0x20, 0);
                assert_eq!(start, fragments.is_none());
                fragments
                    .get_or_insert_with(|| vec![payload[0] & 0xe0 | payload[1] & 0x1f])
                    .extend(&payload[2..]);
                if end {
                    nals.extend(fragments.take());
                }
            }
            1..=23 => nals.push(payload.to_vec()),
            other => panic!("packet type {other}"),
        }
    }
    assert_eq!(fragments, None);
    assert_eq!(packets.len(), rtp.packet_count() as usize);
    assert_eq!(payload_bytes, rtp.payload_bytes() as usize);
    nals
}

#[test]
fn what_goes_in_comes_out_at_every_boundary() {
    let mut packetizer = Packetizer::new(0xDEAD_BEEF, 0, 0);
    for (bytes, packets) in [
        (1, 1),
        (1_386, 1),
        (1_387, 1),
        (1_388, 1),
        (1_389, 2),
        (1_390, 2),
        (1 + 1_386 * 2, 2),
        (2 + 1_386 * 2, 3),
        (100_000, 73),
    ] {
        let nal = slice(false, bytes);
        let rtp = packetizer.packetize(&unit(false, 0, std::slice::from_ref(&nal)));
        assert_eq!(rtp.packet_count(), packets, "{bytes}");
        assert_eq!(depacketise(&rtp, 0xDEAD_BEEF), [nal], "{bytes}");
    }
}

#[test]
fn a_key_unit_brings_its_parameter_sets_in_one_packet() {
    let nals = [slice(true, 3_000), slice(true, 20)];
    let rtp = Packetizer::new(1, 0, 0).packetize(&unit(true, 0, &nals));
    let first = rtp.packets().next().unwrap();
    assert_eq!(first[12], 0x60 + 24);
    let sets = params();
    let expected = [sets.sps.to_vec(), sets.pps[0].to_vec(), nals[0].clone(), nals[1].clone()];
    assert_eq!(depacketise(&rtp, 1), expected);

    let delta = Packetizer::new(1, 0, 0).packetize(&unit(false, 0, &[slice(false, 20)]));
    assert_eq!(depacketise(&delta, 1).len(), 1, "and no other unit does");
}

#[test]
fn parameter_sets_too_large_for_one_packet_go_one_by_one() {
    for (pps_bytes, packets) in [(1_388 - 1 - 2 - 6 - 2, 2), (1_388 - 1 - 2 - 6 - 1, 3), (1_389, 4)] {
        let mut unit = unit(true, 0, &[slice(true, 10)]);
        let mut sets = (*unit.params).clone();
        sets.pps = vec![Bytes::from([&[0x68][..], &vec![7; pps_bytes - 1][..]].concat())];
        let expected = [sets.sps.to_vec(), sets.pps[0].to_vec(), slice(true, 10)];
        unit.params = sets.into();
        let rtp = Packetizer::new(1, 0, 0).packetize(&unit);
        assert_eq!(depacketise(&rtp, 1), expected);
        assert_eq!(rtp.packet_count(), packets);
    }
}

#[test]
fn sequence_numbers_and_timestamps_wrap() {
    let mut packetizer = Packetizer::new(1, 65_534, u32::MAX - 2_999);
    let first = packetizer.packetize(&unit(false, 0, &[slice(false, 3_000)]));
    assert_eq!((first.first_seq(), first.packet_count(), first.timestamp()), (65_534, 3, u32::MAX - 2_999));
    depacketise(&first, 1);
    let second = packetizer.packetize(&unit(false, 3_000, &[slice(false, 10)]));
    assert_eq!((second.first_seq(), second.timestamp()), (1, 0));
    // More than 2^32 ticks: 13 hours 15 minutes; and a time before the path's origin.
    let late = packetizer.packetize(&unit(false, (1 << 32) + 6_000, &[slice(false, 10)]));
    assert_eq!(late.timestamp(), 3_000);
    assert_eq!(packetizer.packetize(&unit(false, -3_000, &[slice(false, 10)])).timestamp(), u32::MAX - 5_999);
}

#[test]
fn framing_is_that_of_rtsp_on_any_channel() {
    let rtp = Packetizer::new(1, 0, 0).packetize(&unit(true, 0, &[slice(true, 5_000)]));
    assert_eq!(rtp.interleaved_on(0).as_ptr(), rtp.interleaved().as_ptr(), "no copy for channel 0");
    for channel in [0, 6] {
        let framed = rtp.interleaved_on(channel);
        let mut rest = &framed[..];
        for packet in rtp.packets() {
            assert_eq!(rest[..2], [b'$', channel]);
            assert_eq!(rest[2..4], (packet.len() as u16).to_be_bytes());
            assert_eq!(rest[4..4 + packet.len()], packet);
            rest = &rest[4 + packet.len()..];
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn nothing_that_would_be_misread_is_sent() {
    let rtp = Packetizer::new(1, 9, 0).packetize(&unit(
        false,
        0,
        &[vec![0x7C, 1, 2], vec![0x78], vec![0x00, 1], vec![]],
    ));
    assert_eq!((rtp.packet_count(), rtp.payload_bytes(), rtp.interleaved().len()), (0, 0, 0));
}
