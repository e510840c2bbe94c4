//! Section `metrics`: who may read them without a credential.

use control::settings::Settings;

use crate::security::Network;

/// The checked section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// Addresses that need no credential for `/metrics`.
    pub(crate) allow_from: Vec<Network>,
}

impl Metrics {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut section = settings.section("metrics");
        let mut allow_from = Vec::new();
        for text in section.texts("allow_from") {
            let network = Network::parse(&text);
            if network.is_none() {
                let what = format!("`{text}` is not an address or a network such as 10.0.0.0/8");
                section.problem("allow_from", what);
            }
            allow_from.extend(network);
        }
        Self { allow_from }
    }
}
