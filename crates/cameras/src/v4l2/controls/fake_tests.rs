//! A driver for tests: a camera as many are, with two automatic modes and what they lock. What it is told to refuse it refuses.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use nix::errno::Errno;

use super::{
    Driver,
    sys::{Datum, Described, Form, MenuText},
};
use crate::control::ControlFlags;

pub(super) const BRIGHTNESS: u32 = 0x0098_0900;
pub(super) const WHITE_AUTO: u32 = 0x0098_090c;
pub(super) const GAIN: u32 = 0x0098_0913;
pub(super) const WHITE: u32 = 0x0098_091a;
pub(super) const TITLE: u32 = 0x0098_1900;
const HEADING: u32 = 0x009a_0001;
pub(super) const EXPOSURE_AUTO: u32 = 0x009a_0901;
pub(super) const EXPOSURE: u32 = 0x009a_0902;
const PAN: u32 = 0x009a_0904;
pub(super) const SAVE: u32 = 0x009a_1000;
const AREAS: u32 = 0x009a_1001;

/// What white balance comes to when its automatic mode is left.
pub(super) const WHITE_LEFT: i64 = 5000;

/// The camera.
pub(super) struct Fake {
    pub(super) values: RefCell<BTreeMap<u32, Datum>>,
    /// What was written, as `NAME=VALUE`.
    pub(super) log: RefCell<Vec<String>>,
    /// It fails to set this, once.
    pub(super) refuses: Cell<Option<(u32, Errno)>>,
    /// It says beforehand that it would fail.
    pub(super) says_so: bool,
    /// It takes this value instead of any other.
    pub(super) bends: Option<(u32, i64)>,
    /// It cannot be set at all, read it may be.
    pub(super) grabbed: Option<u32>,
    /// Behind the last control comes the first.
    pub(super) circles: bool,
    /// It says nothing but this.
    pub(super) mute: Option<Errno>,
}

impl Fake {
    /// In automatic modes, otherwise as it came.
    pub(super) fn camera() -> Self {
        let mut values: BTreeMap<u32, Datum> =
            ALL.iter().map(|row| (row.id, Datum::Number(row.default))).collect();
        values.insert(TITLE, Datum::Text("abcd".into()));
        Self {
            values: RefCell::new(values),
            log: RefCell::default(),
            refuses: Cell::default(),
            says_so: false,
            bends: None,
            grabbed: None,
            circles: false,
            mute: None,
        }
    }

    pub(super) fn number(&self, id: u32) -> i64 {
        match &self.values.borrow()[&id] {
            Datum::Number(number) => *number,
            Datum::Text(text) => panic!("{id:#x} is {text}"),
        }
    }

    /// As somebody else would set it.
    pub(super) fn put(&self, id: u32, number: i64) {
        self.values.borrow_mut().insert(id, Datum::Number(number));
    }

    /// All values, to be compared.
    pub(super) fn all(&self) -> BTreeMap<u32, Datum> {
        self.values.borrow().clone()
    }

    fn is_locked(&self, id: u32) -> bool {
        match id {
            WHITE => self.number(WHITE_AUTO) != 0,
            EXPOSURE => self.number(EXPOSURE_AUTO) != 1,
            _ => false,
        }
    }

    fn described(&self, row: &Row) -> Described {
        let mut flags = row.flags;
        flags |= if self.is_locked(row.id) { ControlFlags::INACTIVE } else { 0 };
        flags |= if self.grabbed == Some(row.id) { ControlFlags::GRABBED } else { 0 };
        Described {
            id: row.id,
            kind: row.kind,
            name: row.name.into(),
            minimum: row.range.0,
            maximum: row.range.1,
            step: row.range.2,
            default: row.default,
            flags,
            dimensions: u32::from(row.id == AREAS),
        }
    }

    fn refusal(&self, id: u32) -> Result<(), Errno> {
        self.refuses.get().filter(|(refused, _)| *refused == id).map_or(Ok(()), |(_, error)| Err(error))
    }
}

struct Row {
    id: u32,
    kind: u32,
    name: &'static str,
    range: (i64, i64, u64),
    default: i64,
    flags: u32,
}

