//! Room on disk, and what is kept.

use base::CameraId;

/// Which files of recordings are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChosenRecordings {
    /// One file by its name.
    File(String),
    /// All files of one recording.
    Recording(String),
}

/// Files that are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// How many.
    pub files: usize,
    /// What they held, in bytes.
    pub space_freed: u64,
}

/// What a policy may hold at most: from a byte to a petabyte.
pub const SIZE_GB: std::ops::RangeInclusive<f64> = 1e-9..=1e6;

/// Room on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// Size of the file system the recordings lie on, in bytes.
    pub total: u64,
    /// Used there by anything, in bytes.
    pub used: u64,
    /// What the service may still write there, in bytes.
    pub available: u64,
    /// What is used of what can be used, as df(1) counts it.
    pub usage_percent: f64,
    /// What recordings hold, in bytes.
    pub recordings_size: u64,
    /// What snapshots hold, in bytes.
    pub snapshots_size: u64,
    /// Files of recordings.
    pub recordings_count: usize,
    /// Snapshots.
    pub snapshots_count: usize,
    /// More is used than `storage.warn_percent`.
    pub low: bool,
    /// What is kept.
    pub retention: RetentionPolicy,
}

/// Which rules take files away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// By age; by size too where a size is set.
    Age,
    /// By size alone.
    Size,
    /// By both, but only when asked to.
    Manual,
}

/// What is kept. A disk that fills is emptied oldest first whatever the type, unless it is manual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetentionPolicy {
    /// Which rules count.
    pub policy_type: PolicyType,
    /// Files older than this may go.
    pub max_age_days: u32,
    /// More than this, in 10^9 bytes, may go.
    pub max_size_gb: Option<f64>,
    /// Files go by themselves.
    pub enabled: bool,
}

/// A wish to change the policy; what is `None` stays. The server has checked ranges.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RetentionChange {
    /// See [`RetentionPolicy::policy_type`].
    pub policy_type: Option<PolicyType>,
    /// See [`RetentionPolicy::max_age_days`].
    pub max_age_days: Option<u32>,
    /// See [`RetentionPolicy::max_size_gb`].
    pub max_size_gb: Option<f64>,
    /// See [`RetentionPolicy::enabled`].
    pub enabled: Option<bool>,
}

/// Why a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionRule {
    /// It is too old.
    Age,
    /// There is too much in all.
    Size,
    /// The disk is too full.
    FreeSpace,
}

/// What went by rule, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleanup {
    /// Names and rules, oldest first.
    pub files: Vec<(String, RetentionRule)>,
    /// What they held, in bytes.
    pub space_freed: u64,
    /// Names of files that should have gone and could not be removed.
    pub failed: Vec<String>,
}

/// Whose files a caller may know; `None`: everybody's.
pub type Visible<'a> = Option<&'a [CameraId]>;
