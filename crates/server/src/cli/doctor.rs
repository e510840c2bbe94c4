//! `doctor`: what is wrong here, and what mends it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use control::doctor::{self, Finding, Level};

use super::{say, serve::on_runtime};
use crate::{
    app::Failure,
    config::{self, Loaded, Sources, WebSocket},
    security::{MediaKeys, Secret, kept_in},
};

pub(super) fn run(file: Option<PathBuf>) -> Result<(), Failure> {
    let with_file = file.as_ref().map(|file| format!(" --config {}", file.display())).unwrap_or_default();
    let loaded = match config::load(&Sources::of_process(file)) {
        Ok(loaded) => loaded,
        Err(problems) => {
            // Without a configuration there is nothing to look at.
            let mend = format!("camera-service check{with_file}");
            let wrong = |problem: &control::settings::Problem| {
                Finding::wrong("configuration", problem.to_string(), mend.clone())
            };
            return told(&problems.iter().map(wrong).collect::<Vec<_>>());
        }
    };
    on_runtime(async move {
        let data_dir = loaded.config.control.data_dir();
        let mut findings = vec![
            Finding::good("configuration", format!("good, {} keys", loaded.shown.len())),
            secret(&loaded),
        ];
        findings.extend(doctor::examine(&loaded.config.control).await);
        findings.push(doctor::port_finding("WebSocket", loaded.config.websocket.address(), data_dir));
        findings.extend(media_server(&loaded).await);
        told(&findings)
    })
}

/// A secret that others can read is none. (A weak one is a mistake of the configuration.)
fn secret(loaded: &Loaded) -> Finding {
    let about = "secret";
    let named = loaded.shown.iter().find(|shown| shown.key == "security.jwt_secret_file");
    let named = named.filter(|shown| shown.value != "null").map(|shown| PathBuf::from(&shown.value));
    if named.is_none() && loaded.config.security.secret.is_some() {
        return Finding::note(about, "stands in the configuration itself: keep that file to its owner");
    }
    let file = named.unwrap_or_else(|| kept_in(loaded.config.control.data_dir()));
    secret_in(about, &file)
}

fn secret_in(about: &str, file: &Path) -> Finding {
    let path = file.display();
    let mode = match fs::metadata(file) {
        Ok(meta) => meta.permissions().mode() & 0o777,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::good(about, "none yet: the service makes one at its first start");
        }
        Err(error) => {
            return Finding::wrong(about, format!("{path} cannot be looked at: {error}"), mend_owner(file));
        }
    };
    if mode & 0o077 != 0 {
        return Finding::wrong(
            about,
            format!("{path} can be read by others ({mode:o})"),
            format!("chmod 600 {path}"),
        );
    }
    match Secret::from_file(file) {
        Ok(_) => Finding::good(about, format!("{path} is strong, and its owner's alone")),
        // It names the file.
        Err(what) => Finding::wrong(about, what, mend_owner(file)),
    }
}

fn mend_owner(file: &Path) -> String {
    let path = file.display();
    format!("mv {path} {path}.bad   (the service makes another; every token is void then)")
}

async fn media_server(loaded: &Loaded) -> Vec<Finding> {
    let control = &loaded.config.control;
    if !control.uses_mediamtx() {
        return vec![unneeded(std::env::var_os("PATH").as_deref())];
    }
    let (token, mut findings) = match MediaKeys::kept(control.data_dir()) {
        Ok(keys) => (keys.and_then(|keys| keys.api_token(SystemTime::now())), Vec::new()),
        // It names the file.
        Err(what) => (None, vec![Finding::wrong("media keys", what, mend_keys(control.data_dir()))]),
    };
    findings.extend(doctor::examine_mediamtx(control, token, &keys_url(&loaded.config.websocket)).await);
    findings
}

fn mend_keys(data_dir: &Path) -> String {
    let file = MediaKeys::file(data_dir);
    let file = file.display();
    format!("mv {file} {file}.bad   (the service makes others at its start)")
}

