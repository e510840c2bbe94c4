//! The real binary, real ffmpeg, real sockets and files. Each test starts a service of its own with the
//! smallest picture and the shortest time that still prove something; load and long runs are `xtask`'s.

mod audit;
mod authorisation;
mod cameras;
mod cli;
mod clips;
mod containers;
mod contract;
mod crash;
mod doctor;
mod events;
mod files;
mod hostile;
mod http;
mod keys;
mod mediamtx;
mod metrics;
mod mqtt;
mod network;
mod reconnect;
mod record;
mod reload;
mod rtsp_nonsense;
mod secrets;
mod snapshot;
mod sources;
mod spec;
mod status;
mod strangers;
mod transport;
mod viewers;
mod watch;
mod webhook;
