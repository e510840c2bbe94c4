//! What the methods do, each by one call of the Controller. They decide nothing: who may call, and with
//! what, is settled before.

mod cameras;
mod files;
mod service;
mod streams;

pub(super) use cameras::{get_camera_list, get_camera_status, take_snapshot};
pub(super) use files::{list_recordings, list_snapshots, start_recording, stop_recording};
pub(super) use service::{authenticated, get_server_info, get_system_status, ping};
pub(super) use streams::{get_stream_url, get_streams};
