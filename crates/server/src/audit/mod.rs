//! The audit log: who came, who was turned away, and who did what. Knows no method and no credential:
//! what it is given is written down.

mod entry;

pub(crate) use entry::{Entry, Event, Outcome};

/// The log. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit;

/// The log cannot be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unwritable;

/// A line that will be written, whatever becomes of what it tells.
#[derive(Debug)]
pub(crate) struct Pending {
    audit: Audit,
    /// `None` once it was written.
    entry: Option<Entry>,
}

impl Audit {
    /// Writes a line.
    #[expect(clippy::unused_self, reason = "lines go to the system log until the log has a file of its own")]
    pub(crate) fn note(&self, entry: &Entry) {
        let Entry { event, who, address, method, device, filename, outcome, reason, correlation_id } = entry;
        let (user, role) = (who.as_ref().map(|who| &who.user), who.as_ref().map(|who| who.role.as_str()));
        let (event, outcome) = (event.as_str(), outcome.as_str());
        if *outcome == *Outcome::Refused.as_str() {
            tracing::warn!(target: "audit", event, user, role, %address, method, device, filename, outcome, reason, correlation_id);
        } else {
            tracing::info!(target: "audit", event, user, role, %address, method, device, filename, outcome, reason, correlation_id);
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the system log takes every line; a file may not")]
    /// Makes sure that a line can be written when its outcome is known.
    pub(crate) fn reserve(&self, entry: Entry) -> Result<Pending, Unwritable> {
        Ok(Pending { audit: self.clone(), entry: Some(entry) })
    }
}

impl Pending {
    /// Writes it.
    pub(crate) fn finish(mut self, outcome: Outcome, reason: Option<String>) {
        self.write(outcome, reason);
    }

    fn write(&mut self, outcome: Outcome, reason: Option<String>) {
        if let Some(entry) = self.entry.take() {
            self.audit.note(&Entry { outcome, reason, ..entry });
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.write(Outcome::Abandoned, None);
    }
}
