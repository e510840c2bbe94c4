//! Everything that can be done to lines and files without the key, and what is said about it.

use std::fs;

use super::{
    super::store::tests::{filled, place},
    *,
};

struct Log {
    dir: tempfile::TempDir,
    place: Place,
    head: Head,
    /// All files, oldest first.
    files: Vec<PathBuf>,
}

fn log() -> Log {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 2000);
    let head = filled(&place, 14);
    let mut files: Vec<PathBuf> = place.all_full().unwrap().into_iter().map(|(_, path)| path).collect();
    files.push(place.file.clone());
    assert!(files.len() >= 3);
    Log { dir, place, head, files }
}

impl Log {
    fn verify(&self, head: Option<Head>) -> Result<Whole, String> {
        let by_place = verify_place(&self.place, &Key::for_tests(), head);
        let there: Vec<_> = self.files.iter().rev().filter(|file| file.exists()).cloned().collect();
        let by_name = verify_files(&there, &Key::for_tests(), head);
        // A name is all that the second way does not look at.
        if by_place.as_ref().err().is_none_or(|what| !what.contains("files were renamed")) {
            assert_eq!(by_place, by_name);
        }
        by_place
    }

    fn lines(&self, file: usize) -> Vec<String> {
        fs::read_to_string(&self.files[file]).unwrap().lines().map(str::to_owned).collect()
    }

    fn put(&self, file: usize, lines: &[String]) {
        fs::write(&self.files[file], lines.join("\n") + "\n").unwrap();
    }

    #[track_caller]
    fn broken(&self, place: (usize, usize), what: &str) {
        let said = self.verify(None).unwrap_err();
        let at = format!("{}:{}: ", self.files[place.0].display(), place.1);
        assert!(said.starts_with(&at) && said.contains(what), "{said}\nwanted: {at}{what}");
    }
}

#[test]
fn what_was_left_alone_is_whole() {
    let log = log();
    let whole = log.verify(Some(log.head)).unwrap();
    assert_eq!((whole.head, whole.lines, whole.files), (log.head, log.head.count, log.files.len()));
    assert!(verify_place(&log.place, &Key::load_or_make(log.dir.path()).unwrap(), None).is_err());
}

#[test]
fn every_changed_byte_is_found() {
    let log = log();
    let text = fs::read(&log.files[1]).unwrap();
    for at in 0..text.len() {
        let mut wrong = text.clone();
        wrong[at] ^= 1;
        fs::write(&log.files[1], &wrong).unwrap();
        assert!(log.verify(None).is_err(), "byte {at}");
    }
    fs::write(&log.files[1], &text).unwrap();
    log.verify(None).unwrap();
    let mut lines = log.lines(1);
    lines[2] = lines[2].replace("\"done\"", "\"failed\"");
    log.put(1, &lines);
    log.broken((1, 3), "was changed");
}

#[test]
fn lines_removed_moved_or_added_are_found() {
    let log = log();
    let lines = log.lines(1);
    let without = |gone: usize| [&lines[..gone], &lines[gone + 1..]].concat();
    log.put(1, &without(2));
    log.broken((1, 3), "was removed or moved");
    log.put(1, &without(0));
    log.broken((1, 1), "does not begin with a checkpoint");
    // The last line of a full file: the next file knows of it.
    log.put(1, &without(lines.len() - 1));
    log.broken((2, 1), "was removed or moved");
    let mut moved = lines.clone();
    moved.swap(1, 2);
    log.put(1, &moved);
    log.broken((1, 2), "was removed or moved");
    let mut twice = lines.clone();
    twice.insert(2, lines[1].clone());
    log.put(1, &twice);
    log.broken((1, 3), "moved or repeated");
    log.put(1, &[lines.clone(), log.lines(2)].concat());
    log.broken((1, lines.len() + 1), "a checkpoint where none can be");
    log.put(1, &[&lines[..2], &[String::new()], &lines[2..]].concat());
    log.broken((1, 3), "no line of an audit log");
    fs::write(&log.files[1], "").unwrap();
    log.broken((1, 1), "the file is empty");
}

#[test]
fn files_removed_or_swapped_are_found() {
    let log = log();
    let texts: Vec<_> = log.files.iter().map(|file| fs::read(file).unwrap()).collect();
    fs::write(&log.files[0], &texts[1]).unwrap();
    fs::write(&log.files[1], &texts[0]).unwrap();
    assert!(log.verify(None).unwrap_err().contains("files were renamed"));
    // In the order of their lines they are whole again, whatever their names.
    verify_files(&log.files, &Key::for_tests(), Some(log.head)).unwrap();
    fs::write(&log.files[0], &texts[0]).unwrap();
    fs::remove_file(&log.files[1]).unwrap();
    log.broken((2, 1), "were removed or moved");
    // The first ones may have been too old.
    fs::remove_file(&log.files[0]).unwrap();
    log.verify(Some(log.head)).unwrap();
    assert!(log.verify(Some(Head { count: 1, ..log.head })).unwrap_err().contains("not kept any more"));
}

#[test]
fn an_end_that_was_cut_off_shows_by_the_head() {
    let log = log();
    let last = log.files.len() - 1;
    let mut lines = log.lines(last);
    lines.pop();
    log.put(last, &lines);
    let shorter = log.verify(None).unwrap().head;
    assert_eq!(shorter.count, log.head.count - 1);
    assert!(log.verify(Some(log.head)).unwrap_err().contains("its end was cut off"));
    log.verify(Some(shorter)).unwrap();
    assert!(log.verify(Some(Head { mac: log.head.mac, ..shorter })).unwrap_err().contains("not the one"));
    fs::remove_file(&log.files[last]).unwrap();
    assert!(log.verify(Some(log.head)).unwrap_err().contains("its end was cut off"));

    let text = fs::read(&log.files[0]).unwrap();
    fs::write(&log.files[0], &text[..text.len() - 1]).unwrap();
    let said = log.verify(None).unwrap_err();
    assert!(said.contains("cut short"), "{said}");
}

#[test]
fn no_log_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let said = verify_place(&place(dir.path(), 1), &Key::for_tests(), None).unwrap_err();
    assert!(said.contains("there is no audit log"), "{said}");
    let none = verify_files(&[dir.path().join("x")], &Key::for_tests(), None).unwrap_err();
    assert!(none.contains("there is no such file"), "{none}");
}
