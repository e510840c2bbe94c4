//! Reading the configuration file: YAML of bounded size, to a tree of values.

use std::{fs::File, io::Read, path::Path};

use serde_json::Value;

/// Larger than any configuration; a wrong path (a video, say) is not read into memory.
const MAX_BYTES: u64 = 1 << 20;

/// The file as a tree; an empty one is an empty mapping. The error never quotes the file: it may hold
/// secrets.
pub(crate) fn read(path: &Path) -> Result<Value, String> {
    let file = File::open(path).map_err(|cause| format!("cannot be read: {cause}"))?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|cause| format!("cannot be read: {cause}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("is larger than {MAX_BYTES} bytes"));
    }
    parse(&text)
}

/// The tree a text stands for.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        // A snippet would show the line beside the mistake, and with it a password.
        with_snippet: false,
        // `name: No` is a name.
        strict_booleans: true,
    };
    let value: Option<Value> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|mistake| format!("is not valid YAML: {mistake}"))?;
    match value {
        None | Some(Value::Null) => Ok(Value::Object(serde_json::Map::new())),
        Some(value) => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_of_all_kinds() {
        for (text, want) in [
            ("", json!({})),
            ("# nothing\n", json!({})),
            (
                "a: 1\nb: {c: yes, d: [x, 'y']}\ne: 10s\n",
                json!({"a": 1, "b": {"c": "yes", "d": ["x", "y"]}, "e": "10s"}),
            ),
            ("a:\n  # b: 1\n", json!({"a": null})),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn mistakes_do_not_quote_the_file() {
        for text in ["a: hunter2: b\n", "a: [hunter2\n", "a: 'hunter2", "a: hunter2\na: hunter2\n"] {
            let mistake = parse(text).unwrap_err();
            assert!(mistake.starts_with("is not valid YAML") && !mistake.contains("hunter2"), "{mistake}");
        }
    }

    #[test]
    fn a_huge_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("video");
        File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read(&path).unwrap_err(), "is larger than 1048576 bytes");
    }
}
