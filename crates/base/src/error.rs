//! One error type for the rooms below the Controller: a kind to decide by, a public text for the
//! client, a private one for the log. Nobody searches a text for a word.

use std::fmt;

/// What went wrong, as far as a caller decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The thing named does not exist.
    NotFound,
    /// The request itself is wrong.
    Invalid,
    /// Something of that name exists already.
    AlreadyExists,
    /// Somebody else holds the device or the file.
    Busy,
    /// The state does not allow it now.
    WrongState,
    /// A limit (connections, readers, queue) is reached.
    Limit,
    /// This build, camera or format cannot do it.
    Unsupported,
    /// A program or server we need (ffmpeg, a network camera) failed.
    Dependency,
    /// A program or server we need did not answer in time.
    Timeout,
    /// Not enough free space.
    StorageFull,
    /// A file or folder could not be read or written.
    Io,
    /// Our own mistake.
    Internal,
}

/// An error with a kind and two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Decides what the caller does, and the client's error code.
    pub kind: Kind,
    /// For the client: never a host path, a device path, a secret or a command line.
    pub public: String,
    /// For the log: whatever helps to find the cause. May be empty.
    pub private: String,
}

/// `std::result::Result` with our [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error whose text may be shown to anybody.
    pub fn new(kind: Kind, public: impl Into<String>) -> Self {
        Self { kind, public: public.into(), private: String::new() }
    }

    /// Adds what only the log may say.
    pub fn with_private(mut self, private: impl fmt::Display) -> Self {
        self.private = private.to_string();
        self
    }

    /// An I/O failure on something of ours; `public` says what we wanted, not where.
    pub fn io(public: impl Into<String>, cause: &std::io::Error) -> Self {
        // ENOSPC and EDQUOT are the two a person can act on at once.
        let full =
            matches!(cause.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        let kind = if full { Kind::StorageFull } else { Kind::Io };
        Self::new(kind, public).with_private(cause)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.private.is_empty() {
            f.write_str(&self.public)
        } else {
            write!(f, "{} ({})", self.public, self.private)
        }
    }
}

impl std::error::Error for Error {}
