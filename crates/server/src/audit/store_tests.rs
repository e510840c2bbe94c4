//! Files that grow, become full, and are found damaged. Real files.

use std::path::Path;

use super::{super::verify::verify_place, *};

pub(in crate::audit) fn place(dir: &Path, max_file_bytes: u64) -> Place {
    Place { file: dir.join("audit.log"), max_file_bytes, retention: std::time::Duration::from_hours(24) }
}

/// A log of calls, as a service leaves it.
pub(in crate::audit) fn filled(place: &Place, calls: usize) -> Head {
    let mut store = Store::new(place.clone(), Key::for_tests());
    fill(&mut store, calls);
    store.head().unwrap()
}

fn fill(store: &mut Store, calls: usize) {
    for _ in 0..calls {
        store.append(&Line::own(Event::Call, Some("delete_snapshot"), Outcome::Done, None)).unwrap();
    }
}

fn verified(place: &Place) -> Head {
    verify_place(place, &Key::for_tests(), None).unwrap().head
}

fn text(place: &Place) -> String {
    fs::read_to_string(&place.file).unwrap()
}

#[test]
fn the_chain_goes_on_over_files_and_starts() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 2000);
    for calls in [10, 1, 5] {
        let head = filled(&place, calls);
        assert_eq!(verified(&place), head);
    }
    let full = place.all_full().unwrap();
    assert!(full.len() >= 2 && full[0].0 == 1, "{full:?}");
    for (first, path) in &full {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with("{\"ts\":") && text.len() <= 2000, "{path:?}");
        assert!(text.lines().next().unwrap().contains("\"event\":\"checkpoint\""));
        assert!(text.contains(&format!("\"seq\":{first},")));
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&place.file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // What retention removes is no break.
    fs::remove_file(&full[0].1).unwrap();
    verified(&place);
}

#[test]
fn a_half_written_last_line_is_removed_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 1 << 20);
    for left in ["{\"ts\":\"2026", "\0\0\0\0", "{"] {
        let before = filled(&place, 2);
        let whole = text(&place);
        fs::write(&place.file, format!("{whole}{left}")).unwrap();
        let mut store = Store::new(place.clone(), Key::for_tests());
        store.ready().unwrap();
        let now = text(&place);
        assert!(now.starts_with(&whole) && now[whole.len()..].contains("\"event\":\"recovered\""), "{now}");
        assert_eq!(verified(&place).count, before.count + 1);
    }
    // A first line, too: the crash came when the file was new.
    fs::write(&place.file, "{\"ts\"").unwrap();
    filled(&place, 1);
    let now = text(&place);
    assert_eq!(now.lines().count(), 3, "{now}");
    verified(&place);
}

#[test]
fn a_file_that_was_tampered_with_is_kept_and_shows() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 1 << 20);
    let before = filled(&place, 5);
    let whole = text(&place);
    let wrong = whole.replacen("delete_snapshot", "get_storage_info", 5);
    fs::write(&place.file, &wrong).unwrap();
    let mut store = Store::new(place.clone(), Key::for_tests());
    store.ready().unwrap();
    assert_eq!(fs::read_to_string(place.full(1)).unwrap(), wrong, "the proof is kept");
    assert_eq!(store.head().unwrap().count, before.count + 2);
    let broken = verify_place(&place, &Key::for_tests(), None).unwrap_err();
    assert!(broken.contains("audit.log.000000000001:2: line 2 was changed"), "{broken}");
}

#[test]
fn a_file_changed_or_removed_while_it_is_written_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 1 << 20);
    let mut store = Store::new(place.clone(), Key::for_tests());
    fill(&mut store, 3);
    fs::remove_file(&place.file).unwrap();
    store.ready().unwrap();
    fill(&mut store, 1);
    assert_eq!(text(&place).lines().count(), 2);
    assert!(text(&place).contains("\"count\":4"), "the new file carries the chain over");

    let cut = text(&place).lines().next().unwrap().to_owned() + "\n";
    fs::write(&place.file, &cut).unwrap();
    store.ready().unwrap();
    fill(&mut store, 1);
    assert_eq!(fs::read_to_string(place.full(5)).unwrap(), cut);
    let broken = verify_place(&place, &Key::for_tests(), None).unwrap_err();
    assert!(broken.contains("audit.log:1: line 6 was removed"), "{broken}");
}

#[test]
fn what_is_no_file_or_another_s_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 1 << 20);
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), &place.file).unwrap();
    assert!(Store::new(place.clone(), Key::for_tests()).ready().is_err());
    assert!(!dir.path().join("elsewhere").exists());
    fs::remove_file(&place.file).unwrap();
    let full = Place { file: "/dev/full".into(), ..place.clone() };
    assert!(Store::new(full, Key::for_tests()).ready().is_err());
    let mut first = Store::new(place.clone(), Key::for_tests());
    first.ready().unwrap();
    let second = Store::new(place, Key::for_tests()).ready().unwrap_err();
    assert!(second.to_string().contains("another service"), "{second}");
}

#[test]
fn old_files_go_when_a_new_one_begins() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 1024);
    let mut store = Store::new(place.clone(), Key::for_tests());
    fill(&mut store, 6);
    let (first, path) = place.all_full().unwrap().remove(0);
    let old = SystemTime::now() - std::time::Duration::from_hours(25);
    File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    fill(&mut store, 6);
    assert!(place.all_full().unwrap().iter().all(|(number, _)| *number > first));
    assert_eq!(Some(verified(&place)), store.head());
}
