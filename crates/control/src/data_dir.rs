//! The data folder: made at the first start, held by one service at a time, of a known layout.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use crate::error::{Error, Kind, Result};

/// Layout of the data folder that this version writes.
const SCHEMA_VERSION: u32 = 1;

/// Locked by whoever holds the folder.
pub(crate) const LOCK: &str = "lock";

/// Holds the folder until dropped: the kernel lets go of the lock when the process ends, however.
#[derive(Debug)]
pub(crate) struct Held {
    _lock: File,
}

/// Makes the folder if need be, and takes it.
pub(crate) fn take(dir: &Path) -> Result<Held> {
    let failed = |what: &str, cause: &std::io::Error| {
        let private = format!("{}: {cause}", dir.display());
        Error::new(Kind::Internal, format!("cannot {what} the data folder")).with_private(private)
    };
    DirBuilder::new().recursive(true).mode(0o750).create(dir).map_err(|e| failed("make", &e))?;
    let lock = open(&dir.join(LOCK)).map_err(|e| failed("open", &e))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let taken = "another camera-service runs on this data folder";
            return Err(Error::new(Kind::Internal, taken).with_private(dir.display()));
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &error)),
    }
    check_schema(dir).map_err(|e| failed("read", &e))??;
    Ok(Held { _lock: lock })
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(path)
}

fn check_schema(dir: &Path) -> std::io::Result<Result<()>> {
    let mut file = open(&dir.join("schema_version"))?;
    let mut text = String::new();
    (&mut file).take(64).read_to_string(&mut text)?;
    if text.is_empty() {
        writeln!(file, "{SCHEMA_VERSION}")?;
        return Ok(Ok(()));
    }
    Ok(match text.trim().parse::<u32>() {
        Ok(SCHEMA_VERSION) => Ok(()),
        _ => Err(Error::new(Kind::Internal, "the data folder was written by a newer camera-service")
            .with_private(format!("schema_version is {:?}, ours is {SCHEMA_VERSION}", text.trim()))),
    })
}
