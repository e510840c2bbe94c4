//! What this build is: names and dates that `build.rs` found out.

/// The service's name.
pub(crate) const NAME: &str = "camera-service";
/// Its version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The day it was built, or the one `SOURCE_DATE_EPOCH` names.
pub(crate) const BUILD_DATE: &str = env!("CAMERA_SERVICE_BUILD_DATE");
/// The compiler it was built by.
pub(crate) const RUST_VERSION: &str = env!("CAMERA_SERVICE_RUST_VERSION");
/// For `--version`.
pub(crate) const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("CAMERA_SERVICE_COMMIT"),
    ", ",
    env!("CAMERA_SERVICE_BUILD_DATE"),
    ")"
);
