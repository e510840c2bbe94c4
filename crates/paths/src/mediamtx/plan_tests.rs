//! What is changed at MediaMTX and what is left alone, each against a path as a real one lists it.

use super::*;

fn terms() -> Terms {
    Terms {
        feed: "127.0.0.1:8564".parse().unwrap(),
        password: "0123abcd".into(),
        start_timeout: Duration::from_secs(10),
        close_after: Duration::from_secs(300),
    }
}

fn defaults() -> PathConf {
    let defaults = json!({
        "name": "", "source": "publisher", "sourceOnDemand": false, "sourceOnDemandStartTimeout": "10s",
        "sourceOnDemandCloseAfter": "10s", "maxReaders": 0, "record": false, "rtspTransport": "automatic",
        "runOnDemand": "", "runOnDemandCloseAfter": "10s",
    });
    defaults.as_object().unwrap().clone()
}

/// A path of ours as MediaMTX lists it, changed.
fn listed(name: &str, change: &Value) -> PathConf {
    let mut path = defaults();
    path.extend(terms().body(name));
    path.insert("name".into(), json!(name));
    // In its own words.
    path.insert("sourceOnDemandCloseAfter".into(), json!("5m0s"));
    path.extend(change.as_object().unwrap().clone());
    path
}

fn steps(wished: &[&str], there: &[PathConf]) -> Vec<Step> {
    let wished = wished.iter().map(|name| PathName::new(name).unwrap()).collect();
    plan(&terms(), &wished, there, &defaults())
}

fn replace(name: &str) -> Step {
    Step::Replace(name.into())
}

#[test]
fn what_is_as_wished_is_not_touched() {
    let there = [listed("camera0", &json!({})), listed("camera1", &json!({}))];
    assert_eq!(steps(&["camera0", "camera1"], &there), []);
    // A version with fields of which we know nothing.
    let newer = [listed("camera0", &json!({"forward": []}))];
    assert_eq!(steps(&["camera0"], &newer), []);
}

#[test]
fn what_is_missing_or_differs_is_replaced() {
    assert_eq!(steps(&["camera0", "camera1"], &[]), [replace("camera0"), replace("camera1")]);
    for change in [
        json!({"source": "rtsp://feed:old@127.0.0.1:8564/camera0"}),
        json!({"source": "publisher"}),
        json!({"sourceOnDemand": false}),
        json!({"sourceOnDemandCloseAfter": "10s"}),
        json!({"sourceOnDemandStartTimeout": ""}),
        json!({"rtspTransport": "automatic"}),
        json!({"record": true}),
        json!({"runOnDemand": "something"}),
        json!({"maxReaders": 1}),
    ] {
        assert_eq!(steps(&["camera0"], &[listed("camera0", &change)]), [replace("camera0")], "{change}");
    }
}

#[test]
fn ours_go_when_they_should_and_foreign_ones_stay() {
    let foreign = |source: &str| listed("lobby", &json!({"source": source}));
    let there = [
        listed("camera7", &json!({})),
        listed("camera8", &json!({"source": "rtsp://feed:old@127.0.0.1:8564/camera8"})),
        foreign("publisher"),
        foreign("rtsp://feed:x@10.0.0.1:8564/camera1"),
        foreign("rtsp://127.0.0.1:8564/camera1"),
        foreign("rtsp://other:x@127.0.0.1:8564/camera1"),
    ];
    let gone = |name: &str| Step::Delete(name.into());
    assert_eq!(steps(&[], &there), [gone("camera7"), gone("camera8")]);
}

#[test]
fn mediamtx_is_never_told_to_close_at_once() {
    let terms = Terms { close_after: Duration::ZERO, ..terms() };
    assert_eq!(terms.body("camera0")["sourceOnDemandCloseAfter"], "1000ms");
}
