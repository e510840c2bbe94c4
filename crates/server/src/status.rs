//! How the service is: what the Controller reports, and what only the server knows.

use control::api::{ComponentState, Trouble};

use crate::{
    about,
    rpc::{Service, correlation_id, from_control},
    security::Scope,
    wire::{self, Error, Status},
};

impl Service {
    /// How the service is, as far as a caller of this scope may know.
    pub(crate) async fn status(&self, scope: &Scope) -> Result<Status, Error> {
        let health = self.controller.health().await;
        let health = health.map_err(|error| from_control(error, scope, &correlation_id()))?;
        let mut health = health.seen_by(scope.cameras().as_deref());
        if !self.audit.is_writable() {
            health.troubles.push(Trouble::AuditUnwritable);
        }
        // Whoever is answered finds the server running.
        let websocket_server = ComponentState::Running;
        Ok(Status::new(&health, websocket_server, wire::seconds(self.metrics.uptime()), about::VERSION))
    }
}
