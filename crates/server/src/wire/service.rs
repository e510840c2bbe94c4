//! The service as a whole, and who its caller is.

use control::api::{self, Readiness};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    error::Error,
    params::{FromParams, Params},
};

/// Members may be added under this number, never removed or retyped.
pub(crate) const API_VERSION: u32 = 1;

/// Takes nothing.
#[derive(Debug)]
pub(crate) struct Nothing;

impl FromParams for Nothing {
    fn from_params(_: &mut Params<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// Takes `{auth_token}`.
pub(crate) struct Authenticate {
    pub(crate) auth_token: String,
}

impl FromParams for Authenticate {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let auth_token = params.text("auth_token")?;
        Ok(Self { auth_token: params.need("auth_token", auth_token)? })
    }
}

/// Gives a sign of life.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Pong {
    pub(crate) pong: bool,
    pub(crate) timestamp: String,
}

/// Gives the session that has begun.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub(crate) struct Authenticated {
    pub(crate) authenticated: bool,
    pub(crate) role: &'static str,
    pub(crate) permissions: &'static [&'static str],
    pub(crate) expires_at: Option<String>,
    pub(crate) session_id: String,
    pub(crate) api_version: u32,
}

/// Gives what this build is and can do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ServerInfo {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) api_version: u32,
    pub(crate) build_date: &'static str,
    pub(crate) rust_version: &'static str,
    pub(crate) architecture: &'static str,
    pub(crate) media_server: MediaServer,
    pub(crate) capabilities: &'static [&'static str],
    pub(crate) supported_formats: &'static [&'static str],
    pub(crate) max_cameras: usize,
    pub(crate) methods: Vec<&'static str>,
}

/// Who serves the viewers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MediaServer {
    pub(crate) kind: &'static str,
    /// Null: it does not tell.
    pub(crate) version: Option<String>,
    pub(crate) url: Option<String>,
}

/// Gives whether the service is ready.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SystemStatus {
    status: &'static str,
    message: String,
    available_cameras: Vec<String>,
    discovery_active: bool,
}

impl From<api::SystemStatus> for SystemStatus {
    fn from(status: api::SystemStatus) -> Self {
        Self {
            status: match status.readiness {
                Readiness::Starting => "starting",
                Readiness::Partial => "partial",
                Readiness::Ready => "ready",
            },
            message: status.message,
            available_cameras: status.available.iter().map(ToString::to_string).collect(),
            discovery_active: status.discovery_active,
        }
    }
}
