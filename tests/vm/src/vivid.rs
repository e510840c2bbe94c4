//! The kernel's own imaginary cameras (Linux, Documentation/admin-guide/media/vivid.rst): raw formats only, very many of them,
//! no serial number, and faults by V4L2 controls. They are one device: all of them are unbound and bound together.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::nodes;

const DRIVER: &str = "/sys/bus/platform/drivers/vivid";

/// Some vivid cameras. Dropped, they are gone.
#[derive(Debug)]
pub struct Vivid {
    /// The one device that all of them are.
    device: &'static str,
    /// The node of each.
    nodes: Vec<u16>,
}

impl Vivid {
    /// Loads the driver with so many cameras, and no other kind of device.
    ///
    /// # Panics
    /// If it is loaded already, or cannot be.
    pub fn load(count: usize) -> Self {
        // 0x1: a video capture device.
        let kinds = vec!["0x1"; count].join(",");
        run("modprobe", &["vivid", &format!("n_devs={count}"), &format!("node_types={kinds}")]);
        let loaded = Self { device: "vivid.0", nodes: nodes::numbers("vivid") };
        assert_eq!(loaded.nodes.len(), count, "was it loaded already? {:?}", nodes::all());
        loaded
    }

    /// All of them go.
    ///
    /// # Panics
    /// If they are gone.
    pub fn unbind(&self) {
        fs::write(format!("{DRIVER}/unbind"), self.device).expect("it is bound, and we are root");
    }

    /// All of them come back.
    ///
    /// # Panics
    /// If they are there.
    pub fn bind(&self) {
        fs::write(format!("{DRIVER}/bind"), self.device).expect("it is unbound, and we are root");
    }

    /// Lets one of them, counted from 0, show another input: 0 is a webcam, 3 a socket for HDMI.
    ///
    /// # Panics
    /// If there is no such camera, or no such input.
    pub fn choose_input(&self, camera: usize, input: u32) {
        let node = self.nodes[camera].to_string();
        run("v4l2-ctl", &["--device", &node, &format!("--set-input={input}")]);
    }

    /// Sets a control of one of them, counted from 0, such as `inject_fatal_streaming_error`.
    ///
    /// # Panics
    /// If there is no such camera, or no such control.
    pub fn set(&self, camera: usize, control: &str, value: i64) {
        let node = self.nodes[camera].to_string();
        run("v4l2-ctl", &["--device", &node, "--set-ctrl", &format!("{control}={value}")]);
    }
}

impl Drop for Vivid {
    fn drop(&mut self) {
        // An error: somebody holds a camera. The harness waits for the cameras' end and fails the test.
        let _ = Command::new("modprobe").args(["--remove", "vivid"]).status();
    }
}

/// Runs a program of the guest to its good end.
///
/// # Panics
/// If it has another one, or is not there.
pub fn run(program: &str, arguments: &[&str]) {
    let ended = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let ended = ended.unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{program} {arguments:?}: {said}");
}
