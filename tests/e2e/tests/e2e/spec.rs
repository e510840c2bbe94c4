//! The examples of section 7 of the JSON-RPC 2.0 specification (jsonrpc.org/specification), each with the
//! answer printed there.
//!
//! The specification's imaginary methods stand for ones of ours: `subtract` and `sum` by position for
//! `ping` (which the contract answers with -32602), `get_data` and `subtract` by name for `ping`, `update`,
//! `notify_hello` and `notify_sum` for methods called without an id. `foobar` and `foo.get` do not exist
//! here either. Members that we add to an error (`data`) are not printed there and not compared.

use serde_json::{Value, json};
use testkit::{Rpc, Setup, token::Role};

/// What was sent, and the answer printed: `None` for nothing at all, `RESULT` for a result of ours.
type Example = (&'static str, &'static str, Option<Value>);

/// Stands where the specification prints what its imaginary method returned.
const RESULT: &str = "(a result)";

fn error(code: i64, message: &str, id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": id})
}

fn result(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "result": RESULT, "id": id})
}

fn examples() -> Vec<Example> {
    let null = &Value::Null;
    let invalid = || error(-32600, "Invalid Request", null);
    let by_position = |id: i64| error(-32602, "Invalid params", &json!(id));
    vec![
        (
            "rpc call with positional parameters",
            r#"{"jsonrpc": "2.0", "method": "ping", "params": [42, 23], "id": 1}"#,
            Some(by_position(1)),
        ),
        (
            "the same, the other way round",
            r#"{"jsonrpc": "2.0", "method": "ping", "params": [23, 42], "id": 2}"#,
            Some(by_position(2)),
        ),
        (
            "rpc call with named parameters",
            r#"{"jsonrpc": "2.0", "method": "list_snapshots", "params": {"offset": 0, "limit": 42}, "id": 3}"#,
            Some(result(&json!(3))),
        ),
        (
            "the same in another order",
            r#"{"jsonrpc": "2.0", "method": "list_snapshots", "params": {"limit": 42, "offset": 0}, "id": 4}"#,
            Some(result(&json!(4))),
        ),
        ("a notification", r#"{"jsonrpc": "2.0", "method": "ping", "params": [1,2,3,4,5]}"#, None),
        ("a notification without parameters", r#"{"jsonrpc": "2.0", "method": "foobar"}"#, None),
        (
            "rpc call of non-existent method",
            r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
            Some(error(-32601, "Method not found", &json!("1"))),
        ),
        (
            "rpc call with invalid JSON",
            r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#,
            Some(error(-32700, "Parse error", null)),
        ),
        (
            "rpc call with invalid Request object",
            r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#,
            Some(invalid()),
        ),
        (
            "rpc call Batch, invalid JSON",
            r#"[
  {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
  {"jsonrpc": "2.0", "method"
]"#,
            Some(error(-32700, "Parse error", null)),
        ),
        ("rpc call with an empty Array", "[]", Some(invalid())),
        ("rpc call with an invalid Batch (but not empty)", "[1]", Some(json!([invalid()]))),
        ("rpc call with invalid Batch", "[1,2,3]", Some(json!([invalid(), invalid(), invalid()]))),
        (
            "rpc call Batch",
            r#"[
    {"jsonrpc": "2.0", "method": "ping", "id": "1"},
    {"jsonrpc": "2.0", "method": "ping", "params": [7]},
    {"jsonrpc": "2.0", "method": "ping", "params": {}, "id": "2"},
    {"foo": "boo"},
    {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
    {"jsonrpc": "2.0", "method": "ping", "id": "9"}
]"#,
            Some(json!([
                result(&json!("1")),
                result(&json!("2")),
                invalid(),
                error(-32601, "Method not found", &json!("5")),
                result(&json!("9")),
            ])),
        ),
        (
            "rpc call Batch (all notifications)",
            r#"[
    {"jsonrpc": "2.0", "method": "ping", "params": [1,2,4]},
    {"jsonrpc": "2.0", "method": "ping", "params": [7]}
]"#,
            None,
        ),
    ]
}

/// An answer as the specification would print it.
fn printed(mut answer: Value) -> Value {
    match &mut answer {
        Value::Array(batch) => batch.iter_mut().for_each(|one| *one = printed(one.take())),
        one => {
            if let Some(result) = one.get_mut("result") {
                *result = json!(RESULT);
            }
            if let Some(error) = one.get_mut("error").and_then(Value::as_object_mut) {
                error.remove("data");
            }
        }
    }
    answer
}

/// Sends what is not to be answered, and then a request: its answer is the first one.
async fn silent(rpc: &mut Rpc, what: &str, text: &str) {
    rpc.send(text).await;
    rpc.send(r#"{"jsonrpc": "2.0", "method": "foobar", "id": "marker"}"#).await;
    assert_eq!(rpc.message().await["id"], "marker", "{what}");
}

#[tokio::test]
async fn every_example_of_the_specification_has_the_answer_printed_there() {
    let service = Setup::new().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    for (what, sent, wanted) in examples() {
        match wanted {
            Some(wanted) => {
                rpc.send(sent).await;
                assert_eq!(printed(rpc.message().await), wanted, "{what}");
            }
            None => silent(&mut rpc, what, sent).await,
        }
    }
}