/// Where MediaMTX, on this machine, finds the service's public keys.
fn keys_url(websocket: &WebSocket) -> String {
    let scheme = if websocket.tls.is_some() { "https" } else { "http" };
    let mut address = websocket.address();
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("{scheme}://{address}/.well-known/jwks.json")
}

/// Viewers are served by ourselves, so it is not needed.
fn unneeded(path: Option<&std::ffi::OsStr>) -> Finding {
    let folders = path.map(std::env::split_paths).into_iter().flatten();
    let mut found = folders.map(|folder| folder.join("mediamtx")).filter(|file| file.is_file());
    match found.next() {
        Some(file) => Finding::good(
            "MediaMTX",
            format!("{}; not needed: viewers are served without it", file.display()),
        ),
        None => Finding::good("MediaMTX", "not on PATH, and not needed: viewers are served without it"),
    }
}

/// Prints them; an error when something is wrong.
fn told(findings: &[Finding]) -> Result<(), Failure> {
    say(&page(findings));
    match findings.iter().filter(|finding| finding.level == Level::Wrong).count() {
        0 => Ok(()),
        1 => Err(Failure::Start("one thing is wrong".into())),
        count => Err(Failure::Start(format!("{count} things are wrong"))),
    }
}

fn page(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.about.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for Finding { level, about, what, mend } in findings {
        let word = match level {
            Level::Good => "good ",
            Level::Note => "note ",
            Level::Wrong => "WRONG",
        };
        // What was found may hold the name of a device or a file, and that anything.
        let clean =
            |text: &str| text.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>();
        lines.push(format!("{word}  {about:width$}  {}", clean(what)));
        lines.extend(mend.as_deref().map(|mend| format!("{:7}{:width$}  -> {}", "", "", clean(mend))));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_line_and_its_cure_another() {
        let findings = [
            Finding::good("ffmpeg", "5.1.6"),
            Finding::wrong("camera0", "held by\u{1b}[2J", "kill 17"),
            Finding::note("x", "y"),
        ];
        let expected = "good   ffmpeg   5.1.6\nWRONG  camera0  held by?[2J\n                -> kill 17\nnote   x        y";
        assert_eq!(page(&findings), expected);
        assert!(told(&findings).is_err() && told(&findings[..1]).is_ok() && told(&findings[2..]).is_ok());
    }

    #[test]
    fn a_secret_is_strong_and_private_or_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jwt_secret");
        assert_eq!(secret_in("secret", &file).level, Level::Good);
        let put = |text: &str, mode: u32| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            secret_in("secret", &file)
        };
        let strong = "0123456789012345678901234567890123456789";
        assert_eq!(put(strong, 0o600).level, Level::Good);
        assert!(put(strong, 0o640).mend.unwrap().starts_with("chmod 600 "));
        let weak = put("hunter2", 0o600);
        assert!(weak.level == Level::Wrong && !weak.what.contains("hunter2"), "{weak:?}");
    }

    #[test]
    fn keys_are_where_the_service_listens() {
        for (host, want) in
            [("127.0.0.1", "127.0.0.1:8002"), ("0.0.0.0", "127.0.0.1:8002"), ("::1", "[::1]:8002")]
        {
            let mut settings = control::settings::Settings::default();
            settings.put("websocket.host", host.into(), control::settings::Origin::File);
            let websocket = WebSocket::read(&mut settings);
            assert_eq!(keys_url(&websocket), format!("http://{want}/.well-known/jwks.json"));
        }
    }

    #[test]
    fn mediamtx_is_looked_for_on_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::join_paths([Path::new("/nonexistent"), dir.path()]).unwrap();
        assert!(unneeded(Some(&path)).what.starts_with("not on PATH"));
        fs::write(dir.path().join("mediamtx"), "").unwrap();
        assert!(unneeded(Some(&path)).what.contains("/mediamtx; not needed"));
        assert!(unneeded(None).what.starts_with("not on PATH"));
    }
}
