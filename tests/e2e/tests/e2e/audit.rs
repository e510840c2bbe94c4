//! The audit log of the real service: what is in it, what is not, and what happens when it cannot be written
//! or was tampered with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Rpc, Service, Setup, eventually,
    http::Http,
    service::{SECRET, command, command_output},
    token::{self, Role},
};

/// The log of a service, line by line.
fn lines(service: &Service) -> Vec<Value> {
    parsed(&service.data_dir().join("audit.log"))
}

fn parsed(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    // The last line may be in the middle of being written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// All its files; the one being written sorts first, as its name is the shortest.
fn files(service: &Service) -> Vec<PathBuf> {
    let there = fs::read_dir(service.data_dir()).expect("the service has made its folder");
    let mut files: Vec<PathBuf> = there.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("audit.log")));
    files.sort();
    files
}

/// Waits for lines about a method.
async fn about(service: &Service, method: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} lines about {method}"), PATIENCE, async || {
        let found: Vec<_> = lines(service).into_iter().filter(|line| line["method"] == method).collect();
        (found.len() == count).then_some(found)
    })
    .await
}

/// `audit verify`: its status, and all it said.
async fn verify(service: &Service, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command();
    command.args(["audit", "verify", "--config"]).arg(service.config()).args(arguments);
    let output = command_output(command).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("the commands speak UTF-8"))
}

/// The head that a good log has.
async fn head(service: &Service) -> String {
    let (code, said) = verify(service, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    said.trim().rsplit(' ').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_privileged_call_leaves_one_line() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let device = service.device("A").await;
    let mut admin = service.rpc(Role::Admin).await;
    let snapshot = admin.ok("take_snapshot", json!({"device": device})).await["filename"].clone();
    admin.ok("start_recording", json!({"device": device})).await;
    let recording = admin.ok("stop_recording", json!({"device": device})).await["filename"].clone();
    for (method, params) in [
        ("protect_recording", json!({"filename": recording})),
        ("unprotect_recording", json!({"filename": recording})),
        ("delete_recording", json!({"filename": recording})),
        ("delete_snapshot", json!({"filename": snapshot})),
        ("get_storage_info", json!({})),
        ("set_retention_policy", json!({"max_age_days": 7})),
        ("cleanup_old_files", json!({"dry_run": true})),
    ] {
        admin.ok(method, params).await;
    }
    admin.err(-32020, "stop_recording", json!({"device": device})).await;
    let mut viewer = service.rpc(Role::Viewer).await;
    viewer.err(-32002, "delete_snapshot", json!({"filename": "a.jpg"})).await;
    viewer.ok("get_streams", json!({})).await;

    for (method, event, outcome, filename) in [
        ("take_snapshot", "call", "done", &snapshot),
        ("start_recording", "call", "done", &recording),
        ("protect_recording", "call", "done", &recording),
        ("unprotect_recording", "call", "done", &recording),
        ("delete_recording", "call", "done", &recording),
        ("get_storage_info", "call", "done", &Value::Null),
        ("set_retention_policy", "call", "done", &Value::Null),
        ("cleanup_old_files", "call", "done", &Value::Null),
    ] {
        let line = about(&service, method, 1).await.remove(0);
        let told = ["event", "outcome", "role", "user", "address"].map(|member| line[member].clone());
        assert_eq!(told, [event, outcome, "admin", "cli", "127.0.0.1"], "{line}");
        assert_eq!(&line["filename"], filename, "{line}");
        assert_eq!(line["correlation_id"].as_str().unwrap().len(), 16, "{line}");
    }
    assert_eq!(about(&service, "take_snapshot", 1).await[0]["device"], device.as_str());
    let stopped = about(&service, "stop_recording", 2).await;
    assert_eq!((&stopped[0]["outcome"], &stopped[1]["outcome"]), (&json!("done"), &json!("failed")));
    let deleted = about(&service, "delete_snapshot", 2).await;
    assert_eq!((&deleted[0]["filename"], &deleted[1]["event"]), (&snapshot, &json!("refusal")));
    assert_eq!(deleted[1]["role"], "viewer");
    assert_eq!(about(&service, "get_streams", 0).await.len(), 0);
    // `device` and `rpc` have shown a token each.
    assert_eq!(about(&service, "authenticate", 3).await.len(), 3);

    // A changed configuration is a line with its keys.
    let text = fs::read_to_string(service.config()).unwrap();
    fs::write(service.config(), text.replace("32MiB", "33MiB")).unwrap();
    service.hangup();
    let reload = about(&service, "reload", 1).await.remove(0);
    assert!(reload["reason"].as_str().unwrap().contains("recording.min_free_space"), "{reload}");
    service.terminate(Duration::from_secs(10)).await;
    let ends: Vec<_> = about(&service, "serve", 2).await.iter().map(|line| line["event"].clone()).collect();
    assert_eq!(ends, ["start", "stop"]);
    head(&service).await;
}

#[tokio::test]
async fn kill_9_costs_no_line_and_the_log_goes_on() {
    let mut service = Setup::new().start().await;
    let mut admin = service.rpc(Role::Admin).await;
    for _ in 0..20 {
        admin.ok("get_storage_info", json!({})).await;
    }
    about(&service, "get_storage_info", 20).await;
    service.kill9();
    let file = service.data_dir().join("audit.log");
    let before = parsed(&file).len();
    // What a crash in the middle of a line leaves.
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, whole + "{\"ts\":\"2026-11-24T").unwrap();
    let (code, said) = verify(&service, &[]).await;
    assert!(code == Some(1) && said.contains("cut short"), "{said}");
    service.restart().await;
    service.rpc(Role::Viewer).await;
    about(&service, "authenticate", 2).await;
    let after = lines(&service);
    assert_eq!(after[before]["event"], "recovered");
    assert_eq!(after[before + 1]["event"], "start");
    // On a running service, too.
    head(&service).await;
}

