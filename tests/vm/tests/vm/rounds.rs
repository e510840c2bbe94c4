//! Cameras that come and go again and again, idle and in use, leave nothing behind in the service: no process, no thread, no
//! descriptor, no watch on a file, and no more memory than it took to begin with.

use std::fs;

use serde_json::json;
use testkit::{Pid, Rpc, Service, Transport, Watch, eventually, token::Role};
use vm::{
    UvcCamera, Vivid,
    uvc::{Config, Format},
};

use crate::common::{PATIENCE, hears, setup};

/// Rounds with each kind of camera.
const ROUNDS: usize = 25;
/// What a camera is doing when it is pulled, round after round. Mostly nothing: an emulated ffmpeg needs 2 s to begin.
const USES: [Use; 9] = {
    use Use::{None, Recorded, Snapshot, Watched};
    [None, None, Recorded, None, None, Watched, None, None, Snapshot]
};
/// Memory that may be there after the rounds and was not before, in bytes: 1.5 MB were seen. Fifty rounds that each kept a raw
/// picture (320x180, two bytes a pixel) would keep more.
const MORE_RSS_BYTES: u64 = 5 << 20;

/// The runtime's threads: two that work and some that block, which stay while each has something to do every 10 s. A round that kept
/// one for ever would in the end take all 16 that may block (ARCHITECTURE.md).
const MAX_POOL: usize = 2 + 12;
const POOL: &str = "tokio-rt-worker";

#[derive(Debug, Clone, Copy)]
enum Use {
    None,
    Watched,
    Snapshot,
    Recorded,
}

/// What a process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    children: usize,
    descriptors: usize,
    file_watches: usize,
    /// By name, without the runtime's.
    threads: Vec<String>,
    pool: usize,
}

pub(crate) async fn fifty_rounds_of_coming_and_going_leave_nothing_behind() {
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;

    // Each use once, so that what is made once is there.
    let mut plug = async || UvcCamera::plug(0, desk()).await;
    for what in USES {
        round(&service, &mut rpc, what, &mut plug, drop).await;
    }
    let (before, rss_before) = (rest(&service, None).await, rss(&service));

    for number in 0..ROUNDS {
        round(&service, &mut rpc, USES[number % USES.len()], &mut plug, drop).await;
    }
    let vivid = Vivid::load(1);
    // Not before it is told of: one that is gone before the service has asked it all it can is none.
    hears(&mut rpc, "camera_status_update", "camera.connected").await;
    vivid.unbind();
    hears(&mut rpc, "camera_status_update", "camera.disconnected").await;
    for number in 0..ROUNDS {
        let what = USES[number % USES.len()];
        round(&service, &mut rpc, what, async || vivid.bind(), |()| vivid.unbind()).await;
    }
    drop(vivid);

    rest(&service, Some(&before)).await;
    let more = rss(&service).saturating_sub(rss_before);
    assert!(more <= MORE_RSS_BYTES, "{more} bytes more than the {rss_before} before");
    let list = rpc.ok("get_camera_list", json!({})).await;
    assert_eq!((&list["total"], &list["connected"]), (&json!(2), &json!(0)), "{list}");
}

fn desk() -> Config {
    Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])
}

/// Plugs a camera, uses it, pulls it, and lets go of it.
async fn round<T>(
    service: &Service,
    rpc: &mut Rpc,
    what: Use,
    plug: impl AsyncFnOnce() -> T,
    pull: impl FnOnce(T),
) {
    let camera = plug().await;
    let here = hears(rpc, "camera_status_update", "camera.connected").await;
    let device = json!({"device": here["device"]});
    match what {
        Use::None => {
            pull(camera);
            hears(rpc, "camera_status_update", "camera.disconnected").await;
        }
        Use::Watched => {
            let id = here["device"].as_str().unwrap();
            let watch = Watch::start(service.rtsp().await, id, Transport::Tcp).await.unwrap();
            watch.reach(5, PATIENCE).await;
            pull(camera);
            hears(rpc, "camera_status_update", "camera.disconnected").await;
            drop(watch);
            eventually("the viewer is gone", PATIENCE, async || {
                let streams = rpc.ok("get_stream_status", device.clone()).await;
                (streams["readers"] == 0).then_some(())
            })
            .await;
        }
        Use::Snapshot => {
            let asked = rpc.start("take_snapshot", device).await;
            service.ffmpegs_become(1, PATIENCE).await;
            pull(camera);
            // Just in time, or too late: both are answers.
            let taken = rpc.answer(&asked).await;
            assert!(taken.as_ref().map_or_else(is_about_the_camera, |_| true), "{taken:?}");
            hears(rpc, "camera_status_update", "camera.disconnected").await;
        }
        Use::Recorded => {
            let started = rpc.ok("start_recording", device.clone()).await;
            pull(camera);
            hears(rpc, "camera_status_update", "camera.disconnected").await;
            let stopped = rpc.ok("stop_recording", device).await;
            assert_eq!(stopped["recording_id"], started["recording_id"], "{stopped}");
        }
    }
    service.ffmpegs_become(0, PATIENCE).await;
}

/// The camera's own error, of one kind or another: it could not begin, or is gone.
fn is_about_the_camera(error: &testkit::RpcError) -> bool {
    [-32000, -32050].contains(&error.code)
}

/// Waits until nothing of a camera is in use, and there is no more of anything than `at_most`; gives what there is.
async fn rest(service: &Service, at_most: Option<&Held>) -> Held {
    let looked = async || {
        let held = Held::by(service.pid());
        let fits = at_most.is_none_or(|most| held.is_within(most));
        (held.is_at_rest() && fits).then_some(held)
    };
    eventually(&format!("the service is at rest, with at most {at_most:?}"), PATIENCE, looked).await
}

fn rss(service: &Service) -> u64 {
    service.pid().rss_bytes().unwrap()
}

impl Held {
    fn by(pid: Pid) -> Self {
        let lines = |what: &str| -> Vec<String> {
            let entries = fs::read_dir(format!("/proc/{}/{what}", pid.0)).unwrap().flatten();
            let file = |entry: fs::DirEntry| match what {
                "task" => entry.path().join("comm"),
                _ => entry.path(),
            };
            // What has ended meanwhile is not held.
            let texts = entries.filter_map(|entry| fs::read_to_string(file(entry)).ok());
            texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
        };
        let mut threads = lines("task");
        threads.sort_unstable();
        let all = threads.len();
        threads.retain(|name| name != POOL);
        let file_watches = lines("fdinfo").iter().filter(|line| line.starts_with("inotify ")).count();
        let (children, descriptors) = (pid.children().len(), pid.open_fds().unwrap());
        Self { children, descriptors, file_watches, pool: all - threads.len(), threads }
    }

    fn is_at_rest(&self) -> bool {
        let of_a_camera = |name: &String| name.starts_with("camera-look") || name.starts_with("rec-");
        self.children == 0 && !self.threads.iter().any(of_a_camera)
    }

    fn is_within(&self, most: &Self) -> bool {
        self.descriptors <= most.descriptors
            && self.file_watches <= most.file_watches
            && self.threads == most.threads
            && self.pool <= MAX_POOL
    }
}
