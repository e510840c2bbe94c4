//! The secrets that sign tokens: read from where the configuration says, or made once in the data folder.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{hex, private_file};

/// RFC 7518 section 3.2: a key for HS256 has at least 256 bits.
const MIN_BYTES: usize = 32;
/// Larger than any secret; the wrong file is not read into memory.
const MAX_BYTES: u64 = 4096;

/// A secret: neither `Display` nor `Debug` prints it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    /// The text, trimmed, as bytes.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() < MIN_BYTES {
            let length = text.len();
            return Err(format!("a secret needs at least {MIN_BYTES} bytes, this one has {length}"));
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// The text of a file.
    pub(crate) fn from_file(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = read(path).map_err(|cause| format!("{shown} cannot be read: {cause}"))?;
        Self::new(&text).map_err(|what| format!("{shown}: {what}"))
    }

    /// The password in a file, however short: its strength is judged by who asks for it.
    pub(crate) fn password_from_file(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = read(path).map_err(|cause| format!("{shown} cannot be read: {cause}"))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(format!("{shown}: there is no password in it")),
            text => Ok(Self(text.as_bytes().to_vec())),
        }
    }

    /// For signing, verifying and comparing.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too large for a secret"));
    }
    Ok(text)
}

/// Where the service keeps a secret it made.
pub(crate) fn kept_in(data_dir: &Path) -> PathBuf {
    data_dir.join("jwt_secret")
}

/// The secret kept in the data folder, made at the first start. `true`: it was made just now. The
/// caller holds the folder, so nobody makes one at the same time.
pub(crate) fn load_or_make(data_dir: &Path) -> Result<(Secret, bool), String> {
    make_secret(&kept_in(data_dir))
}

/// The same for a secret of any name: whose purposes differ, their secrets differ.
pub(crate) fn make_secret(path: &Path) -> Result<(Secret, bool), String> {
    if path.exists() {
        return Ok((Secret::from_file(path)?, false));
    }
    let mut random = [0; MIN_BYTES];
    getrandom::fill(&mut random).map_err(|cause| format!("no random numbers to be had: {cause}"))?;
    let text = hex(&random);
    let failed = |cause: io::Error| format!("{} cannot be written: {cause}", path.display());
    private_file::replace(path, &format!("{text}\n")).map_err(failed)?;
    Ok((Secret::new(&text)?, true))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_secret_is_trimmed_and_strong_and_not_shown() {
        let text = "hunter2-hunter2-hunter2-hunter2-";
        let secret = Secret::new(&format!("  {text}\n")).unwrap();
        assert_eq!(secret.bytes(), text.as_bytes());
        assert!(!format!("{secret:?}").contains("hunter2"));
        let weak = Secret::new(&text[1..]).unwrap_err();
        assert!(weak.contains("at least 32 bytes, this one has 31") && !weak.contains("hunter2"), "{weak}");
    }

    #[test]
    fn one_is_made_once_and_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("jwt_secret.new"), "left by a crash").unwrap();
        let (secret, made) = load_or_make(dir.path()).unwrap();
        assert!(made && secret.bytes().len() == 64);
        let path = kept_in(dir.path());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load_or_make(dir.path()).unwrap(), (secret, false));
        fs::write(&path, "weak").unwrap();
        assert!(load_or_make(dir.path()).unwrap_err().contains("at least 32 bytes"));
    }

    #[test]
    fn a_file_that_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Secret::from_file(&dir.path().join("none")).unwrap_err().contains("cannot be read"));
        assert!(Secret::from_file(dir.path()).is_err());
        let large = dir.path().join("large");
        File::create(&large).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(Secret::from_file(&large).unwrap_err().contains("too large"));
    }
}
