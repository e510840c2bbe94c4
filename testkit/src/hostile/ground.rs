//! What an attack may know of the service it attacks: its address, credentials good and spoilt, a camera.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use tokio::{
    sync::Mutex,
    time::{Interval, MissedTickBehavior},
};

use super::Who;
use crate::{
    Service,
    token::{self, Role},
};

/// The service under attack, and what was learnt of it.
#[derive(Debug)]
pub struct Ground<'a> {
    pub(super) service: &'a Service,
    /// As it stands in `Host`.
    pub(super) host: String,
    /// A camera that exists.
    pub(super) device: String,
    /// Good tokens.
    pub(super) viewer: String,
    pub(super) operator: String,
    /// A token that was good and is revoked.
    pub(super) revoked: String,
    /// When the next attack may begin.
    pace: Option<Mutex<Interval>>,
}

impl<'a> Ground<'a> {
    /// Learns of a service that has a camera `A`; revokes a token there.
    pub async fn of(service: &'a mut Service) -> Self {
        let device = service.device("A").await;
        let mut claims = token::claims(Role::Admin);
        claims["jti"] = json!("replayed");
        let mut admin = service.rpc(Role::Admin).await;
        admin.ok("revoke_token", json!({"jti": "replayed"})).await;
        let service = &*service;
        Self {
            service,
            host: service.address().to_string(),
            device,
            viewer: service.token_for(Role::Viewer, "mallory-who-looks").await,
            operator: service.token_for(Role::Operator, "mallory-who-records").await,
            revoked: token::signed(&claims),
            pace: None,
        }
    }

    /// Lets attacks begin no faster than one in each `interval`; else they come as fast as this machine can.
    pub fn at_pace(self, interval: Duration) -> Self {
        let mut pace = tokio::time::interval(interval);
        // What was late is not made good by a burst.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pace: Some(Mutex::new(pace)), ..self }
    }

    /// Waits until the next attack may begin.
    pub(super) async fn turn(&self) {
        if let Some(pace) = &self.pace {
            pace.lock().await.tick().await;
        }
    }

    /// The service.
    pub fn service(&self) -> &'a Service {
        self.service
    }

    /// Every credential an attack shows, by what is wrong with it: none may be found in a log.
    pub fn credentials(&self) -> Vec<(&'static str, String)> {
        let mut all = super::credentials::wrong(self);
        all.push(("a viewer's", self.viewer.clone()));
        all.push(("an operator's", self.operator.clone()));
        all
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.service.address()
    }

    /// `Authorization` of whoever sends a frame.
    pub(super) fn bearer(&self, who: Who) -> Option<String> {
        match who {
            Who::Stranger => None,
            Who::Viewer => Some(format!("Bearer {}", self.viewer)),
            Who::Operator => Some(format!("Bearer {}", self.operator)),
        }
    }

    /// A request with this first line and these further header lines; the connection ends with its answer.
    pub(super) fn request(&self, line: &str, headers: &str, body: &str) -> String {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let connection = if headers.contains("Upgrade: ") { "Upgrade, close" } else { "close" };
        let host = &self.host;
        format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n{headers}{length}\r\n{body}")
    }

    /// The same with a viewer's token.
    pub(super) fn viewers_request(&self, line: &str, headers: &str, body: &str) -> String {
        let headers = format!("Authorization: Bearer {}\r\n{headers}", self.viewer);
        self.request(line, &headers, body)
    }
}
