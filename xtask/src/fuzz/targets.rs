//! The fuzz targets: where each begins, and what its parser is. A row here is a folder of seeds and the
//! lines of source that coverage is told of; the target itself lies in `fuzz/fuzz_targets`.

/// One target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) name: &'static str,
    /// The folder of its seeds, relative to the root.
    pub(super) seeds: &'static str,
    /// The parser it attacks.
    pub(super) parser: &'static [Part],
}

/// Code of one file, relative to the root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) file: &'static str,
    pub(super) of: Of,
}

/// Which of its functions count.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// All of them.
    File,
    /// Those of these names, for the rest of the file does something else.
    Only(&'static [&'static str]),
    /// All but those of these names.
    Without(&'static [&'static str]),
}

const fn file(file: &'static str) -> Part {
    Part { file, of: Of::File }
}

const fn only(file: &'static str, names: &'static [&'static str]) -> Part {
    Part { file, of: Of::Only(names) }
}

const fn without(file: &'static str, names: &'static [&'static str]) -> Part {
    Part { file, of: Of::Without(names) }
}

pub(super) const ALL: [Target; 12] = [
    Target {
        name: "rpc",
        seeds: "crates/server/testdata/rpc",
        // From the frame to where a method takes over. What needs a camera or a credential lies behind it.
        parser: &[
            without("crates/server/src/rpc/envelope.rs", &["notification"]),
            without("crates/server/src/rpc/given.rs", &["named"]),
            only("crates/server/src/rpc/table.rs", &["find", "encode"]),
            // A description of the API is made of the same getters; no call comes that way.
            without("crates/server/src/wire/params.rs", &["schema", "describe"]),
            only("crates/server/src/wire/audit.rs", &["from_params"]),
            only("crates/server/src/wire/cameras.rs", &["from_params", "check_filename"]),
            only("crates/server/src/wire/controls.rs", &["from_params", "read"]),
            only("crates/server/src/wire/devices.rs", &["from_params", "check_name"]),
            only("crates/server/src/wire/events.rs", &["from_params"]),
            only("crates/server/src/wire/files.rs", &["from_params"]),
            only("crates/server/src/wire/keys.rs", &["from_params", "no_key"]),
            only("crates/server/src/wire/service.rs", &["from_params"]),
            only("crates/server/src/wire/storage.rs", &["from_params", "name"]),
        ],
    },
    Target {
        name: "jwt",
        seeds: "crates/server/testdata/jwt",
        parser: &[file("crates/server/src/security/jwt.rs")],
    },
    Target {
        name: "api_keys",
        seeds: "crates/server/testdata/api_keys",
        // The file also makes, judges and lists keys.
        parser: &[
            only("crates/server/src/security/api_keys.rs", &["parse", "try_from", "judge_name", "whole_ms"]),
            only("crates/server/src/security/hex.rs", &["unhex"]),
        ],
    },
    Target {
        name: "range",
        seeds: "crates/server/testdata/range",
        parser: &[without("crates/server/src/http/range.rs", &["fuzz"])],
    },
    Target {
        name: "config",
        seeds: "crates/server/testdata/config",
        // From the text to the checked value. Files that the text names are not opened by the target.
        parser: &[
            only("crates/server/src/config/file.rs", &["parse"]),
            only("crates/server/src/config/mod.rs", &["load_over"]),
            only("crates/server/src/config/logging.rs", &["read"]),
            only("crates/server/src/config/metrics.rs", &["read"]),
            only("crates/server/src/config/rate_limit.rs", &["read", "given"]),
            only("crates/server/src/config/security.rs", &["read"]),
            only("crates/server/src/config/websocket.rs", &["read", "proxies"]),
            file("crates/base/src/config.rs"),
            only("crates/control/src/config.rs", &["read", "data_dir"]),
            only("crates/control/src/retention.rs", &["read", "min_free"]),
            only("crates/control/src/storage.rs", &["read"]),
            only("crates/control/src/timelapse.rs", &["read"]),
            only("crates/files/src/config.rs", &["read"]),
            only("crates/paths/src/config.rs", &["read", "rules", "codec"]),
            only("crates/cameras/src/kept.rs", &["read"]),
            only(
                "crates/cameras/src/config.rs",
                &[
                    "read",
                    "names_given",
                    "overrides",
                    "over",
                    "source",
                    "is_good_name",
                    "test_picture",
                    "rtsp_url",
                ],
            ),
        ],
    },
    Target {
        name: "rtsp",
        seeds: "crates/engine/testdata/rtsp",
        parser: &[
            file("crates/engine/src/rtsp/credentials.rs"),
            file("crates/engine/src/rtsp/input.rs"),
            file("crates/engine/src/rtsp/message.rs"),
            file("crates/engine/src/rtsp/transport.rs"),
            file("crates/engine/src/rtsp/uri.rs"),
            file("crates/engine/src/rtsp/conn/request.rs"),
        ],
    },
    Target {
        name: "nut",
        seeds: "crates/media/testdata/nut",
        parser: &[
            file("crates/media/src/nut/cursor.rs"),
            file("crates/media/src/nut/frame.rs"),
            file("crates/media/src/nut/header.rs"),
            file("crates/media/src/nut/mod.rs"),
        ],
    },
    Target {
        name: "h264",
        seeds: "crates/media/testdata/h264",
        parser: &[
            file("crates/media/src/h264/assembler.rs"),
            file("crates/media/src/h264/bits.rs"),
            file("crates/media/src/h264/nal.rs"),
            file("crates/media/src/h264/sps.rs"),
        ],
    },
    Target {
        name: "uevent",
        seeds: "crates/cameras/testdata/uevent",
        parser: &[
            only("crates/cameras/src/watch/uevent.rs", &["parse", "udev_pairs"]),
            only("crates/cameras/src/v4l2/mod.rs", &["number_of"]),
        ],
    },
    Target {
        name: "mp4",
        seeds: "crates/media/testdata/mp4",
        parser: &[file("crates/media/src/mp4/ours.rs"), file("crates/media/src/mp4/read.rs")],
    },
    Target {
        name: "mkv",
        seeds: "crates/media/testdata/mkv",
        parser: &[file("crates/media/src/mkv/read.rs"), file("crates/media/src/container/input.rs")],
    },
    Target {
        name: "avi",
        seeds: "crates/media/testdata/avi",
        parser: &[file("crates/media/src/avi/read.rs"), file("crates/media/src/container/input.rs")],
    },
];

/// Those that read what a client or an operator hands to the server; `make soak` runs them too.
pub(super) fn of_the_server() -> Vec<Target> {
    ALL.into_iter().filter(|target| target.seeds.starts_with("crates/server/")).collect()
}

/// The targets of these names, all of them without a name; or the first name nobody knows.
pub(super) fn chosen(names: &[&str]) -> Result<Vec<Target>, String> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let find = |name: &&str| {
        ALL.into_iter().find(|target| target.name == *name).ok_or_else(|| format!("no fuzz target {name}"))
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;
    use crate::{evidence::root, fuzz::lines::counted};

    #[test]
    fn the_table_holds_every_target_there_is() {
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        let built: BTreeSet<&str> = manifest
            .lines()
            .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
            .collect();
        assert_eq!(ALL.map(|target| target.name).into_iter().collect::<BTreeSet<_>>(), built);
        let of_the_server: Vec<_> = of_the_server().iter().map(|target| target.name).collect();
        assert_eq!(of_the_server, ["rpc", "jwt", "api_keys", "range", "config"]);
        assert_eq!(chosen(&["rpc", "nothing"]).unwrap_err(), "no fuzz target nothing");
    }

    #[test]
    fn seeds_files_and_functions_of_the_table_are_there() {
        for target in ALL {
            let seeds = fs::read_dir(root().join(target.seeds)).unwrap().count();
            assert!(seeds >= 5, "{}: {seeds} seeds", target.name);
            for part in target.parser {
                let source = fs::read_to_string(root().join(part.file)).unwrap();
                let lines =
                    counted(&source, part.of).unwrap_or_else(|error| panic!("{}: {error}", part.file));
                assert!(!lines.is_empty(), "{}", part.file);
            }
        }
    }
}
