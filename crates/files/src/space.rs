//! How much room there is, by statvfs(3).

use std::path::Path;

use base::{Error, Result};
use nix::sys::statvfs::statvfs;

/// Room on the file system of a folder, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Its whole size.
    pub total: u64,
    /// Used by anything.
    pub used: u64,
    /// What the service may still write; without what is kept for root.
    pub available: u64,
}

impl Space {
    /// What can be used in all, as df(1) counts it: what is kept for root can be used by nobody else. Every
    /// percentage is of this.
    pub fn usable(self) -> u64 {
        self.used.saturating_add(self.available)
    }
}

/// Room on the file system on which `folder` lies. Asks the kernel.
pub fn of(folder: &Path) -> Result<Space> {
    let stat = statvfs(folder)
        .map_err(|e| Error::io("free space cannot be told", &e.into()).with_private(folder.display()))?;
    let block = stat.fragment_size();
    let total = stat.blocks().saturating_mul(block);
    Ok(Space {
        total,
        used: total.saturating_sub(stat.blocks_free().saturating_mul(block)),
        available: stat.blocks_available().saturating_mul(block),
    })
}
