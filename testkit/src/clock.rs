//! Reads the time and the frame number that a test camera burns into its picture, by rendering what it
//! could show and taking what fits best. A picture that shows none of it is told apart.

use std::time::SystemTime;

use crate::{
    ffmpeg::{Rgb, rendered},
    time::seconds,
};

/// Seconds looked at before and after the one expected.
const AROUND_S: u64 = 5;
/// Digits of a frame number.
const DIGITS: usize = 6;
/// Mean difference of a pixel, of 255, above which the best fit is none. H.264 at a low rate costs about
/// a third of this.
const MOST_DIFFERENCE: f64 = 60.0;
/// How much worse the second best must fit. Two digits may differ in a few pixels only; compression
/// costs every candidate the same.
const LEAST_LEAD: f64 = 1.15;

/// What the picture shows, in seconds since 1970, looked for around `expected`.
///
/// # Panics
/// If it shows no time near that, or none that can be told apart.
pub async fn second(picture: &Rgb, expected: SystemTime) -> u64 {
    let first = seconds(expected) - AROUND_S;
    let count = 2 * AROUND_S + 1;
    // %F and %T are strftime's; in a graph their colons would need escaping thrice.
    let text = format!(r"%{{pts\\:gmtime\\:{first}\\:%F %T}} 000000");
    let candidates = candidates(picture, &text, count as usize).await;
    first + best(picture, &candidates, "time") as u64
}

/// The number of the frame that the picture shows.
///
/// # Panics
/// If it shows none that can be read.
pub async fn frame_number(picture: &Rgb) -> u64 {
    // Ten pictures for each place, in which only the digit there differs.
    let value = format!("mod(n,10)*pow(10,{}-trunc(n/10))", DIGITS - 1);
    let value = value.replace(',', r"\,");
    let text = format!(r"2026-11-24 00:00:00 %{{eif\\:{value}\\:u\\:{DIGITS}}}")
        .replace("00:00:00", r"00\\:00\\:00");
    let all = candidates(picture, &text, 10 * DIGITS).await;
    all.chunks(10).fold(0, |number, digits| number * 10 + best(picture, digits, "digit") as u64)
}

/// Pictures of the test camera's text, as it would stand in `like`.
async fn candidates(like: &Rgb, text: &str, count: usize) -> Vec<Rgb> {
    let (width, height) = (like.width, like.height);
    // As in crates/cameras/src/test_picture.rs.
    let font_pixels = (height / 18).max(10);
    let graph = format!(
        r"color=c=black:s={width}x{height}:r=1:d={count},drawtext=font=DejaVu Sans Mono:fontsize={font_pixels}:fontcolor=white:x=8:y=8:text={text}"
    );
    let pictures = rendered(&graph, width, height).await;
    assert_eq!(pictures.len(), count, "ffmpeg rendered {graph}");
    pictures
}

/// The candidate that differs least from the picture, where candidates differ from each other.
fn best(picture: &Rgb, candidates: &[Rgb], what: &str) -> usize {
    let (width, height) = (picture.width, picture.height);
    let places: Vec<(usize, usize)> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .filter(|&(x, y)| candidates.iter().any(|other| other.at(x, y) != candidates[0].at(x, y)))
        .collect();
    assert!(!places.is_empty(), "all candidates for the {what} look the same");
    let difference = |candidate: &Rgb| {
        let sum: u64 =
            places.iter().map(|&(x, y)| u64::from(picture.gray(x, y).abs_diff(candidate.gray(x, y)))).sum();
        sum as f64 / places.len() as f64
    };
    let mut fits: Vec<(f64, usize)> = candidates.iter().map(difference).zip(0..).collect();
    fits.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [(least, found), (second, other), ..] = fits[..] else { panic!("fewer than two candidates") };
    assert!(least < MOST_DIFFERENCE, "the picture shows no {what}: best fit {least:.1} of 255");
    assert!(second > least * LEAST_LEAD, "{what} {found} ({least:.1}) or {other} ({second:.1})?");
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::parse;

    /// A picture as the test camera makes it, after compression.
    async fn shown(text: &str, quality: u32) -> Rgb {
        let text = text.replace(':', r"\\:");
        let graph = format!(
            "testsrc2=size=640x360:rate=15:duration=0.05,drawtext=font=DejaVu Sans Mono:fontsize=20:fontcolor=white:box=1:boxcolor=black:boxborderw=4:x=8:y=8:text={text}"
        );
        let file = tempfile::Builder::new().suffix(".jpg").tempfile().unwrap();
        let path = file.path().to_str().unwrap();
        let quality = quality.to_string();
        let arguments = ["-f", "lavfi", "-i", &graph, "-frames:v", "1", "-q:v", &quality, "-y", path];
        crate::ffmpeg::ffmpeg(arguments).await;
        crate::ffmpeg::picture(file.path()).await
    }

    #[tokio::test]
    async fn time_and_number_are_read_from_a_picture() {
        let truth = parse("2026-11-24T01:54:57.000Z");
        let picture = shown("2026-11-24 01:54:57 001234", 8).await;
        for off in [0, 1, 4, 5] {
            assert_eq!(second(&picture, truth + Duration::from_secs(off)).await, seconds(truth));
            assert_eq!(second(&picture, truth - Duration::from_secs(off)).await, seconds(truth));
        }
        assert_eq!(frame_number(&picture).await, 1234);
        let picture = shown("2026-12-31 23:59:59 987650", 8).await;
        assert_eq!(
            second(&picture, parse("2027-01-01T00:00:01.500Z")).await,
            seconds(parse("2026-12-31T23:59:59.000Z"))
        );
        assert_eq!(frame_number(&picture).await, 987_650);
    }

    #[tokio::test]
    async fn a_picture_without_a_clock_has_no_time() {
        let picture = rendered("testsrc2=size=640x360:rate=1:duration=1", 640, 360).await.remove(0);
        let reading = tokio::spawn(async move { second(&picture, SystemTime::now()).await });
        assert!(reading.await.is_err());
    }
}
