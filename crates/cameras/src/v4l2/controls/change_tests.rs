//! Many controls at once: in which order they are written, and that a device is as it was when one of them fails.

use super::{
    super::fake_tests::{
        BRIGHTNESS, EXPOSURE, EXPOSURE_AUTO, Fake, GAIN, SAVE, TITLE, WHITE, WHITE_AUTO, WHITE_LEFT,
    },
    *,
};

/// `brightness=3 white_balance_automatic=false title=abc`.
fn wishes(text: &str) -> BTreeMap<String, ControlValue> {
    let value = |text: &str| match (text.parse(), text.parse()) {
        (Ok(number), _) => ControlValue::Integer(number),
        (_, Ok(flag)) => ControlValue::Boolean(flag),
        _ => ControlValue::Text(text.into()),
    };
    let one = |word: &str| {
        let (name, text) = word.split_once('=').unwrap();
        (name.to_owned(), value(text))
    };
    text.split_whitespace().map(one).collect()
}

fn set_to(fake: &Fake, text: &str) -> Result<Changed, ControlError> {
    set(fake, &wishes(text), &Claim::default())
}

fn rule(outcome: Result<Changed, ControlError>) -> String {
    match outcome {
        Ok(_) => "none".into(),
        Err(ControlError::Refused { rule, why }) => format!("{rule}: {why}"),
        Err(other) => format!("{other:?}"),
    }
}

#[test]
fn modes_are_set_before_what_they_lock() {
    for (text, log) in [
        ("brightness=3", "Brightness=3"),
        (
            "exposure_time_absolute=100 auto_exposure=1 brightness=3",
            "Auto Exposure=1, Brightness=3, Exposure Time, Absolute=100",
        ),
        (
            "white_balance_temperature=3000 white_balance_automatic=false",
            "White Balance, Automatic=0, White Balance Temperature=3000",
        ),
        ("save=true pan_relative=1 brightness=3", "Brightness=3, Pan, Relative=1, Save=1"),
        ("title=xyz gain=4", "Gain=4, Title=xyz"),
        ("", ""),
    ] {
        let fake = Fake::camera();
        assert_eq!(rule(set_to(&fake, text)), "none", "{text}");
        assert_eq!(fake.log.borrow().join(", "), log, "{text}");
    }
}

#[test]
fn what_the_driver_took_is_answered_and_what_triggers_is_not_kept() {
    let fake = Fake { bends: Some((GAIN, 12)), ..Fake::camera() };
    let changed = set_to(&fake, "gain=16 title=xyz save=1 pan_relative=2 auto_exposure=1").unwrap();
    assert_eq!(changed.taken, wishes("gain=12 title=xyz auto_exposure=1"));
    for (name, value) in wishes("gain=16 title=abcd auto_exposure=3 brightness=0") {
        assert_eq!(changed.before[&name], value, "{name}");
    }
    let gain = changed.controls.iter().find(|control| control.name == "gain").unwrap();
    assert_eq!(gain.value, Some(ControlValue::Integer(12)));
}

#[test]
fn a_wish_that_breaks_a_rule_is_refused_before_anything_is_written() {
    for (text, broken) in [
        ("brightness=3 contrast=1", "unknown: this camera has no control contrast"),
        ("brightness=3 gain=101", "range: gain must be from 0 to 100 in steps of 4"),
        ("brightness=3 auto_exposure=2", "choice: auto_exposure must be one of 1 (Manual Mode), 3"),
        ("exposure_time_absolute=100", "inactive: exposure_time_absolute is inactive: an automatic mode"),
        ("exposure_time_absolute=100 brightness=1", "inactive: exposure_time_absolute"),
        ("areas=1", "unsupported: areas cannot be set by this service"),
    ] {
        let fake = Fake::camera();
        let told = rule(set_to(&fake, text));
        assert!(told.starts_with(broken), "{text}: {told}");
        assert_eq!(*fake.log.borrow(), [""; 0], "{text}");
    }
    let grabbed = Fake { grabbed: Some(GAIN), ..Fake::camera() };
    assert!(rule(set_to(&grabbed, "gain=0 brightness=1")).starts_with("grabbed: gain"));
    let long = "x".repeat(1000);
    assert_eq!(
        rule(set_to(&grabbed, &format!("{long}=1"))),
        "unknown: this camera has no control of that name"
    );
}

