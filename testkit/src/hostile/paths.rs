//! Ways out of a folder, in many encodings, through every door that takes a name. The file they lead to is
//! there and is the service's most secret one.

use serde_json::json;

use super::{Attack, Ground, Must, Who};

/// `../audit.key`, which lies beside both folders of files.
const WAYS_OUT: [(&str, &str); 14] = [
    ("plain", "../audit.key"),
    ("slash encoded", "..%2faudit.key"),
    ("dots encoded", "%2e%2e/audit.key"),
    ("all encoded", "%2e%2e%2faudit.key"),
    ("encoded twice", "%252e%252e%252faudit.key"),
    ("backslash encoded", "..%5caudit.key"),
    ("overlong UTF-8", "%c0%ae%c0%ae%c0%afaudit.key"),
    ("UTF-16 escapes", "%u002e%u002e%u2215audit.key"),
    ("full-width", "%ef%bc%8e%ef%bc%8e%ef%bc%8faudit.key"),
    ("path parameter", "..;/audit.key"),
    ("doubled", "....//audit.key"),
    ("absolute", "%2fproc%2fself%2fenviron"),
    ("cut by NUL", "..%2faudit.key%00.mp4"),
    ("folder itself", "%2e%2e"),
];

/// The same as JSON texts: nobody decodes these a second time.
const NAMES: [(&str, &str); 8] = [
    ("plain", "../audit.key"),
    ("escaped", r"\u002e\u002e\u002faudit.key"),
    ("percent", "%2e%2e%2faudit.key"),
    ("backslash", r"..\\audit.key"),
    ("full-width", r"\uff0e\uff0e\uff0faudit.key"),
    ("absolute", "/proc/self/environ"),
    ("cut by NUL", r"../audit.key\u0000.mp4"),
    ("with an ending", "../../data/recordings/a.mp4"),
];

/// Methods that take a file's name, and who may call them.
const TAKE_NAMES: [(&str, Who); 5] = [
    ("get_recording_info", Who::Viewer),
    ("get_snapshot_info", Who::Viewer),
    ("delete_recording", Who::Operator),
    ("delete_snapshot", Who::Operator),
    ("protect_recording", Who::Operator),
];

pub(super) fn table(ground: &Ground<'_>) -> Vec<Attack> {
    let mut rows = Vec::new();
    for (how, way) in WAYS_OUT {
        for door in ["files/recordings/", "files/snapshots/", "snapshot/"] {
            // A picture is asked for by a camera's id; what holds a slash, or is no text, is no such address.
            let is_text = !way.contains("%2f") && !way.contains('/') && !way.contains("%c0");
            let (ending, status) =
                if door == "snapshot/" { (".jpg", if is_text { 400 } else { 404 }) } else { ("", 404) };
            let request = ground.viewers_request(&format!("GET /{door}{way}{ending}"), "", "");
            rows.push(Attack::bytes(format!("{how} by GET /{door}"), request, Must::Status(status)));
        }
    }
    for (how, name) in NAMES {
        // With a slash or a control character it is no name; else it is one nobody has.
        let could_be = matches!(how, "percent" | "backslash" | "full-width");
        let code = if could_be { -32005 } else { -32602 };
        for (method, who) in TAKE_NAMES {
            let text = call(method, &format!(r#"{{"filename":"{name}"}}"#));
            rows.push(Attack::text(who, format!("{how} to {method}"), text, Must::Error(code)));
        }
        let device = &ground.device;
        let snapshot = call("take_snapshot", &format!(r#"{{"device":"{device}","filename":"{name}"}}"#));
        rows.push(Attack::text(
            Who::Operator,
            format!("{how} to take_snapshot"),
            snapshot,
            Must::Error(-32602),
        ));
        let status = call("get_camera_status", &format!(r#"{{"device":"{name}"}}"#));
        rows.push(Attack::text(Who::Viewer, format!("{how} as a camera"), status, Must::Error(-32602)));
    }
    rows
}

/// A request with these `params`, which are written as they are.
pub(super) fn call(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":{},"params":{params}}}"#, json!(method))
}
