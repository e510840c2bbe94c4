//! Section `security.rate_limit`: how much a session may ask, of everything and of single methods.

use std::collections::BTreeMap;

use control::settings::Section;

use crate::{
    rpc::{AUTHENTICATE, METHODS},
    security::{Limit, Limits},
};

/// Methods with a limit of their own as shipped: name, a second, at once.
pub(crate) const OWN: [(&str, f64, f64); 3] =
    [("take_snapshot", 5.0, 10.0), ("start_recording", 2.0, 4.0), (AUTHENTICATE, 1.0, 5.0)];
/// Once in a quarter of an hour, up to more than this service can answer.
const PER_SECOND: std::ops::RangeInclusive<f64> = 0.001..=1e6;
/// Less than one would be never.
const BURST: std::ops::RangeInclusive<f64> = 1.0..=1e6;

/// Reads `rate_limit` of `security`.
pub(super) fn read(security: &mut Section<'_>) -> Limits {
    let mut section = security.section("rate_limit");
    let general = Limit {
        per_second: section.number("requests_per_second", 50.0, PER_SECOND),
        burst: section.number("burst", 200.0, BURST),
    };
    let mut methods = BTreeMap::new();
    let mut section = section.section("methods");
    for name in std::iter::once(AUTHENTICATE).chain(METHODS.iter().map(|method| method.name)) {
        let mut section = section.section(name);
        let own = OWN.iter().find(|(own, ..)| *own == name);
        let limit = match own {
            Some((_, per_second, burst)) => Some(Limit {
                per_second: section.number("per_second", *per_second, PER_SECOND),
                burst: section.number("burst", *burst, BURST),
            }),
            None => given(&mut section),
        };
        methods.extend(limit.map(|limit| (name, limit)));
    }
    Limits { general, methods }
}

/// The limit of a method that has none as shipped: both numbers, or nothing.
fn given(section: &mut Section<'_>) -> Option<Limit> {
    if !section.has("per_second") && !section.has("burst") {
        return None;
    }
    let per_second = section.opt_number("per_second", PER_SECOND);
    let burst = section.opt_number("burst", BURST);
    if per_second.is_none() || burst.is_none() {
        section.problem("per_second", "a method's own limit needs per_second and burst, both numbers");
    }
    Some(Limit { per_second: per_second?, burst: burst? })
}

#[cfg(test)]
mod tests {
    use control::settings::{Origin, Problem, Settings};
    use serde_json::{Value, json};

    use super::*;
    use crate::rpc::Rate;

    fn with(rate_limit: &Value) -> Result<Limits, Vec<Problem>> {
        let mut settings = Settings::default();
        settings.overlay(json!({"security": {"rate_limit": rate_limit}}), Origin::File);
        let limits = read(&mut settings.section("security"));
        settings.finish().map(|_| limits)
    }

    #[test]
    fn the_table_and_the_defaults_agree() {
        let limits = with(&json!({})).unwrap();
        assert_eq!(limits.general, Limit { per_second: 50.0, burst: 200.0 });
        let own = METHODS.iter().filter(|method| method.rate == Rate::Own).map(|method| method.name);
        let mut own: Vec<_> = own.chain([AUTHENTICATE]).collect();
        own.sort_unstable();
        assert_eq!(limits.methods.keys().copied().collect::<Vec<_>>(), own);
        assert_eq!(limits.methods["start_recording"], Limit { per_second: 2.0, burst: 4.0 });
    }

    #[test]
    fn any_method_can_have_one_of_its_own() {
        let limits = with(&json!({"requests_per_second": 0.5, "methods": {
            "rpc.discover": {"per_second": 1, "burst": 2}, "take_snapshot": {"burst": 3}}}))
        .unwrap();
        assert_eq!(limits.general, Limit { per_second: 0.5, burst: 200.0 });
        assert_eq!(limits.methods["rpc.discover"], Limit { per_second: 1.0, burst: 2.0 });
        assert_eq!(limits.methods["take_snapshot"], Limit { per_second: 5.0, burst: 3.0 });
    }

    #[test]
    fn mistakes_are_named() {
        for (wrong, key) in [
            (json!({"burst": 0}), "burst"),
            (json!({"requests_per_second": -1}), "requests_per_second"),
            (json!({"methods": {"pong": {"per_second": 1, "burst": 1}}}), "methods.pong.burst"),
            (json!({"methods": {"ping": {"per_second": 1}}}), "methods.ping.per_second"),
            (json!({"methods": {"ping": {"per_second": 0, "burst": 1}}}), "methods.ping.per_second"),
            (json!({"methods": {"authenticate": {"burst": 0.5}}}), "methods.authenticate.burst"),
        ] {
            let problems = with(&wrong).unwrap_err();
            let key = format!("security.rate_limit.{key}");
            assert!(problems.iter().any(|problem| problem.key == key), "{wrong}: {problems:?}");
        }
    }
}