#[test]
fn a_device_is_as_it_was_when_one_of_many_fails() {
    let all = "brightness=3 gain=20 white_balance_automatic=false white_balance_temperature=3000 title=xyz \
               auto_exposure=1 exposure_time_absolute=100";
    for id in [BRIGHTNESS, GAIN, WHITE_AUTO, WHITE, TITLE, EXPOSURE_AUTO, EXPOSURE] {
        for says_so in [false, true] {
            let fake = Fake { says_so, ..Fake::camera() };
            fake.put(BRIGHTNESS, -5);
            let before = fake.all();
            fake.refuses.set(Some((id, Errno::EIO)));
            let outcome = set_to(&fake, all);
            let failed = ControlError::Failed { why: String::new(), retryable: true };
            assert!(
                matches!(&outcome, Err(error) if std::mem::discriminant(error) == std::mem::discriminant(&failed)),
                "{id:#x} {outcome:?}"
            );
            assert_eq!(fake.all(), before, "{id:#x}");
            let is_locked = id == WHITE || id == EXPOSURE;
            // Of what is locked nobody can be asked beforehand; and the first to be written fails at once.
            let untouched = says_so && !is_locked || id == WHITE_AUTO;
            assert_eq!(fake.log.borrow().is_empty(), untouched, "{id:#x} {:?}", fake.log.borrow());
        }
    }
}

#[test]
fn what_is_locked_by_the_same_call_is_refused_and_put_back() {
    let fake = Fake::camera();
    set_to(&fake, "auto_exposure=1 exposure_time_absolute=100").unwrap();
    let before = fake.all();
    let told = rule(set_to(&fake, "auto_exposure=3 exposure_time_absolute=200 brightness=9"));
    assert!(told.starts_with("inactive: exposure_time_absolute is inactive"), "{told}");
    assert_eq!(fake.all(), before);
    // A mode of another kind unlocks nothing; and what it has changed besides is put back.
    let told = rule(set_to(&fake, "white_balance_automatic=false auto_exposure=3 exposure_time_absolute=1"));
    assert!(told.starts_with("inactive: "), "{told}");
    assert_eq!(fake.all(), before);
    let told = rule(set_to(
        &fake,
        "save=true white_balance_automatic=false auto_exposure=3 exposure_time_absolute=1",
    ));
    assert!(told.starts_with("inactive: "), "{told}");
    assert_eq!((fake.all(), fake.number(SAVE)), (before, 0), "what cannot be taken back was not done");
    set_to(&fake, "white_balance_automatic=false").unwrap();
    assert_eq!(fake.number(WHITE), WHITE_LEFT, "so there was something to put back");
}

#[test]
fn what_is_abandoned_does_not_count() {
    let fake = Fake::camera();
    let before = fake.all();
    let claim = Claim::default();
    assert!(claim.abandon());
    let outcome = set(&fake, &wishes("brightness=3"), &claim);
    assert_eq!(outcome.unwrap_err(), ControlError::Silent);
    assert!(matches!(reset(&fake, &claim), Err(ControlError::Silent)));
    assert_eq!(fake.all(), before);
}

#[test]
fn what_is_done_can_be_taken_back_whatever_it_has_locked() {
    for (first, then) in [
        ("brightness=1", "auto_exposure=1 exposure_time_absolute=100 title=xyz brightness=9"),
        ("auto_exposure=1 exposure_time_absolute=100", "auto_exposure=3 gain=4"),
        ("", "white_balance_automatic=false white_balance_temperature=3000 save=1"),
        // What the mode has changed besides.
        ("", "white_balance_automatic=false"),
    ] {
        let fake = Fake::camera();
        set_to(&fake, first).unwrap();
        let before = fake.all();
        let changed = set_to(&fake, then).unwrap();
        assert_eq!(take_back(&fake, &changed.before), Ok(vec![]), "{then}");
        let mut after = fake.all();
        // It was pressed.
        after.insert(SAVE, Datum::Number(0));
        assert_eq!(after, before, "{then}");
    }
}

#[test]
fn what_cannot_be_put_back_is_said() {
    let fake = Fake::camera();
    // From now on its brightness is what the driver wants.
    let fake = Fake { bends: Some((BRIGHTNESS, 9)), ..fake };
    fake.refuses.set(Some((TITLE, Errno::EINVAL)));
    let outcome = set_to(&fake, "brightness=3 title=xyz").unwrap_err();
    let ControlError::Failed { why, retryable: false } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("title") && why.ends_with("(and brightness could not be put back)"), "{why}");
}

