//! The real binary beside the real MediaMTX. Where there is none, these tests have nothing to say, and
//! `make test` says how many they were; `make test-mediamtx` fails there.

mod browser;
mod contract;
mod doctor;
mod honesty;
mod secrets;
mod steering;

use e2e::suite::Rig;
use serde_json::Value;
use testkit::{MediaMtx, Rpc, Service, Setup};

/// MediaMTX and a service beside it with one camera, both up and at one. `None`: there is no MediaMTX.
async fn rig(change: fn(Setup) -> Setup) -> Option<(MediaMtx, Service)> {
    let Rig { service, mediamtx, .. } = e2e::suite::mediamtx(change).await?;
    Some((mediamtx?, service))
}

async fn media_server(rpc: &mut Rpc) -> Value {
    rpc.ok("get_status", Value::Null).await["components"]["media_server"].clone()
}
