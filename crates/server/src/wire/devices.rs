//! What cameras offer, what they are called, and what this build cannot do with them yet.

use std::time::Duration;

use control::{
    CameraId,
    api::{CameraModes, CameraStatus},
    is_good_name,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Number;

use super::{
    error::Error,
    params::{FromParams, Params},
    rate,
};

/// Longest address of a network camera that is worth looking at.
const MAX_URL_BYTES: usize = 2048;

/// Takes `{device, name}`.
#[derive(Debug)]
pub(crate) struct SetCamera {
    pub(crate) device: CameraId,
    pub(crate) name: String,
}

impl FromParams for SetCamera {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let device = params.device()?;
        let name = params.text("name")?;
        let name = params.need("name", name)?.trim().to_owned();
        check_name(&name)?;
        Ok(Self { device, name })
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if is_good_name(name) {
        return Ok(());
    }
    Err(Error::param("name", "length", "must be 1 to 64 characters without control characters"))
}

/// Takes `{interval}`, in seconds.
#[derive(Debug)]
pub(crate) struct SetDiscoveryInterval(pub(crate) Duration);

impl FromParams for SetDiscoveryInterval {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let interval = params.integer("interval", 1..=3600)?;
        Ok(Self(Duration::from_secs(params.need("interval", interval)?)))
    }
}

/// Takes `{timeout?}`, in seconds.
#[derive(Debug)]
pub(crate) struct DiscoverStreams;

impl FromParams for DiscoverStreams {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        params.integer("timeout", 1..=30)?;
        Ok(Self)
    }
}

/// Takes `{name, url, username?, password?}`.
#[derive(Debug)]
pub(crate) struct AddStream;

impl FromParams for AddStream {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let (name, url) = (params.text("name")?, params.text("url")?);
        let (name, url) = (params.need("name", name)?, params.need("url", url)?);
        params.text("username")?;
        params.text("password")?;
        check_name(&name)?;
        let scheme = url.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest.len()));
        match scheme {
            Some((scheme, rest))
                if ["rtsp", "rtsps"].contains(&&*scheme) && rest > 0 && url.len() <= MAX_URL_BYTES =>
            {
                Ok(Self)
            }
            // The address may hold a password, and so may a mistyped one: it is not repeated.
            _ => Err(Error::param("url", "scheme", "must be an address such as rtsp://host:554/path")),
        }
    }
}

/// Gives what a camera offers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Capabilities {
    device: String,
    formats: Vec<String>,
    resolutions: Vec<String>,
    fps_options: Vec<u64>,
    modes: Vec<Mode>,
    /// The name of the input it shows, where it has a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    driver: Option<String>,
    bus_info: Option<String>,
    validation_status: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Mode {
    format: String,
    width: u32,
    height: u32,
    fps: Vec<Number>,
}

impl Capabilities {
    pub(crate) fn new(device: CameraId, offered: CameraModes) -> Self {
        let mut fps_options: Vec<u64> =
            offered.modes.iter().flat_map(|(_, _, fps)| fps).map(|fps| fps.round() as u64).collect();
        fps_options.retain(|fps| *fps > 0);
        fps_options.sort_unstable_by(|a, b| b.cmp(a));
        fps_options.dedup();
        let mode = |(format, size, fps): (String, control::units::Size, Vec<f64>)| Mode {
            format,
            width: size.width,
            height: size.height,
            fps: fps.into_iter().map(rate).collect(),
        };
        Self {
            device: device.to_string(),
            formats: offered.formats,
            resolutions: offered.sizes.iter().map(ToString::to_string).collect(),
            fps_options,
            validation_status: match offered.status {
                CameraStatus::Disconnected => "DISCONNECTED",
                // What a device said of itself; a source that was never asked has said nothing.
                _ if offered.modes.is_empty() => "NONE",
                CameraStatus::Connected | CameraStatus::Error => "CONFIRMED",
            },
            modes: offered.modes.into_iter().map(mode).collect(),
            input: offered.input,
            driver: offered.driver,
            // Where on the bus, never which node.
            bus_info: offered.bus_info.filter(|bus| !bus.contains("/dev/")),
        }
    }
}

/// Gives the camera that was forgotten.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Forgotten {
    pub(crate) device: String,
    pub(crate) forgotten: bool,
}

/// Gives how often cameras are looked for, in seconds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DiscoveryInterval {
    pub(crate) interval: u64,
}

/// Gives the cameras that are streams of elsewhere.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExternalStreams {
    pub(crate) streams: Vec<super::Camera>,
}
