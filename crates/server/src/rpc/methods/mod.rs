//! What the methods do, each by one call of the Controller. They decide nothing: who may call, and with
//! what, is settled before.

mod cameras;
mod files;
mod service;
mod storage;
mod streams;

pub(super) use cameras::{get_camera_list, get_camera_status, take_snapshot};
pub(super) use files::{export_recording, list_recordings, list_snapshots, start_recording, stop_recording};
pub(super) use service::{authenticated, discover, get_server_info, get_system_status, ping};
pub(super) use storage::{
    cleanup_old_files, delete_recording, delete_snapshot, get_recording_info, get_snapshot_info,
    get_storage_info, protect_recording, set_retention_policy, unprotect_recording,
};
pub(super) use streams::{get_stream_status, get_stream_url, get_streams, start_streaming, stop_streaming};
