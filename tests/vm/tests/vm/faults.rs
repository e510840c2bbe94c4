//! Cameras that fail without being pulled: who watches sees it go on, and a camera that cannot begin is told as in error. No
//! ffmpeg is left over.

use serde_json::json;
use testkit::{Transport, Watch, eventually, token::Role};
use vm::{
    UvcCamera, Vivid, nodes,
    uvc::{Config, Faults, Format},
};

use crate::common::{PATIENCE, connected, setup, told};

/// Pictures that prove that a stream goes on.
const SOME: usize = 15;

pub(crate) async fn spoilt_pictures_and_a_freeze_do_not_end_a_viewing() {
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let device = connected(&mut rpc, 1).await[0]["device"].clone();
    rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    let watch = Watch::start(service.rtsp().await, device.as_str().unwrap(), Transport::Tcp).await.unwrap();
    watch.reach(SOME, PATIENCE).await;
    let [ffmpeg] = service.ffmpegs()[..] else { panic!("not one ffmpeg") };
    let good = Faults::default();
    for faults in [Faults { corrupt: true, ..good }, Faults { truncate: true, ..good }] {
        camera.inject(faults);
        let (sent, seen) = (camera.sent(), watch.count());
        let passed = async || (camera.sent() >= sent + SOME as u64).then_some(());
        eventually("spoilt pictures have been sent", PATIENCE, passed).await;
        camera.inject(good);
        // What cannot be decoded is left out; some of it can.
        watch.reach(seen + 2 * SOME, PATIENCE).await;
    }
    assert_eq!(service.ffmpegs(), [ffmpeg], "nothing was started anew");

    // ffmpeg would wait for ever. The watchdog starts it anew, and viewers stay.
    for faults in [Faults { freeze: true, ..good }, Faults { error_bit: true, ..good }] {
        let before = service.ffmpegs();
        camera.inject(faults);
        // Told while it lasts, and when it is over.
        assert_eq!(told(&mut rpc, "camera.status_change").await["status"], "ERROR");
        let status = rpc.ok("get_camera_status", json!({"device": device})).await;
        assert!(status["error"].as_str().unwrap().contains("no pictures come"), "{status}");
        eventually("the frozen source is ended", PATIENCE, async || {
            (!service.ffmpegs().iter().any(|running| before.contains(running))).then_some(())
        })
        .await;
        camera.inject(good);
        let seen = watch.count();
        watch.reach(seen + SOME, PATIENCE).await;
        assert_eq!(told(&mut rpc, "camera.status_change").await["status"], "CONNECTED");
        let status = rpc.ok("get_camera_status", json!({"device": device})).await;
        assert_eq!(status["status"], "CONNECTED", "{status}");
    }
    let (player, _, error) = watch.stop().await;
    assert!(error.is_none(), "{error:?}");
    drop(player);
    service.ffmpegs_become(0, PATIENCE).await;
}

pub(crate) async fn errors_of_a_driver_do_not_end_a_viewing() {
    let vivid = Vivid::load(1);
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let device = connected(&mut rpc, 1).await[0]["device"].clone();
    let watch = Watch::start(service.rtsp().await, device.as_str().unwrap(), Transport::Tcp).await.unwrap();
    watch.reach(SOME, PATIENCE).await;
    // One buffer marked as wrong; then a stream that ends with EIO, of which ffmpeg makes exit status 0.
    for (control, lasting) in [("inject_v4l2_buf_flag_error", true), ("inject_fatal_streaming_error", false)]
    {
        let before = service.ffmpegs();
        vivid.set(0, control, 0);
        if !lasting {
            eventually("ffmpeg has ended", PATIENCE, async || (service.ffmpegs() != before).then_some(()))
                .await;
        }
        let seen = watch.count();
        watch.reach(seen + SOME, PATIENCE).await;
        assert_eq!(service.ffmpegs() == before, lasting, "{control}");
    }
    let (player, _, error) = watch.stop().await;
    assert!(error.is_none(), "{error:?}");
    drop(player);
    service.ffmpegs_become(0, PATIENCE).await;
}

pub(crate) async fn a_camera_that_refuses_to_begin_is_in_error_until_it_begins() {
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])).await;
    eventually("the camera has a node", PATIENCE, async || {
        (!nodes::numbers("Desk Cam").is_empty()).then_some(())
    })
    .await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = json!({"device": connected(&mut rpc, 1).await[0]["device"]});
    rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    camera.inject(Faults { stall_commit: true, ..Faults::default() });
    let refused = rpc.err(-32050, "start_streaming", device.clone()).await;
    assert_eq!((&refused.data["dependency"], &refused.data["retryable"]), (&json!("camera"), &json!(true)));
    assert_eq!(told(&mut rpc, "camera.status_change").await["status"], "ERROR");
    let status = rpc.ok("get_camera_status", device.clone()).await;
    assert_eq!(status["status"], "ERROR", "{status}");
    assert!(status["error"].as_str().unwrap().contains("refuses to begin"), "{status}");
    service.ffmpegs_become(0, PATIENCE).await;
    camera.inject(Faults::default());
    rpc.ok("start_streaming", device.clone()).await;
    assert_eq!(told(&mut rpc, "camera.status_change").await["status"], "CONNECTED");
    assert_eq!(rpc.ok("get_camera_status", device).await["status"], "CONNECTED");
}