#[tokio::test]
async fn whatever_is_done_to_the_log_shows() {
    let mut service = Setup::new().set("logging.audit.max_file_size", "4KiB").start().await;
    let mut admin = service.rpc(Role::Admin).await;
    for _ in 0..40 {
        admin.ok("get_storage_info", json!({})).await;
    }
    drop(admin);
    service.terminate(Duration::from_secs(10)).await;
    let head = head(&service).await;
    assert_eq!(verify(&service, &["--head", &head]).await.0, Some(0));
    let files = files(&service);
    assert!(files.len() > 3, "{files:?}");
    let named: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let (code, said) = verify(&service, &named).await;
    assert!(code == Some(0) && said.contains(&head), "{said}");

    let middle = &files[2];
    let text = fs::read_to_string(middle).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let mut moved = lines.clone();
    moved.swap(2, 3);
    for (what, wrong, at) in [
        ("changed", text.replacen("\"done\"", "\"failed\"", 3), 1),
        ("removed", joined(&[&lines[..2], &lines[3..]].concat()), 3),
        ("reordered", joined(&moved), 3),
    ] {
        fs::write(middle, &wrong).unwrap();
        let (code, said) = verify(&service, &[]).await;
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains(&format!("{}:{at}:", middle.display())), "{what}: {said}");
    }
    fs::write(middle, &text).unwrap();
    // A whole file, and the end of the last one.
    fs::rename(middle, service.data_dir().join("elsewhere")).unwrap();
    assert_eq!(verify(&service, &[]).await.0, Some(1));
    fs::rename(service.data_dir().join("elsewhere"), middle).unwrap();
    let last = fs::read_to_string(&files[0]).unwrap();
    let cut = last.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    fs::write(&files[0], cut).unwrap();
    assert_eq!(verify(&service, &[]).await.0, Some(0), "without the head nobody can tell");
    let (code, said) = verify(&service, &["--head", &head]).await;
    assert!(code == Some(1) && said.contains("cut off"), "{said}");
    assert_eq!(verify(&service, &["--head", "x"]).await.0, Some(2));
}

