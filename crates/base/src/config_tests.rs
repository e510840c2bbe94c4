//! Reading trees of values: every mistake at once, origins, lists.

use super::*;
use serde_json::json;

#[test]
fn every_mistake_is_told_at_once() {
    let mut settings = Settings::default();
    settings.overlay(
        json!({"web": {"port": 70000, "hots": "x", "limit": "1MiB", "tls": {"cart": 1}}, "list": [{"x": 1}, {"y": "a"}]}),
        Origin::File,
    );
    let mut web = settings.section("web");
    assert_eq!(web.port("port", 8002), 8002);
    assert_eq!(web.size("limit", "2MiB", 0..=u64::MAX), 1 << 20);
    assert_eq!(web.text("host", "127.0.0.1"), "127.0.0.1");
    let items = settings.top().list("list", |item| Some(item.integer("y", 7, 0..=9)));
    assert_eq!(items, [7, 7]);
    let keys: Vec<_> = settings.finish().unwrap_err().into_iter().map(|p| p.key).collect();
    assert_eq!(keys, ["web.port", "list[0].x", "list[1].y", "web.hots", "web.tls.cart"]);
}

#[test]
fn a_section_may_be_empty_but_nothing_else() {
    let read = |value: Value| {
        let mut settings = Settings::default();
        settings.overlay(value, Origin::File);
        settings.section("web").port("port", 8002);
        let problems = settings.finish().err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(read(json!({"web": null})), [""; 0]);
    assert_eq!(read(json!({"web": 7})), ["web: must be a mapping of keys"]);
    assert_eq!(read(json!({"wed": null})), ["wed: unknown key"]);
}

#[test]
fn lists_of_texts() {
    for (value, want) in [
        (json!(null), Some(vec![])),
        (json!(["a", "b"]), Some(vec!["a", "b"])),
        (json!("a, b,"), Some(vec!["a", "b"])),
        (json!("[\"a\", \"b,c\"]"), Some(vec!["a", "b,c"])),
        (json!(""), Some(vec![])),
        (json!("[1]"), None),
        (json!([1]), None),
        (json!(1), None),
    ] {
        let mut settings = Settings::default();
        settings.put("a.list", value.clone(), Origin::Env);
        let texts = settings.section("a").texts("list");
        assert_eq!(settings.finish().is_ok(), want.is_some(), "{value}");
        assert_eq!(texts, want.unwrap_or_default(), "{value}");
    }
}

#[test]
fn the_last_origin_wins_and_is_shown() {
    let mut settings = Settings::default();
    settings.overlay(json!({"a": {"b": 1, "s": "hush"}}), Origin::File);
    settings.put("a.b", json!("2"), Origin::Env);
    let mut section = settings.section("a");
    assert_eq!(section.integer("b", 0, 0..=9), 2);
    assert_eq!(section.secret("s").as_deref(), Some("hush"));
    assert!(section.boolean("c", true));
    let shown = settings.finish().unwrap();
    let text: Vec<_> = shown.iter().map(|s| format!("{}={} {}", s.key, s.value, s.origin.as_str())).collect();
    assert_eq!(text, ["a.b=2 env", "a.s=(hidden) file", "a.c=true default"]);
}

#[test]
fn a_list_with_a_default_may_be_empty_and_is_shown_as_it_could_stand_in_a_file() {
    let read = |value: Value| {
        let mut settings = Settings::default();
        settings.put("a.list", value, Origin::File);
        settings.section("a").texts_or("list", &["*"]);
        settings.finish().unwrap().remove(0).value
    };
    assert_eq!(read(json!(null)), r#"["*"]"#);
    assert_eq!(read(json!([])), "[]");
    assert_eq!(read(json!(["/dev/video0", "a, b", "*c", ""])), r#"[/dev/video0, "a, b", "*c", ""]"#);
}

#[test]
fn values_of_any_kind_keep_it_and_the_environment_is_understood() {
    let mut settings = Settings::default();
    let given =
        json!({"a": {"on": true, "n": -3, "text": "3", "null": null, "half": 0.5, "list": [1]}, "b": 7});
    settings.overlay(json!({ "of": given }), Origin::File);
    settings.put("of.a.n", json!(4), Origin::Api);
    settings.put("of.c.n", json!("12"), Origin::Env);
    settings.put("of.c.on", json!("false"), Origin::Env);
    settings.put("of.c.text", json!("auto"), Origin::Env);
    let text = |text: &str| Scalar::Text(text.into());
    let of = |group: &str, values: [(&str, Scalar); 3]| {
        (group.to_owned(), values.map(|(name, value)| (name.to_owned(), value)).to_vec())
    };
    let a = of("a", [("n", Scalar::Integer(4)), ("on", Scalar::Boolean(true)), ("text", text("3"))]);
    let c = of("c", [("n", Scalar::Integer(12)), ("on", Scalar::Boolean(false)), ("text", text("auto"))]);
    assert_eq!(settings.top().groups("of"), [a, ("b".into(), vec![]), c]);
    assert_eq!((settings.top().groups("of"), settings.top().groups("none")), (vec![], vec![]));
    let problems: Vec<_> = settings.problems.iter().map(|problem| problem.key.clone()).collect();
    assert_eq!(problems, ["of.a.half", "of.a.list", "of.b"]);
    let shown = settings.shown.iter().find(|shown| shown.key == "of.a.n").unwrap();
    assert_eq!((shown.value.as_str(), shown.origin), ("4", Origin::Api));
}
