//! What a person is told of MediaMTX, and what mends it.

use super::*;
use crate::doctor::Level;

const KEYS: &str = "http://127.0.0.1:8002/.well-known/jwks.json";

/// As we ship it.
fn shipped() -> Manner {
    Manner {
        version: Some("v1.20.1".into()),
        auth_method: "jwt".into(),
        excluded: Vec::new(),
        keys_url: KEYS.into(),
        api_address: "127.0.0.1:9997".into(),
        api_origins: Vec::new(),
        rtsp: Some(":8554".into()),
        webrtc: Some(":8889".into()),
        hls: Some("[::]:8888".into()),
    }
}

fn findings(probed: &Probed, service_runs: bool) -> Vec<Finding> {
    let mut settings = base::config::Settings::default();
    settings.put("media.backend", "mediamtx".into(), base::config::Origin::File);
    let config = crate::Config::read(&mut settings);
    let mediamtx = config.paths.mediamtx.as_ref().unwrap();
    judge(probed, &Wanted { mediamtx, keys_url: KEYS, service_runs })
}

/// All but the first, which is about the version.
fn of(change: impl FnOnce(&mut Manner), is_open: bool) -> Vec<String> {
    let mut manner = shipped();
    change(&mut manner);
    let found = findings(&Probed { is_open, said: Ok(manner) }, true);
    found[1..].iter().map(told).collect()
}

fn told(finding: &Finding) -> String {
    format!("{:?} {} | {}", finding.level, finding.what, finding.mend.as_deref().unwrap_or("-"))
}

#[test]
fn what_we_ship_is_good() {
    let found = findings(&Probed { is_open: false, said: Ok(shipped()) }, true);
    assert_eq!(found, [Finding::good("MediaMTX", "v1.20.1 at 127.0.0.1:9997")]);
    for same in ["http://localhost:8002/.well-known/jwks.json", "http://[::1]:8002/.well-known/jwks.json"] {
        assert_eq!(of(|manner| manner.keys_url = same.into(), false), [""; 0], "{same}");
    }
}

#[test]
fn one_that_says_nothing() {
    for (silence, service_runs, want) in [
        (
            Silence::Absent("refused".into()),
            true,
            "Wrong nobody answers at 127.0.0.1:9997: refused | sudo systemctl start mediamtx",
        ),
        (
            Silence::Slow,
            true,
            "Wrong 127.0.0.1:9997 does not answer in time | sudo systemctl restart mediamtx",
        ),
        (
            Silence::Unbelieved,
            true,
            "Wrong it does not believe the service's token | sudo systemctl restart mediamtx",
        ),
        (Silence::Unbelieved, false, "Note 127.0.0.1:9997 asks for a token, as it should;"),
        (Silence::Strange("no".into()), true, "Wrong 127.0.0.1:9997: no | ss -ltnp 'sport = :9997'"),
    ] {
        let found = findings(&Probed { is_open: false, said: Err(silence) }, service_runs);
        assert!(found.len() == 1 && told(&found[0]).starts_with(want), "{found:?} is not {want}");
    }
}

#[test]
fn versions() {
    for (version, level) in [
        (Some("v1.13.1"), Level::Good),
        (Some("v1.20.1"), Level::Good),
        (Some("1.16.3"), Level::Good),
        (Some("v1.13.0"), Level::Note),
        (Some("v1.20.2"), Level::Note),
        (Some("v2.0.0-rc1"), Level::Note),
        (Some("dev"), Level::Note),
        (None, Level::Note),
    ] {
        let manner = Manner { version: version.map(str::to_owned), ..shipped() };
        let found = findings(&Probed { is_open: false, said: Ok(manner) }, true);
        assert_eq!((found.len(), found[0].level), (1, level), "{version:?}: {found:?}");
    }
}

#[test]
fn an_open_one_is_told_and_how_it_is_closed() {
    let close = "| sudoedit /etc/mediamtx/mediamtx.yml   (authMethod: jwt, authJWTExclude: []";
    let found = of(|manner| manner.auth_method = "internal".into(), true);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with(&format!(
        "Wrong its API answers whoever asks, and can be told to run programs {close}"
    )));
    assert!(found[1].starts_with(&format!(
        "Wrong its authMethod is internal: it does not ask viewers for the service's tickets {close}"
    )));
    let found = of(|manner| manner.excluded = vec!["read".into()], false);
    assert!(
        found.len() == 1 && found[0].starts_with("Wrong it asks nobody for a ticket who wants to read |"),
        "{found:?}"
    );
    for address in [":9997", "0.0.0.0:9997", "[::]:9997", "192.0.2.1:9997"] {
        let found = of(|manner| manner.api_address = address.into(), false);
        let want = format!("Wrong its API listens at {address}, where other machines find it | sudoedit");
        assert!(found.len() == 1 && found[0].starts_with(&want), "{found:?}");
    }
    let found = of(|manner| manner.api_origins = vec!["*".into()], false);
    assert!(
        found.len() == 1
            && found[0].starts_with("Wrong web pages of * may call its API | sudo systemctl edit"),
        "{found:?}"
    );
}

#[test]
fn one_that_is_configured_otherwise() {
    let elsewhere = "http://127.0.0.1:8003/.well-known/jwks.json";
    let found = of(|manner| manner.keys_url = elsewhere.into(), true);
    assert!(
        found.iter().any(|found| found.starts_with("Wrong it fetches keys from http://127.0.0.1:8003/")),
        "{found:?}"
    );
    let found = of(|manner| manner.keys_url = elsewhere.into(), false);
    assert!(
        found.len() == 1 && found[0].starts_with("Note it fetches keys from") && found[0].contains(KEYS),
        "{found:?}"
    );
    let found = of(|manner| manner.hls = None, false);
    assert!(
        found.len() == 1 && found[0].starts_with("Note HLS is off") && found[0].contains("(hls: yes"),
        "{found:?}"
    );
    let found = of(|manner| manner.webrtc = Some(":9889".into()), false);
    let want = "Wrong WHEP is served at :9889, and clients are told port 8889 | sudoedit /etc/mediamtx/mediamtx.yml   \
                (webrtcAddress: :8889; or set mediamtx.webrtc_port to 9889)";
    assert_eq!(found, [want]);
}
