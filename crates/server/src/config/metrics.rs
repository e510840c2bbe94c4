//! Section `metrics`: who may read them without a credential.

use control::settings::Settings;

use crate::security::Networks;

/// The checked section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// Addresses that need no credential for `/metrics`.
    pub(crate) allow_from: Networks,
}

impl Metrics {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut section = settings.section("metrics");
        let texts = section.texts("allow_from");
        let (allow_from, wrong) = Networks::parse(&texts);
        for wrong in wrong {
            let what = format!("`{wrong}` is not an address or a network such as 10.0.0.0/8");
            section.problem("allow_from", what);
        }
        Self { allow_from }
    }
}
