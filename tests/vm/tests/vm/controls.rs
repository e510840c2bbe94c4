//! Controls: told as `v4l2-ctl` tells them, set all or none, kept over replug and restart, set back, and all of it while
//! pictures flow. What a device has is asked of `v4l2-ctl`, not of the service.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use testkit::{
    Rpc, Service, Transport, Watch, eventually,
    service::{command, command_output},
    token::Role,
};
use vm::{
    UvcCamera, Vivid, nodes,
    uvc::{Config, Faults, Format},
};

use crate::common::{PATIENCE, camera_named, connected, setup};

/// What `v4l2-ctl` says of one control.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    name: String,
    kind: String,
    /// `min`, `max`, `step`, `default`, as far as it says.
    numbers: BTreeMap<String, String>,
    value: Option<String>,
    flags: Vec<String>,
}

/// Every control of a node by number, as `v4l2-ctl` lists it.
fn listed(node: u16) -> BTreeMap<u64, Told> {
    let lines = ctl(node, &["--list-ctrls"]);
    let controls = lines.lines().filter_map(|line| {
        let (head, rest) = line.split_once(" : ").or_else(|| line.split_once(':'))?;
        let mut words = head.split_whitespace();
        let (name, id, kind) = (words.next()?, words.next()?.strip_prefix("0x")?, words.next()?);
        let id = u64::from_str_radix(id, 16).ok()?;
        let mut told =
            Told { name: name.into(), kind: kind.trim_matches(['(', ')']).into(), ..Told::default() };
        for (key, value) in rest.split_whitespace().filter_map(|word| word.split_once('=')) {
            match key {
                "value" => told.value = Some(value.trim_matches('\'').into()),
                "flags" => {
                    // An older `v4l2-ctl` has no word for this one yet.
                    let word = |flag: &str| flag.replace("0x00000800", "dynamic-array");
                    told.flags = rest.split_once("flags=")?.1.split(", ").map(word).collect();
                }
                _ => _ = told.numbers.insert(key.into(), value.into()),
            }
        }
        told.flags.sort();
        Some((id, told))
    });
    controls.collect()
}

/// The present values of these, which must be there, as `a=1 b=2`.
fn values(node: u16, names: &str) -> String {
    let lines = ctl(node, &["--get-ctrl", &names.replace(' ', ",")]);
    let value = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        format!("{name}={}", value.split_whitespace().next().unwrap())
    };
    lines.lines().map(value).collect::<Vec<_>>().join(" ")
}

