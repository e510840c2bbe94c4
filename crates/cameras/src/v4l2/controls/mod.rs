//! The controls of one device: brightness and the like. Reading them (here), what they are (`model`), which values they
//! may have (`check`), and changing many at once so that all of it holds or none (`change`). Blocks while the driver does.

mod change;
mod check;
#[cfg(test)]
mod fake_tests;
mod model;

use std::path::Path;

use nix::errno::Errno;

use super::{
    refusal,
    sys::{self, Datum, Described, Form, MenuText},
};
use crate::control::{Control, ControlError, ControlFlags, ControlKind, ControlValue, MenuEntry};

pub(crate) use super::sys::Device;
pub(crate) use change::{apply, reset, set, take_back};

/// Most controls of one device: as many as V4L2 has numbers for in a class (`V4L2_CID_MAX_CTRLS`).
const MAX_CONTROLS: usize = 1024;
/// Most entries of one menu that are asked for.
const MAX_ENTRIES: usize = 256;

/// What a driver can be asked about controls.
pub(crate) trait Driver {
    /// The first control behind this id; `EINVAL` behind the last.
    fn behind(&self, id: u32) -> Result<Described, Errno>;
    /// The control of this id.
    fn describe(&self, id: u32) -> Result<Described, Errno>;
    /// An entry of a menu.
    fn entry(&self, id: u32, index: u32) -> Result<MenuText, Errno>;
    /// The present value.
    fn get(&self, id: u32, form: Form) -> Result<Datum, Errno>;
    /// Could it be set to that?
    fn attempt(&self, id: u32, form: Form, datum: &Datum) -> Result<(), Errno>;
    /// Sets it.
    fn set(&self, id: u32, form: Form, datum: &Datum) -> Result<(), Errno>;
}

impl Driver for Device {
    fn behind(&self, id: u32) -> Result<Described, Errno> {
        self.control_behind(id)
    }

    fn describe(&self, id: u32) -> Result<Described, Errno> {
        self.control(id)
    }

    fn entry(&self, id: u32, index: u32) -> Result<MenuText, Errno> {
        self.menu_entry(id, index)
    }

    fn get(&self, id: u32, form: Form) -> Result<Datum, Errno> {
        self.control_value(id, form)
    }

    fn attempt(&self, id: u32, form: Form, datum: &Datum) -> Result<(), Errno> {
        self.try_control(id, form, datum)
    }

    fn set(&self, id: u32, form: Form, datum: &Datum) -> Result<(), Errno> {
        self.set_control(id, form, datum)
    }
}

/// Opens a camera's node. `bus_info`: where the camera is plugged in; another camera's node is not opened for it.
pub(crate) fn open(path: &Path, bus_info: Option<&str>) -> Result<Device, ControlError> {
    let device = Device::open(path).map_err(|error| match refusal::why(error, path) {
        None => ControlError::NotThere,
        Some(why) => ControlError::Failed { why, retryable: is_passing(error) },
    })?;
    let capability = device.capability().map_err(|error| failed(None, error))?;
    let is_other = bus_info.is_some_and(|bus| !capability.bus_info.is_empty() && capability.bus_info != bus);
    if is_other { Err(ControlError::NotThere) } else { Ok(device) }
}

/// What an error of a driver is to whoever asked. `control`: which one it was about.
fn failed(control: Option<&str>, error: Errno) -> ControlError {
    match error {
        Errno::ENODEV | Errno::ENXIO | Errno::ENOENT => ControlError::NotThere,
        error => {
            let what = control.map_or_else(String::new, |name| format!(" {name}"));
            let why = format!("the camera refuses{what}: {}", error.desc());
            ControlError::Failed { why, retryable: is_passing(error) }
        }
    }
}

/// May the same succeed a moment later?
fn is_passing(error: Errno) -> bool {
    !matches!(
        error,
        Errno::EINVAL | Errno::ERANGE | Errno::EACCES | Errno::EPERM | Errno::ENOTTY | Errno::ENOSPC
    )
}

/// A control with what it takes to write it.
#[derive(Debug, Clone)]
struct Known {
    control: Control,
    /// `None`: its values are unknown here.
    form: Option<Form>,
}

impl Known {
    fn has(&self, flags: u32) -> bool {
        self.control.flags.has(flags)
    }

    fn is_act(&self) -> bool {
        model::is_act(self.control.id, self.control.kind, self.control.flags)
    }
}

/// All controls of a device, as they are now.
pub(crate) fn list(driver: &impl Driver) -> Result<Vec<Control>, ControlError> {
    Ok(read(driver)?.into_iter().map(|known| known.control).collect())
}

fn read(driver: &impl Driver) -> Result<Vec<Known>, ControlError> {
    read_some(driver, |_| true)
}

