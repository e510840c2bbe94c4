//! The envelope's rules, one message each.

use super::*;

/// `ok METHOD ID`, or code and id of the refusal.
fn seen(item: &Item) -> String {
    match item {
        Ok(request) => {
            let id = request.id.as_ref().map_or("-", |id| id.get());
            let params = Value::Object(request.params.members.clone());
            let wrong = if request.params.wrong.is_some() { " but" } else { "" };
            format!("ok {} {id} {params}{wrong}", request.method)
        }
        Err(None) => "silence".into(),
        Err(Some(reply)) => code_and_id(reply),
    }
}

fn code_and_id(reply: &str) -> String {
    let id = reply.split("\"id\":").nth(1).unwrap().split(",\"error\"").next().unwrap();
    let reply: Value = serde_json::from_str(reply).unwrap();
    assert!(reply["error"]["data"]["reason"].is_string());
    format!("{} {id}", reply["error"]["code"])
}

fn single(text: &str) -> String {
    match read(text) {
        Message::Single(item) => seen(&item),
        Message::Refused(reply) => code_and_id(&reply),
        Message::Batch(items) => format!("batch of {}", items.len()),
    }
}

#[test]
fn requests() {
    for (text, want) in [
        (r#"{"jsonrpc":"2.0","method":"ping","id":1}"#, "ok ping 1 {}"),
        (
            r#" {"id":"a\u0062","params":null,"method":"p\u0069ng","jsonrpc":"2.0"} "#,
            r#"ok ping "a\u0062" {}"#,
        ),
        (r#"{"jsonrpc":"2.0","method":"ping","id":null}"#, "ok ping null {}"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1e2}"#, "ok ping 1e2 {}"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":-0.10}"#, "ok ping -0.10 {}"),
        (
            r#"{"jsonrpc":"2.0","method":"ping","id":123456789012345678901234567890}"#,
            "ok ping 123456789012345678901234567890 {}",
        ),
        (r#"{"jsonrpc":"2.0","method":"ping"}"#, "ok ping - {}"),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"a":1},"id":1,"more":[]}"#, r#"ok m 1 {"a":1}"#),
        (r#"{"jsonrpc":"2.0","method":"m","params":[1],"id":1}"#, "ok m 1 {} but"),
        (r#"{"jsonrpc":"2.0","method":"m","params":{"a":1e999},"id":1}"#, r#"ok m 1 {"a":null} but"#),
        (r#"{"jsonrpc":"2.0","method":"","id":1}"#, "ok  1 {}"),
    ] {
        assert_eq!(single(text), want, "{text}");
    }
}

#[test]
fn what_is_no_request() {
    let deeper = "[".repeat(100_000);
    for (text, want) in [
        ("", "-32700 null"),
        ("{", "-32700 null"),
        ("nonsense", "-32700 null"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1} x"#, "-32700 null"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":01}"#, "-32700 null"),
        (&deeper, "-32700 null"),
        ("7", "-32600 null"),
        ("null", "-32600 null"),
        ("{}", "-32600 null"),
        (r#"{"jsonrpc":"2.0","id":7}"#, "-32600 7"),
        (r#"{"jsonrpc":"2.0","method":7,"id":7}"#, "-32600 7"),
        (r#"{"jsonrpc":2.0,"method":"ping","id":7}"#, "-32600 7"),
        (r#"{"jsonrpc":"1.0","method":"ping","id":"x"}"#, "-32600 \"x\""),
        (r#"{"method":"ping","id":7}"#, "-32600 7"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":true}"#, "-32600 null"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":[1]}"#, "-32600 null"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":{}}"#, "-32600 null"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1,"id":2}"#, "-32600 null"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":5}"#, "-32600 1"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":"x"}"#, "-32600 1"),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":{"a":1,"a":2}}"#, "-32600 1"),
        (r#"{"jsonrpc":"2.0","method":"ping","params":5}"#, "silence"),
    ] {
        assert_eq!(single(text), want, "{text:.80}");
    }
}

#[test]
fn batches() {
    let items = |text: &str| match read(text) {
        Message::Batch(items) => items.iter().map(seen).collect::<Vec<_>>().join("; "),
        Message::Refused(reply) => code_and_id(&reply),
        Message::Single(item) => seen(&item),
    };
    let one = r#"{"jsonrpc":"2.0","method":"ping","id":1}"#;
    assert_eq!(items("[]"), "-32600 null");
    assert_eq!(items("[1"), "-32700 null");
    assert_eq!(items("[1,2]"), "-32600 null; -32600 null");
    assert_eq!(items(&format!("[{one},[{one}]]")), "ok ping 1 {}; -32600 null");
    let many = |n: usize| format!("[{}]", vec![one; n].join(","));
    assert_eq!(items(&many(50)).matches("ok ping").count(), 50);
    assert_eq!(items(&many(51)), "-32600 null");
}

#[test]
fn replies() {
    let id = RawValue::from_string("1e2".into()).unwrap();
    let result = RawValue::from_string(r#"{"a":1}"#.into()).unwrap();
    assert_eq!(reply(&id, &Ok(result)), r#"{"jsonrpc":"2.0","id":1e2,"result":{"a":1}}"#);
    let error = reply(&id, &Err(Error::new(Code::MethodNotFound, "no")));
    assert!(error.starts_with(r#"{"jsonrpc":"2.0","id":1e2,"error":{"code":-32601,"#), "{error}");
    assert_eq!(batch(&[]), None);
    assert_eq!(batch(&["1".into(), "2".into()]).as_deref(), Some("[1,2]"));
}
