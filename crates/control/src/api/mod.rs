//! What the Controller takes and gives: plain values without JSON, paths or devices. Only the server
//! turns them into wire types, and only here does it look for their meaning.

mod cameras;
mod files;
mod pictures;
mod recordings;
mod storage;
mod streams;
mod system;

/// What a control of a camera is, as the room of cameras says it: plain values already.
pub use ::cameras::{Control, ControlFlags, ControlKind, ControlRange, ControlValue, MenuEntry};
/// What is counted of sources and of calls to MediaMTX, as the room of streams counts it: plain values already.
pub use ::paths::{CallError, Calls as MediaMtxCalls, Runs};
pub use cameras::{Camera, CameraDetail, CameraIdentity, CameraKind, CameraModes, CameraStatus, Chosen};
pub use files::{FilePage, FileQuery, StoredFile};
pub use pictures::{Picture, PictureFormat, Snapshot, SnapshotDetail, SnapshotFile, SnapshotRequest};
pub use recordings::{
    ActiveRecording, Export, ExportFormat, ExportRequest, MAX_EXPORT, RecordingDetail, RecordingFile,
    RecordingFormat, RecordingRequest, RecordingStarted, RecordingStatus, RecordingStopped,
};
pub use storage::{
    ChosenRecordings, Cleanup, Deleted, PolicyType, RetentionChange, RetentionPolicy, RetentionRule, SIZE_GB,
    Storage, Visible,
};
pub use streams::{MediaServer, Stream, StreamState, StreamingStarted, StreamingStopped, Viewing};
pub use system::{
    Component, ComponentState, Condition, Counts, Health, Readiness, Reason, Space, SystemStatus, Trouble,
};
