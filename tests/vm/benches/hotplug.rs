//! How soon a client that has subscribed reads of a camera that comes or goes, in the guest: `cargo bench -p vm`. Under
//! `cargo bench` the service beside this program is the release binary, which must have been built.
//!
//! Client and bystander are this program, the service is another one; both read one `CLOCK_MONOTONIC`. No figure is judged
//! here: `xtask bench hotplug` does that. Cameras come and go on threads of their own, for the kernel holds on to who makes
//! them do so until all is done, while the client ought to read.

use std::{
    process::{Command, ExitCode},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{Rpc, Service, Setup, token::Role};
use tokio::task::spawn_blocking;
use vm::{
    DevWatch, Test, UvcCamera, Vivid,
    dev::What,
    nodes,
    uvc::{Config, Format},
};

/// Times each kind of camera comes and goes.
const ROUNDS: usize = 20;

fn main() -> ExitCode {
    vm::harness::run(&[
        Test { name: "uvc", body: || Box::pin(uvc()) },
        Test { name: "vivid", body: || Box::pin(vivid()) },
    ])
}

async fn uvc() {
    let mut round = Round::prepare().await;
    for _ in 0..ROUNDS {
        let config = Config::new("Desk Cam", "A1").only(&[Format::Mjpeg, Format::Yuyv]);
        let camera = UvcCamera::plug(0, config).await;
        let number = round.comes("Desk Cam").await;
        let pulled = spawn_blocking(|| drop(camera));
        round.goes(number).await;
        pulled.await.expect("it only lets go of a camera");
    }
    round.tell("uvc");
}

async fn vivid() {
    let mut round = Round::prepare().await;
    let vivid = Arc::new(Vivid::load(1));
    for number in 0..ROUNDS {
        let binder = Arc::clone(&vivid);
        let bound = spawn_blocking(move || {
            if number > 0 {
                binder.bind();
            }
        });
        let number = round.comes("vivid").await;
        bound.await.expect("it is unbound");
        let unbinder = Arc::clone(&vivid);
        let unbound = spawn_blocking(move || unbinder.unbind());
        round.goes(number).await;
        unbound.await.expect("it is bound");
    }
    round.tell("vivid");
}

/// A service as it is shipped, who listens to it, and what was measured.
struct Round {
    dev: DevWatch,
    rpc: Rpc,
    connected: Vec<Duration>,
    disconnected: Vec<Duration>,
    /// Dropped last.
    _service: Service,
}

impl Round {
    async fn prepare() -> Self {
        let service = Setup::new().start().await;
        let mut rpc = service.rpc(Role::Viewer).await;
        rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
        let dev = DevWatch::start();
        // Its work at the start is done: loading ffmpeg takes an emulated processor seconds.
        service.log().says("ffmpeg found").await;
        Self { dev, rpc, connected: Vec::new(), disconnected: Vec::new(), _service: service }
    }

    /// A camera of that name comes; gives the number of its node. To root a node is open from its creation.
    async fn comes(&mut self, name: &str) -> u16 {
        let told = self.told("camera.connected", "CONNECTED").await;
        let [number] = nodes::numbers(name)[..] else { panic!("not one {name}: {:?}", nodes::all()) };
        self.connected.push(told.saturating_duration_since(self.dev.made(number).await.at));
        self.rest().await;
        number
    }

    async fn goes(&mut self, number: u16) {
        let told = self.told("camera.disconnected", "DISCONNECTED").await;
        let gone = self.dev.first("the node goes", |seen| seen.number == number && seen.what == What::Gone);
        self.disconnected.push(told.saturating_duration_since(gone.await.at));
        self.rest().await;
    }

    async fn told(&mut self, topic: &str, status: &str) -> Instant {
        let told = self.rpc.notification("camera_status_update").await;
        let now = Instant::now();
        assert_eq!((&told["params"]["topic"], &told["params"]["status"]), (&json!(topic), &json!(status)));
        now
    }

    /// Waits until udev has done its work on what has come or gone: nobody plugs and pulls as fast as this program, and udev takes
    /// both processors.
    async fn rest(&mut self) {
        let settle = || Command::new("udevadm").arg("settle").env("SYSTEMD_IGNORE_CHROOT", "1").status();
        let settled = spawn_blocking(settle).await.expect("it does not panic");
        assert!(settled.is_ok_and(|status| status.success()), "udevadm settle");
        self.dev.forget();
    }

    /// A line of JSON for each figure, for `xtask`.
    fn tell(&self, kind: &str) {
        for (what, took) in [("connected", &self.connected), ("disconnected", &self.disconnected)] {
            let samples_ns: Vec<u64> = took.iter().map(|took| took.as_nanos() as u64).collect();
            println!("{}", json!({"name": format!("{kind} {what}"), "unit": "ns", "samples": samples_ns}));
        }
    }
}
