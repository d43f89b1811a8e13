//! `config show` and `config init`.

use clap::Subcommand;

use super::{Start, say, say_json};
use crate::config::{DEFAULT_FILE, Origin};
use crate::error::{Error, Kind, Result};
use crate::headless::Exit;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Every value and where it comes from; secrets are named, never shown
    Show {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Write the annotated default lakehand.toml, unless there is one
    Init,
}

pub(super) fn run(start: &Start, command: &ConfigCommand) -> Result<Exit> {
    match command {
        ConfigCommand::Show { json } => show(start, *json),
        ConfigCommand::Init => init(start),
    }
}

fn show(start: &Start, json: bool) -> Result<Exit> {
    let settings = start.config()?.settings();
    let width = settings.iter().map(|s| s.key.len()).max().unwrap_or(0);
    let values = settings.iter().map(|s| s.value.chars().count()).max().unwrap_or(0).min(40);
    for setting in settings {
        let origin = match &setting.origin {
            Origin::Default => "default".to_owned(),
            Origin::File { path, line } => format!("{} line {line}", path.display()),
            Origin::Env(name) => format!("environment {name}"),
            Origin::Flag => "command line".to_owned(),
        };
        if json {
            let line = serde_json::json!({ "key": setting.key, "value": setting.value, "origin": origin });
            say_json(&line);
        } else {
            say(&format!("{:<width$}  {:<values$}  # {origin}", setting.key, setting.value));
        }
    }
    Ok(Exit::Done)
}

fn init(start: &Start) -> Result<Exit> {
    use std::io::Write;
    let path = start.file.clone().unwrap_or_else(|| start.root.join("lakehand.toml"));
    let mut file = match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::new(
                Kind::Config,
                "there is a configuration file already, and it stays as it is",
            )
            .at("file", path.display())
            .next("`lakehand config show` shows what it says"));
        }
        Err(e) => return Err(Error::io("create the configuration file", &path, e)),
    };
    file.write_all(DEFAULT_FILE.as_bytes())
        .map_err(|e| Error::io("write the configuration file", &path, e))?;
    say(&format!("wrote {}", path.display()));
    Ok(Exit::Done)
}
