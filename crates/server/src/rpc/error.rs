//! From the Controller's kinds of failure to the contract's codes.

use std::time::Duration;

use control::Kind;

use crate::{
    security::Scope,
    wire::{Code, Error},
};

/// When something that others hold may be free again; nobody knows, but asking without end helps nobody.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// A number under which the log knows more than an answer tells.
pub(crate) fn correlation_id() -> String {
    // Without random numbers the id is poor, but the answer and the log still agree.
    format!("{:016x}", getrandom::u64().unwrap_or_default())
}

/// The answer to a call that failed; what must not be told goes to the log.
pub(crate) fn from_control(error: control::Error, scope: &Scope, correlation_id: &str) -> Error {
    let control::Error { kind, public, private } = error;
    let new = |code: Code| Error::new(code, public.clone());
    match kind {
        Kind::CameraNotFound { device, state, available } => {
            let seen: Vec<_> = available.into_iter().filter(|camera| scope.holds(*camera)).collect();
            let device = device.map(|device| device.to_string());
            match state {
                None => Error::no_camera(device.as_deref(), &seen),
                Some(state) => {
                    let ids: Vec<String> = seen.iter().map(ToString::to_string).collect();
                    let error = new(Code::CameraNotFound).with("available_devices", ids).with("state", state);
                    match device {
                        Some(device) => error.with("device", device),
                        None => error,
                    }
                }
            }
        }
        Kind::DeviceBusy { device, holder } => {
            let error = new(Code::DeviceBusy).with("device", device.to_string());
            let error = error.with("correlation_id", correlation_id);
            match holder {
                Some(holder) => error.with("holder", holder),
                None => error,
            }
        }
        Kind::RecordingInProgress { device, filename, recording_id } => new(Code::RecordingInProgress)
            .with("device", device.to_string())
            .with("filename", filename)
            .with("recording_id", recording_id),
        Kind::FileNotFound { filename } => new(Code::FileNotFound).with("filename", filename),
        Kind::InvalidState { state, allowed } => {
            new(Code::InvalidState).with("state", state).with("allowed_states", allowed.to_vec())
        }
        Kind::InvalidParam { param, rule } => Error::param(param, rule, public),
        Kind::Unsupported { feature } => new(Code::Unsupported).with("feature", feature),
        Kind::Dependency { dependency, retryable } => {
            if !private.is_empty() {
                tracing::warn!(
                    correlation_id,
                    dependency,
                    reason = public,
                    detail = private,
                    "a call failed"
                );
            }
            let error = new(Code::DependencyFailed).with("dependency", dependency);
            error.with("retryable", retryable).with("correlation_id", correlation_id)
        }
        Kind::StorageFull { available, required } => {
            new(Code::StorageFull).with("available_space", available).with("required_space", required)
        }
        Kind::TooMany => Error::limited(&public, TRY_AGAIN),
        Kind::Internal => {
            tracing::error!(correlation_id, reason = public, detail = private, "a call failed");
            Error::internal(correlation_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use control::CameraId;

    use super::*;

    fn answered(kind: Kind, scope: &Scope) -> serde_json::Value {
        let error = control::Error { kind, public: "said".into(), private: "/dev/video0".into() };
        let answer = from_control(error, scope, "0123456789abcdef").to_value();
        assert!(answer["data"]["reason"].is_string() && !answer.to_string().contains("/dev/"), "{answer}");
        answer
    }

    #[test]
    fn every_kind_has_its_code_and_members() {
        let device = CameraId(1);
        for (kind, code, members) in [
            (
                Kind::DeviceBusy { device, holder: Some("zoom".into()) },
                -32003,
                r#""correlation_id":"0123456789abcdef","device":"camera1","holder":"zoom","reason":"said""#,
            ),
            (
                Kind::RecordingInProgress { device, filename: "f".into(), recording_id: "r".into() },
                -32004,
                r#""device":"camera1","filename":"f","reason":"said","recording_id":"r""#,
            ),
            (Kind::FileNotFound { filename: "f".into() }, -32005, r#""filename":"f","reason":"said""#),
            (
                Kind::InvalidState { state: "IDLE", allowed: &["RECORDING"] },
                -32020,
                r#""allowed_states":["RECORDING"],"reason":"said","state":"IDLE""#,
            ),
            (
                Kind::InvalidParam { param: "filename", rule: "unique" },
                -32602,
                r#""param":"filename","reason":"said","rule":"unique""#,
            ),
            (Kind::TooMany, -32040, r#""reason":"said","retry_after_ms":10000"#),
            (Kind::Unsupported { feature: "avi".into() }, -32030, r#""feature":"avi","reason":"said""#),
            (
                Kind::Dependency { dependency: "camera", retryable: true },
                -32050,
                r#""correlation_id":"0123456789abcdef","dependency":"camera","reason":"said","retryable":true"#,
            ),
            (
                Kind::StorageFull { available: 1, required: 2 },
                -32060,
                r#""available_space":1,"reason":"said","required_space":2"#,
            ),
        ] {
            let answer = answered(kind, &Scope::All);
            assert_eq!(answer["code"], code);
            assert_eq!(answer["data"].to_string(), format!("{{{members}}}"));
        }
        let internal = answered(Kind::Internal, &Scope::All);
        assert_eq!(internal["data"]["correlation_id"].as_str().unwrap().len(), 16);
        assert!(!internal.to_string().contains("said"));
    }

    #[test]
    fn cameras_out_of_scope_are_not_named() {
        let all = vec![CameraId(0), CameraId(1), CameraId(2)];
        let scope = Scope::Only([CameraId(2)].into());
        let kind =
            Kind::CameraNotFound { device: Some(CameraId(2)), state: Some("DISCONNECTED"), available: all };
        let answer = answered(kind, &scope);
        assert_eq!(answer["data"]["available_devices"], serde_json::json!(["camera2"]));
        assert_eq!(answer["data"]["state"], "DISCONNECTED");
    }
}
