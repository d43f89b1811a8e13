//! `lake metadata`: metadata and seals of all datasets apart from the data, or in the datasets' folders.

use chrono::Utc;
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{Start, say, say_error, say_json};
use crate::config::{FILE_NAME, Origin, write_key};
use crate::error::{Error, Kind, Result};
use crate::export::this_process;
use crate::headless::Exit;
use crate::lake::{Lake, MetadataMoved, move_metadata};
use crate::log::{Level, LogFile, Record};

#[derive(Debug, Subcommand)]
pub(super) enum LakeCommand {
    /// Put `_metadata.json` and the seals of every dataset apart from the data, or back into the folders; sets lake.metadata
    Metadata {
        /// apart: in _lakehand/, so that Spark, Polars and Daft can open a dataset's folder; folder: in the dataset's folder
        place: Wanted,
        /// One JSON object for each dataset
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Wanted {
    Apart,
    Folder,
}

impl Wanted {
    fn name(self) -> &'static str {
        match self {
            Self::Apart => "apart",
            Self::Folder => "folder",
        }
    }
}

pub(super) fn run(start: &Start, command: &LakeCommand) -> Result<Exit> {
    let LakeCommand::Metadata { place, json } = command;
    let config = start.config()?;
    let setting = config.settings().into_iter().find(|setting| setting.key == "lake.metadata");
    if let Some(setting) = setting
        && matches!(setting.origin, Origin::Env(_) | Origin::Flag)
        && setting.value != place.name()
    {
        return Err(Error::new(
            Kind::Usage,
            format!(
                "lake.metadata is {} by the {}: the next export would undo this",
                setting.value, setting.origin
            ),
        )
        .next("take that away, or set it to what is wanted"));
    }
    // The file first: what a stop leaves undone, the next export of each dataset does.
    let file = start.file.clone().unwrap_or_else(|| start.root.join(FILE_NAME));
    write_key(&file, "lake.metadata", place.name())?;
    let lake = Lake::new(&config.paths.lake);
    let owner = this_process("lakehand lake metadata", Utc::now());
    let mut failures = Vec::new();
    for kind in ["streams", "tables"] {
        for dataset in datasets(&config.paths.lake.join(kind))? {
            match move_metadata(&lake, &dataset, *place == Wanted::Apart, &owner) {
                Ok(done) => tell(&done, *json, &config.paths.logs),
                Err(error) => {
                    failures.push(error.kind());
                    let name = dataset.display();
                    if *json {
                        say_json(
                            &json!({ "event": "failed", "dataset": name.to_string(), "error": error.to_string() }),
                        );
                    } else {
                        say(&format!("{name} stays as it is until its next export: {error}"));
                    }
                }
            }
        }
    }
    Ok(Exit::of_run(false, &failures))
}

/// The folders of datasets, by name.
fn datasets(kind: &std::path::Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = match std::fs::read_dir(kind) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| Error::io("read the folder", kind, e))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("read the folder", kind, e))?;
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && !entry.file_name().to_string_lossy().starts_with(['_', '.']) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn tell(done: &MetadataMoved, json: bool, logs: &std::path::Path) {
    let MetadataMoved { dataset, migrated, moved, metadata } = done;
    let place = metadata.display().to_string();
    if json {
        say_json(&json!({
            "event": "settled", "dataset": dataset, "migrated": migrated, "moved": moved, "metadata": place,
        }));
    } else if *moved {
        say(&format!("{dataset}: moved to {place}"));
    } else {
        say(&format!("{dataset}: nothing to move, it is {place}"));
    }
    if *migrated && !json {
        say(&format!("{dataset}: lock, staging, quarantine and replaced files are now in _lakehand/"));
    }
    if *migrated || *moved {
        let record = Record::new(Utc::now(), Level::Info, None, "layout changed")
            .fact("dataset", dataset)
            .fact("metadata", place);
        if let Err(error) = LogFile::open(logs).and_then(|mut log| log.write(&record)) {
            say_error(&format!("the log cannot be written: {error}"));
        }
    }
}
