//! Errors as clients see them: the contract's table of codes, and the members each promises. No error
//! holds a host path, a device path or a secret: whoever makes one here takes its texts from
//! `control::Error::public` or writes them by hand.

use std::time::Duration;

use control::CameraId;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::security::Role;

/// Every code of the contract that this version can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Parse,
    InvalidRequest,
    MethodNotFound,
    InvalidParams,
    Internal,
    CameraNotFound,
    AuthenticationRequired,
    InsufficientPermissions,
    DeviceBusy,
    RecordingInProgress,
    FileNotFound,
    InvalidState,
    Unsupported,
    RateLimited,
    DependencyFailed,
    StorageFull,
}

impl Code {
    /// The number and its text.
    pub(crate) fn entry(self) -> (i32, &'static str) {
        match self {
            Self::Parse => (-32700, "Parse error"),
            Self::InvalidRequest => (-32600, "Invalid Request"),
            Self::MethodNotFound => (-32601, "Method not found"),
            Self::InvalidParams => (-32602, "Invalid params"),
            Self::Internal => (-32603, "Internal error"),
            Self::CameraNotFound => (-32000, "Camera not found"),
            Self::AuthenticationRequired => (-32001, "Authentication required"),
            Self::InsufficientPermissions => (-32002, "Insufficient permissions"),
            Self::DeviceBusy => (-32003, "Device busy"),
            Self::RecordingInProgress => (-32004, "Recording in progress"),
            Self::FileNotFound => (-32005, "File not found"),
            Self::InvalidState => (-32020, "Invalid state"),
            Self::Unsupported => (-32030, "Unsupported"),
            Self::RateLimited => (-32040, "Rate limited"),
            Self::DependencyFailed => (-32050, "Dependency failed"),
            Self::StorageFull => (-32060, "Storage full"),
        }
    }
}

/// An error on its way to a client.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Error {
    code: i32,
    message: &'static str,
    data: Map<String, Value>,
}

impl Error {
    /// With `data.reason`, for a person.
    pub(crate) fn new(code: Code, reason: impl Into<String>) -> Self {
        let (code, message) = code.entry();
        let mut data = Map::new();
        data.insert("reason".into(), Value::String(reason.into()));
        Self { code, message, data }
    }

    /// `data.reason`.
    pub(crate) fn reason(&self) -> &str {
        self.data.get("reason").and_then(Value::as_str).unwrap_or(self.message)
    }

    /// Adds a member to `data`.
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.data.insert(member.into(), value.into());
        self
    }

    /// A parameter that broke a rule.
    pub(crate) fn param(param: &str, rule: &str, reason: impl Into<String>) -> Self {
        Self::new(Code::InvalidParams, reason).with("param", param).with("rule", rule)
    }

    /// A parameter's name as it can be repeated: what is no name at all could be a path, or a page long.
    pub(crate) fn nameable(name: &str) -> &str {
        let plain = name.len() <= 64 && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
        if plain { name } else { "(not a name)" }
    }

    /// A camera that is unknown to the caller. `device`: as it was named, unless by a path.
    pub(crate) fn no_camera(device: Option<&str>, available: &[CameraId]) -> Self {
        let ids: Vec<String> = available.iter().map(ToString::to_string).collect();
        let error = Self::new(Code::CameraNotFound, "there is no such camera").with("available_devices", ids);
        match device {
            Some(device) => error.with("device", device),
            None => error,
        }
    }

    /// No credential, or one that is no good.
    pub(crate) fn unauthenticated(reason: &str) -> Self {
        Self::new(Code::AuthenticationRequired, reason)
    }

    /// The caller's role is too low.
    pub(crate) fn forbidden(required: Role, role: Role) -> Self {
        Self::new(Code::InsufficientPermissions, format!("this needs the role {}", required.as_str()))
            .with("required_role", required.as_str())
            .with("role", role.as_str())
    }

    /// Too many of something. The time is rounded up: who comes again after it has waited long enough.
    pub(crate) fn limited(reason: &str, retry_after: Duration) -> Self {
        let ms = u64::try_from(retry_after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Self::new(Code::RateLimited, reason).with("retry_after_ms", ms)
    }

    /// Our own failure; the log knows more under this id.
    pub(crate) fn internal(correlation_id: &str) -> Self {
        Self::new(Code::Internal, "the service failed; its log knows more under correlation_id")
            .with("correlation_id", correlation_id)
    }

    /// Is it this one?
    pub(crate) fn is(&self, code: Code) -> bool {
        self.code == code.entry().0
    }

    /// When to come again, if that is what it says.
    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        self.data.get("retry_after_ms").and_then(Value::as_u64)
    }

    /// The contract's text and data, for an answer that is not JSON-RPC.
    pub(crate) fn to_value(&self) -> Value {
        json!({"code": self.code, "message": self.message, "data": self.data})
    }
}
