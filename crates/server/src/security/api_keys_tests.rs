//! Keys as they are made and judged, and the corpus under `testdata/api_keys`, replayed.

use super::*;
use crate::corpus_tests as corpus;

const HOUR: Duration = Duration::from_hours(1);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_795_483_519_123)
}

fn order(name: &str) -> KeyOrder {
    KeyOrder { name: name.into(), role: Role::Operator, scope: Scope::All, expires_at: None }
}

#[test]
fn a_key_stands_for_what_it_was_made_for() {
    let mut book = Book::default();
    let scope = Scope::Only([control::CameraId(1)].into());
    let order = KeyOrder { scope: scope.clone(), expires_at: Some(now() + HOUR), ..order("gate") };
    let NewKey { key, text } = book.create(order, now()).unwrap();
    assert!(looks_like_key(&text) && text.len() <= MAX_KEY_BYTES);
    assert_eq!(text, format!("cs_{}_{}", key.id, &text[text.len() - 64..]));
    let principal = book.verify(&text, now()).unwrap();
    assert_eq!((principal.user.as_str(), principal.role), ("gate", Role::Operator));
    assert_eq!((&principal.scope, principal.key()), (&scope, format!("key:{}", key.id)));
    assert_eq!((principal.expires_at, principal.ends_at), (Some(now() + HOUR), Some(now() + HOUR)));
    // To the moment: no leeway.
    assert!(book.verify(&text, now() + HOUR - Duration::from_millis(1)).is_ok());
    assert_eq!(book.verify(&text, now() + HOUR), Err("the API key has expired"));
}

#[test]
fn what_is_not_exactly_the_key_is_none() {
    let mut book = Book::default();
    let first = book.create(order("a"), now()).unwrap();
    let second = book.create(order("b"), now()).unwrap();
    let (id, secret) = (&first.key.id, &first.text[first.text.len() - 64..]);
    for text in [
        String::new(),
        "cs_".into(),
        "cs__".into(),
        format!("cs_{id}_"),
        format!("cs_{id}_{}", "0".repeat(64)),
        format!("cs_{id}_{}", &second.text[second.text.len() - 64..]),
        format!("cs_{}_{secret}", second.key.id),
        format!("cs_{id}_{secret} "),
        format!("CS_{id}_{secret}"),
        format!("{id}_{secret}"),
        format!("cs_{}_{secret}", "f".repeat(16)),
        first.text.to_uppercase(),
        first.text[..first.text.len() - 1].into(),
        "cs_".repeat(1000),
    ] {
        assert_eq!(book.verify(&text, now()), Err("there is no such API key"), "{text}");
    }
    assert!(book.verify(&first.text, now()).is_ok());
}

#[test]
fn a_revoked_key_is_listed_and_refused() {
    let mut book = Book::default();
    let made = book.create(order("a"), now()).unwrap();
    assert!(!book.revoke("0000000000000000") && book.revoke(&made.key.id) && book.revoke(&made.key.id));
    assert_eq!(book.verify(&made.text, now()), Err("the API key was revoked"));
    assert!(book.list()[0].revoked);
}

#[test]
fn the_file_holds_everything_but_the_secret() {
    let mut book = Book::default();
    let one = book.create(order("a \"quoted\" name"), now()).unwrap();
    let scope = Scope::Only([control::CameraId(7)].into());
    let two = KeyOrder { scope, expires_at: Some(now() + HOUR), ..order("b") };
    let two = book.create(two, now() + HOUR / 2).unwrap();
    book.revoke(&two.key.id);
    book.note_used(&[(one.key.id.clone(), now() + HOUR), ("gone".into(), now())].into());
    book.note_used(&[(one.key.id.clone(), now())].into());
    let text = book.to_text().unwrap();
    for made in [&one, &two] {
        assert!(!text.contains(&made.text[made.text.len() - 64..]), "{text}");
        assert!(!format!("{book:?}").contains(&made.text[made.text.len() - 64..]));
    }
    let read = Book::parse(&text).unwrap();
    assert_eq!(read, book);
    assert!(read.verify(&one.text, now()).is_ok());
    let used: Vec<_> = read.list().into_iter().map(|key| key.last_used_at).collect();
    assert_eq!(used, [Some(now() + HOUR), None]);
}

#[test]
fn the_same_key_has_another_hash_in_another_file() {
    let text = "cs_0000000000000000_0";
    assert_ne!(Check::of([0; 16], text).hash, Check::of([1; 16], text).hash);
}

#[test]
fn when_full_the_oldest_dead_key_makes_room() {
    let mut book = Book::default();
    let at = |n: usize| now() + Duration::from_secs(n as u64);
    let made: Vec<_> = (0..MAX_KEYS).map(|n| book.create(order("x"), at(n)).unwrap()).collect();
    assert_eq!(book.create(order("y"), at(MAX_KEYS)).err(), Some(NoKey::Full));
    book.revoke(&made[7].key.id);
    book.revoke(&made[9].key.id);
    book.create(order("y"), at(MAX_KEYS)).unwrap();
    assert!(book.get(&made[7].key.id).is_none() && book.get(&made[9].key.id).is_some());
    assert_eq!(book.list().len(), MAX_KEYS);
    assert!(Book::parse(&book.to_text().unwrap()).is_ok());
    let spare = Book::default().create(order("z"), now()).unwrap().key;
    book.0.insert(spare.id.clone(), spare);
    assert_eq!(Book::parse(&book.to_text().unwrap()), Err("more than 1000 keys".into()));
}

#[test]
fn names() {
    for (name, good) in [("Gate", true), ("門", true), ("", false), ("  ", false), ("a\tb", false)] {
        assert_eq!(judge_name(name).is_ok(), good, "{name:?}");
    }
    assert!(judge_name(&"x".repeat(MAX_NAME_CHARS)).is_ok() && judge_name(&"x".repeat(65)).is_err());
}

#[test]
fn files_are_judged_as_their_names_say() {
    for (name, data) in corpus::files("api_keys") {
        let outcome = Book::parse(std::str::from_utf8(&data).unwrap());
        assert_eq!(outcome.is_ok(), name.starts_with("valid-"), "{name}: {outcome:?}");
        if let Err(what) = outcome {
            assert!(!what.contains("hunter2") && !what.contains("passwd"), "{name}: {what}");
        }
    }
}

#[test]
fn no_small_change_of_one_breaks_a_rule() {
    corpus::bent("api_keys", 5_000, fuzz);
}
