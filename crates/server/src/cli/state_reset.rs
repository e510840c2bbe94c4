//! `state reset`: drops a value that was set through the API.

use std::path::PathBuf;

use clap::Args;

use super::say;
use crate::{
    app::Failure,
    config::{self, Sources},
};

#[derive(Args)]
pub(super) struct Reset {
    /// The key, as `config show` prints it; one that others begin with (`camera.controls.camera0`) drops all of them
    key: String,
    /// YAML file of the service
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(Reset { key, config }: Reset) -> Result<(), Failure> {
    let dir = config::data_dir(&Sources::of_process(config)).map_err(Failure::Config)?;
    match control::state::reset(&dir, &key) {
        Ok(true) => {
            say(&format!("{key} is dropped; a running service keeps it until it is started again"));
            Ok(())
        }
        Ok(false) => Err(Failure::Start(format!("nothing was set through the API for {key}"))),
        Err(cause) => Err(Failure::Start(format!("what was set through the API cannot be changed: {cause}"))),
    }
}
