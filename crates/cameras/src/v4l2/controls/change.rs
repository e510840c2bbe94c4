//! Changing many controls at once: all of it holds in the end, or the device is as it was. What switches something on
//! or off is set before what that may lock, and what is locked waits until something has unlocked it.

use std::collections::BTreeMap;

use nix::errno::Errno;

use super::{
    Driver, Known, check, failed, model, read, read_some,
    sys::{Datum, Form},
};
use crate::{
    control::{Control, ControlError, ControlFlags, ControlKind, ControlValue, Unapplied},
    turns::Claim,
};

/// What can be written only when something else is set otherwise.
const LOCKED: &str = "is inactive: an automatic mode decides it; switch that off first, or in the same call";

/// What came of a change.
#[derive(Debug)]
pub(crate) struct Changed {
    /// All controls afterwards.
    pub(crate) controls: Vec<Control>,
    /// What was set, as the driver took it. Without what keeps no value.
    pub(crate) taken: BTreeMap<String, ControlValue>,
    /// What everything was before.
    pub(crate) before: BTreeMap<String, ControlValue>,
    /// What could not be set back.
    pub(crate) left: Vec<Unapplied>,
}

/// One control that is to be written.
#[derive(Debug, Clone)]
struct Plan {
    /// Where it stands in the list.
    at: usize,
    id: u32,
    form: Form,
    datum: Datum,
}

impl Plan {
    fn new(at: usize, known: &Known, datum: Datum) -> Option<Self> {
        Some(Self { at, id: known.control.id, form: known.form?, datum })
    }
}

/// What may unlock others comes first.
fn rank(known: &Known) -> u8 {
    match known.control.kind {
        _ if known.is_act() => 3,
        _ if known.has(ControlFlags::UPDATE) => 0,
        ControlKind::Boolean | ControlKind::Menu | ControlKind::IntegerMenu => 1,
        _ => 2,
    }
}

/// May it be the mode that locks others?
fn is_switch(known: &Known) -> bool {
    rank(known) < 2
}

/// Sets these, all or none. `claim`: while somebody waits for it, else all is put back.
pub(crate) fn set(
    driver: &impl Driver,
    wishes: &BTreeMap<String, ControlValue>,
    claim: &Claim,
) -> Result<Changed, ControlError> {
    let known = read(driver)?;
    let plans = planned(&known, wishes)?;
    let is_locked = |plan: &Plan| known[plan.at].has(ControlFlags::INACTIVE);
    for plan in &plans {
        let of = &known[plan.at];
        let unlocks = |other: &Plan| other.at != plan.at && !is_locked(other) && is_switch(&known[other.at]);
        if !is_locked(plan) {
            match driver.attempt(plan.id, plan.form, &plan.datum) {
                // The driver does not say.
                Ok(()) | Err(Errno::ENOTTY) => {}
                Err(error) => return Err(failed(Some(&of.control.name), error)),
            }
        } else if !plans.iter().any(unlocks) {
            return Err(check::refused(&of.control.name, "inactive", LOCKED));
        }
    }
    let mut written = Vec::new();
    let (acts, values): (Vec<_>, Vec<_>) = plans.iter().cloned().partition(|plan| known[plan.at].is_act());
    let mut all_of = |plans| -> Result<(), ControlError> {
        let locked = write(driver, plans, |plan| {
            if !claim.is_wanted() {
                return Err(ControlError::Silent);
            }
            // Put back even if it fails: a driver may change a part.
            written.push(plan.at);
            let name = &known[plan.at].control.name;
            driver.set(plan.id, plan.form, &plan.datum).map_err(|error| failed(Some(name), error))
        })?;
        let refused = |plan: &Plan| check::refused(&known[plan.at].control.name, "inactive", LOCKED);
        locked.first().map_or(Ok(()), |plan| Err(refused(plan)))
    };
    // What cannot be taken back only when all the rest holds.
    let outcome = all_of(values).and_then(|()| all_of(acts)).and_then(|()| read(driver));
    match outcome {
        Ok(after) if claim.settle() => Ok(changed(&known, after, &plans)),
        Ok(_) => Err(put_back(driver, &known, &written, ControlError::Silent)),
        Err(error) => Err(put_back(driver, &known, &written, error)),
    }
}

/// What is to be written, in order; or the rule that one of them breaks.
fn planned(known: &[Known], wishes: &BTreeMap<String, ControlValue>) -> Result<Vec<Plan>, ControlError> {
    let mut plans = Vec::new();
    for (name, wish) in wishes {
        let Some(at) = known.iter().position(|known| known.control.name == *name) else {
            return Err(ControlError::Refused {
                rule: "unknown",
                why: format!("this camera has no control {}", nameable(name)),
            });
        };
        let datum = check::check(&known[at].control, wish)?;
        plans.extend(Plan::new(at, &known[at], datum));
    }
    plans.sort_by_key(|plan| (rank(&known[plan.at]), plan.at));
    Ok(plans)
}

