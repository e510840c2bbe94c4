//! Which boxes stand in a file of ours, asked before they are read. The library reads any box it knows,
//! wherever it stands, and not all of them are bounded by their bytes: a sample group description
//! (`sgpd`, ISO/IEC 14496-12 section 8.9.3) is as long in memory as its count says, with nothing behind it,
//! and boxes in boxes go as deep as a file says. We write none of that.

/// Boxes of `moov` and `moof`, and from where in its body each holds others.
const KINDS: [(&[u8; 4], Option<usize>); 26] = [
    (b"mvhd", None),
    (b"trak", Some(0)),
    (b"tkhd", None),
    (b"mdia", Some(0)),
    (b"mdhd", None),
    (b"hdlr", None),
    (b"minf", Some(0)),
    (b"vmhd", None),
    (b"dinf", Some(0)),
    // Version, flags and count (sections 8.7.2 and 8.5.2).
    (b"dref", Some(8)),
    (b"url ", None),
    (b"stbl", Some(0)),
    (b"stsd", Some(8)),
    // What every sample entry has, and then every visual one (sections 8.5.2 and 12.1.3).
    (b"avc1", Some(78)),
    (b"avcC", None),
    (b"stts", None),
    (b"stsc", None),
    (b"stsz", None),
    (b"stco", None),
    (b"mvex", Some(0)),
    (b"trex", None),
    (b"mfhd", None),
    (b"traf", Some(0)),
    (b"tfhd", None),
    (b"tfdt", None),
    (b"trun", None),
];

/// `avcC` in `avc1` in `stsd` in `stbl` in `minf` in `mdia` in `trak`.
const MOST_DEEP: u8 = 7;

/// Does the body of a `moov` or `moof` hold boxes that we write, and nothing else?
pub(super) fn only_ours(body: &[u8]) -> bool {
    only(body, MOST_DEEP)
}

fn only(mut body: &[u8], deep: u8) -> bool {
    while !body.is_empty() {
        let Some([s0, s1, s2, s3, kind @ ..]) = body.first_chunk::<8>() else { return false };
        let size = u32::from_be_bytes([*s0, *s1, *s2, *s3]) as usize;
        let Some(inner) = body.get(8..size) else { return false };
        let Some((_, others)) = KINDS.iter().find(|(known, _)| *known == kind) else { return false };
        let good =
            others.is_none_or(|at| inner.get(at..).is_some_and(|inner| deep > 1 && only(inner, deep - 1)));
        if !good {
            return false;
        }
        body = &body[size..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_box(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + body.len()).unwrap();
        [&size.to_be_bytes()[..], &kind, body].concat()
    }

    #[test]
    fn only_what_we_write_and_no_deeper() {
        let track = a_box(*b"trak", &a_box(*b"mdia", &a_box(*b"hdlr", b"anything: sgpd")));
        for good in [vec![], a_box(*b"mvhd", &[0; 100]), [a_box(*b"mvhd", &[]), track.clone()].concat()] {
            assert!(only_ours(&good), "{good:?}");
        }
        let unbounded = a_box(*b"sgpd", &[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        let beside = [track, unbounded.clone()].concat();
        let behind = a_box(*b"avc1", &[&[0; 78][..], &unbounded].concat());
        let deep = (0..usize::from(MOST_DEEP)).fold(a_box(*b"mvhd", &[]), |inner, _| a_box(*b"traf", &inner));
        for bad in [
            unbounded.clone(),
            beside,
            a_box(*b"trak", &unbounded),
            behind,
            a_box(*b"avc1", &[0; 77]),
            deep,
            b"mvhd".to_vec(),
            vec![0, 0, 0, 7, b'm', b'v', b'h', b'd'],
            vec![0, 0, 0, 9, b'm', b'v', b'h', b'd'],
        ] {
            assert!(!only_ours(&bad), "{bad:?}");
        }
    }
}
