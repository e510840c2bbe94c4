//! `cameras`: lists cameras once, for the person at this machine.

use std::path::PathBuf;

use control::doctor::{self, SeenCamera};

use super::say;
use crate::{
    app::Failure,
    config::{self, Sources},
    wire,
};

const HEAD: [&str; 6] = ["ID", "STATUS", "KIND", "PICTURE", "WHERE", "NAME"];

pub(super) fn run(file: Option<PathBuf>) -> Result<(), Failure> {
    let loaded = config::load(&Sources::of_process(file)).map_err(Failure::Config)?;
    let cameras = doctor::cameras(&loaded.config.control)
        .map_err(|cause| Failure::Start(format!("the cameras cannot be listed: {cause}")))?;
    if cameras.is_empty() {
        say("no camera: plug one in, or name one in camera.sources of the configuration");
        return Ok(());
    }
    say(&table(&cameras));
    Ok(())
}

fn table(cameras: &[SeenCamera]) -> String {
    let head = HEAD.map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(cameras.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut lines = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
        let why = index.checked_sub(1).and_then(|index| cameras[index].error.as_deref());
        lines.extend(why.map(|why| format!("{:width$}  {why}", "", width = widths[0])));
    }
    lines.join("\n")
}

fn row(camera: &SeenCamera) -> [String; 6] {
    let place = match (&camera.node, &camera.bus_info) {
        (Some(node), Some(bus)) => format!("{} {bus}", node.path.display()),
        (Some(node), None) => node.path.display().to_string(),
        (None, _) => "-".to_owned(),
    };
    let (status, kind) = (wire::camera_status(camera.status), wire::camera_kind(camera.kind));
    // A name is whatever a driver or a person wrote.
    let name = camera.name.escape_debug().to_string();
    [camera.id.to_string(), status.to_owned(), kind.to_owned(), camera.picture.clone(), place, name]
}

#[cfg(test)]
mod tests {
    use control::{
        CameraId,
        api::{CameraKind, CameraStatus},
    };

    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let camera = |id: u16, name: &str, error: Option<&str>| SeenCamera {
            id: CameraId(id),
            name: name.to_owned(),
            kind: CameraKind::Test,
            status: if error.is_some() { CameraStatus::Error } else { CameraStatus::Connected },
            error: error.map(str::to_owned),
            picture: "320x180@5".into(),
            bus_info: None,
            node: None,
        };
        let shown = table(&[camera(0, "Gate\u{1b}[2J", None), camera(12, "B", Some("it hangs"))]);
        let expected = "\
ID        STATUS     KIND  PICTURE    WHERE  NAME
camera0   CONNECTED  test  320x180@5  -      Gate\\u{1b}[2J
camera12  ERROR      test  320x180@5  -      B
          it hangs";
        assert_eq!(shown, expected);
    }
}
