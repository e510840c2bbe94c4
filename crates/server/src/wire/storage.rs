//! Single files, and the room they all take.

use control::api::{self, ChosenRecordings, PolicyType, RetentionChange, RetentionRule};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    cameras::picture_format,
    error::Error,
    files::{format_name, status_name},
    params::{FromParams, Params},
    rate, seconds, time,
};

const POLICY_TYPES: [(&str, PolicyType); 3] =
    [("age", PolicyType::Age), ("size", PolicyType::Size), ("manual", PolicyType::Manual)];
/// Longest name a Linux file system takes (`NAME_MAX`).
const MAX_NAME_BYTES: usize = 255;

/// Takes `{filename}`.
#[derive(Debug)]
pub(crate) struct OfFile {
    pub(crate) filename: String,
}

impl FromParams for OfFile {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let filename = name(params)?;
        Ok(Self { filename: params.need("filename", filename)? })
    }
}

/// A plain file name: what is a path is refused here, and so never repeated in an error.
fn name(params: &mut Params<'_>) -> Result<Option<String>, Error> {
    let name = params.text("filename")?;
    let plain = |name: &String| {
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && !name.contains('/')
            && !name.chars().any(char::is_control)
    };
    match name {
        Some(name) if !plain(&name) => {
            Err(Error::param("filename", "name", "must be the plain name of a file, without a path"))
        }
        name => Ok(name),
    }
}

/// Takes `{filename}` or `{recording_id}`.
#[derive(Debug)]
pub(crate) struct OfRecordings(pub(crate) ChosenRecordings);

impl FromParams for OfRecordings {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        match (name(params)?, params.text("recording_id")?) {
            (Some(filename), None) => Ok(Self(ChosenRecordings::File(filename))),
            (None, Some(id))
                if (1..=64).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric()) =>
            {
                Ok(Self(ChosenRecordings::Recording(id)))
            }
            (None, Some(_)) => {
                Err(Error::param("recording_id", "format", "must be the recording_id of another answer"))
            }
            (Some(_), Some(_)) => {
                Err(Error::param("recording_id", "exclusive", "filename and recording_id exclude each other"))
            }
            (None, None) => {
                Err(Error::param("filename", "required", "filename or recording_id must be given"))
            }
        }
    }
}

/// Takes any of `{max_age_days, max_size_gb, enabled, policy_type}`, at least one.
#[derive(Debug)]
pub(crate) struct SetRetention(pub(crate) RetentionChange);

impl FromParams for SetRetention {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let change = RetentionChange {
            max_age_days: params.integer("max_age_days", 1..=3650)?.map(|days| days as u32),
            max_size_gb: params.number("max_size_gb", api::SIZE_GB)?,
            enabled: params.boolean("enabled")?,
            policy_type: params.choice("policy_type", &POLICY_TYPES)?,
        };
        if change == RetentionChange::default() {
            let reason = "at least one of max_age_days, max_size_gb, enabled and policy_type must be given";
            return Err(Error::param("max_age_days", "required", reason));
        }
        Ok(Self(change))
    }
}

/// Takes `{dry_run?}`.
#[derive(Debug)]
pub(crate) struct CleanUp {
    pub(crate) dry_run: bool,
}

impl FromParams for CleanUp {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        Ok(Self { dry_run: params.boolean("dry_run")?.unwrap_or(false) })
    }
}

/// Gives everything about one file of a recording.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordingInfo {
    filename: String,
    device: String,
    recording_id: String,
    segment: u32,
    segments: usize,
    file_size: u64,
    duration: f64,
    created_time: String,
    /// Relative, signed, good for a quarter of an hour.
    download_url: String,
    format: &'static str,
    width: u32,
    height: u32,
    fps: Option<serde_json::Number>,
    codec: String,
    status: &'static str,
    protected: bool,
}

impl RecordingInfo {
    pub(crate) fn new(detail: api::RecordingDetail, download_url: String) -> Self {
        let file = detail.file;
        Self {
            filename: file.filename,
            device: file.device.to_string(),
            recording_id: file.recording_id,
            segment: file.segment,
            segments: detail.segments,
            file_size: file.file_size,
            duration: seconds(file.duration),
            created_time: time(file.created),
            download_url,
            format: format_name(file.format),
            width: detail.width,
            height: detail.height,
            // Two decimals: what a file of a few seconds tells of a rate.
            fps: detail.fps.map(|fps| rate((fps * 100.0).round() / 100.0)),
            codec: detail.codec,
            status: status_name(file.status),
            protected: file.protected,
        }
    }
}

