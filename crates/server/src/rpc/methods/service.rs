//! The service itself, and the caller's session.

use std::time::SystemTime;

use serde_json::Value;

use crate::{
    about,
    rpc::{Caller, METHODS, openrpc, table::AUTHENTICATE},
    security::{Principal, Session},
    wire::{
        self, API_VERSION, Authenticated, Error, MediaServer, Metrics, Nothing, Pong, ServerInfo, Status,
        SystemStatus,
    },
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
        media_server: media_server(caller),
        capabilities: &["rtsp", "snapshots", "recording", "camera_controls"],
        supported_formats: &["mp4", "fmp4", "mkv", "avi", "jpg", "png"],
        max_cameras: control::MAX_SOURCES,
        methods: std::iter::once(AUTHENTICATE).chain(METHODS.iter().map(|method| method.name)).collect(),
    }
}

fn media_server(caller: &Caller) -> MediaServer {
    let (kind, version) = match caller.controller().viewing().server {
        control::api::MediaServer::Embedded => ("embedded", Some(about::VERSION.to_owned())),
        control::api::MediaServer::MediaMtx { version, .. } => ("mediamtx", version),
    };
    MediaServer { kind, version, url: caller.urls.rtsp() }
}

/// The whole API as a document.
pub(crate) fn discover(_: &Caller) -> Value {
    openrpc::document().clone()
}

/// Is it ready, as far as this caller may know?
pub(crate) fn get_system_status(caller: &Caller) -> SystemStatus {
    caller.controller().system_status(|camera| caller.scope().holds(camera)).into()
}

/// How is it, as far as this caller may know?
pub(crate) async fn get_status(caller: Caller, _: Nothing) -> Result<Status, Error> {
    caller.service.status(caller.scope()).await
}

/// What was counted.
pub(crate) async fn get_metrics(caller: Caller, _: Nothing) -> Result<Metrics, Error> {
    Ok(caller.service.reading().await?.answer(caller.scope()))
}

/// The answer to `authenticate`.
pub(crate) fn authenticated(principal: &Principal, session: &Session) -> Authenticated {
    Authenticated {
        authenticated: true,
        role: principal.role.as_str(),
        permissions: principal.role.permissions(),
        expires_at: principal.expires_at.map(wire::time),
        session_id: session.id.clone(),
        api_version: API_VERSION,
    }
}