#[test]
fn everything_is_reset_that_can_be() {
    let fake = Fake::camera();
    let changed = "brightness=3 gain=20 white_balance_automatic=false white_balance_temperature=3000 title=xyz \
                   auto_exposure=1 exposure_time_absolute=100";
    set_to(&fake, changed).unwrap();
    fake.log.borrow_mut().clear();
    let reset_to = reset(&fake, &Claim::default()).unwrap();
    assert_eq!(
        fake.log.borrow().join(", "),
        "Brightness=0, Gain=16, White Balance Temperature=4600, Exposure Time, Absolute=157, \
         White Balance, Automatic=1, Auto Exposure=3"
    );
    assert!(reset_to.left.is_empty() && reset_to.taken.is_empty());
    // Nobody knows the default of text.
    let title = reset_to.controls.iter().find(|control| control.name == "title").unwrap();
    assert_eq!(title.value, Some(ControlValue::Text("xyz".into())));
    fake.log.borrow_mut().clear();
    reset(&fake, &Claim::default()).unwrap();
    assert_eq!(*fake.log.borrow(), [""; 0], "nothing is different from its default");
    // One that refuses keeps no other.
    fake.put(BRIGHTNESS, 7);
    fake.put(GAIN, 20);
    fake.refuses.set(Some((BRIGHTNESS, Errno::EIO)));
    let left = reset(&fake, &Claim::default()).unwrap().left;
    assert_eq!(left.iter().map(|left| left.control.as_str()).collect::<Vec<_>>(), ["brightness"]);
    assert_eq!(fake.number(GAIN), 16);
    fake.refuses.set(Some((BRIGHTNESS, Errno::ENODEV)));
    assert!(matches!(reset(&fake, &Claim::default()), Err(ControlError::NotThere)));
}

#[test]
fn what_is_kept_is_applied_once_and_what_cannot_be_is_told() {
    let applied = |fake: &Fake, kept: &str| {
        let left = apply(fake, &wishes(kept), &Claim::default()).unwrap();
        left.into_iter().map(|left| format!("{}: {}", left.control, left.why)).collect::<Vec<_>>().join("; ")
    };
    for (kept, log, left) in [
        (
            "brightness=3 auto_exposure=1 exposure_time_absolute=100",
            "Auto Exposure=1, Brightness=3, Exposure Time, Absolute=100",
            "",
        ),
        // As it is already.
        ("brightness=0 auto_exposure=3", "", ""),
        // The mode is kept, and so is what it will be without it.
        ("auto_exposure=3 exposure_time_absolute=100 gain=20", "Gain=20", ""),
        // Nobody has said that the mode is to be another.
        ("exposure_time_absolute=100 gain=20", "Gain=20", "exposure_time_absolute: is inactive"),
        (
            "zoom=1 brightness=3 gain=1",
            "Brightness=3",
            "gain: gain must be from 0 to 100 in steps of 4; zoom: this camera has no such control",
        ),
        ("save=true brightness=3", "Brightness=3", ""),
    ] {
        let fake = Fake::camera();
        let told = applied(&fake, kept);
        assert!(told.starts_with(left) && told.is_empty() == left.is_empty(), "{kept}: {told}");
        assert_eq!(fake.log.borrow().join(", "), log, "{kept}");
        let told_again = applied(&fake, kept);
        assert_eq!((fake.log.borrow().join(", "), told_again), (log.to_owned(), told), "again: {kept}");
    }
    let fake = Fake { grabbed: Some(GAIN), ..Fake::camera() };
    assert_eq!(applied(&fake, "gain=16"), "", "it cannot be set now, and need not");
    assert!(applied(&fake, "gain=20").starts_with("gain: gain cannot be set while"));
    fake.refuses.set(Some((BRIGHTNESS, Errno::EINVAL)));
    assert!(applied(&fake, "brightness=3").starts_with("brightness: the camera refuses brightness"));
    fake.refuses.set(Some((BRIGHTNESS, Errno::ENODEV)));
    let gone = apply(&fake, &wishes("brightness=3"), &Claim::default());
    assert_eq!(gone, Err(ControlError::NotThere));
    assert_eq!(fake.number(SAVE), 0);
}