/// Gives everything about one snapshot.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SnapshotInfo {
    filename: String,
    device: String,
    file_size: u64,
    created_time: String,
    /// Relative, signed, good for a quarter of an hour.
    download_url: String,
    format: &'static str,
    width: u32,
    height: u32,
}

impl SnapshotInfo {
    pub(crate) fn new(detail: api::SnapshotDetail, download_url: String) -> Self {
        let file = detail.file;
        Self {
            filename: file.filename,
            device: file.device.to_string(),
            file_size: file.file_size,
            created_time: time(file.created),
            download_url,
            format: picture_format(file.format),
            width: detail.width,
            height: detail.height,
        }
    }
}

/// Gives what was removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Removed {
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording_id: Option<String>,
    deleted: bool,
    files_deleted: usize,
    space_freed: u64,
}

impl Removed {
    pub(crate) fn new(chosen: ChosenRecordings, deleted: &api::Deleted) -> Self {
        let (filename, recording_id) = match chosen {
            ChosenRecordings::File(name) => (Some(name), None),
            ChosenRecordings::Recording(id) => (None, Some(id)),
        };
        let (files_deleted, space_freed) = (deleted.files, deleted.space_freed);
        Self { filename, recording_id, deleted: true, files_deleted, space_freed }
    }
}

/// Gives what is protected now, or no longer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Protected {
    pub(crate) protected: bool,
    pub(crate) files: Vec<String>,
}

/// Gives a policy.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Retention {
    policy_type: &'static str,
    max_age_days: u32,
    max_size_gb: Option<f64>,
    enabled: bool,
}

impl From<api::RetentionPolicy> for Retention {
    fn from(policy: api::RetentionPolicy) -> Self {
        let name = POLICY_TYPES.iter().find(|(_, known)| *known == policy.policy_type);
        Self {
            policy_type: name.map_or("age", |(name, _)| name),
            max_age_days: policy.max_age_days,
            max_size_gb: policy.max_size_gb,
            enabled: policy.enabled,
        }
    }
}

/// Gives the room there is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StorageInfo {
    total_space: u64,
    used_space: u64,
    available_space: u64,
    usage_percentage: f64,
    recordings_size: u64,
    snapshots_size: u64,
    recordings_count: usize,
    snapshots_count: usize,
    low_space_warning: bool,
    retention: Retention,
}

impl From<api::Storage> for StorageInfo {
    fn from(storage: api::Storage) -> Self {
        Self {
            total_space: storage.total,
            used_space: storage.used,
            available_space: storage.available,
            usage_percentage: (storage.usage_percent * 100.0).round() / 100.0,
            recordings_size: storage.recordings_size,
            snapshots_size: storage.snapshots_size,
            recordings_count: storage.recordings_count,
            snapshots_count: storage.snapshots_count,
            low_space_warning: storage.low,
            retention: storage.retention.into(),
        }
    }
}

/// Gives what went by rule, or would go.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CleanedUp {
    cleanup_executed: bool,
    files_deleted: usize,
    space_freed: u64,
    files: Vec<Gone>,
    errors: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Gone {
    filename: String,
    rule: &'static str,
}

impl CleanedUp {
    pub(crate) fn new(cleanup: api::Cleanup, dry_run: bool) -> Self {
        let rule = |rule| match rule {
            RetentionRule::Age => "age",
            RetentionRule::Size => "size",
            RetentionRule::FreeSpace => "free_space",
        };
        let gone = cleanup.files.into_iter().map(|(filename, why)| Gone { filename, rule: rule(why) });
        let files: Vec<_> = gone.collect();
        Self {
            cleanup_executed: !dry_run,
            files_deleted: files.len(),
            space_freed: cleanup.space_freed,
            files,
            errors: cleanup.failed.into_iter().map(|name| format!("{name} could not be removed")).collect(),
        }
    }
}
