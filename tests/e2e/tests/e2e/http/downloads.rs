//! Recordings and snapshots as files: whole, in part, by link, and only what is to be had.

use std::{fs, os::unix::fs::symlink, time::Duration};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Http, Setup, eventually, ffmpeg,
    token::{self, Role},
};

use super::{bearer, recorded, text};

#[tokio::test]
async fn a_recording_is_fetched_whole_and_in_part() {
    let mut service = Setup::new().test_camera("A", "320x180@5").start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Operator).await;
    let name = recorded(&mut rpc, &device).await;
    let disk = fs::read(service.recording(&name)).unwrap();
    let auth = bearer(&service, Role::Viewer).await;
    let path = format!("/files/recordings/{name}");
    let mut http = Http::connect(&service).await;
    let whole = http.get(&path, &[("Authorization", &auth)]).await;
    assert_eq!((whole.status, whole.body == disk), (200, true), "{:?}", whole.headers);
    let length = disk.len().to_string();
    let disposition = format!("attachment; filename=\"{name}\"");
    for (header, want) in [
        ("content-type", "video/mp4"),
        ("content-length", length.as_str()),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-store"),
        ("content-disposition", disposition.as_str()),
    ] {
        assert_eq!(whole.header(header), Some(want), "{header}");
    }
    let etag = whole.header("etag").unwrap().to_owned();
    let modified = whole.header("last-modified").unwrap().to_owned();
    let head = http.ask("HEAD", &path, &[("Authorization", &auth), ("Range", "bytes=0-1")], b"").await;
    assert_eq!((head.status, head.header("content-length")), (200, Some(length.as_str())));
    assert_eq!(head.header("etag"), Some(etag.as_str()));
    let inline = http.get(&format!("{path}?disposition=inline"), &[("Authorization", &auth)]).await;
    assert!(inline.header("content-disposition").unwrap().starts_with("inline; "));

    // A client that was cut off goes on where it was.
    let half = disk.len() / 2;
    let rest = format!("bytes={half}-");
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=7-99", 7, 99),
        (rest.as_str(), half, disk.len() - 1),
        ("bytes=-10", disk.len() - 10, disk.len() - 1),
        ("bytes=100-99999999999", 100, disk.len() - 1),
    ] {
        let part = http.get(&path, &[("Authorization", &auth), ("Range", range), ("If-Range", &etag)]).await;
        assert_eq!((part.status, part.body == disk[first..=last]), (206, true), "{range}");
        let want = format!("bytes {first}-{last}/{length}");
        assert_eq!(part.header("content-range"), Some(want.as_str()));
    }
    for (headers, status) in [
        (&[("Range", "bytes=0-1,4-5")][..], 200),
        (&[("Range", "bytes=0-1"), ("If-Range", "\"other\"")], 200),
        (&[("Range", "nonsense")], 200),
        (&[("If-None-Match", &etag)], 304),
        (&[("If-Modified-Since", &modified)], 304),
        (&[("If-None-Match", "\"other\"")], 200),
        (&[("If-Match", &etag)], 200),
        (&[("If-Match", "\"other\"")], 412),
        (&[("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")], 412),
        (&[("Range", &format!("bytes={length}-"))], 416),
    ] {
        let answer = http.get(&path, &[headers, &[("Authorization", &auth)]].concat()).await;
        assert_eq!(answer.status, status, "{headers:?}");
        match status {
            200 => assert!(answer.body == disk),
            304 => assert_eq!(answer.header("etag"), Some(etag.as_str())),
            416 => assert_eq!(answer.header("content-range"), Some(format!("bytes */{length}").as_str())),
            _ => assert_eq!(answer.json()["status"], status),
        }
    }
    // Another state has another tag.
    fs::OpenOptions::new()
        .append(true)
        .open(service.recording(&name))
        .and_then(|mut file| std::io::Write::write_all(&mut file, &[0; 8]))
        .unwrap();
    let answer = http.get(&path, &[("Authorization", &auth), ("If-None-Match", &etag)]).await;
    assert_eq!((answer.status, answer.body.len()), (200, disk.len() + 8));
}

