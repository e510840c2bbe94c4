//! For tests and figures only: the service as a child process, clients that check every answer, eyes
//! for pictures and files. Knows no crate of the workspace: it drives the binary from outside, as a
//! stranger would.
//!
//! What cannot happen on a sound machine (no ffmpeg, no free port, a service that does not start)
//! panics with everything known of it. What a test is to judge is a value.

pub mod broker;
pub mod browser;
pub mod camera;
pub mod clock;
pub mod corpus;
pub mod eventually;
pub mod ffmpeg;
pub mod h264;
pub mod hostile;
pub mod hs256;
pub mod http;
pub mod mediamtx;
pub mod mediamtx_double;
pub mod proc;
pub mod raw;
pub mod receiver;
pub mod rpc;
pub mod rtsp;
pub mod service;
pub mod time;
pub mod token;

pub use eventually::eventually;
pub use http::Http;
pub use mediamtx::MediaMtx;
pub use mediamtx_double::MediaMtxDouble;
pub use proc::Pid;
pub use rpc::{Rpc, RpcError};
pub use rtsp::{Player, Transport, Watch};
pub use service::{Service, Setup};