/// All controls, with values and menus only of those whose name is wanted: that is most of the work.
fn read_some(driver: &impl Driver, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Known>, ControlError> {
    let (mut all, mut names, mut last) = (Vec::new(), model::Names::new(), 0);
    while all.len() < MAX_CONTROLS {
        let described = match driver.behind(last) {
            Ok(described) if described.id > last => described,
            // ENOTTY: a device without controls. A driver that goes round in circles has told all it knows.
            Ok(_) | Err(Errno::EINVAL | Errno::ENOTTY) => break,
            Err(error) => return Err(failed(None, error)),
        };
        last = described.id;
        if let Some(kind) = model::kind(&described) {
            let name = names.name(&described);
            let wanted = is_wanted(&name);
            all.push(known(driver, kind, name, &described, wanted));
        }
    }
    Ok(all)
}

fn known(
    driver: &impl Driver,
    kind: ControlKind,
    name: String,
    described: &Described,
    wanted: bool,
) -> Known {
    let flags = ControlFlags(described.flags);
    let form = model::form(kind, described);
    Known {
        control: Control {
            id: described.id,
            name,
            kind,
            range: model::range(kind, described),
            default: model::default(kind, described),
            value: if wanted { value(driver, described.id, kind, flags, form) } else { None },
            menu: if wanted { menu(driver, kind, described) } else { Vec::new() },
            flags,
        },
        form,
    }
}

/// `None`: it has none that can be read, or the driver does not tell it now.
fn value(
    driver: &impl Driver,
    id: u32,
    kind: ControlKind,
    flags: ControlFlags,
    form: Option<Form>,
) -> Option<ControlValue> {
    let closed = kind == ControlKind::Button || flags.has(ControlFlags::WRITE_ONLY | ControlFlags::DISABLED);
    let form = form.filter(|_| !closed)?;
    driver.get(id, form).ok().map(|datum| model::value(kind, datum))
}

fn menu(driver: &impl Driver, kind: ControlKind, described: &Described) -> Vec<MenuEntry> {
    if !matches!(kind, ControlKind::Menu | ControlKind::IntegerMenu) {
        return Vec::new();
    }
    let entry = |value: i64| {
        let index = u32::try_from(value).ok()?;
        let text = driver.entry(described.id, index).ok()?;
        let is_number = kind == ControlKind::IntegerMenu;
        Some(MenuEntry { value, name: if is_number { text.number().to_string() } else { text.text() } })
    };
    (described.minimum..=described.maximum).take(MAX_ENTRIES).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::{fake_tests::Fake, *};

    #[test]
    fn everything_is_listed_with_what_is_known_of_it() {
        let fake = Fake::camera();
        let controls = list(&fake).unwrap();
        let line = |control: &Control| {
            let value = control.value.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {} {value}", control.name, control.kind.as_str())
        };
        assert_eq!(
            controls.iter().map(line).collect::<Vec<_>>(),
            [
                "brightness integer 0",
                "white_balance_automatic boolean true",
                "gain integer 16",
                "white_balance_temperature integer 4600",
                "title string abcd",
                "auto_exposure menu 3",
                "exposure_time_absolute integer 157",
                "pan_relative integer ",
                "save button ",
                "areas u8_array ",
            ]
        );
        let exposure = controls.iter().find(|control| control.name == "auto_exposure").unwrap();
        let menu: Vec<_> =
            exposure.menu.iter().map(|entry| format!("{}={}", entry.value, entry.name)).collect();
        assert_eq!(menu, ["1=Manual Mode", "3=Aperture Priority Mode"], "with what is missing between");
        let locked: Vec<_> = controls
            .iter()
            .filter(|control| control.flags.has(ControlFlags::INACTIVE))
            .map(|control| control.name.as_str())
            .collect();
        assert_eq!(locked, ["white_balance_temperature", "exposure_time_absolute"]);
    }

    #[test]
    fn a_driver_that_lies_is_believed_for_a_while_only() {
        let circles = Fake { circles: true, ..Fake::camera() };
        assert_eq!(list(&circles).unwrap().len(), 10, "it begins again, and is heard no more");
        let none = Fake { mute: Some(Errno::ENOTTY), ..Fake::camera() };
        assert_eq!(list(&none), Ok(Vec::new()));
        let gone = Fake { mute: Some(Errno::ENODEV), ..Fake::camera() };
        assert_eq!(list(&gone), Err(ControlError::NotThere));
        let broken = Fake { mute: Some(Errno::EIO), ..Fake::camera() };
        assert!(matches!(list(&broken), Err(ControlError::Failed { retryable: true, .. })));
    }

    #[test]
    fn what_is_no_camera_of_ours_is_not_there() {
        let null = Path::new("/dev/null");
        assert!(matches!(open(null, None), Err(ControlError::Failed { retryable: false, .. })));
        assert!(matches!(open(Path::new("/dev/none"), None), Err(ControlError::NotThere)));
    }
}