#[rustfmt::skip]
const ALL: [Row; 11] = [
    Row { id: BRIGHTNESS, kind: 1, name: "Brightness", range: (-64, 64, 1), default: 0, flags: 0x20 },
    Row { id: WHITE_AUTO, kind: 2, name: "White Balance, Automatic", range: (0, 1, 1), default: 1, flags: 0 },
    Row { id: GAIN, kind: 1, name: "Gain", range: (0, 100, 4), default: 16, flags: 0 },
    Row { id: WHITE, kind: 1, name: "White Balance Temperature", range: (2800, 6500, 10), default: 4600, flags: 0 },
    Row { id: TITLE, kind: 7, name: "Title", range: (0, 8, 1), default: 0, flags: 0 },
    Row { id: HEADING, kind: 6, name: "Camera Controls", range: (0, 0, 0), default: 0, flags: 4 },
    Row { id: EXPOSURE_AUTO, kind: 3, name: "Auto Exposure", range: (0, 3, 1), default: 3, flags: 0 },
    Row { id: EXPOSURE, kind: 1, name: "Exposure Time, Absolute", range: (1, 5000, 1), default: 157, flags: 0 },
    Row { id: PAN, kind: 1, name: "Pan, Relative", range: (-10, 10, 1), default: 0, flags: ControlFlags::WRITE_ONLY },
    Row { id: SAVE, kind: 4, name: "Save", range: (0, 0, 0), default: 0, flags: ControlFlags::WRITE_ONLY },
    Row { id: AREAS, kind: 0x100, name: "Areas", range: (0, 255, 1), default: 0, flags: 0x100 },
];

impl Driver for Fake {
    fn behind(&self, id: u32) -> Result<Described, Errno> {
        self.mute.map_or(Ok(()), Err)?;
        let next = ALL.iter().find(|row| row.id > id);
        let next = next.or_else(|| ALL.first().filter(|_| self.circles));
        next.map(|row| self.described(row)).ok_or(Errno::EINVAL)
    }

    fn describe(&self, id: u32) -> Result<Described, Errno> {
        ALL.iter().find(|row| row.id == id).map(|row| self.described(row)).ok_or(Errno::EINVAL)
    }

    fn entry(&self, id: u32, index: u32) -> Result<MenuText, Errno> {
        assert_eq!(id, EXPOSURE_AUTO);
        match index {
            1 => Ok(MenuText::of("Manual Mode")),
            3 => Ok(MenuText::of("Aperture Priority Mode")),
            _ => Err(Errno::EINVAL),
        }
    }

    fn get(&self, id: u32, _: Form) -> Result<Datum, Errno> {
        Ok(self.values.borrow()[&id].clone())
    }

    fn attempt(&self, id: u32, _: Form, _: &Datum) -> Result<(), Errno> {
        if self.says_so { self.refusal(id) } else { Err(Errno::ENOTTY) }
    }

    fn set(&self, id: u32, _: Form, datum: &Datum) -> Result<(), Errno> {
        if self.refusal(id).is_err() {
            return self.refuses.take().map_or(Ok(()), |(_, error)| Err(error));
        }
        if self.is_locked(id) || self.grabbed == Some(id) {
            return Err(Errno::EACCES);
        }
        let bent = self.bends.filter(|(bent, _)| *bent == id).map(|(_, number)| Datum::Number(number));
        let datum = bent.unwrap_or_else(|| datum.clone());
        let left = id == WHITE_AUTO && self.number(WHITE_AUTO) != 0 && datum == Datum::Number(0);
        let name = ALL.iter().find(|row| row.id == id).map_or("?", |row| row.name);
        let shown = match &datum {
            Datum::Number(number) => number.to_string(),
            Datum::Text(text) => text.clone(),
        };
        self.log.borrow_mut().push(format!("{name}={shown}"));
        let mut values = self.values.borrow_mut();
        values.insert(id, datum);
        if left {
            values.insert(WHITE, Datum::Number(WHITE_LEFT));
        }
        Ok(())
    }
}