/// A name as it can be repeated: what is no name at all could be a page long.
fn nameable(name: &str) -> &str {
    let plain = name.len() <= 64 && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    if plain { name } else { "of that name" }
}

/// Hands each plan to `each`, those that are locked after something else was written; gives what stays locked.
fn write(
    driver: &impl Driver,
    mut plans: Vec<Plan>,
    mut each: impl FnMut(&Plan) -> Result<(), ControlError>,
) -> Result<Vec<Plan>, ControlError> {
    loop {
        let (mut locked, many) = (Vec::new(), plans.len());
        for plan in plans {
            if is_locked_now(driver, plan.id)? {
                locked.push(plan);
            } else {
                each(&plan)?;
            }
        }
        if locked.is_empty() || locked.len() == many {
            return Ok(locked);
        }
        plans = locked;
    }
}

/// Writes what is not so already. What the driver refuses is noted in `left`; an error ends everything.
fn bring(
    driver: &impl Driver,
    plan: &Plan,
    name: &str,
    claim: &Claim,
    left: &mut Vec<Unapplied>,
) -> Result<(), ControlError> {
    if !claim.is_wanted() {
        return Err(ControlError::Silent);
    }
    if driver.get(plan.id, plan.form).is_ok_and(|now| now == plan.datum) {
        return Ok(());
    }
    match driver.set(plan.id, plan.form, &plan.datum).map_err(|error| failed(Some(name), error)) {
        Ok(()) => Ok(()),
        Err(ControlError::NotThere) => Err(ControlError::NotThere),
        Err(error) => {
            left.push(unapplied(name, error));
            Ok(())
        }
    }
}

fn is_locked_now(driver: &impl Driver, id: u32) -> Result<bool, ControlError> {
    let described = driver.describe(id).map_err(|error| failed(None, error))?;
    Ok(ControlFlags(described.flags).has(ControlFlags::INACTIVE))
}

fn changed(before: &[Known], after: Vec<Known>, plans: &[Plan]) -> Changed {
    let mut taken = BTreeMap::new();
    for plan in plans {
        let old = &before[plan.at];
        if old.is_act() {
            continue;
        }
        let name = &old.control.name;
        let now = after.iter().find(|known| known.control.id == plan.id);
        let now = now.filter(|known| !known.has(ControlFlags::VOLATILE));
        let wished = || model::value(old.control.kind, plan.datum.clone());
        taken.insert(name.clone(), now.and_then(|known| known.control.value.clone()).unwrap_or_else(wished));
    }
    let controls = after.into_iter().map(|known| known.control).collect();
    Changed { controls, taken, before: values(before), left: Vec::new() }
}

fn values(known: &[Known]) -> BTreeMap<String, ControlValue> {
    let value = |known: &Known| Some((known.control.name.clone(), known.control.value.clone()?));
    known.iter().filter_map(value).collect()
}

/// Puts a device back to what it was. Gives the error, which says so if not all could be put back.
fn put_back(driver: &impl Driver, known: &[Known], written: &[usize], error: ControlError) -> ControlError {
    let lost = restore_all(driver, known, written);
    if lost.is_empty() {
        return error;
    }
    let lost = lost.join(", ");
    tracing::warn!(controls = lost, "controls of a camera could not be put back");
    let also = |why: &str| format!("{why} (and {lost} could not be put back)");
    match error {
        ControlError::Refused { rule, why } => ControlError::Refused { rule, why: also(&why) },
        ControlError::Failed { why, retryable } => ControlError::Failed { why: also(&why), retryable },
        other => other,
    }
}

/// Sets everything back: first what is unlocked now and may be locked in a moment, then the modes that were written, the
/// last one first, then what those have unlocked. Gives what is lost.
fn restore_all(driver: &impl Driver, known: &[Known], written: &[usize]) -> Vec<String> {
    const ELSEWHERE: u32 = ControlFlags::READ_ONLY | ControlFlags::VOLATILE;
    let kept = || known.iter().filter(|known| !known.is_act() && !known.has(ELSEWHERE));
    for known in kept().filter(|known| !is_switch(known)) {
        restore(driver, known);
    }
    for known in written.iter().rev().map(|at| &known[*at]).filter(|known| is_switch(known)) {
        restore(driver, known);
    }
    kept().filter(|known| !restore(driver, known)).map(|known| known.control.name.clone()).collect()
}

