//! The service itself, and the caller's session.

use std::time::SystemTime;

use crate::{
    about,
    rpc::{Caller, METHODS, table::AUTHENTICATE},
    security::{Principal, Session},
    wire::{self, API_VERSION, Authenticated, MediaServer, Pong, ServerInfo, SystemStatus},
};

/// A sign of life.
pub(crate) fn ping(_: &Caller) -> Pong {
    Pong { pong: true, timestamp: wire::time(SystemTime::now()) }
}

/// What this build is and can do.
pub(crate) fn get_server_info(caller: &Caller) -> ServerInfo {
    ServerInfo {
        name: about::NAME,
        version: about::VERSION,
        api_version: API_VERSION,
        build_date: about::BUILD_DATE,
        rust_version: about::RUST_VERSION,
        architecture: std::env::consts::ARCH,
        media_server: MediaServer { kind: "embedded", version: about::VERSION, url: caller.urls.rtsp() },
        capabilities: &["rtsp", "snapshots", "recording"],
        supported_formats: &["mp4", "fmp4", "jpg", "png"],
        max_cameras: control::MAX_SOURCES,
        methods: std::iter::once(AUTHENTICATE).chain(METHODS.iter().map(|method| method.name)).collect(),
    }
}

/// Is it ready, as far as this caller may know?
pub(crate) fn get_system_status(caller: &Caller) -> SystemStatus {
    caller.controller.system_status(|camera| caller.scope().holds(camera)).into()
}

/// The answer to `authenticate`.
pub(crate) fn authenticated(principal: &Principal, session: &Session) -> Authenticated {
    Authenticated {
        authenticated: true,
        role: principal.role.as_str(),
        permissions: principal.role.permissions(),
        expires_at: Some(wire::time(principal.expires_at)),
        session_id: session.id.clone(),
        api_version: API_VERSION,
    }
}
