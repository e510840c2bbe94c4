//! One look at MediaMTX, for a person who wonders why it does not serve: what it tells a stranger, and what it tells
//! us. No judgement.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    MediaMtx,
    client::{Client, Failure},
    wire::Global,
};

/// MediaMTX lets whoever it refuses wait for up to 4 s (from 1.19.1 on; 2 s before).
const LEAST_PATIENCE: Duration = Duration::from_secs(6);

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// Its API answers whoever asks, without a token.
    pub is_open: bool,
    /// What it says of itself, or why it says nothing.
    pub said: Result<Manner, Silence>,
}

/// Why nothing is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Nobody is there.
    Absent(String),
    /// No answer in time.
    Slow,
    /// A token is asked for, and ours, if there is one, is not believed.
    Unbelieved,
    /// It answers something else.
    Strange(String),
}

/// How it is configured, as far as that matters to us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manner {
    /// `None`: it does not say, as none before 1.15.2 does.
    pub version: Option<String>,
    /// `jwt`, `http` or `internal`.
    pub auth_method: String,
    /// What nobody needs a ticket for.
    pub excluded: Vec<String>,
    /// Where it fetches public keys.
    pub keys_url: String,
    /// Where its API listens.
    pub api_address: String,
    /// Web pages that may call its API.
    pub api_origins: Vec<String>,
    /// Where it serves RTSP; `None`: it does not.
    pub rtsp: Option<String>,
    /// Where it serves WHEP.
    pub webrtc: Option<String>,
    /// Where it serves HLS.
    pub hls: Option<String>,
}

/// Looks once; nothing is changed. Without a `token` as a stranger only.
pub async fn probe(config: &MediaMtx, token: Option<String>) -> Probed {
    let patience = config.request_timeout.max(LEAST_PATIENCE);
    let client = |token: String| Client::new(config.api.clone(), patience, Arc::new(move || token.clone()));
    let mut stranger = client(String::new());
    let told = manner(&mut stranger).await;
    let is_open = told.is_ok();
    let said = match (told, token) {
        (Err(Failure::Unauthorized), Some(token)) => manner(&mut client(token)).await,
        (told, _) => told,
    };
    Probed { is_open, said: said.map_err(silence) }
}

async fn manner(client: &mut Client) -> Result<Manner, Failure> {
    let global = client.global().await?;
    let version = client.version().await?;
    Ok(read(version, global))
}

fn read(version: Option<String>, global: Global) -> Manner {
    let origins = global.api_allow_origins.into_iter().chain([global.api_allow_origin]);
    let mut origins: Vec<String> = origins.filter(|origin| !origin.is_empty()).collect();
    origins.dedup();
    Manner {
        version,
        auth_method: global.auth_method,
        excluded: global.auth_jwt_exclude.into_iter().map(|permission| permission.action).collect(),
        keys_url: global.auth_jwt_jwks,
        api_address: global.api_address,
        api_origins: origins,
        rtsp: global.rtsp.then_some(global.rtsp_address),
        webrtc: global.webrtc.then_some(global.webrtc_address),
        hls: global.hls.then_some(global.hls_address),
    }
}

fn silence(failure: Failure) -> Silence {
    match failure {
        Failure::Unreachable(cause) => Silence::Absent(cause),
        Failure::Slow => Silence::Slow,
        Failure::Unauthorized => Silence::Unbelieved,
        failure @ (Failure::NotFound | Failure::Refused(..) | Failure::Nonsense(_)) => {
            Silence::Strange(failure.to_string())
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(cause) => write!(f, "nobody answers: {cause}"),
            Self::Slow => f.write_str("it does not answer in time"),
            Self::Unbelieved => f.write_str("it does not believe the service's token"),
            Self::Strange(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_are_read() {
        let old = r#"{"authMethod":"internal","authJWTJWKS":"http://a/","authJWTExclude":[],
            "apiAddress":":9997","apiAllowOrigin":"*","rtsp":true,"rtspAddress":":8554","hls":false,
            "hlsAddress":":8888"}"#;
        let new = r#"{"authMethod":"jwt","authJWTJWKS":"http://a/","authJWTExclude":[{"action":"api","path":""}],
            "apiAddress":"127.0.0.1:9997","apiAllowOrigin":"","apiAllowOrigins":[""],"webrtc":true,
            "webrtcAddress":":8889"}"#;
        let [old, new] = [old, new].map(|text| read(None, serde_json::from_str(text).unwrap()));
        assert_eq!((old.rtsp.as_deref(), old.hls), (Some(":8554"), None));
        assert_eq!(
            (old.auth_method.as_str(), old.api_origins.as_slice()),
            ("internal", &["*".to_owned()][..])
        );
        assert_eq!((new.webrtc.as_deref(), new.keys_url.as_str()), (Some(":8889"), "http://a/"));
        assert!(new.api_origins.is_empty() && new.excluded == ["api"], "{new:?}");
    }
}
