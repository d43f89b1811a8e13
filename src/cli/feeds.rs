//! `feeds …`: what can be asked, and every change of a feed's file. What is shown has files of its own: [`super::list`],
//! [`super::show`].

use chrono::Utc;
use clap::{Args, Subcommand, ValueEnum};

use super::choose::{entry, valid};
use super::{Start, client, runtime, say, say_error};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::export::plan::{Held, plan};
use crate::export::this_process;
use crate::feed::{self, Catalog, FeedKind, FeedPaths, NewFeed, Place, TableFormat};
use crate::headless::Exit;
use crate::lake::{Dataset, Lake, Limits};

#[derive(Debug, Subcommand)]
pub(super) enum FeedsCommand {
    /// All feeds: active, archived and invalid
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One feed: its file, what the lake holds of it, its last runs
    Show {
        /// The feed
        name: String,
        /// What the lake holds of each day: rows, offsets, gaps, whether it is sealed, and what a new export has replaced
        #[arg(long)]
        days: bool,
        /// One JSON object; with --days one a day
        #[arg(long)]
        json: bool,
    },
    /// Write a new feed file
    Add(AddArgs),
    /// Export it again from now on
    Enable {
        /// The feeds
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Keep it in the list, and do not export it
    Disable {
        /// The feeds
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Put it aside; its data stays in the lake
    Archive {
        /// The feeds
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Take it back from the archive
    Restore {
        /// The feeds
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Check feed files and say every problem with line and column
    Validate {
        /// The feeds; all of them when none is named
        names: Vec<String>,
    },
    /// Make the helper stream that tells where a stream's log ends; its SQL is shown first
    Prepare {
        /// The feed
        name: String,
        /// Declare the stream's topic as bytes instead, which costs the server least; nothing is copied
        #[arg(long)]
        raw: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Take a new export of a day back: the files of before come out of the bin, those of now go there
    Undo(super::undo::UndoArgs),
    /// Throw files away that new exports of days have replaced; nothing else removes them before the day is exported again
    Forget(super::undo::ForgetArgs),
    /// Publish the next snapshot of a table even if it has far fewer rows than the version before it
    AcceptSnapshot {
        /// The feed
        name: String,
    },
    /// Move what the feed no longer keeps into the bin now, even if it is a large share
    AcceptRetention {
        /// The feed
        name: String,
        /// Say what would go, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Take note of records that are lost: exports no longer end with 6 for them, and the record of them stays
    AcknowledgeLoss {
        /// The feed
        name: String,
    },
    /// Decide what becomes of a stream that is over another topic or Kafka cluster than before
    Reset(super::decide::ResetArgs),
    /// Make the dataset a table of a table format, without rewriting a file
    EnableFormat(super::format::FormatArgs),
    /// Remove a table format's log; the data stays as plain Parquet
    DisableFormat(super::format::FormatArgs),
    /// Take the source's columns as they are now, after a change that readers cannot bridge
    AcceptSchema {
        /// The feed
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The feed's name: letters, digits, _ and -
    #[arg(long)]
    name: String,
    /// What the source is
    #[arg(long = "type", value_enum)]
    kind: Kinds,
    /// The source as ksqlDB shows it
    #[arg(long)]
    source: String,
    /// Free text
    #[arg(long, default_value = "")]
    description: String,
    /// Table formats whose log is written beside the files, with commas (delta); "" for none. Without it lakehand.toml decides
    #[arg(long, value_name = "FORMATS", value_parser = |text: &str| TableFormat::list(text).map(Formats))]
    table_format: Option<Formats>,
}

/// A list of table formats: one value, as a repeated flag would be several.
#[derive(Debug, Clone)]
struct Formats(Vec<TableFormat>);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kinds {
    Stream,
    Table,
}

pub(super) fn run(start: &Start, command: FeedsCommand) -> Result<Exit> {
    let config = start.config()?;
    let paths = config.feed_paths();
    match command {
        FeedsCommand::List { json } => super::list::list(&config, &paths, json),
        FeedsCommand::Show { name, days: true, json } => {
            let feed = valid(&Catalog::load(&paths)?, &name)?;
            super::days::show(&config, &feed, json)
        }
        FeedsCommand::Show { name, days: false, json } => super::show::show(&config, &paths, &name, json),
        FeedsCommand::Add(args) => add(&paths, args),
        FeedsCommand::Enable { names } => each(&names, |name| set_enabled(&paths, name, true)),
        FeedsCommand::Disable { names } => each(&names, |name| set_enabled(&paths, name, false)),
        FeedsCommand::Archive { names } => each(&names, |name| {
            feed::archive(&paths, name)?;
            Ok(format!("{name} is archived; its data stays in the lake"))
        }),
        FeedsCommand::Restore { names } => each(&names, |name| {
            feed::restore(&paths, name)?;
            Ok(format!("{name} is active again"))
        }),
        FeedsCommand::Validate { names } => validate(&paths, &names),
        FeedsCommand::Prepare { name, raw, yes } => {
            let feed = valid(&Catalog::load(&paths)?, &name)?;
            super::prepare::prepare(&config, &feed, raw, yes)
        }
        FeedsCommand::Undo(args) => {
            let feed = valid(&Catalog::load(&paths)?, &args.name)?;
            super::undo::undo(&config, &feed, &args)
        }
        FeedsCommand::Forget(args) => {
            let feed = valid(&Catalog::load(&paths)?, &args.name)?;
            super::undo::forget(&config, &feed, &args)
        }
        FeedsCommand::AcceptSnapshot { name } => {
            super::decide::accept_snapshot(&config, &valid(&Catalog::load(&paths)?, &name)?)
        }
        FeedsCommand::AcceptRetention { name, dry_run } => {
            super::decide::accept_retention(&config, &valid(&Catalog::load(&paths)?, &name)?, dry_run)
        }
        FeedsCommand::AcknowledgeLoss { name } => {
            super::decide::acknowledge_loss(&config, &valid(&Catalog::load(&paths)?, &name)?)
        }
        FeedsCommand::Reset(args) => {
            super::decide::reset(&config, &valid(&Catalog::load(&paths)?, &args.name)?, &args)
        }
        FeedsCommand::EnableFormat(args) => super::format::enable(&config, &paths, &args),
        FeedsCommand::DisableFormat(args) => super::format::disable(&config, &paths, &args),
        FeedsCommand::AcceptSchema { name } => accept_schema(&config, &paths, &name),
    }
}

/// Does one thing to several feeds; one that fails does not stop the others.
fn each(names: &[String], change: impl Fn(&str) -> Result<String>) -> Result<Exit> {
    let mut exit = Exit::Done;
    for name in names {
        match change(name) {
            Ok(text) => say(&text),
            Err(error) if names.len() == 1 => return Err(error.at("feed", name)),
            Err(error) => {
                super::say_error(&error.at("feed", name).to_string());
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

fn set_enabled(paths: &FeedPaths, name: &str, enabled: bool) -> Result<String> {
    let word = if enabled { "enabled" } else { "disabled" };
    let catalog = Catalog::load(paths)?;
    let entry = entry(&catalog, name)?;
    if entry.place == Place::Archived {
        return Err(Error::new(Kind::Feed, "the feed is archived")
            .next(format!("`lakehand feeds restore {name}` first")));
    }
    let change = feed::set_enabled(&entry.path, enabled)?;
    Ok(if change.is_nothing() { format!("{name} is {word} already") } else { format!("{name} is {word}") })
}

fn add(paths: &FeedPaths, args: AddArgs) -> Result<Exit> {
    let kind = match args.kind {
        Kinds::Stream => FeedKind::Stream,
        Kinds::Table => FeedKind::Table,
    };
    let table_format = args.table_format.map(|formats| formats.0);
    let AddArgs { name, source, description, .. } = args;
    let new = NewFeed { name, kind, source, description, table_format };
    let path = feed::add(paths, &new, Utc::now())?;
    say(&format!("wrote {}", path.display()));
    Ok(Exit::Done)
}

fn validate(paths: &FeedPaths, names: &[String]) -> Result<Exit> {
    let catalog = Catalog::load(paths)?;
    let chosen: Vec<_> = if names.is_empty() {
        catalog.entries.iter().collect()
    } else {
        names.iter().map(|name| entry(&catalog, name)).collect::<Result<_>>()?
    };
    let mut exit = Exit::Done;
    for entry in chosen {
        if entry.problems().is_empty() {
            say(&format!("{}: valid", entry.path.display()));
        }
        for problem in entry.problems() {
            exit = Exit::Failed;
            say(&format!("{}: {problem}", entry.path.display()));
        }
    }
    Ok(exit)
}

fn accept_schema(config: &Config, paths: &FeedPaths, name: &str) -> Result<Exit> {
    let feed = valid(&Catalog::load(paths)?, name)?;
    let client = client(config)?;
    let owner = this_process("lakehand feeds accept-schema", Utc::now());
    let mut dataset = Dataset::open(&Lake::new(&config.paths.lake), &feed, Limits::default(), owner)?;
    for text in dataset.recovery().told() {
        say_error(&format!("{}: {text}", feed.name));
    }
    let metadata = dataset.metadata();
    let held = Held { positions: &metadata.positions, check: metadata.source_check.as_ref(), failed: None };
    let logs = super::logs(config)?;
    let plan = runtime(1)?.block_on(plan(&client, logs.as_ref(), &feed, held, Utc::now()))?;
    let version = dataset.accept_schema(&plan.schema, Utc::now())?;
    say(&format!("{name}: the columns of {} are accepted as schema {version}", plan.source.name));
    Ok(Exit::Done)
}
