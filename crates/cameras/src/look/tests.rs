//! Devices that answer late, never, or only when they are permitted, at a node made by hand: what leads to
//! `/dev/null` passes for one. Times are given, so nobody waits for a deadline.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::{lchown, symlink},
    sync::{Condvar, Mutex, PoisonError},
};

use base::config::{Origin, Settings};
use serde_json::json;

use super::*;
use crate::v4l2::Mode;

/// Longer than any thread here ought to take.
const PATIENCE: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a fake device does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Answer,
    Refuse,
    Break,
    Hang,
    NoCamera,
}

/// A folder of devices whose answers are told beforehand.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    does: Arc<(Mutex<HashMap<u16, Does>>, Condvar)>,
    asked: Arc<Mutex<Vec<u16>>>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("dev")).unwrap();
        Self { folder, does: Arc::default(), asked: Arc::default() }
    }

    pub(crate) fn dev(&self) -> PathBuf {
        self.folder.path().join("dev")
    }

    fn sys(&self) -> PathBuf {
        self.folder.path().join("sys")
    }

    /// A node that was not there before, or takes another one's place.
    pub(crate) fn plug(&self, number: u16, does: Does) {
        self.let_it(number, does);
        let new = self.folder.path().join("new");
        symlink("/dev/null", &new).unwrap();
        fs::rename(new, self.dev().join(format!("video{number}"))).unwrap();
    }

    pub(crate) fn pull(&self, number: u16) {
        fs::remove_file(self.dev().join(format!("video{number}"))).unwrap();
    }

    /// From now on. Those that hang are let go.
    pub(crate) fn let_it(&self, number: u16, does: Does) {
        self.does.0.lock().unwrap().insert(number, does);
        self.does.1.notify_all();
    }

    /// Says of a node anew whose it is, as udev does.
    pub(crate) fn touch(&self, number: u16) {
        let user = nix::unistd::Uid::effective().as_raw();
        lchown(self.dev().join(format!("video{number}")), Some(user), None).unwrap();
    }

    /// Two nodes of one device.
    fn marry(&self, numbers: [u16; 2]) {
        fs::create_dir_all(self.sys().join("devices/1-1:1.0")).unwrap();
        for number in numbers {
            let node = self.sys().join(format!("class/video4linux/video{number}"));
            fs::create_dir_all(&node).unwrap();
            symlink("../../../devices/1-1:1.0", node.join("device")).unwrap();
        }
    }

    pub(crate) fn lookout(&self, news: Arc<Notify>) -> Lookout {
        let (does, asked) = (self.does.clone(), self.asked.clone());
        let ask = move |number: u16, path: &Path| {
            asked.lock().unwrap().push(number);
            let table = does.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (table, _) = does
                .1
                .wait_timeout_while(table, PATIENCE, |table| table[&number] == Does::Hang)
                .unwrap_or_else(PoisonError::into_inner);
            let found = Found::unusable(number, path.to_owned(), "broken");
            let mode = Mode::example(Size { width: 640, height: 480 });
            let name = format!("Cam {number}");
            let bus_info = Some(format!("usb-{number}"));
            match table[&number] {
                Does::Answer => Some(Found { name, bus_info, modes: Ok(vec![mode]), ..found }),
                Does::Refuse => Some(Found { name, bus_info, closed: true, ..found }),
                Does::Break | Does::Hang => Some(found),
                Does::NoCamera => None,
            }
        };
        let mut settings = Settings::default();
        settings.overlay(json!({"camera": {"detection_timeout": "5s"}}), Origin::File);
        let config = Config::read(&mut settings);
        Lookout::with(Arc::new(ask), &self.dev(), &self.sys(), &config, news)
    }

    /// Which nodes were asked since the last time.
    fn asked(&self) -> Vec<u16> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.sort_unstable();
        asked
    }
}

/// Takes one answer, and waits for it.
fn hear_one(lookout: &mut Lookout, now: Instant) {
    let (ticket, found) = lookout.probes.answer(Some(Instant::now() + PATIENCE)).expect("a device answers");
    lookout.take(ticket, found, now);
}

/// `+` can be used, `-` cannot.
fn found(lookout: &Lookout, now: Instant) -> Vec<String> {
    let word = |found: Found| format!("{}{}", if found.modes.is_ok() { '+' } else { '-' }, found.number);
    lookout.found(now).into_iter().map(word).collect()
}

#[test]
fn one_that_hangs_holds_up_no_other_and_is_heard_when_it_answers() {
    let desk = Desk::new();
    desk.plug(0, Does::Hang);
    desk.plug(1, Does::Answer);
    let mut lookout = desk.lookout(Arc::default());
    let t0 = Instant::now();
    lookout.look(None, t0);
    hear_one(&mut lookout, t0);
    assert_eq!((found(&lookout, t0), lookout.pending(t0)), (vec!["+1".into()], BTreeSet::from([0])));
    assert_eq!(lookout.due(t0), Some(t0 + TIMEOUT));
    // One that is plugged in meanwhile is as quick as ever.
    desk.plug(2, Does::Answer);
    lookout.look(Some(&BTreeSet::from([2])), t0 + TIMEOUT / 2);
    hear_one(&mut lookout, t0);
    assert_eq!(found(&lookout, t0), ["+1", "+2"]);
    let late = t0 + TIMEOUT;
    assert_eq!(
        (found(&lookout, late), lookout.due(late)),
        (vec!["-0".into(), "+1".into(), "+2".into()], None)
    );
    let why = lookout.found(late)[0].modes.clone().unwrap_err();
    assert_eq!(why, "the device does not answer");
    lookout.look(None, late);
    desk.let_it(0, Does::Answer);
    hear_one(&mut lookout, late);
    assert_eq!(found(&lookout, late), ["+0", "+1", "+2"]);
    assert_eq!(desk.asked(), [0, 1, 2], "one that hangs is not asked again and again");
}