#[tokio::test]
async fn the_log_is_read_in_pages_by_admins() {
    let service = Setup::new().set("logging.audit.max_file_size", "4KiB").start().await;
    let mut admin = service.rpc(Role::Admin).await;
    for _ in 0..30 {
        admin.ok("get_storage_info", json!({})).await;
    }
    // A line comes soon after its answer, not before.
    eventually("thirty lines", PATIENCE, async || {
        let lines = files(&service).into_iter().flat_map(|file| parsed(&file));
        (lines.filter(|line| line["method"] == "get_storage_info").count() == 30).then_some(())
    })
    .await;
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = admin.ok("get_audit_log", json!({"limit": 7, "cursor": cursor})).await;
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 7);
        seen.extend(entries.iter().map(|entry| entry["seq"].as_u64().unwrap()));
        match page.get("next_cursor") {
            Some(next) => cursor = next.clone(),
            None => break,
        }
    }
    assert!(seen.len() > 30 && *seen.last().unwrap() == 1, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1] + 1), "{seen:?}");
    let newest = admin.ok("get_audit_log", json!({})).await["entries"][0].clone();
    assert!(newest["mac"].as_str().unwrap().len() == 64, "{newest}");
    for cursor in ["0", "-1", "x", "01", "18446744073709551616", ""] {
        let error = admin.err(-32602, "get_audit_log", json!({"cursor": cursor})).await;
        assert_eq!(error.data["param"], "cursor");
    }
    admin.err(-32602, "get_audit_log", json!({"limit": 0})).await;
    admin.err(-32602, "get_audit_log", json!({"limit": 1001})).await;
    service.rpc(Role::Operator).await.err(-32002, "get_audit_log", json!({})).await;
}

#[tokio::test]
async fn a_log_that_is_no_file_refuses_privileged_calls_from_the_start() {
    let service = Setup::new().set("logging.audit.file", "/dev/full").start().await;
    let mut admin = service.rpc(Role::Admin).await;
    refused(&mut admin).await;
    admin.ok("get_streams", json!({})).await;
}

/// A privileged call is refused, and says why.
async fn refused(admin: &mut Rpc) {
    let error = admin.err(-32050, "get_storage_info", json!({})).await;
    assert_eq!((&error.data["dependency"], &error.data["retryable"]), (&json!("audit_log"), &json!(true)));
}

/// A small file system on a folder; gone when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(folder: PathBuf) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(&folder).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a test that failed may still hold a file there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn the_metric_tells_a_head_that_shows_a_cut_end() {
    let mut service = Setup::new().start().await;
    let bearer = format!("Bearer {}", service.token(Role::Admin).await);
    let page = Http::connect(&service).await.get("/metrics", &[("authorization", &bearer)]).await.text();
    let line = page.lines().find(|line| line.starts_with("camera_service_audit_head_lines{")).unwrap();
    let (name, count) = line.rsplit_once(' ').unwrap();
    let mac = name.split('"').nth(1).unwrap();
    let head = format!("{count}:{mac}");
    assert_eq!(verify(&service, &["--head", &head]).await.0, Some(0), "{line}");
    assert!(service.terminate(PATIENCE).await.success());
    assert_eq!(verify(&service, &["--head", &head]).await.0, Some(0));
    // Somebody cuts the end off, and the chain of what is left is whole.
    let file = service.data_dir().join("audit.log");
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let kept = count.parse::<usize>().unwrap() - 1;
    fs::write(&file, lines[..kept].join("\n") + "\n").unwrap();
    assert_eq!(verify(&service, &[]).await.0, Some(0));
    assert_eq!(verify(&service, &["--head", &head]).await.0, Some(1));
}

#[tokio::test]
async fn a_full_disk_refuses_privileged_calls_alone_and_is_overcome() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mounted) = Mounted::new(folder.path().to_owned()) else {
        eprintln!("!!! SKIPPED: a full disk was NOT tried, because only root may mount a small one");
        return;
    };
    let file = mounted.0.join("audit.log");
    let service =
        Setup::new().without_limits().set("logging.audit.file", file.to_str().unwrap()).start().await;
    let mut admin = service.rpc(Role::Admin).await;
    let mut viewer = service.rpc(Role::Viewer).await;
    admin.ok("get_storage_info", json!({})).await;

    // Somebody else takes all that is left.
    let other = mounted.0.join("other");
    let mut size = 256 << 10;
    while size > 0 {
        let had = fs::read(&other).unwrap_or_default();
        if fs::write(&other, vec![1; had.len() + size]).is_err() {
            size /= 2;
        }
    }
    // The log's last page on that disk may still have room for a few lines.
    let mut done = 1;
    while admin.call("get_storage_info", json!({})).await.is_ok() {
        done += 1;
        assert!(done < 50, "the disk is not full");
    }
    refused(&mut admin).await;
    let status = viewer.ok("get_status", json!({})).await;
    assert!(status["reasons"].to_string().contains("audit log") && status["status"] != "HEALTHY", "{status}");
    for _ in 0..20 {
        viewer.ok("get_camera_list", json!({})).await;
        // Authentications go on as well; their lines wait.
        service.rpc(Role::Viewer).await;
        refused(&mut admin).await;
    }
    let (code, said) = verify(&service, &[]).await;
    assert_eq!(code, Some(0), "what is there is whole: {said}");

    fs::remove_file(&other).unwrap();
    eventually("privileged calls are done again", PATIENCE, async || {
        admin.call("get_storage_info", json!({})).await.ok()
    })
    .await;
    eventually("health no longer speaks of it", PATIENCE, async || {
        let status = viewer.ok("get_status", json!({})).await;
        (!status["reasons"].to_string().contains("audit log")).then_some(())
    })
    .await;
    eventually("the lines that waited are written", PATIENCE, async || {
        let methods = parsed(&file);
        let count = |method: &str| methods.iter().filter(|line| line["method"] == method).count();
        (count("get_storage_info") == done + 1 && count("authenticate") >= 11).then_some(())
    })
    .await;
    assert_eq!(verify(&service, &[]).await.0, Some(0));

    // The folder goes: noticed at the next call, and overcome when there is one again.
    drop(mounted);
    eventually("the file is gone", PATIENCE, async || (!file.exists()).then_some(())).await;
    refused_or_done_elsewhere(&mut admin, &file).await;
}

