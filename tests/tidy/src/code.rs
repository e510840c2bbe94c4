//! A view of Rust source in which comments and literals are blank, so that a rule looks at code only
//! and an example inside a string offends nobody. Not a parser: it knows where a block ends, no more.

use std::ops::Range;

/// `source` with every comment and the inside of every literal turned into spaces. Lines and byte
/// positions stay as they are.
pub fn blanked(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !is_word(at.checked_sub(1).map(|before| bytes[before])) || is_byte_prefix(bytes, at) => {
                raw_string_end(bytes, at)
            }
            b'\'' => char_end(bytes, at),
            _ => at,
        };
        if end > at {
            for byte in &mut out[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            at = end;
        } else {
            at += 1;
        }
    }
    String::from_utf8(out).expect("only whole comments and literals were blanked, so characters stay whole")
}

/// The item that begins at `at`: up to its `;`, or to the `}` that closes its first block.
pub fn item(code: &str, at: usize) -> Range<usize> {
    let mut depth = 0usize;
    for (offset, byte) in code.as_bytes()[at..].iter().enumerate() {
        match byte {
            b';' if depth == 0 => return at..at + offset + 1,
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at..at + offset + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    at..code.len()
}

/// Every place where `word` stands as a word of its own.
pub fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let bytes = text.as_bytes();
        let end = at + word.len();
        !is_word(at.checked_sub(1).map(|before| bytes[before])) && !is_word(bytes.get(end).copied())
    })
}

/// The line of a byte position, counted from 0.
pub fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count()
}

fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80)
}

/// Is the `r` at `at` the second letter of `br"..."`, or of `cr"..."`?
fn is_byte_prefix(bytes: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|before| bytes[before]);
    matches!(before(1), Some(b'b' | b'c')) && !is_word(before(2))
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

/// Block comments nest (Rust Reference, "Comments").
fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"..."` or `r#"..."#`; `start` itself when none begins there.
fn raw_string_end(bytes: &[u8], start: usize) -> usize {
    let hashes = bytes[start + 1..].iter().take_while(|byte| **byte == b'#').count();
    let quote = start + 1 + hashes;
    if bytes.get(quote) != Some(&b'"') {
        return start;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let inside = &bytes[quote + 1..];
    let length = inside.windows(close.len()).position(|window| window == close);
    length.map_or(bytes.len(), |length| quote + 1 + length + close.len())
}

/// The end of a character literal; `start` itself when the quote begins a lifetime.
fn char_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start + 1) {
        Some(b'\\') => {
            let rest = bytes.get(start + 3..).unwrap_or_default();
            rest.iter().position(|byte| *byte == b'\'').map_or(start, |length| start + 3 + length + 1)
        }
        // One character of up to four bytes, then the quote; `'a` of a lifetime has none.
        Some(_) => (2..=5).find(|length| bytes.get(start + length) == Some(&b'\'')).map_or(start, |length| {
            let inside = &bytes[start + 1..start + length];
            if std::str::from_utf8(inside).is_ok_and(|text| text.chars().count() == 1) {
                start + length + 1
            } else {
                start
            }
        }),
        None => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_nothing_moves() {
        for (source, want) in [
            ("a // b\nc", "a     \nc"),
            ("a /* /* b */ c */ d", "a                 d"),
            (r#"x("a\"b", c)"#, "x(      , c)"),
            ("x(r#\"a\"b\"#, c)", "x(        , c)"),
            ("x(br\"a\", c)", "x(b    , c)"),
            ("for r in order {}", "for r in order {}"),
            ("fn f<'a>(x: &'a str) { '{' }", "fn f<'a>(x: &'a str) {     }"),
            (r"['\'', '\u{7d}', b'}', 'é']", r"[    ,         , b   ,     ]"),
            ("\"no end", "       "),
        ] {
            assert_eq!(blanked(source), want, "{source}");
        }
    }

    #[test]
    fn an_item_ends_where_its_block_ends() {
        let code = "mod a { fn b() { x; } } fn c() {}";
        assert_eq!(&code[item(code, 0)], "mod a { fn b() { x; } }");
        assert_eq!(&"mod a; fn c() {}"[item("mod a; fn c() {}", 0)], "mod a;");
    }

    #[test]
    fn a_word_is_not_a_part_of_a_word() {
        assert_eq!(places("sleep asleep sleep_ms sleep(", "sleep").collect::<Vec<_>>(), [0, 22]);
        assert_eq!(line("a\nb\nc", 4), 2);
    }
}
