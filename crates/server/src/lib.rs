//! The service's outer side: WebSocket and HTTP, JSON-RPC, security, configuration files, commands.
//! Reaches cameras, streams and files through `control` alone.

mod about;
mod app;
mod audit;
mod bridges;
pub mod cli;
mod config;
#[cfg(test)]
mod corpus_tests;
mod events;
pub mod fuzzing;
mod http;
mod keeper;
mod live;
mod logging;
mod metrics;
mod net;
mod pulse;
mod reload;
pub mod rpc;
mod security;
mod status;
mod viewing;
mod watch;
mod wire;
mod ws;
