//! The built-in test camera: ffmpeg's moving test picture with the time burnt in.
//!
//! The text stands in a black box whose inner corner is at x = 8, y = 8: UTC as
//! `2026-11-24 01:54:57`, a space, and the number of the frame as at least six digits, counted from 0
//! at each start. White `DejaVu Sans Mono` where it is installed, one eighteenth of the picture's height
//! but at least 10 pixels, so that 320x180 is legible.
//! Costs about a tenth of a core at 1280x720 and 30 frames a second, with x264's ultrafast preset.

use base::units::Size;

/// ffmpeg's arguments up to and including `-i X`, one string each, for a start without a shell.
pub(crate) fn input(size: Size, fps: u32) -> Vec<String> {
    // %F and %T are strftime's date and time; written out, their colons would need escaping thrice.
    let text = "%{gmtime:%F %T} %{eif:n:u:6}";
    let font_pixels = (size.height / 18).max(10);
    let drawtext = format!(
        "font=DejaVu Sans Mono:fontsize={font_pixels}:fontcolor=white:box=1:boxcolor=black:boxborderw=4:x=8:y=8:text={}",
        escaped(text, "\\':")
    );
    let graph = format!("testsrc2=size={size}:rate={fps},drawtext={}", escaped(&drawtext, "\\'[],;"));
    // Without -re the filter makes frames as fast as the machine can.
    ["-re", "-f", "lavfi", "-i", &graph].map(str::to_owned).into()
}

/// One level of escaping (ffmpeg-filters(1), "Notes on filtergraph escaping"): option values escape
/// `\`, `'` and `:`, and the whole description once more `\`, `'`, `[`, `]`, `,` and `;`.
fn escaped(text: &str, special: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_escaped_once() {
        let input = input(Size { width: 320, height: 180 }, 15);
        assert_eq!(input[..4], ["-re", "-f", "lavfi", "-i"]);
        let graph = &input[4];
        assert!(graph.starts_with("testsrc2=size=320x180:rate=15,drawtext="), "{graph}");
        assert!(graph.contains(":fontsize=10:"), "{graph}");
        assert!(graph.ends_with(r"text=%{gmtime\\:%F %T} %{eif\\:n\\:u\\:6}"), "{graph}");
    }
}
