//! Two keyrings on one file, as the service and the command line are.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use super::{
    super::{Role, Scope},
    *,
};

fn open(path: &Path) -> Keyring {
    Keyring::open(path.to_owned(), watch::Sender::new(0)).unwrap()
}

fn order(name: &str) -> KeyOrder {
    KeyOrder { name: name.into(), role: Role::Viewer, scope: Scope::All, expires_at: None }
}

fn count(keys: &Keyring) -> u64 {
    *keys.changes.borrow()
}

#[test]
fn what_one_process_changes_the_other_believes_after_reading() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api_keys.json");
    let (service, command) = (open(&path), open(&path));
    let now = SystemTime::now();
    let made = command.create(order("gate"), now).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(service.verify(&made.text, now).is_err());
    service.reload().unwrap();
    let principal = service.verify(&made.text, now).unwrap();
    assert!(service.is_good(&made.key.id, &principal, now));
    let before = count(&service);
    // Own changes keep what the other did meanwhile.
    let second = command.create(order("wall"), now).unwrap();
    service.create(order("hall"), now).unwrap();
    assert_eq!(service.list().len(), 3);
    assert!(service.verify(&second.text, now).is_ok() && count(&service) > before);
    assert_eq!(command.revoke(&made.key.id, |_| false), Ok(false));
    assert_eq!(command.revoke(&made.key.id, |_| true), Ok(true));
    assert_eq!(command.revoke("none", |_| true), Ok(false));
    service.reload().unwrap();
    assert!(!service.is_good(&made.key.id, &principal, now) && service.verify(&made.text, now).is_err());
}

#[test]
fn a_key_that_was_changed_by_hand_gives_what_the_file_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    let keys = open(&path);
    let now = SystemTime::now();
    let made = keys.create(KeyOrder { role: Role::Admin, ..order("a") }, now).unwrap();
    let principal = keys.verify(&made.text, now).unwrap();
    let text = fs::read_to_string(&path).unwrap().replace("\"admin\"", "\"viewer\"");
    fs::write(&path, text).unwrap();
    keys.reload().unwrap();
    assert!(!keys.is_good(&made.key.id, &principal, now));
    fs::remove_file(&path).unwrap();
    keys.reload().unwrap();
    assert!(keys.verify(&made.text, now).is_err(), "no file, no keys");
}

#[test]
fn use_is_written_down_when_asked_and_changes_nobody_s_rights() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    let keys = open(&path);
    let now = SystemTime::now();
    let made = keys.create(order("a"), now).unwrap();
    let (before, text) = (count(&keys), fs::read_to_string(&path).unwrap());
    for seconds in 0..3 {
        keys.verify(&made.text, now + Duration::from_secs(seconds)).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing is written while a key is used");
    assert_eq!(keys.list()[0].last_used_at, Some(now + Duration::from_secs(2)));
    keys.save_used().unwrap();
    assert!(open(&path).list()[0].last_used_at.unwrap() > now);
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    keys.save_used().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written, "once is enough");
    keys.reload().unwrap();
    assert_eq!(count(&keys), before);
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_is_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api_keys.json");
    let keys = open(&path);
    let now = SystemTime::now();
    let made = keys.create(order("a"), now).unwrap();
    for wrong in ["{\"hunter2\": 1}", "hunter2", ""] {
        fs::write(&path, wrong).unwrap();
        let what = keys.reload().unwrap_err();
        assert!(what.contains("api_keys.json") && !what.contains("hunter2"), "{what}");
        assert!(keys.verify(&made.text, now).is_ok());
        assert!(matches!(keys.create(order("b"), now), Err(KeyTrouble::Failed(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), wrong, "what is not understood is not overwritten");
        assert!(Keyring::open(path.clone(), watch::Sender::new(0)).is_err());
    }
}