#[tokio::test]
async fn what_is_being_written_is_sent_as_far_as_it_is() {
    let mut service = Setup::new().test_camera("A", "320x180@5").start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Operator).await;
    let started = rpc.ok("start_recording", json!({"device": device})).await;
    let auth = bearer(&service, Role::Viewer).await;
    let path = format!("/files/recordings/{}", text(&started["filename"]));
    let mut http = Http::connect(&service).await;
    let early = http.get(&path, &[("Authorization", &auth)]).await;
    assert_eq!(early.status, 200);
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("early.mp4");
    fs::write(&file, &early.body).unwrap();
    assert!(ffmpeg::probe(&file).await.frames >= 1);
    let grown = eventually("the file grows", PATIENCE, async || {
        let later = http.get(&path, &[("Authorization", &auth)]).await;
        Some(later).filter(|later| later.body.len() > early.body.len())
    })
    .await;
    assert!(grown.body.starts_with(&early.body) && grown.header("etag") != early.header("etag"));
}

#[tokio::test]
async fn nothing_else_leaves_the_folders() {
    let mut service = Setup::new().test_camera("A", "320x180@5").test_camera("B", "320x180@5").start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let mut rpc = service.rpc(Role::Operator).await;
    let name = recorded(&mut rpc, &a).await;
    let snapshot = rpc.ok("take_snapshot", json!({"device": a, "format": "png"})).await;
    let auth = bearer(&service, Role::Viewer).await;
    let mut http = Http::connect(&service).await;
    let picture = http
        .get(&format!("/files/snapshots/{}", text(&snapshot["filename"])), &[("Authorization", &auth)])
        .await;
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")));

    // Links, folders and files of others, whatever their names.
    symlink(service.recording(&name), service.recording("link.mp4")).unwrap();
    symlink(service.data_dir(), service.recording("folder.mp4")).unwrap();
    fs::write(service.recording("holiday.mp4"), "not ours").unwrap();
    fs::create_dir(service.recording("sub.mp4")).unwrap();
    fs::copy(service.recording(&name), service.recording(".hidden.mp4")).unwrap();
    fs::copy(service.recording(&name), service.recording("mine, all mine.mp4")).unwrap();
    let renamed = http.get("/files/recordings/mine%2C%20all%20mine.mp4", &[("Authorization", &auth)]).await;
    assert_eq!(renamed.status, 200);
    let long = "x".repeat(255);
    for bad in [
        "link.mp4",
        "folder.mp4",
        "holiday.mp4",
        "sub.mp4",
        ".hidden.mp4",
        ".protected.json",
        "none.mp4",
        long.as_str(),
        "",
        // Ways out, in eight encodings and some more.
        "../state.json",
        "..%2fjwt_secret",
        "%2e%2e/jwt_secret",
        "%2e%2e%2fjwt_secret",
        "%252e%252e%252fjwt_secret",
        "..%5cjwt_secret",
        "%c0%ae%c0%ae%c0%afjwt_secret",
        "%u002e%u002e%u2215jwt_secret",
        "..;/jwt_secret",
        "....//jwt_secret",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "a%00.mp4",
        "a%0d%0aX: y",
        "..",
        ".",
        "%2e%2e",
    ] {
        for folder in ["recordings", "snapshots"] {
            let answer = http
                .get(&format!("/files/{folder}/{}", bad.replace(' ', "%20")), &[("Authorization", &auth)])
                .await;
            assert!(matches!(answer.status, 400 | 404), "{folder}/{bad}: {}", answer.status);
            assert!(answer.json()["reason"].is_string(), "{folder}/{bad}");
        }
    }

    // Without credentials, with wrong ones, and for a camera that is not one's own.
    let path = format!("/files/recordings/{name}");
    let other = format!("Bearer {}", service.scoped_token(Role::Admin, &[&b]).await);
    for (headers, status) in [
        (&[][..], 401),
        (&[("Authorization", "Bearer nonsense")], 401),
        (&[("Authorization", "Basic YTpi")], 401),
        (&[("X-API-Key", "nonsense")], 401),
        (&[("Authorization", auth.as_str()), ("X-API-Key", "x")], 401),
        (&[("Authorization", other.as_str())], 404),
        (&[("Authorization", auth.as_str()), ("Origin", "http://evil.example")], 403),
    ] {
        let answer = http.get(&path, headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.header("www-authenticate"), (status == 401).then_some("Bearer"), "{headers:?}");
        assert_eq!(answer.json()["status"], status);
    }
    let answer = http.ask("DELETE", &path, &[("Authorization", &auth)], b"").await;
    assert_eq!((answer.status, service.recording(&name).exists()), (405, true));
    let mut allowed: Vec<_> = answer.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD"]);
}