/// Sets these back to what they were before a change that is done and does not count after all. Gives what is lost.
pub(crate) fn take_back(
    driver: &impl Driver,
    before: &BTreeMap<String, ControlValue>,
) -> Result<Vec<String>, ControlError> {
    let mut known = read_some(driver, |_| false)?;
    known.retain(|known| before.contains_key(&known.control.name));
    for known in &mut known {
        known.control.value = before.get(&known.control.name).cloned();
    }
    let all: Vec<usize> = (0..known.len()).collect();
    Ok(restore_all(driver, &known, &all))
}

/// Sets one control back to what it was; `false`: it could be written, and is something else.
fn restore(driver: &impl Driver, known: &Known) -> bool {
    let (Some(form), Some(value)) = (known.form, &known.control.value) else { return true };
    let (id, old) = (known.control.id, model::datum(value));
    let differs = || driver.get(id, form).is_ok_and(|now| now != old);
    if !differs() || is_locked_now(driver, id).unwrap_or(true) {
        return true;
    }
    driver.set(id, form, &old).is_ok() && !differs()
}

/// Sets everything to what its driver calls the default, as far as it can be set. What is decided by an automatic mode
/// that is on by default stays as that decides. `claim`: as for `set`.
pub(crate) fn reset(driver: &impl Driver, claim: &Claim) -> Result<Changed, ControlError> {
    const CLOSED: u32 = ControlFlags::DISABLED | ControlFlags::READ_ONLY | ControlFlags::GRABBED;
    let known = read(driver)?;
    let mut plans: Vec<Plan> = known
        .iter()
        .enumerate()
        .filter(|(_, known)| !known.is_act() && !known.has(CLOSED) && known.control.value.is_some())
        .filter_map(|(at, known)| Plan::new(at, known, model::datum(known.control.default.as_ref()?)))
        .collect();
    // What a mode locks first, while it is unlocked.
    plans.sort_by_key(|plan| (std::cmp::Reverse(rank(&known[plan.at])), plan.at));
    let (mut written, mut left) = (Vec::new(), Vec::new());
    let outcome = write(driver, plans, |plan| {
        written.push(plan.at);
        bring(driver, plan, &known[plan.at].control.name, claim, &mut left)
    });
    match outcome.and_then(|_| read(driver)) {
        Ok(after) if claim.settle() => {
            let controls = after.into_iter().map(|known| known.control).collect();
            Ok(Changed { controls, taken: BTreeMap::new(), before: values(&known), left })
        }
        Ok(_) => Err(put_back(driver, &known, &written, ControlError::Silent)),
        Err(error) => Err(put_back(driver, &known, &written, error)),
    }
}

/// Sets what is kept as far as that is possible, and leaves alone what is so already; gives what is not possible. What is
/// decided by a mode that is kept itself is no failure.
pub(crate) fn apply(
    driver: &impl Driver,
    kept: &BTreeMap<String, ControlValue>,
    claim: &Claim,
) -> Result<Vec<Unapplied>, ControlError> {
    let known = read_some(driver, |name| kept.contains_key(name))?;
    let (mut plans, mut left) = (Vec::new(), Vec::new());
    for (name, value) in kept {
        let Some(at) = known.iter().position(|known| known.control.name == *name) else {
            left.push(Unapplied { control: name.clone(), why: "this camera has no such control".into() });
            continue;
        };
        if known[at].is_act() {
            continue;
        }
        match check::check(&known[at].control, value) {
            Ok(datum) => plans.extend(Plan::new(at, &known[at], datum)),
            // It cannot be set now, and need not.
            Err(_) if known[at].control.value.as_ref() == Some(value) => {}
            Err(error) => left.push(unapplied(name, error)),
        }
    }
    plans.sort_by_key(|plan| (rank(&known[plan.at]), plan.at));
    let locked =
        write(driver, plans, |plan| bring(driver, plan, &known[plan.at].control.name, claim, &mut left))?;
    let mode_is_kept = known.iter().any(|known| is_switch(known) && kept.contains_key(&known.control.name));
    if !mode_is_kept {
        let name = |plan: &Plan| known[plan.at].control.name.clone();
        left.extend(locked.iter().map(|plan| Unapplied { control: name(plan), why: LOCKED.into() }));
    }
    Ok(left)
}

fn unapplied(name: &str, error: ControlError) -> Unapplied {
    let why = match error {
        ControlError::Refused { why, .. } | ControlError::Failed { why, .. } => why,
        ControlError::NotThere | ControlError::NoControls | ControlError::Silent | ControlError::TooMany => {
            "the camera does not answer".into()
        }
    };
    Unapplied { control: name.to_owned(), why }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
