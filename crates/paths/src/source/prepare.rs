//! What somebody else does with a path's device before each run of its source. What that is, this room does not
//! know.

use std::{fmt, pin::Pin, sync::Arc};

use crate::path::PathName;

/// Whether the run before this one gave pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// There was none, or it did.
    First,
    /// It ended, or was ended, without being wished to. Time to find out why.
    AfterFailure,
}

/// The end of the preparation. Dropped where nobody wants the run any more.
pub type Prepared = Pin<Box<dyn Future<Output = base::Result<()>> + Send>>;

/// Called before each run of an ffmpeg of ours, which begins when it has ended well. What it refuses is told to who
/// waits for pictures; at once, where somebody else is [`base::Kind::Busy`] with the device.
#[derive(Clone)]
pub struct Prepare(Arc<Begin>);

type Begin = dyn Fn(&PathName, Attempt) -> Prepared + Send + Sync;

impl Prepare {
    /// Calls `prepare`.
    pub fn new(prepare: impl Fn(&PathName, Attempt) -> Prepared + Send + Sync + 'static) -> Self {
        Self(Arc::new(prepare))
    }

    pub(crate) fn begin(&self, name: &PathName, attempt: Attempt) -> Prepared {
        (self.0)(name, attempt)
    }
}

/// Nothing is to be done.
impl Default for Prepare {
    fn default() -> Self {
        Self::new(|_, _| Box::pin(std::future::ready(Ok(()))))
    }
}

impl fmt::Debug for Prepare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepare")
    }
}
