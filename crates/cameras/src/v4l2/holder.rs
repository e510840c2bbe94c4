//! Which programs have a device open, as far as `/proc` shows them: those of others only to root (proc(5)).

use std::{fs, path::Path};

/// Processes looked at.
const MAX_PROCESSES: usize = 65_536;

/// A program that has a device open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Its name, as the kernel keeps it: at most 15 bytes.
    pub program: String,
}

/// Programs that have `path` open, other than this one.
pub fn holders(path: &Path) -> Vec<Holder> {
    holders_in(Path::new("/proc"), path)
}

fn holders_in(proc_root: &Path, path: &Path) -> Vec<Holder> {
    let entries = fs::read_dir(proc_root).into_iter().flatten().flatten().take(MAX_PROCESSES);
    entries
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let mut open = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
            let has_it = open.any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == path));
            let program = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            let program: String = program.trim().chars().filter(|c| !c.is_control()).collect();
            (has_it && pid != std::process::id()).then_some(Holder { pid, program })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn who_has_a_device_open_is_found_in_proc() {
        let root = tempfile::tempdir().unwrap();
        let process = |pid: &str, comm: &str, target: &str| {
            let fd = root.path().join(pid).join("fd");
            fs::create_dir_all(&fd).unwrap();
            fs::write(root.path().join(pid).join("comm"), format!("{comm}\n")).unwrap();
            symlink(target, fd.join("3")).unwrap();
        };
        process("17", "cheese", "/dev/video0");
        process("18", "cat", "/dev/video01");
        process("self", "me", "/dev/video0");
        process(&std::process::id().to_string(), "me", "/dev/video0");
        let found = holders_in(root.path(), Path::new("/dev/video0"));
        assert_eq!(found, [Holder { pid: 17, program: "cheese".into() }]);
        assert_eq!(holders_in(&root.path().join("none"), Path::new("/dev/video0")), []);
    }
}
