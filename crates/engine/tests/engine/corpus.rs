//! The corpora under `testdata/rtsp`, replayed: `valid-*` is served to its end, `hostile-*` does no
//! harm, and both hold the invariants of [`engine::rtsp::fuzz`] however they are cut.

use std::{fs, path::Path};

use engine::rtsp::fuzz;

use crate::conversations::Viewer;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rtsp");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 20);
    files
}

#[test]
fn what_each_file_is_answered() {
    for (name, bytes) in corpus() {
        let mut viewer = Viewer::new();
        let codes = viewer.hear(&bytes);
        let events = viewer.events.join(" ");
        let (expected, happened): (&[u16], &str) = match name.as_str() {
            "valid-ffmpeg-tcp.txt" => (&[200; 6], "describe setup-tcp play rtcp rtcp teardown"),
            "valid-ffmpeg-udp.txt" | "valid-vlc-udp.txt" => (&[200; 6], "describe setup-udp play teardown"),
            "valid-ffmpeg-udp-then-tcp.txt" => {
                (&[200; 7], "describe setup-udp play pause setup-tcp play rtcp")
            }
            "valid-gstreamer-tcp.txt" => {
                (&[200, 200, 461, 200, 200, 200, 200], "describe setup-tcp play rtcp rtcp teardown")
            }
            "valid-lf-only-and-folding.txt" | "valid-ticket-then-basic.txt" => {
                (&[200; 4], "describe setup-tcp play")
            }
            "hostile-credentials.txt" => (
                &[200; 9],
                "describe describe describe describe describe describe describe describe describe",
            ),
            "valid-bodies.txt" => (&[200; 3], ""),
            "hostile-publish.txt" => (&[405, 405], ""),
            "hostile-tls.txt" | "hostile-http.txt" | "hostile-response.txt" | "hostile-frame-first.txt" => {
                (&[], "not-rtsp")
            }
            "hostile-header-10000.txt" | "hostile-65-headers.txt" | "hostile-body-16385.txt" => {
                (&[413], "too-large")
            }
            "hostile-two-lengths.txt"
            | "hostile-no-cseq.txt"
            | "hostile-injection.txt"
            | "hostile-nul.txt" => (&[400], "bad-request"),
            "hostile-echo.txt" => (&[400, 551, 200], "describe"),
            "hostile-large-frame.txt" => (&[200; 6], "describe setup-tcp play rtcp teardown"),
            "hostile-half-request.txt" => (&[], ""),
            "hostile-pipelined.txt" => (&[200; 800], ""),
            other => panic!("what should {other} do?"),
        };
        assert_eq!((codes.as_slice(), events.as_str()), (expected, happened), "{name}");
        for secret in ["Evil: 1", "Evil:1\r", "secret", "<b>"] {
            assert!(!viewer.heard.contains(secret), "{name} is echoed: {}", viewer.heard);
        }
    }
}

#[test]
fn no_file_breaks_an_invariant() {
    for (_, bytes) in corpus() {
        fuzz(&bytes);
    }
}

#[test]
fn nor_does_any_small_change_of_one() {
    // Fixed seed: a failure can be repeated.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % end.max(1) as u64) as usize
    };
    let files: Vec<_> = corpus().into_iter().filter(|(_, bytes)| bytes.len() < 3_000).collect();
    for _ in 0..1_500 {
        let mut bytes = files[next(files.len())].1.clone();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(5) {
                0 => bytes[at] = next(256) as u8,
                1 => _ = bytes.remove(at),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, b"\r\n $:;,=%?/*0A\0"[next(14)]),
                _ => {
                    let other = &files[next(files.len())].1;
                    let tail = other[next(other.len())..].to_vec();
                    bytes.splice(at.., tail);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        fuzz(&bytes);
    }
}
