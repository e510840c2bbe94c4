//! The inside of a file where it meets what no test from outside reaches: a gigabyte, and a power cut.

use std::fs::OpenOptions;

use super::*;

#[path = "../../media/tests/encoder/mod.rs"]
mod encoder;

fn units() -> Vec<media::Unit> {
    encoder::units("128x96:rate=10", 12, &["-preset", "ultrafast", "-tune", "zerolatency", "-g", "10"])
}

fn begin(
    path: &std::path::Path,
    units: &[media::Unit],
    container: Container,
    durability: Durability,
) -> Film {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).unwrap();
    let stock = Stock {
        container,
        params: units[0].params.clone(),
        durability,
        mark: "{}".into(),
        first_pts_90k: units[0].pts_90k,
    };
    Film::begin(file, stock).unwrap()
}

fn push(film: &mut Film, unit: &media::Unit) -> Result<()> {
    film.push(unit.pts_90k, unit.key, unit.data.clone())
}

/// Makes the file so large as if pictures had filled it: the hole takes no room on the disk.
fn grow(film: &mut Film, len: u64) {
    let body = u32::try_from(len - film.parts.valid_len - 8).unwrap();
    let head = [b"00dc".as_slice(), &body.to_le_bytes(), &[0, 0, 0, 1]].concat();
    film.file.write_all_at(&head, film.parts.valid_len).unwrap();
    film.file.set_len(len).unwrap();
    film.parts.valid_len = len;
    film.parts.frames += 1;
}

#[test]
fn an_avi_asks_for_another_file_at_a_gigabyte_and_never_reaches_two() {
    let dir = tempfile::tempdir().unwrap();
    let (path, units) = (dir.path().join("large.avi"), units());
    let mut film = begin(&path, &units, Container::Avi, Durability::Process);
    push(&mut film, &units[0]).unwrap();
    grow(&mut film, 999_999_998);
    assert!(!film.is_full());
    // The next part goes over it: at the next key frame it is time.
    push(&mut film, &units[1]).unwrap();
    film.flush().unwrap();
    assert!(film.is_full());
    // Key frames that are far apart do not lose pictures meanwhile, but in the end there is no room.
    push(&mut film, &units[2]).unwrap();
    film.flush().unwrap();
    grow(&mut film, 1_999_999_998);
    push(&mut film, &units[3]).unwrap();
    assert_eq!(film.flush().unwrap_err().kind, Kind::Limit);
    film.pending.clear();
    let parts = film.finish().unwrap();
    // It is whole all the same: head, all pictures, trailer.
    let mut file = File::open(&path).unwrap();
    let head = Container::Avi.read_head(&mut file).unwrap().unwrap();
    let found = Container::Avi.scan(&mut file, &head).unwrap();
    assert_eq!((found.frames, found.valid_len, parts.frames), (5, 1_999_999_998, 5));
    assert!(Container::Avi.read_trailer(&mut file).unwrap().is_some());
    assert!(file.metadata().unwrap().len() < 1 << 31, "players count in 31 bits");

    for container in [Container::Mp4, Container::Mkv] {
        let mut film = begin(&path, &units, container, Durability::Process);
        film.parts.valid_len = 1 << 40;
        film.parts.frames = 1 << 30;
        assert!(!film.is_full(), "{container:?} counts in 64 bits");
    }
}

#[test]
fn with_power_every_part_waits_for_the_disk() {
    let units = units();
    // It takes whatever is written, and cannot be synced: who does not ask does not notice.
    let device = std::path::Path::new("/dev/null");
    for container in Container::ALL {
        let mut film = begin(device, &units, container, Durability::Process);
        push(&mut film, &units[0]).unwrap();
        let mut film = begin(device, &units, container, Durability::Power);
        let refused = push(&mut film, &units[0]).unwrap_err();
        assert!(refused.private.contains("Invalid argument"), "{container:?}: {refused}");
    }
}