#[test]
fn a_node_that_is_not_permitted_yet_is_asked_when_it_is_and_not_failed() {
    let desk = Desk::new();
    let mut lookout = desk.lookout(Arc::default());
    let t0 = Instant::now();
    lookout.look(None, t0);
    desk.plug(0, Does::Refuse);
    let here = BTreeSet::from([0]);
    lookout.look(Some(&here), t0);
    hear_one(&mut lookout, t0);
    assert_eq!((found(&lookout, t0), lookout.pending(t0)), (vec![], here.clone()));
    assert_eq!(lookout.due(t0), Some(t0 + PERMIT_WITHIN));
    desk.let_it(0, Does::Answer);
    desk.touch(0);
    lookout.look(Some(&here), t0);
    hear_one(&mut lookout, t0);
    assert_eq!(found(&lookout, t0), ["+0"]);
    // Permission that is lost later is told.
    desk.let_it(0, Does::Refuse);
    desk.touch(0);
    let late = t0 + PERMIT_WITHIN;
    lookout.look(Some(&here), late);
    hear_one(&mut lookout, late);
    assert_eq!((found(&lookout, late), lookout.due(late)), (vec!["-0".into()], None));
}

#[test]
fn what_was_there_before_us_and_is_not_permitted_is_told_at_once() {
    let desk = Desk::new();
    desk.plug(0, Does::Refuse);
    let mut lookout = desk.lookout(Arc::default());
    let t0 = Instant::now();
    lookout.look(None, t0);
    lookout.wait(PATIENCE);
    assert_eq!(found(&lookout, t0), ["-0"]);
}

#[test]
fn an_answer_older_than_a_change_is_asked_for_again() {
    let desk = Desk::new();
    desk.plug(0, Does::Hang);
    let mut lookout = desk.lookout(Arc::default());
    let t0 = Instant::now();
    lookout.look(None, t0);
    desk.touch(0);
    lookout.look(None, t0);
    desk.let_it(0, Does::Refuse);
    hear_one(&mut lookout, t0);
    desk.let_it(0, Does::Answer);
    // The second question may have been quick enough to be refused, too.
    hear_one(&mut lookout, t0);
    lookout.look(None, t0);
    lookout.wait(PATIENCE);
    assert_eq!(found(&lookout, t0), ["+0"]);
    assert!(desk.asked().len() >= 2);
}

#[test]
fn what_is_pulled_is_gone_at_once_and_its_late_answer_nobodys() {
    let desk = Desk::new();
    desk.plug(0, Does::Answer);
    let mut lookout = desk.lookout(Arc::default());
    let t0 = Instant::now();
    let here = BTreeSet::from([0]);
    lookout.look(None, t0);
    lookout.wait(PATIENCE);
    assert_eq!(found(&lookout, t0), ["+0"]);
    // Another one in its place, and nobody has seen the place empty.
    desk.plug(0, Does::Hang);
    lookout.look(Some(&here), t0);
    assert_eq!(found(&lookout, t0), [""; 0]);
    desk.pull(0);
    lookout.look(Some(&here), t0);
    assert_eq!(lookout.due(t0), None);
    desk.let_it(0, Does::Answer);
    let _ = lookout
        .probes
        .answer(Some(Instant::now() + PATIENCE))
        .map(|(ticket, found)| lookout.take(ticket, found, t0));
    assert_eq!(found(&lookout, t0), [""; 0]);
}

#[test]
fn only_where_the_hint_says_and_only_who_may_be_different() {
    let desk = Desk::new();
    for (number, does) in [(0, Does::Break), (1, Does::Break), (2, Does::Answer), (3, Does::NoCamera)] {
        desk.plug(number, does);
    }
    let mut lookout = desk.lookout(Arc::default());
    let t0 = Instant::now();
    lookout.look(None, t0);
    lookout.wait(PATIENCE);
    assert_eq!(
        (desk.asked(), found(&lookout, t0)),
        (vec![0, 1, 2, 3], vec!["-0".into(), "-1".into(), "+2".into()])
    );
    lookout.look(Some(&BTreeSet::from([1, 2, 3, 9])), t0);
    lookout.wait(PATIENCE);
    assert_eq!(desk.asked(), [1]);
    desk.pull(0);
    desk.pull(2);
    lookout.look(Some(&BTreeSet::from([2])), t0);
    assert_eq!(found(&lookout, t0), ["-0", "-1"], "nobody looked at the first one");
    desk.touch(3);
    lookout.look(None, t0);
    lookout.wait(PATIENCE);
    assert_eq!((desk.asked(), found(&lookout, t0)), (vec![1, 3], vec!["-1".into()]));
}

#[test]
fn the_first_node_of_a_camera_is_heard_first() {
    let desk = Desk::new();
    desk.marry([0, 2]);
    desk.plug(0, Does::Hang);
    desk.plug(1, Does::Answer);
    desk.plug(2, Does::Answer);
    let mut lookout = desk.lookout(Arc::default());
    let t0 = Instant::now();
    lookout.look(None, t0);
    hear_one(&mut lookout, t0);
    hear_one(&mut lookout, t0);
    assert_eq!(found(&lookout, t0), ["+1"]);
    assert_eq!(found(&lookout, t0 + TIMEOUT), ["-0", "+1", "+2"], "but not for ever");
    desk.let_it(0, Does::Answer);
    hear_one(&mut lookout, t0);
    assert_eq!(found(&lookout, t0), ["+0", "+1", "+2"]);
}
