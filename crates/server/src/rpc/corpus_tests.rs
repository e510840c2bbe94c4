//! The corpus under `testdata/rpc`, replayed: every file breaks no rule, nor does any small change of
//! one, and each is answered as its name says.

use std::{fs, path::Path};

use super::*;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rpc");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 25, "the corpus was not found");
    files
}

/// Codes of the answers, 0 for a result; `none` where nothing is said.
fn codes(data: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(data) else { return "not text".into() };
    let code = |reply: &str| {
        let value: Value = serde_json::from_str(reply).unwrap();
        value["error"]["code"].as_i64().unwrap_or(0).to_string()
    };
    let all: Vec<String> = match read(text) {
        Message::Refused(reply) => vec![code(&reply)],
        Message::Single(item) => answered(&item).iter().map(|reply| code(reply)).collect(),
        Message::Batch(items) => items.iter().filter_map(answered).map(|reply| code(&reply)).collect(),
    };
    if all.is_empty() { "none".into() } else { all.join(" ") }
}

#[test]
fn what_each_file_is_answered() {
    for (name, data) in corpus() {
        let fifty = ["0"; 50].join(" ");
        let want = match name.as_str() {
            "valid-notification.json" | "valid-batch-of-notifications.json" => "none",
            "valid-batch-with-notification.json" => "0 0 -32601",
            "valid-batch-of-50.json" => &fifty,
            // There is no camera at that path in the house the fuzzer builds.
            "valid-stop-recording-by-path.json" | "hostile-path-as-device.json" => "-32000",
            "hostile-empty.json"
            | "hostile-truncated.json"
            | "hostile-two-documents.json"
            | "hostile-deep-arrays.json"
            | "hostile-nul-and-bom.json" => "-32700",
            "hostile-batch-of-nonsense.json" => "-32600 -32600 -32600 -32600 -32600 -32600",
            "hostile-not-utf8.json" => "not text",
            "hostile-path-as-param-name.json"
            | "hostile-filename-traversal.json"
            | "hostile-positional.json" => "-32602",
            other if other.starts_with("valid-") => "0",
            _ => "-32600",
        };
        assert_eq!(codes(&data), want, "{name}");
    }
}

#[test]
fn no_file_breaks_a_rule() {
    for (_, data) in corpus() {
        fuzz(&data);
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
    let files: Vec<_> = corpus().into_iter().filter(|(_, data)| data.len() < 2_000).collect();
    for _ in 0..5_000 {
        let mut data = files[next(files.len())].1.clone();
        for _ in 0..=next(3) {
            let at = next(data.len());
            match next(5) {
                0 if !data.is_empty() => data[at] = next(128) as u8,
                1 if !data.is_empty() => _ = data.remove(at),
                2 => data.truncate(at),
                3 => data.insert(at, b"\"{}[]:,\\0-eEu\0 "[next(15)]),
                _ => {
                    let other = &files[next(files.len())].1;
                    let tail = other[next(other.len())..].to_vec();
                    data.splice(at.., tail);
                }
            }
        }
        fuzz(&data);
    }
}
