//! Patterns with `*` (anything) and `?` (one character). Pure, and quick for any pattern: it never goes
//! back further than to the last star.

/// Does `text` match, from its first character to its last?
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(c) if *c == '?' || *c == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match star {
                // The star takes one character more.
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at_pattern = star_at + 1;
                    at_text = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "anything"),
            ("/dev/video?", "/dev/video0"),
            ("*HD*cam*", "Logi HD Webcam C920"),
            ("a*b*c", "abbbc"),
            ("", ""),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("?", ""), ("/dev/video?", "/dev/video10"), ("a*b", "abc"), ("A", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        let long = "a".repeat(10_000);
        assert!(!matches(&format!("{}b", "*a".repeat(50)), &long));
    }
}
