//! What the methods do, each by one call of the Controller. They decide nothing: who may call, and with
//! what, is settled before.

mod audit;
mod cameras;
mod devices;
mod events;
mod files;
mod keys;
mod service;
mod storage;
mod streams;

pub(super) use audit::get_audit_log;
pub(super) use cameras::{get_camera_list, get_camera_status, take_snapshot};
pub(super) use devices::{
    add_external_stream, discover_external_streams, forget_camera, get_camera_capabilities,
    get_camera_controls, get_external_streams, remove_external_stream, reset_camera_controls, set_camera,
    set_camera_controls, set_discovery_interval,
};
pub(super) use events::{get_subscription_stats, subscribe_events, unsubscribe_events};
pub(super) use files::{export_recording, list_recordings, list_snapshots, start_recording, stop_recording};
pub(super) use keys::{create_api_key, list_api_keys, revoke_api_key, revoke_token};
pub(super) use service::{
    authenticated, discover, get_metrics, get_server_info, get_status, get_system_status, ping,
};
pub(super) use storage::{
    cleanup_old_files, delete_recording, delete_snapshot, get_recording_info, get_snapshot_info,
    get_storage_info, protect_recording, set_retention_policy, unprotect_recording,
};
pub(super) use streams::{get_stream_status, get_stream_url, get_streams, start_streaming, stop_streaming};
