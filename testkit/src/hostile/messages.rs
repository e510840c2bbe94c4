//! Text frames that are huge, deep, broken or full of what no text should hold.

use super::{Attack, Ground, Must, Who, paths::call};

/// Just below `websocket.max_message_size` (1 MiB).
const LONG: usize = 1_000_000;
/// Above it.
const TOO_LONG: usize = (1 << 20) + 1;

pub(super) fn table(ground: &Ground<'_>) -> Vec<Attack> {
    let device = &ground.device;
    let long = "x".repeat(LONG);
    let snapshot = |filename: &str| {
        call("take_snapshot", &format!(r#"{{"device":"{device}","filename":"{filename}"}}"#))
    };
    let mut rows = vec![];
    let mut frame = |who, name: &str, text: String, must| rows.push(Attack::text(who, name, text, must));

    // A megabyte in every place.
    frame(Who::Viewer, "1 MB method", call(&long, "{}"), Must::Error(-32601));
    frame(
        Who::Viewer,
        "1 MB member's name",
        call("ping", &format!(r#"{{"{long}":1}}"#)),
        Must::Error(-32602),
    );
    frame(
        Who::Viewer,
        "1 MB camera",
        call("get_camera_status", &format!(r#"{{"device":"{long}"}}"#)),
        Must::Error(-32602),
    );
    frame(
        Who::Viewer,
        "1 MB file name",
        call("get_recording_info", &format!(r#"{{"filename":"{long}"}}"#)),
        Must::Error(-32602),
    );
    frame(Who::Operator, "1 MB new file name", snapshot(&long), Must::Error(-32602));
    frame(
        Who::Viewer,
        "1 MB cursor",
        call("list_recordings", &format!(r#"{{"cursor":"{long}"}}"#)),
        Must::Error(-32602),
    );
    frame(
        Who::Viewer,
        "1 MB topic",
        call("subscribe_events", &format!(r#"{{"topics":["{long}"]}}"#)),
        Must::Error(-32602),
    );
    frame(
        Who::Stranger,
        "1 MB token",
        call("authenticate", &format!(r#"{{"auth_token":"{long}"}}"#)),
        Must::Error(-32001),
    );
    frame(
        Who::Viewer,
        "1 MB id",
        format!(r#"{{"jsonrpc":"2.0","method":"ping","id":"{long}"}}"#),
        Must::Result,
    );
    frame(
        Who::Viewer,
        "1 MB number",
        format!(
            r#"{{"jsonrpc":"2.0","method":"list_recordings","id":1,"params":{{"limit":{}}}}}"#,
            "9".repeat(LONG)
        ),
        Must::Error(-32602),
    );
    frame(Who::Stranger, "1 MB of spaces", " ".repeat(LONG), Must::Error(-32700));
    frame(
        Who::Stranger,
        "more than a message may be",
        format!("\"{}\"", "x".repeat(TOO_LONG)),
        Must::Close(1009),
    );
    // A megabyte of small things: each would take many times its text.
    let members: Vec<String> = (0..LONG / 11).map(|n| format!(r#""{n:06}":1"#)).collect();
    let members = format!("{{{}}}", members.join(","));
    frame(Who::Stranger, "1 MB of members, from a stranger", call("ping", &members), Must::Error(-32001));
    frame(
        Who::Stranger,
        "1 MB of members to authenticate",
        call("authenticate", &members),
        Must::Error(-32602),
    );
    frame(Who::Viewer, "1 MB of members", call("ping", &members), Must::Error(-32602));
    let lists = format!(r#"{{"a":[{}0]}}"#, "[],".repeat(LONG / 3 - 100));
    frame(Who::Stranger, "1 MB of lists, from a stranger", call("ping", &lists), Must::Error(-32001));
    frame(
        Who::Stranger,
        "1 MB of lists beside the envelope",
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":[{}0]}}"#, "[],".repeat(LONG / 3 - 100)),
        Must::Error(-32001),
    );
    frame(Who::Viewer, "1 MB batch", format!("[{}0]", "0,".repeat(LONG / 2 - 2)), Must::Error(-32600));

    // Depth.
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    frame(Who::Stranger, "500,000 lists deep", deep(500_000), Must::Batch(-32600));
    frame(Who::Stranger, "1,000,000 lists deep and cut", "[".repeat(LONG), Must::Error(-32700));
    frame(Who::Stranger, "100,000 objects deep", objects, Must::Error(-32600));
    frame(
        Who::Viewer,
        "params 100,000 deep",
        call("ping", &format!(r#"{{"a":{}}}"#, deep(100_000))),
        Must::Error(-32602),
    );
    frame(
        Who::Viewer,
        "params 100,000 deep, unread",
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":{}}}"#, deep(100_000)),
        Must::Result,
    );
    frame(
        Who::Viewer,
        "an id 100,000 deep",
        format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{}}}"#, deep(100_000)),
        Must::Error(-32600),
    );

    // NUL, control characters, and what is no text.
    for (what, raw) in
        [("NUL", "\0"), ("line feed", "\n"), ("escape", "\x1b"), ("DEL and C1", "\x7f\u{9b}2J")]
    {
        let (code, unknown) = if raw.starts_with('\x7f') { (-32602, -32601) } else { (-32700, -32700) };
        frame(
            Who::Operator,
            &format!("{what}, bare, in a name"),
            snapshot(&format!("a{raw}.jpg")),
            Must::Error(code),
        );
        frame(
            Who::Viewer,
            &format!("{what}, bare, in a method"),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"pi{raw}ng"}}"#),
            Must::Error(unknown),
        );
    }
    for escaped in [r"\u0000", r"\n", r"\r\nX: y", r"\u001b[2J", r"\u202e", r"\ufeff", r"\ud83d\ude00"] {
        frame(
            Who::Operator,
            &format!("{escaped} in a file name"),
            snapshot(&format!("a{escaped}.jpg")),
            Must::Error(-32602),
        );
        frame(
            Who::Viewer,
            &format!("{escaped} in a camera"),
            call("get_camera_status", &format!(r#"{{"device":"camera0{escaped}"}}"#)),
            Must::Error(-32602),
        );
        frame(
            Who::Viewer,
            &format!("{escaped} in a member's name"),
            call("ping", &format!(r#"{{"a{escaped}":1}}"#)),
            Must::Error(-32602),
        );
        frame(
            Who::Stranger,
            &format!("{escaped} in a token"),
            call("authenticate", &format!(r#"{{"auth_token":"a{escaped}"}}"#)),
            Must::Error(-32001),
        );
    }
    frame(
        Who::Viewer,
        "half a surrogate",
        call("get_camera_status", r#"{"device":"\ud800"}"#),
        Must::Error(-32602),
    );
    frame(
        Who::Viewer,
        "byte order mark before it all",
        format!("\u{feff}{}", call("ping", "{}")),
        Must::Error(-32700),
    );
    frame(Who::Viewer, "two messages in a frame", format!("{0}{0}", call("ping", "{}")), Must::Error(-32700));

    // Numbers, members and batches on which two readers would differ.
    for number in ["1e999", "-1e999", "1e-999", "9007199254740993", "18446744073709551616", "-0.5"] {
        frame(
            Who::Viewer,
            &format!("limit {number}"),
            call("list_recordings", &format!(r#"{{"limit":{number}}}"#)),
            Must::Error(-32602),
        );
    }
    for number in ["NaN", "Infinity", "0x10", "01", "+1", "1."] {
        frame(
            Who::Viewer,
            &format!("limit {number}"),
            call("list_recordings", &format!(r#"{{"limit":{number}}}"#)),
            Must::Error(-32700),
        );
    }
    frame(
        Who::Viewer,
        "a parameter twice",
        call("get_camera_status", &format!(r#"{{"device":"{device}","device":"camera9"}}"#)),
        Must::Error(-32600),
    );
    frame(
        Who::Viewer,
        "a method twice",
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"rpc.discover"}"#.into(),
        Must::Error(-32600),
    );
    frame(Who::Viewer, "__proto__", call("ping", r#"{"__proto__":{"role":"admin"}}"#), Must::Error(-32602));
    frame(
        Who::Viewer,
        "a batch of 51",
        format!("[{}]", vec![call("ping", "{}"); 51].join(",")),
        Must::Error(-32600),
    );
    frame(
        Who::Viewer,
        "a viewer's wish for more",
        call("list_api_keys", r#"{"role":"admin"}"#),
        Must::Error(-32002),
    );
    // The same by HTTP, from somebody known: strangers' half-sent bodies keep no place from them.
    let json = "Content-Type: application/json\r\n";
    for (what, params) in [("members", &members), ("lists", &lists)] {
        let request = ground.viewers_request("POST /rpc", json, &call("ping", params));
        rows.push(Attack::bytes(
            format!("1 MB of {what} in a body"),
            request,
            Must::StatusError(200, -32602),
        ));
    }
    rows
}
