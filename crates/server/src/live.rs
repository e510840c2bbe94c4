//! The parts of the configuration that may change while connections are open. Read anew by every request,
//! replaced as one.

use std::sync::{Arc, PoisonError, RwLock};

use crate::{config::Config, security::Networks};

/// What holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Values {
    /// Pages of these origins may connect, besides our own.
    pub(crate) allowed_origins: Vec<String>,
    /// Names under which this service may be reached, besides addresses and localhost.
    pub(crate) allowed_hosts: Vec<String>,
    /// Addresses that need no credential for `/metrics`.
    pub(crate) allow_metrics_from: Networks,
}

impl Values {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            allowed_origins: config.security.allowed_origins.clone(),
            allowed_hosts: config.security.allowed_hosts.clone(),
            allow_metrics_from: config.metrics.allow_from.clone(),
        }
    }
}

/// Where they are read and replaced.
#[derive(Debug)]
pub(crate) struct Live(RwLock<Arc<Values>>);

impl Live {
    pub(crate) fn new(values: Values) -> Self {
        Self(RwLock::new(Arc::new(values)))
    }

    /// What holds now. Cheap: a count goes up.
    pub(crate) fn get(&self) -> Arc<Values> {
        // What it guards is replaced whole.
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, values: Values) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(values);
    }
}