fn ctl(node: u16, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new("v4l2-ctl");
    let output = command.args(["--device", &node.to_string()]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?} {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The service's answer by the control's name.
fn by_name(answer: &Value) -> BTreeMap<String, Value> {
    let all = answer["controls"].as_array().unwrap().iter();
    all.map(|control| (control["name"].as_str().unwrap().to_owned(), control.clone())).collect()
}

/// A USB camera's only node with pictures.
async fn node_of(name: &str) -> u16 {
    eventually("the camera has a node", PATIENCE, async || nodes::numbers(name).first().copied()).await
}

async fn device_named(rpc: &mut Rpc, name: &str) -> Value {
    let cameras = connected(rpc, 1).await;
    json!({ "device": camera_named(&cameras, name) })
}

fn with(device: &Value, controls: &Value) -> Value {
    json!({"device": device["device"], "controls": controls})
}

pub(crate) async fn every_control_is_told_as_v4l2_ctl_tells_it() {
    let _vivid = Vivid::load(1);
    let _camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1")).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let cameras = connected(&mut rpc, 2).await;
    for (name, least) in [("Desk Cam", 4), ("vivid", 60)] {
        let node = node_of(name).await;
        let camera = cameras.iter().find(|camera| camera["name"].as_str().unwrap().starts_with(name));
        let answer = rpc.ok("get_camera_controls", json!({"device": camera.unwrap()["device"]})).await;
        let told = listed(node);
        let ours = answer["controls"].as_array().unwrap();
        assert!(told.len() >= least && ours.len() == told.len(), "{name}: {} {}", ours.len(), told.len());
        for control in ours {
            let theirs = &told[&control["id"].as_u64().unwrap()];
            compare(control, theirs);
        }
    }
}

/// Is it the same that both say?
fn compare(control: &Value, theirs: &Told) {
    assert_eq!(control["name"], theirs.name, "{control} {theirs:?}");
    let kind = match theirs.kind.as_str() {
        "int" => "integer",
        "bool" => "boolean",
        "intmenu" => "integer_menu",
        "int64" => "integer64",
        "str" => "string",
        other => other,
    };
    let ours = control["type"].as_str().unwrap();
    let is_array = theirs.numbers.contains_key("dims");
    assert_eq!(ours, if is_array { format!("{kind}_array") } else { kind.to_owned() }, "{theirs:?}");
    let mut flags: Vec<&str> =
        control["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
    flags.sort_unstable();
    assert_eq!(flags, theirs.flags, "{control}");
    if is_array || ours == "area" {
        assert!(control["value"].is_null() && control.get("min").is_none(), "{control}");
        return;
    }
    for (key, number) in &theirs.numbers {
        let told = control.get(key.as_str());
        let same = match told {
            None => ours == "string" && key == "default",
            Some(Value::Bool(flag)) => number == if *flag { "1" } else { "0" },
            Some(told) => match number.strip_prefix("0x") {
                Some(bits) => told.as_u64() == u64::from_str_radix(bits, 16).ok(),
                None => number.parse::<Value>().is_ok_and(|number| *told == number),
            },
        };
        assert!(same, "{key} of {control}: {number}");
    }
    let value = match &control["value"] {
        Value::Null => None,
        Value::Bool(flag) => Some(i32::from(*flag).to_string()),
        // `v4l2-ctl` is cut at the first blank here.
        Value::String(text) => Some(text.split_whitespace().next().unwrap_or_default().to_owned()),
        other => Some(other.to_string()),
    };
    let theirs_now = theirs.value.as_ref().map(|value| match value.parse() {
        // `v4l2-ctl` gives bits a sign.
        Ok(bits) if ours == "bitmask" => i32::cast_unsigned(bits).to_string(),
        _ => value.clone(),
    });
    let moves = flags.contains(&"volatile");
    // What cannot be read is a value of its own for `v4l2-ctl`.
    let hidden = flags.contains(&"write-only");
    assert!(moves || hidden && value.is_none() || value == theirs_now, "{control}: {theirs_now:?}");
}

pub(crate) async fn many_are_set_at_once_modes_first_or_none_is() {
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1")).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = device_named(&mut rpc, "Desk Cam").await;
    let node = node_of("Desk Cam").await;
    let all = "brightness contrast auto_exposure exposure_time_absolute";
    let fresh = "brightness=0 contrast=32 auto_exposure=3 exposure_time_absolute=156";
    assert_eq!(values(node, all), fresh);
    let told = by_name(&rpc.ok("get_camera_controls", device.clone()).await);
    let entries =
        json!([{"value": 1, "name": "Manual Mode"}, {"value": 3, "name": "Aperture Priority Mode"}]);
    assert_eq!(told["auto_exposure"]["menu"], entries);
    assert_eq!(told["exposure_time_absolute"]["flags"], json!(["inactive"]));

    for (controls, rule, word) in [
        (json!({"brightness": 20, "zoom": 1}), "unknown", "zoom"),
        (json!({"brightness": 65, "contrast": 5}), "range", "-64 to 64"),
        (json!({"brightness": true}), "type", "brightness"),
        (json!({"brightness": 20, "auto_exposure": 0}), "choice", "1 (Manual Mode)"),
        (json!({"brightness": 20, "exposure_time_absolute": 100}), "inactive", "exposure_time_absolute"),
        (json!({"auto_exposure": 3, "exposure_time_absolute": 100}), "inactive", "exposure_time_absolute"),
    ] {
        let refused = rpc.err(-32602, "set_camera_controls", with(&device, &controls)).await;
        assert_eq!((&refused.data["param"], &refused.data["rule"]), (&json!("controls"), &json!(rule)));
        assert!(refused.data["reason"].as_str().unwrap().contains(word), "{controls}: {refused:?}");
        assert_eq!(values(node, all), fresh, "{controls}");
    }
    // The camera itself refuses the last of them.
    camera.inject(Faults { stall_contrast: true, ..Faults::default() });
    let wish = json!({"auto_exposure": 1, "brightness": 20, "contrast": 9, "exposure_time_absolute": 100});
    let refused = rpc.err(-32050, "set_camera_controls", with(&device, &wish)).await;
    assert_eq!(refused.data["dependency"], "camera");
    assert!(refused.data["reason"].as_str().unwrap().contains("contrast"), "{refused:?}");
    assert_eq!(values(node, all), fresh, "all of it was put back");
    camera.inject(Faults::default());
    // What cannot be written down does not count.
    let obstacle = service.data_dir().join("state.json.new");
    std::fs::create_dir(&obstacle).unwrap();
    rpc.err(-32603, "set_camera_controls", with(&device, &wish)).await;
    assert_eq!(values(node, all), fresh, "and so it was put back");
    std::fs::remove_dir(&obstacle).unwrap();

    let set = by_name(&rpc.ok("set_camera_controls", with(&device, &wish)).await);
    let now = "brightness=20 contrast=9 auto_exposure=1 exposure_time_absolute=100";
    assert_eq!(values(node, all), now);
    assert_eq!(
        (&set["brightness"]["value"], &set["exposure_time_absolute"]["value"]),
        (&json!(20), &json!(100))
    );
    assert_eq!(set["exposure_time_absolute"]["flags"], json!([]));
    // A mode by its name; what it locks is locked again.
    let wish = json!({"auto_exposure": "Aperture Priority Mode"});
    let set = by_name(&rpc.ok("set_camera_controls", with(&device, &wish)).await);
    assert_eq!(set["exposure_time_absolute"]["flags"], json!(["inactive"]));
    let reset = by_name(&rpc.ok("reset_camera_controls", device).await);
    assert_eq!((&reset["brightness"]["value"], &reset["contrast"]["value"]), (&json!(0), &json!(32)));
    assert!(values(node, all).starts_with("brightness=0 contrast=32 auto_exposure=3"));
}

pub(crate) async fn odd_ones_are_set_too() {
    let vivid = Vivid::load(1);
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = json!({"device": connected(&mut rpc, 1).await[0]["device"]});
    let node = node_of("vivid").await;
    let told = by_name(&rpc.ok("get_camera_controls", device.clone()).await);
    assert_eq!(told["gain_automatic"]["value"], true);
    let array = told.values().find(|control| control["type"] == "u8_array").unwrap();
    let array = array["name"].as_str().unwrap().to_owned();
    let wish = json!({
        "gain_automatic": false, "gain": 7, "integer_64_bits": -5_000_000_000_i64, "string": "ab",
        "bitmask": 0x8000_2000_u32, "boolean": false, "integer_menu": 5, "menu": 3, "button": true,
        "hue": -10,
    });
    let set = by_name(&rpc.ok("set_camera_controls", with(&device, &wish)).await);
    for (name, value) in wish.as_object().unwrap().iter().filter(|(name, _)| *name != "button") {
        assert_eq!(set[name]["value"], *value, "{name}");
    }
    assert!(set["button"]["value"].is_null());
    assert_eq!(
        values(node, "gain_automatic gain integer_64_bits hue"),
        "gain_automatic=0 gain=7 integer_64_bits=-5000000000 hue=-10"
    );
    for (controls, rule) in [
        (json!({"hue": 0, "string": "abcdef"}), "length"),
        (json!({"hue": 0, "bitmask": 1}), "range"),
        (json!({"hue": 0, "menu": 2}), "choice"),
        (json!({"hue": 0, array.as_str(): 1}), "unsupported"),
        (json!({"hue": 0, "button": 2}), "type"),
        (json!({"hue": 0, "read_only_integer_32_bits": 2}), "read_only"),
        // The mode locks what the same call wants to set.
        (json!({"hue": 0, "gain_automatic": true, "gain": 9}), "inactive"),
    ] {
        let refused = rpc.err(-32602, "set_camera_controls", with(&device, &controls)).await;
        assert_eq!(refused.data["rule"], rule, "{controls}: {refused:?}");
        assert_eq!(values(node, "gain_automatic gain hue"), "gain_automatic=0 gain=7 hue=-10", "{controls}");
    }
    // A button is not kept, and so not pressed when the camera comes back; the rest is.
    let kept = shown(&service, "camera.controls.camera0").await;
    assert!(kept.iter().any(|line| line == "camera.controls.camera0.hue = -10  # api"), "{kept:?}");
    assert!(!kept.iter().any(|line| line.contains("button")), "{kept:?}");
    vivid.unbind();
    connected(&mut rpc, 0).await;
    vivid.bind();
    let node = node_of("vivid").await;
    become_values(node, "gain_automatic=0 gain=7 integer_64_bits=-5000000000 hue=-10").await;
    rpc.ok("reset_camera_controls", device).await;
    assert_eq!(values(node, "integer_64_bits hue"), "integer_64_bits=0 hue=0");
    assert_eq!(shown(&service, "camera.controls.camera0").await, [""; 0]);
}

/// Lines of `config show` about keys that begin so.
async fn shown(service: &Service, beginning: &str) -> Vec<String> {
    let lines = run(service, &["config", "show"]).await;
    lines.lines().filter(|line| line.starts_with(beginning)).map(str::to_owned).collect()
}

async fn run(service: &Service, words: &[&str]) -> String {
    let mut command = command();
    command.args(words).arg("--config").arg(service.config());
    let output = command_output(command).await;
    assert!(output.status.success(), "{words:?} {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until a device has these values, as `a=1 b=2`.
async fn become_values(node: u16, wanted: &str) {
    let names: Vec<&str> = wanted.split(' ').map(|pair| pair.split_once('=').unwrap().0).collect();
    let names = names.join(" ");
    eventually(&format!("{wanted} on video{node}"), PATIENCE, async || {
        (values(node, &names) == wanted).then_some(())
    })
    .await;
}

pub(crate) async fn what_is_set_holds_after_replug_and_restart_until_it_is_dropped() {
    const WANTED: &str = "brightness=20 auto_exposure=1 exposure_time_absolute=100";
    let config = || Config::new("Desk Cam", "A1");
    let camera = UvcCamera::plug(0, config()).await;
    let mut service = setup().start().await;
    let mut rpc = service.rpc(Role::Admin).await;
    let device = device_named(&mut rpc, "Desk Cam").await;
    let id = device["device"].as_str().unwrap().to_owned();
    let wish = json!({"auto_exposure": 1, "brightness": 20, "exposure_time_absolute": 100});
    rpc.ok("set_camera_controls", with(&device, &wish)).await;
    assert_eq!(
        shown(&service, "camera.controls").await,
        [
            format!("camera.controls.{id}.auto_exposure = 1  # api"),
            format!("camera.controls.{id}.brightness = 20  # api"),
            format!("camera.controls.{id}.exposure_time_absolute = 100  # api"),
        ]
    );
    // Replugged, it comes as the maker made it, and is set again: in another port, too.
    drop(camera);
    connected(&mut rpc, 0).await;
    for method in ["get_camera_controls", "reset_camera_controls"] {
        let refused = rpc.err(-32000, method, device.clone()).await;
        assert_eq!(refused.data["state"], "DISCONNECTED", "{method}");
    }
    let camera = UvcCamera::plug(2, config()).await;
    become_values(node_of("Desk Cam").await, WANTED).await;
    connected(&mut rpc, 1).await;

    // Replugged while the service is not there.
    service.kill9();
    drop(camera);
    let free = async || nodes::all().is_empty().then_some(());
    eventually("it is gone", PATIENCE, free).await;
    let camera = UvcCamera::plug(0, config()).await;
    let node = node_of("Desk Cam").await;
    assert!(values(node, "brightness").ends_with("=0"), "nobody has set it yet");
    service.restart().await;
    become_values(node, WANTED).await;
    let mut rpc = service.rpc(Role::Admin).await;
    connected(&mut rpc, 1).await;

    // One value is dropped by command: the others hold.
    run(&service, &["state", "reset", &format!("camera.controls.{id}.brightness")]).await;
    drop(camera);
    connected(&mut rpc, 0).await;
    service.restart().await;
    let camera = UvcCamera::plug(0, config()).await;
    let node = node_of("Desk Cam").await;
    become_values(node, "brightness=0 auto_exposure=1 exposure_time_absolute=100").await;
    let mut rpc = service.rpc(Role::Admin).await;
    connected(&mut rpc, 1).await;

    // Set back, it stays as it came; forgotten, too.
    rpc.ok("reset_camera_controls", device.clone()).await;
    assert_eq!(
        (values(node, "auto_exposure").as_str(), shown(&service, "camera.controls").await.len()),
        ("auto_exposure=3", 0)
    );
    rpc.ok("set_camera_controls", with(&device, &json!({"contrast": 5}))).await;
    drop(camera);
    connected(&mut rpc, 0).await;
    rpc.ok("forget_camera", device).await;
    assert_eq!(shown(&service, "camera.controls").await, [""; 0]);
}

pub(crate) async fn they_are_set_while_pictures_flow() {
    let _camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let device = device_named(&mut rpc, "Desk Cam").await;
    let node = node_of("Desk Cam").await;
    let watch =
        Watch::start(service.rtsp().await, device["device"].as_str().unwrap(), Transport::Tcp).await.unwrap();
    watch.reach(10, PATIENCE).await;
    let before = service.ffmpegs();
    for round in 1..=5 {
        let wish = json!({"brightness": round, "auto_exposure": 1, "exposure_time_absolute": 100 + round});
        rpc.ok("set_camera_controls", with(&device, &wish)).await;
        assert_eq!(
            values(node, "brightness exposure_time_absolute"),
            format!("brightness={round} exposure_time_absolute={}", 100 + round)
        );
        watch.reach(watch.count() + 5, PATIENCE).await;
    }
    rpc.ok("reset_camera_controls", device).await;
    watch.reach(watch.count() + 5, PATIENCE).await;
    assert_eq!(service.ffmpegs(), before, "nothing was started anew");
    let (player, _, error) = watch.stop().await;
    assert!(error.is_none(), "{error:?}");
    drop(player);
    service.ffmpegs_become(0, PATIENCE).await;
}

pub(crate) async fn a_camera_that_does_not_answer_holds_up_nobody() {
    let deaf = UvcCamera::plug(0, Config::new("Deaf Cam", "A1")).await;
    let _other = UvcCamera::plug(1, Config::new("Desk Cam", "B1")).await;
    let service = setup().set("camera.detection_timeout", "2s").start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let cameras = connected(&mut rpc, 2).await;
    let device = json!({"device": camera_named(&cameras, "Deaf Cam")});
    let other = json!({"device": camera_named(&cameras, "Desk Cam")});
    let node = node_of("Deaf Cam").await;
    deaf.inject(Faults { deaf: true, ..Faults::default() });
    let began = std::time::Instant::now();
    let asked = rpc.start("set_camera_controls", with(&device, &json!({"brightness": 20}))).await;
    // Meanwhile.
    rpc.ok("set_camera_controls", with(&other, &json!({"brightness": 7}))).await;
    rpc.ok("get_camera_list", json!({})).await;
    assert_eq!(values(node_of("Desk Cam").await, "brightness"), "brightness=7");
    let refused = rpc.answer(&asked).await.unwrap_err();
    assert_eq!(
        (refused.code, &refused.data["dependency"], &refused.data["retryable"]),
        (-32050, &json!("camera"), &json!(true))
    );
    // uvcvideo itself waits for 5 s.
    assert!(began.elapsed() < Duration::from_millis(4500), "{:?}", began.elapsed());
    deaf.inject(Faults::default());
    eventually("it answers again", PATIENCE, async || {
        rpc.call("set_camera_controls", with(&device, &json!({"contrast": 9}))).await.ok()
    })
    .await;
    assert_eq!(
        values(node, "brightness contrast"),
        "brightness=0 contrast=9",
        "what was told to fail has failed"
    );
    assert_eq!(shown(&service, "camera.controls").await.len(), 2, "one of each camera");
}
