//! What is read of MediaMTX's answers, of versions 1.13.1 to 1.20.1: the members we use, whatever else there
//! is. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

/// A path's configuration: every field, by its name.
pub(super) type PathConf = Map<String, Value>;

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) page_count: u32,
    pub(super) items: Vec<T>,
}

/// `GET /v3/info`, from 1.15.2 on.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) version: String,
}

/// `GET /v3/config/global/get`: what decides whether it is safe to be used.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Global {
    pub(super) auth_method: String,
    #[serde(rename = "authJWTExclude")]
    pub(super) auth_jwt_exclude: Vec<Permission>,
    #[serde(rename = "authJWTJWKS")]
    pub(super) auth_jwt_jwks: String,
    pub(super) api_address: String,
    /// Until 1.15.3; afterwards `api_allow_origins`.
    pub(super) api_allow_origin: String,
    pub(super) api_allow_origins: Vec<String>,
    pub(super) rtsp: bool,
    pub(super) webrtc: bool,
    pub(super) hls: bool,
    pub(super) rtsp_address: String,
    pub(super) webrtc_address: String,
    pub(super) hls_address: String,
}

/// What somebody may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Permission {
    pub(super) action: String,
}

/// A path as it runs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Running {
    pub(super) name: String,
    #[serde(default)]
    pub(super) ready: bool,
    /// Of the present stream: it begins at 0 again with each.
    #[serde(default)]
    pub(super) bytes_sent: u64,
    #[serde(default)]
    pub(super) readers: Vec<IgnoredAny>,
}

/// A viewer's session.
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    #[serde(default)]
    pub(super) path: String,
    /// In whose name, from 1.17 on: the `sub` of its ticket.
    #[serde(default)]
    pub(super) user: Option<String>,
    /// As it stood in the address.
    #[serde(default)]
    pub(super) query: Option<String>,
}

/// An error's text, of either generation.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) error: String,
}

/// What MediaMTX tells of one path: who reads it, and how much they got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) ready: bool,
    pub(crate) readers: u32,
    /// Since our start.
    pub(crate) bytes_sent: u64,
    /// Of the present stream, as last told.
    counter: u64,
}

/// Takes what is told now into what was known.
pub(super) fn take(seen: &mut BTreeMap<String, Seen>, running: &[Running]) {
    seen.retain(|name, _| running.iter().any(|path| path.name == *name));
    for path in running {
        let known = seen.entry(path.name.clone()).or_default();
        // A counter that fell has begun anew.
        let more = path.bytes_sent.checked_sub(known.counter).unwrap_or(path.bytes_sent);
        *known = Seen {
            ready: path.ready,
            readers: path.readers.len() as u32,
            bytes_sent: known.bytes_sent + more,
            counter: path.bytes_sent,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_are_read() {
        let old = r#"{"itemCount":1,"pageCount":1,"items":[{"name":"camera0","confName":"camera0","source":
            {"type":"rtspSource","id":""},"ready":false,"readyTime":null,"tracks":[],"bytesReceived":0,
            "bytesSent":0,"readers":[]}]}"#;
        let new = r#"{"itemCount":1,"pageCount":1,"items":[{"name":"camera0","ready":true,"available":true,
            "readers":[{"type":"rtspSession","id":"a"}],"inboundBytes":9,"outboundBytes":8,"bytesSent":8}]}"#;
        for (text, ready, readers) in [(old, false, 0), (new, true, 1)] {
            let page: Page<Running> = serde_json::from_str(text).unwrap();
            assert_eq!((page.items[0].ready, page.items[0].readers.len()), (ready, readers));
        }
        let old =
            r#"{"authMethod":"internal","authJWTExclude":[],"apiAddress":"127.0.0.1:9997","rtsp":true}"#;
        let global: Global = serde_json::from_str(old).unwrap();
        assert!(global.auth_method == "internal" && global.rtsp && !global.hls);
    }

    #[test]
    fn bytes_are_summed_over_streams() {
        let mut seen = BTreeMap::new();
        let path = |bytes_sent| Running { name: "a".into(), ready: true, bytes_sent, readers: Vec::new() };
        for (told, want) in [(10, 10), (30, 30), (30, 30), (5, 35), (0, 35), (7, 42)] {
            take(&mut seen, &[path(told)]);
            assert_eq!(seen["a"].bytes_sent, want);
        }
        take(&mut seen, &[]);
        assert!(seen.is_empty());
    }
}
