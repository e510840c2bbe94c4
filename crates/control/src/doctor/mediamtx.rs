//! From what a look at MediaMTX found to findings. Pure.

use paths::{Manner, MediaMtx, Probed, Silence};

use super::Finding;

const ABOUT: &str = "MediaMTX";
/// Where docs/mediamtx.md has its configuration put.
const EDIT: &str = "sudoedit /etc/mediamtx/mediamtx.yml";
const RESTART: &str = "sudo systemctl restart mediamtx";
/// The versions that were tried, both included.
const TRIED: [(u32, u32, u32); 2] = [(1, 13, 1), (1, 20, 1)];

/// How it should be.
pub(super) struct Wanted<'a> {
    pub(super) mediamtx: &'a MediaMtx,
    /// Where the service publishes its keys.
    pub(super) keys_url: &'a str,
    /// A service holds the data folder: only then can keys be fetched.
    pub(super) service_runs: bool,
}

/// All findings, the most basic one first.
pub(super) fn judge(probed: &Probed, wanted: &Wanted<'_>) -> Vec<Finding> {
    let manner = match &probed.said {
        Ok(manner) => manner,
        Err(silence) => return vec![silent(silence, wanted)],
    };
    let mut findings = vec![version(manner.version.as_deref(), wanted.mediamtx.api())];
    if probed.is_open {
        findings.push(wrong(
            "its API answers whoever asks, and can be told to run programs",
            &asks_for_tickets(),
        ));
    }
    findings.extend(tickets(manner));
    findings.extend(api(manner));
    findings.extend(keys(manner, probed.is_open, wanted));
    let ports = [
        ("RTSP", "rtsp", &manner.rtsp, wanted.mediamtx.rtsp_port),
        ("WHEP", "webrtc", &manner.webrtc, wanted.mediamtx.webrtc_port),
        ("HLS", "hls", &manner.hls, wanted.mediamtx.hls_port),
    ];
    findings.extend(
        ports
            .into_iter()
            .filter_map(|(protocol, key, address, port)| served(protocol, key, address.as_deref(), port)),
    );
    findings
}

fn wrong(what: impl Into<String>, mend: &str) -> Finding {
    Finding::wrong(ABOUT, what, mend)
}

fn edit(keys: &str) -> String {
    format!("{EDIT}   ({keys}; it reads it again by itself)")
}

fn asks_for_tickets() -> String {
    edit("authMethod: jwt, authJWTExclude: []")
}

fn silent(silence: &Silence, wanted: &Wanted<'_>) -> Finding {
    let api = wanted.mediamtx.api();
    let port = api.rsplit(':').next().unwrap_or_default();
    match silence {
        Silence::Absent(cause) => wrong(
            format!("nobody answers at {api}: {cause}"),
            "sudo systemctl start mediamtx   (docs/mediamtx.md says how it is installed)",
        ),
        Silence::Slow => wrong(format!("{api} does not answer in time"), RESTART),
        Silence::Unbelieved if wanted.service_runs => wrong(
            "it does not believe the service's token",
            &format!("{RESTART}   (it fetches the keys anew; its authJWTJWKS must be {})", wanted.keys_url),
        ),
        Silence::Unbelieved => Finding::note(
            ABOUT,
            format!("{api} asks for a token, as it should; it fetches the keys from the service, which does not run"),
        )
        .with("sudo systemctl start camera-service"),
        Silence::Strange(what) => wrong(
            format!("{api}: {what}"),
            &format!("ss -ltnp 'sport = :{port}'   (tells who it is; mediamtx.api_url must lead to MediaMTX)"),
        ),
    }
}

fn version(version: Option<&str>, api: &str) -> Finding {
    let Some(version) = version else {
        let what = format!(
            "at {api}; it tells no version, as none before 1.15.2 does, and from 1.13.1 on is supported"
        );
        return Finding::note(ABOUT, what).with("mediamtx --version");
    };
    let [oldest, newest] = TRIED.map(|(major, minor, patch)| format!("{major}.{minor}.{patch}"));
    let tried = format!("{oldest} to {newest} were tried");
    match release(version) {
        Some(release) if release < TRIED[0] => {
            Finding::note(ABOUT, format!("{version} at {api} is too old: {tried}"))
                .with("install a newer one, as docs/mediamtx.md says")
        }
        Some(release) if release > TRIED[1] => {
            Finding::note(ABOUT, format!("{version} at {api} is newer than what was tried: {tried}"))
                .with("watch a camera, or install an older one")
        }
        Some(_) => Finding::good(ABOUT, format!("{version} at {api}")),
        None => Finding::note(ABOUT, format!("{version} at {api} is no release: {tried}")),
    }
}

/// `v1.20.1` is 1.20.1.
fn release(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn tickets(manner: &Manner) -> Option<Finding> {
    let what = match manner.auth_method.as_str() {
        "jwt" if manner.excluded.is_empty() => return None,
        "jwt" => format!("it asks nobody for a ticket who wants to {}", manner.excluded.join(", ")),
        other => format!("its authMethod is {other}: it does not ask viewers for the service's tickets"),
    };
    Some(wrong(what, &asks_for_tickets()))
}

fn api(manner: &Manner) -> Vec<Finding> {
    let mut findings = Vec::new();
    let host = manner.api_address.rsplit_once(':').map_or("", |(host, _)| host);
    if !is_own(host) {
        let what = format!("its API listens at {}, where other machines find it", manner.api_address);
        findings.push(wrong(what, &edit("apiAddress: 127.0.0.1:9997")));
    }
    if !manner.api_origins.is_empty() {
        let what = format!("web pages of {} may call its API", manner.api_origins.join(", "));
        findings.push(wrong(
            what,
            "sudo systemctl edit mediamtx   ([Service] Environment=MTX_APIALLOWORIGINS=; before 1.15.4 in \
             mediamtx.yml: apiAllowOrigin: '')",
        ));
    }
    findings
}

fn keys(manner: &Manner, is_open: bool, wanted: &Wanted<'_>) -> Option<Finding> {
    if place(&manner.keys_url) == place(wanted.keys_url) {
        return None;
    }
    let found = if manner.keys_url.is_empty() { "nowhere" } else { &manner.keys_url };
    let what = format!("it fetches keys from {found}, and the service has them at {}", wanted.keys_url);
    let mend = edit(&format!("authJWTJWKS: {}", wanted.keys_url));
    // Where it believes our token, it has our keys, by whatever way.
    Some(if is_open { wrong(what, &mend) } else { Finding::note(ABOUT, what).with(mend) })
}

/// Scheme, host, port and path; all names of this machine are one.
fn place(url: &str) -> Option<(&str, &str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    let usual = if scheme == "https" { "443" } else { "80" };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, usual),
    };
    Some((scheme, if is_own(host) { "" } else { host }, port, path))
}

fn is_own(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn served(protocol: &str, key: &str, address: Option<&str>, port: u16) -> Option<Finding> {
    let Some(address) = address else {
        let what = format!("{protocol} is off: clients are given no address for it");
        return Some(Finding::note(ABOUT, what).with(edit(&format!("{key}: yes"))));
    };
    let found = address.rsplit(':').next().unwrap_or_default();
    (found != port.to_string()).then(|| {
        let what = format!("{protocol} is served at {address}, and clients are told port {port}");
        wrong(what, &format!("{EDIT}   ({key}Address: :{port}; or set mediamtx.{key}_port to {found})"))
    })
}

#[cfg(test)]
#[path = "mediamtx_tests.rs"]
mod tests;
