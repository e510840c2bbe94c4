//! A folder of ours: made if need be, and opened by plain names only. No name leads out of it, and no
//! link is followed.

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use base::{Error, Result};
use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2},
    sys::stat::Mode,
};

#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes it if need be, and sees that it can be written.
    pub(crate) fn open(path: &Path, what: &str) -> Result<Self> {
        let failed = |cause: &io::Error| {
            let mut error = Error::io(format!("the {what} folder cannot be used"), cause);
            error.private = format!("{}: {cause}", path.display());
            error
        };
        DirBuilder::new().recursive(true).mode(0o750).create(path).map_err(|e| failed(&e))?;
        // Permission bits do not tell what a read-only mount or an ACL forbids.
        let probe = path.join(format!(".probe-{}", std::process::id()));
        File::create(&probe).and_then(|_| std::fs::remove_file(&probe)).map_err(|e| failed(&e))?;
        Ok(Self { path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Do both lie on one file system?
    pub(crate) fn same_disk(&self, other: &Self) -> bool {
        let device = |folder: &Self| std::fs::metadata(&folder.path).map(|metadata| metadata.dev()).ok();
        device(self) == device(other)
    }

    /// Opens a plain file for reading.
    pub(crate) fn read(&self, name: &str) -> io::Result<(File, Metadata)> {
        self.existing(OpenOptions::new().read(true), name)
    }

    /// Opens a plain file for reading and writing.
    pub(crate) fn modify(&self, name: &str) -> io::Result<(File, Metadata)> {
        self.existing(OpenOptions::new().read(true).write(true), name)
    }

    /// Opens a plain file for reading for somebody outside: the kernel sees to it that no name and no link
    /// leads out of the folder.
    pub(crate) fn read_beneath(&self, name: &str) -> io::Result<(File, Metadata)> {
        self.join(name)?;
        let folder = File::open(&self.path)?;
        // O_NONBLOCK: a FIFO lying there must not hold us up.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let opened = match openat2(&folder, name, OpenHow::new().flags(flags).resolve(resolve)) {
            // A sandbox that does not know the call yet. A name of one step that is no link stays inside, too.
            Err(Errno::ENOSYS | Errno::EPERM) => openat(&folder, name, flags, Mode::empty()),
            opened => opened,
        };
        let file = File::from(opened?);
        let metadata = file.metadata()?;
        if metadata.is_file() { Ok((file, metadata)) } else { Err(ErrorKind::NotFound.into()) }
    }

    fn existing(&self, options: &mut OpenOptions, name: &str) -> io::Result<(File, Metadata)> {
        // O_NONBLOCK: a FIFO lying there must not hold us up.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = options.custom_flags(flags.bits()).open(self.join(name)?)?;
        let metadata = file.metadata()?;
        if metadata.is_file() { Ok((file, metadata)) } else { Err(ErrorKind::NotFound.into()) }
    }

    /// Makes a file that is not there yet.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o640).open(self.join(name)?)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.join(name)?)
    }

    /// Gives a file another name; what had that name is replaced.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.join(from)?, self.join(to)?)?;
        self.sync()
    }

    /// Waits for the disk: a new name is there only when the folder is.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// A second name for a file; fails when there is one of that name.
    pub(crate) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::hard_link(self.join(from)?, self.join(to)?)
    }

    /// Gives a file its name; fails when there is one of that name.
    pub(crate) fn name(&self, unfinished: &str, name: &str) -> io::Result<()> {
        match self.link(unfinished, name) {
            // File systems without hard links (FAT on a memory card).
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
                if std::fs::symlink_metadata(self.join(name)?).is_ok() {
                    return Err(ErrorKind::AlreadyExists.into());
                }
                self.rename(unfinished, name)
            }
            linked => linked,
        }
    }

    /// Of the thing of this name itself, if it is a plain file.
    pub(crate) fn metadata(&self, name: &str) -> io::Result<Metadata> {
        let metadata = std::fs::symlink_metadata(self.join(name)?)?;
        if metadata.is_file() { Ok(metadata) } else { Err(ErrorKind::NotFound.into()) }
    }

    /// Plain names of all that lies there.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// A name must be one step: no separator, no parent.
    fn join(&self, name: &str) -> io::Result<PathBuf> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(self.path.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        let folder = Folder::open(&dir.path().join("inner"), "test").unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("link")).unwrap();
        nix::unistd::mkfifo(&folder.path().join("fifo"), Mode::S_IRWXU).unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        for name in
            ["", ".", "..", "../secret", "/etc/passwd", "link", "fifo", "sub", "sub/x", "a\0b", "none"]
        {
            assert!(folder.read(name).is_err(), "{name:?}");
            assert!(folder.read_beneath(name).is_err(), "{name:?}");
        }
        folder.create("x").unwrap();
        assert!(folder.read("x").is_ok() && folder.read_beneath("x").is_ok());
        assert_eq!(folder.create("x").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(folder.create("../x").is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_is_told_without_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Folder::open(&file.join("below"), "test").unwrap_err();
        assert_eq!(error.public, "the test folder cannot be used");
        assert!(error.private.contains("below"));
    }
}
