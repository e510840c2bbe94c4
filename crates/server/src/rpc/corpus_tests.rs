//! The corpus under `testdata/rpc`, replayed: every file breaks no rule, nor does any small change of
//! one, and each is answered as its name says.

use super::*;
use crate::corpus_tests as corpus;

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
    for (name, data) in corpus::files("rpc") {
        let fifty = ["0"; 50].join(" ");
        let want = match name.as_str() {
            "valid-notification.json"
            | "valid-batch-of-notifications.json"
            | "hostile-notification-scalar-params.json" => "none",
            "valid-batch-with-notification.json" => "0 0 -32601",
            "valid-batch-of-50.json" => &fifty,
            // There is no camera at that path in the house the fuzzer builds.
            "valid-stop-recording-by-path.json"
            | "hostile-path-as-device.json"
            | "hostile-device-unknown.json" => "-32000",
            "hostile-empty.json"
            | "hostile-truncated.json"
            | "hostile-two-documents.json"
            | "hostile-deep-arrays.json"
            | "hostile-nul-and-bom.json" => "-32700",
            "hostile-batch-of-nonsense.json" => "-32600 -32600 -32600 -32600 -32600 -32600",
            "hostile-not-utf8.json" => "not text",
            "hostile-path-as-param-name.json"
            | "hostile-filename-traversal.json"
            | "hostile-positional.json"
            | "hostile-deep-params.json"
            | "hostile-number-out-of-range.json"
            | "hostile-lone-surrogate.json"
            | "hostile-seventy-params.json"
            | "hostile-list-too-long.json"
            | "hostile-subscribe-nested.json" => "-32602",
            other if other.starts_with("hostile-param-") => "-32602",
            other if other.starts_with("valid-") => "0",
            _ => "-32600",
        };
        assert_eq!(codes(&data), want, "{name}");
    }
}

#[test]
fn no_file_and_no_small_change_of_one_breaks_a_rule() {
    corpus::bent("rpc", 5_000, fuzz);
}
