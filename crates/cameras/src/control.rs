//! What a control of a camera is to the rest of the house: brightness and the like, as its driver describes it.

/// The value of a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlValue {
    /// On or off.
    Boolean(bool),
    /// A number, the number of a menu's entry, or bits.
    Integer(i64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for ControlValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean(flag) => flag.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// What kind of value a control has (`enum v4l2_ctrl_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKind {
    /// A number of 32 bits.
    Integer,
    /// On or off.
    Boolean,
    /// One of the entries of a menu.
    Menu,
    /// One of the entries of a menu whose entries are numbers.
    IntegerMenu,
    /// No value: it does something.
    Button,
    /// A number of 64 bits.
    Integer64,
    /// Text.
    Text,
    /// 32 bits, each with its own meaning.
    Bitmask,
    /// Anything else, such as an array. It is listed, and can be neither read nor set here.
    Compound(&'static str),
}

impl ControlKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Menu => "menu",
            Self::IntegerMenu => "integer_menu",
            Self::Button => "button",
            Self::Integer64 => "integer64",
            Self::Text => "string",
            Self::Bitmask => "bitmask",
            Self::Compound(word) => word,
        }
    }
}

/// From, to and in steps of. Of text: its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlRange {
    /// The least.
    pub min: i64,
    /// The most; of bits: all that may be set.
    pub max: i64,
    /// 1 where each number between is allowed.
    pub step: u64,
}

/// One entry of a menu. Numbers may be missing between two entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuEntry {
    /// What the control is set to.
    pub value: i64,
    /// What its driver calls that.
    pub name: String,
}

/// What else there is to say of a control (`V4L2_CTRL_FLAG_…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlFlags(pub(crate) u32);

impl ControlFlags {
    pub(crate) const DISABLED: u32 = 0x0001;
    pub(crate) const GRABBED: u32 = 0x0002;
    pub(crate) const READ_ONLY: u32 = 0x0004;
    pub(crate) const UPDATE: u32 = 0x0008;
    pub(crate) const INACTIVE: u32 = 0x0010;
    pub(crate) const WRITE_ONLY: u32 = 0x0040;
    pub(crate) const VOLATILE: u32 = 0x0080;
    pub(crate) const EXECUTE_ON_WRITE: u32 = 0x0200;

    /// As `v4l2-ctl` calls them.
    const WORDS: [(u32, &str); 12] = [
        (Self::DISABLED, "disabled"),
        (Self::GRABBED, "grabbed"),
        (Self::READ_ONLY, "read-only"),
        (Self::UPDATE, "update"),
        (Self::INACTIVE, "inactive"),
        (0x0020, "slider"),
        (Self::WRITE_ONLY, "write-only"),
        (Self::VOLATILE, "volatile"),
        (0x0100, "has-payload"),
        (Self::EXECUTE_ON_WRITE, "execute-on-write"),
        (0x0400, "modify-layout"),
        (0x0800, "dynamic-array"),
    ];

    pub(crate) fn has(self, any: u32) -> bool {
        self.0 & any != 0
    }

    /// Their names; of those that nobody knows yet, none.
    pub fn words(self) -> Vec<&'static str> {
        Self::WORDS.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, word)| *word).collect()
    }
}

/// One control of a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// V4L2's number of it.
    pub id: u32,
    /// What it is called, such as `exposure_time_absolute`: what its driver calls it in lower case, with `_` between
    /// the words. No other control of the camera has the same name.
    pub name: String,
    /// What kind of value it has.
    pub kind: ControlKind,
    /// Which values; `None`: that is no question here.
    pub range: Option<ControlRange>,
    /// What it is without anybody's doing.
    pub default: Option<ControlValue>,
    /// What it is now; `None`: it cannot be read.
    pub value: Option<ControlValue>,
    /// Of a menu: what can be chosen.
    pub menu: Vec<MenuEntry>,
    /// What else there is to say.
    pub flags: ControlFlags,
}

/// Why nothing came of a call about controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlError {
    /// There is no such camera, or its device is gone.
    NotThere,
    /// It is no V4L2 device.
    NoControls,
    /// The wish breaks a rule. Nothing is different from before.
    Refused {
        /// The rule, in a word.
        rule: &'static str,
        /// Which control and what is allowed, for a person.
        why: String,
    },
    /// Its driver does not answer in time.
    Silent,
    /// Its driver does not do it.
    Failed {
        /// What went wrong, for a person; no device path.
        why: String,
        /// Another attempt may help.
        retryable: bool,
    },
    /// Too many cameras do not answer to ask yet another.
    TooMany,
}

/// A value that is kept for a camera and could not be put on its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapplied {
    /// The control by name.
    pub control: String,
    /// Why, for a person; no device path.
    pub why: String,
}
