//! The corpora under `testdata/rtsp`, replayed: `valid-*` is served to its end, `hostile-*` does no
//! harm, and both hold the invariants of [`engine::rtsp::fuzz`] however they are cut.

use std::path::Path;

use engine::rtsp::fuzz;
use testkit::corpus::Bend;

use crate::conversations::Viewer;

fn corpus() -> Vec<(String, Vec<u8>)> {
    testkit::corpus::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rtsp"), 21)
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
fn no_file_and_no_small_change_of_one_breaks_an_invariant() {
    let bend = Bend { marks: b"\r\n $:;,=%?/*0A\0", bytes_below: 256, shorter_than: 3_000 };
    testkit::corpus::replay(&corpus(), 1_500, bend, fuzz);
}
