//! The commands, one file each. They print for people; what they do is done elsewhere.

mod api_key;
mod audit_verify;
mod cameras;
mod check;
mod config_show;
mod demo;
mod doctor;
mod openrpc;
mod scratch;
mod serve;
mod signals;
mod state_reset;
mod token_issue;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{about, app::Failure};

const EXAMPLES: &str = "\
Examples:
  camera-service demo                                     a test camera, a token, lines to try
  camera-service serve --config /etc/camera-service.yaml
  camera-service check --config /etc/camera-service.yaml  every mistake at once
  camera-service doctor                                   what is wrong here, and what mends it
  camera-service token issue --role operator --ttl 8h
  camera-service api-key create --role viewer --name wall --expires 90d
  CAMERA_SERVICE__WEBSOCKET__PORT=9000 camera-service serve";

/// Watches, photographs and records cameras, and serves them over WebSocket and RTSP.
#[derive(Parser)]
#[command(name = about::NAME, version = about::LONG_VERSION, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service until SIGTERM or Ctrl-C
    Serve(ConfigFile),
    /// Show the service: a test camera if no real one is found, a token, lines to try
    Demo(demo::Demo),
    /// Check a configuration: tells every mistake at once; exit status 2 if there is one
    Check(ConfigFile),
    /// List the cameras of this machine and of the configuration, once
    Cameras(ConfigFile),
    /// Tell what is wrong here and how to mend it; exit status 1 if something is
    Doctor(ConfigFile),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look after what was set through the API
    #[command(subcommand)]
    State(StateCommand),
    /// Print the API as an `OpenRPC` document
    Openrpc,
    /// Look after the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Make tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    ApiKey(api_key::ApiKeyCommand),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print every key, its value and where it comes from; secrets are hidden
    Show(ConfigFile),
}

#[derive(Subcommand)]
enum StateCommand {
    /// Drop a value that was set through the API; file and environment count again
    Reset(state_reset::Reset),
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Find the first line that was changed, removed or moved; exit status 1 if there is one
    Verify(audit_verify::Verify),
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Print a token for a client, alone on stdout
    Issue(token_issue::Issue),
}

#[derive(Args)]
struct ConfigFile {
    /// YAML file; without it the built-in defaults and the environment
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints to stdout. Whoever reads may stop early (`| head`), which is no failure of ours.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(file) => serve::run(file.config),
        Command::Demo(demo) => demo::run(demo),
        Command::Check(file) => check::run(file.config),
        Command::Cameras(file) => cameras::run(file.config),
        Command::Doctor(file) => doctor::run(file.config),
        Command::Config(ConfigCommand::Show(file)) => config_show::run(file.config),
        Command::State(StateCommand::Reset(reset)) => state_reset::run(reset),
        Command::Openrpc => openrpc::run(),
        Command::Audit(AuditCommand::Verify(verify)) => audit_verify::run(verify),
        Command::Token(TokenCommand::Issue(issue)) => token_issue::run(issue),
        Command::ApiKey(command) => api_key::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Config(problems)) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            ExitCode::from(2)
        }
        Err(Failure::Start(what)) => {
            eprintln!("camera-service: {what}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_contract_s_words_are_understood() {
        for line in [
            "serve",
            "serve --config f",
            "demo --data-dir d",
            "check --config f",
            "cameras --config f",
            "doctor",
            "doctor --config f",
            "config show",
            "openrpc",
            "audit verify",
            "audit verify a b --head 0:0000000000000000000000000000000000000000000000000000000000000000 --config f",
            "state reset storage.retention.enabled --config f",
            "token issue --role viewer --user ann --ttl 24h --cameras camera0,camera1 --config f",
            "api-key create --role viewer --name gate --cameras camera0,camera1 --expires 90d --config f",
            "api-key list --config f",
            "api-key revoke 0123456789abcdef --config f",
        ] {
            let words = std::iter::once("camera-service").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
        for line in [
            "",
            "serve f",
            "audit",
            "audit verify --head 1",
            "token issue",
            "token issue --role root",
            "token issue --role viewer --ttl soon",
            "token issue --role viewer --ttl 0s",
            "token issue --role viewer --cameras /dev/video0",
            "api-key create --role viewer",
            "api-key create --name gate",
            "api-key revoke",
        ] {
            let words = std::iter::once("camera-service").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