/// Where a mount went, its folder is still there: the log goes on in a new file, with its chain. A line of somebody
/// else's may have found that out before us.
async fn refused_or_done_elsewhere(admin: &mut Rpc, file: &Path) {
    if let Err(refused) = admin.call("get_storage_info", json!({})).await {
        assert_eq!((refused.code, &refused.data["dependency"]), (-32050, &json!("audit_log")), "{refused:?}");
    }
    eventually("the log goes on", PATIENCE, async || admin.call("get_storage_info", json!({})).await.ok())
        .await;
    let lines =
        eventually("its lines", PATIENCE, async || Some(parsed(file)).filter(|lines| lines.len() > 1)).await;
    assert!(lines[0]["previous"]["count"].as_u64() > Some(10), "{lines:?}");
}

#[tokio::test]
async fn no_token_and_no_secret_is_ever_in_it() {
    let mut service = Setup::new().without_limits().set("security.max_auth_failures", 1000).start().await;
    let mut tokens: Vec<String> = token::bad().into_iter().map(|(_, token)| token).collect();
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        tokens.push(service.token(role).await);
    }
    let mut rpc = service.rpc(Role::Admin).await;
    for token in &tokens {
        // In every place where a token belongs, and in those where people put it by mistake.
        let _ = rpc.call("authenticate", json!({"auth_token": token})).await;
        let _ = rpc.call("get_storage_info", json!({"auth_token": token})).await;
        let _ = rpc.call("delete_snapshot", json!({"filename": token})).await;
        let _ = rpc.call("take_snapshot", json!({"device": token})).await;
        let _ = rpc.call("cleanup_old_files", json!({token.as_str(): 1})).await;
        let _ = rpc.call(token, json!({})).await;
        let _ = Rpc::connect(&service, &[("authorization", &format!("Bearer {token}"))]).await;
        let _ = Rpc::connect(&service, &[("x-api-key", token.as_str())]).await;
        let _ = Rpc::connect(&service, &[("origin", token.as_str())]).await;
    }
    service.terminate(Duration::from_secs(10)).await;
    let text = fs::read_to_string(service.data_dir().join("audit.log")).unwrap();
    assert!(text.lines().count() > 50, "{text}");
    let key = fs::read_to_string(service.data_dir().join("audit.key")).unwrap();
    for secret in tokens.iter().map(String::as_str).chain([SECRET, key.trim()]) {
        // The parts that only a token has; its first one is the same in all.
        for part in secret.split('.').skip(1).chain([secret]).filter(|part| part.len() > 12) {
            assert!(!text.contains(part), "{part} is in the log");
        }
    }
    head(&service).await;
}

#[tokio::test]
async fn a_call_its_line_and_the_program_it_started_have_one_number() {
    let service = Setup::new().test_camera("A", "160x90@5").start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("take_snapshot", json!({"device": "camera0"})).await;
    let started: Value = serde_json::from_str(&service.log().says("ffmpeg started").await).unwrap();
    let call = &about(&service, "take_snapshot", 1).await[0];
    assert_eq!(started["correlation_id"], call["correlation_id"], "{started}");
    assert_eq!(call["correlation_id"].as_str().map(str::len), Some(16), "{call}");
}
