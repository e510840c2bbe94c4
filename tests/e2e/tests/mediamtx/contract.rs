//! The suite of both backends, on this one; and what only this one has: a place where it fetches streams.

use testkit::{Player, Transport, rtsp::RtspError, token::Role};

use crate::rig;

e2e::suite!(e2e::suite::mediamtx);

#[tokio::test]
async fn nobody_else_fetches_streams_from_us() {
    let Some((mediamtx, mut service)) = rig(|setup| setup).await else { return };
    let device = service.device("A").await;
    let query = e2e::suite::query(&mut service.rpc(Role::Viewer).await, &device).await;
    for path in [device.clone(), query.clone(), query.replace("jwt=", "ticket=")] {
        let refused = Player::open(mediamtx.feed(), &path, Transport::Tcp).await.unwrap_err();
        assert!(matches!(refused, RtspError::Refused { status: 401, .. }), "{path}: {refused}");
    }
}
