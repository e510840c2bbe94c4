//! `GET /snapshot/{device}.jpg`: a picture that nobody keeps.

use std::fs;

use serde_json::{Value, json};
use testkit::{Http, Setup, ffmpeg, token::Role};

use super::bearer;

#[tokio::test]
async fn a_picture_of_now_and_no_file() {
    let limits = json!({"take_snapshot": {"per_second": 0.01, "burst": 1}});
    let setup = Setup::new().test_camera("A", "320x180@5").test_camera("B", "320x180@5");
    let mut service = setup.set("security.rate_limit.methods", limits).start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let viewer = bearer(&service, Role::Viewer).await;
    let auth = [("Authorization", viewer.as_str())];
    let mut http = Http::connect(&service).await;
    let kept = tempfile::tempdir().unwrap();
    for (query, width, height) in [
        ("", 320, 180),
        ("?max_age_ms=0", 320, 180),
        ("?max_age_ms=1000&quality=20", 320, 180),
        ("?width=160", 160, 90),
    ] {
        let answer = http.get(&format!("/snapshot/{a}.jpg{query}"), &auth).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("image/jpeg")),
            "{}",
            answer.text()
        );
        assert!(answer.header("last-modified").is_some());
        let file = kept.path().join("picture.jpg");
        fs::write(&file, &answer.body).unwrap();
        let picture = ffmpeg::picture(&file).await;
        assert_eq!((picture.width, picture.height), (width, height), "{query}");
    }
    let mut rpc = service.rpc(Role::Viewer).await;
    assert_eq!(rpc.ok("list_snapshots", Value::Null).await["total"], 0);

    let only_b = format!("Bearer {}", service.scoped_token(Role::Viewer, &[&b]).await);
    for (path, headers, status) in [
        (format!("/snapshot/{a}.jpg"), &[][..], 401),
        (format!("/snapshot/{a}.jpg"), &[("Authorization", only_b.as_str())], 404),
        (format!("/snapshot/{a}.jpg?width=1"), &auth, 400),
        (format!("/snapshot/{a}.jpg?filename=x.jpg"), &auth, 400),
        (format!("/snapshot/{a}.jpg?width=x"), &auth, 400),
        (format!("/snapshot/{a}.png"), &auth, 404),
        (format!("/snapshot/{a}"), &auth, 404),
        ("/snapshot/camera77.jpg".into(), &auth, 404),
        ("/snapshot/%2fdev%2fvideo9.jpg".into(), &auth, 404),
        ("/snapshot/nonsense.jpg".into(), &auth, 400),
    ] {
        let answer = http.get(&path, headers).await;
        assert_eq!((answer.status, &answer.json()["status"]), (status, &json!(status)), "{path}");
    }
    // It is the account of take_snapshot, 40 times a session's for all that a principal asks.
    let mut asked = 0;
    let limited = loop {
        let answer = http.get(&format!("/snapshot/{a}.jpg?width=1"), &auth).await;
        asked += 1;
        assert!(asked < 60, "never limited");
        if answer.status != 400 {
            break answer;
        }
    };
    assert_eq!(limited.status, 429);
    assert!(limited.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}
