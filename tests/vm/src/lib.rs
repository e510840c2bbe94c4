//! Real cameras for tests: a guest whose kernel has `vivid` and `uvcvideo`, USB cameras that a test plugs and pulls, and
//! the harness that runs a whole test program inside. The tests lie in `tests/vm/`; no crate of the service is known here.

pub mod dev;
pub mod film;
pub mod harness;
pub mod host;
pub mod machine;
pub mod nodes;
pub mod usbip;
pub mod uvc;
pub mod vivid;

pub use dev::DevWatch;
pub use harness::Test;
pub use uvc::UvcCamera;
pub use vivid::Vivid;