#[tokio::test]
async fn a_link_is_good_for_its_file_as_long_as_its_maker_is_welcome() {
    let mut service = Setup::new().test_camera("A", "320x180@5").start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Operator).await;
    let (name, second) = (recorded(&mut rpc, &device).await, recorded(&mut rpc, &device).await);
    let taken = rpc.ok("take_snapshot", json!({"device": device})).await;
    let mut claims = token::claims(Role::Viewer);
    claims["sub"] = json!("ann");
    claims["cameras"] = json!([device]);
    let mut ann = service.connect().await;
    ann.authenticate(&token::signed(&claims)).await;
    let info = ann.ok("get_recording_info", json!({"filename": name})).await;
    let url = text(&info["download_url"]);
    assert!(url.starts_with(&format!("/files/recordings/{name}?link=")), "{url}");
    let list = ann.ok("list_snapshots", Value::Null).await;
    let shot = ann.ok("get_snapshot_info", json!({"filename": taken["filename"]})).await;
    let mut http = Http::connect(&service).await;
    for url in [&taken["download_url"], &list["files"][0]["download_url"], &shot["download_url"]] {
        let answer = http.get(&text(url), &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/jpeg")));
        assert_eq!(answer.body.len() as u64, taken["file_size"].as_u64().unwrap());
    }
    // A player that knows of no credentials plays it, in parts.
    let played = ffmpeg::probe(format!("http://{}{url}", service.address())).await;
    assert_eq!((played.width, played.height), (320, 180));
    assert!(service.log().with("link=").is_empty(), "a query stands in the log");

    let (path, link) = url.split_once("?link=").unwrap();
    let (said, mac) = link.split_once('.').unwrap();
    for bad in [
        format!("/files/recordings/{second}?link={link}"),
        format!("/files/snapshots/{name}?link={link}"),
        format!("{path}?link="),
        format!("{path}?link={said}"),
        format!("{path}?link={said}.{}", mac.to_lowercase()),
        format!("{path}?link=x{link}"),
        format!("{path}?link={}", "x".repeat(4000)),
    ] {
        let answer = http.get(&bad, &[]).await;
        assert_eq!((answer.status, &answer.json()["status"]), (403, &json!(403)), "{bad}");
    }
    for bad in [format!("{url}&link=x"), format!("{url}&other=1"), format!("{url}&disposition=x")] {
        assert_eq!(http.get(&bad, &[]).await.status, 400, "{bad}");
    }
    // Bad links are no failed attempts.
    assert_eq!(http.get("/health", &[("Authorization", "Bearer x")]).await.status, 401);

    // It ends with the token it was made with ...
    let mut late = service.connect().await;
    late.authenticate(&token::ended(Role::Viewer, Duration::from_secs(26))).await;
    let short = late.ok("get_recording_info", json!({"filename": name})).await;
    let short = text(&short["download_url"]);
    assert_eq!(http.get(&short, &[]).await.status, 200);
    eventually("the link ends with its token", PATIENCE, async || {
        (http.get(&short, &[]).await.status == 403).then_some(())
    })
    .await;
    // ... and when that is taken back.
    assert_eq!(http.get(&url, &[]).await.status, 200);
    let mut admin = service.rpc(Role::Admin).await;
    admin.ok("revoke_token", json!({"user": "ann"})).await;
    assert_eq!(http.get(&url, &[]).await.status, 403);
}
