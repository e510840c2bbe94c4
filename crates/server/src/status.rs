//! How the service is: what the Controller reports, and what only the server knows.

use std::sync::Arc;

use control::api::ComponentState;

use tokio::sync::watch;

use crate::{
    about,
    rpc::{Service, correlation_id, from_control},
    security::Scope,
    wire::{self, Error, Status},
};

impl Service {
    /// How the service is, as far as a caller of this scope may know.
    pub(crate) async fn status(&self, scope: &Scope) -> Result<Status, Error> {
        self.controller.audit_is(self.audit.is_writable());
        let health = self.controller.health().await;
        let health = health.map_err(|error| from_control(error, scope, &correlation_id()))?;
        let health = health.seen_by(scope.cameras().as_deref());
        // Whoever is answered finds the server running.
        let websocket_server = ComponentState::Running;
        Ok(Status::new(&health, websocket_server, wire::seconds(self.metrics.uptime()), about::VERSION))
    }

    /// Tells the Controller when the audit log can be written no more, or again, until `stop`.
    pub(crate) async fn tell_of_audit(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut changes = self.audit.changes();
        loop {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                _ = stop.wait_for(|stop| *stop) => return,
            }
            self.controller.audit_is(self.audit.is_writable());
        }
    }
}
