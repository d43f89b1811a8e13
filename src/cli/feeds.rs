//! `feeds …`: the list, one feed whole, and every change that the contract names.

use std::io::{IsTerminal, Write};

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::presence::{lake_is_there, no_lake};
use super::{Start, client, runtime, say, say_error, say_json};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::export::plan::plan;
use crate::export::prepare::{self, Preparation};
use crate::feed::{self, Catalog, Entry, Feed, FeedKind, FeedPaths, NewFeed, Place};
use crate::headless::Exit;
use crate::lake::{ColumnInfo, Dataset, Lake, Limits, Metadata, Owner, ReplacedSet, read_metadata, replaced};
use crate::log::months;

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
        /// Make a mirror stream instead, which carries partition and offset as columns
        #[arg(long)]
        mirror: bool,
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kinds {
    Stream,
    Table,
}

pub(super) fn run(start: &Start, command: FeedsCommand) -> Result<Exit> {
    let config = start.config()?;
    let paths = FeedPaths::below(&config.paths.feeds);
    match command {
        FeedsCommand::List { json } => list(&config, &paths, json),
        FeedsCommand::Show { name, days: true, json } => {
            let feed = valid(&Catalog::load(&paths)?, &name)?;
            super::days::show(&config, &feed, json)
        }
        FeedsCommand::Show { name, days: false, json } => show(&config, &paths, &name, json),
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
        FeedsCommand::Prepare { name, mirror, yes } => prepare(&config, &paths, &name, mirror, yes),
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

fn entry<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Entry> {
    catalog.entries.iter().find(|e| e.name == name).ok_or_else(|| {
        let error = Error::new(Kind::Usage, format!("there is no feed {name}"));
        match feed::nearest(name, catalog.entries.iter().map(|e| e.name.as_str())) {
            Some(nearest) => error.next(format!("did you mean {nearest}?")),
            None => error.next("`lakehand feeds list` shows all feeds"),
        }
    })
}

/// The valid feed of that name.
pub(super) fn valid(catalog: &Catalog, name: &str) -> Result<Feed> {
    entry(catalog, name)?.feed().cloned().ok_or_else(|| {
        Error::new(Kind::Feed, format!("feed {name} is invalid"))
            .next(format!("`lakehand feeds validate {name}` says why"))
    })
}

fn state(entry: &Entry) -> &'static str {
    match (entry.feed(), entry.place) {
        (None, _) => "invalid",
        (_, Place::Archived) => "archived",
        (Some(feed), _) if feed.enabled => "active",
        _ => "disabled",
    }
}

fn list(config: &Config, paths: &FeedPaths, json: bool) -> Result<Exit> {
    let catalog = Catalog::load(paths)?;
    let lake = Lake::new(&config.paths.lake);
    let lake_is_there = lake_is_there(config)?;
    if catalog.entries.is_empty() && !lake_is_there {
        return Err(Error::new(Kind::Config, "there is neither a feed nor a lake")
            .at("feeds", paths.active.display())
            .at("lake", config.paths.lake.display())
            .next("-C names the folder of the project; `lakehand feeds add` makes the first feed"));
    }
    if !json {
        say(&format!(
            "{:<32} {:<8} {:<6} {:<32} {:>12} {:>10}  last export",
            "FEED", "STATE", "KIND", "SOURCE", "ROWS", "MiB"
        ));
    }
    let mut failures = Vec::new();
    for entry in &catalog.entries {
        let held = entry.feed().map(|feed| lake.dataset_dir(feed).and_then(|dir| read_metadata(&dir)));
        // A `_metadata.json` that cannot be read hides neither the feed nor itself.
        let (metadata, unread) = match held {
            None => (None, None),
            Some(Ok(metadata)) => (metadata, None),
            Some(Err(error)) => {
                failures.push(error.kind());
                (None, Some(error))
            }
        };
        if json {
            let mut object = listed_json(entry, metadata.as_ref());
            object["lake"] = json!(lake_is_there);
            object["error"] = json!(unread.as_ref().map(ToString::to_string));
            say_json(&object);
        } else {
            let last = match (&metadata, &unread) {
                (Some(metadata), _) => {
                    metadata.last_export.map(|t| t.format("%Y-%m-%d %H:%M:%SZ").to_string())
                }
                (None, Some(error)) => Some(format!("unknown: {error}")),
                (None, None) => (!lake_is_there).then(|| "no lake".to_owned()),
            };
            say(&listed(entry, metadata.as_ref(), last.as_deref().unwrap_or("never")));
        }
    }
    if !lake_is_there {
        // The list of feeds is whole without one; that a lake stood here once is told by a log that it does not hold.
        let error = no_lake(config);
        if !months(&config.paths.logs)?.is_empty() {
            return Err(error);
        }
        say_error(&format!("nothing was exported here yet: {error}"));
    }
    Ok(Exit::of_run(false, &failures))
}

fn listed(entry: &Entry, metadata: Option<&Metadata>, last: &str) -> String {
    let (kind, source) = entry.feed().map_or(("-", "-"), |f| (f.kind.word(), f.source.as_str()));
    let (rows, size) = metadata.map_or_else(
        || ("-".to_owned(), "-".to_owned()),
        |m| (m.total_records.to_string(), format!("{:.2}", m.total_size_mb)),
    );
    let mut line = format!(
        "{:<32} {:<8} {kind:<6} {source:<32} {rows:>12} {size:>10}  {last}",
        entry.name,
        state(entry)
    );
    if let Some(problem) = entry.problems().first() {
        line += &format!("  {problem}");
    }
    line
}

fn listed_json(entry: &Entry, metadata: Option<&Metadata>) -> serde_json::Value {
    json!({
        "feed": entry.name,
        "state": state(entry),
        "file": entry.path,
        "kind": entry.feed().map(|f| f.kind.word()),
        "source": entry.feed().map(|f| &f.source),
        "records": metadata.map(|m| m.total_records),
        "bytes": metadata.map(|m| m.total_bytes),
        "last_export": metadata.and_then(|m| m.last_export),
        "complete_through": metadata.and_then(|m| m.complete_through),
        "lost": metadata.map(Metadata::open_lost_records),
        "pending": metadata.and_then(|m| m.pending_decision.as_ref()).map(|decision| &decision.what),
        "problems": entry.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn show(config: &Config, paths: &FeedPaths, name: &str, json: bool) -> Result<Exit> {
    let catalog = Catalog::load(paths)?;
    let entry = entry(&catalog, name)?;
    let lake = Lake::new(&config.paths.lake);
    let metadata = match entry.feed() {
        Some(feed) => read_metadata(&lake.dataset_dir(feed)?)?,
        None => None,
    };
    if json {
        let mut object = listed_json(entry, metadata.as_ref());
        object["metadata"] = json!(metadata);
        say_json(&object);
        return Ok(Exit::Done);
    }
    say(&format!("{name}: {}, {}", state(entry), entry.path.display()));
    for problem in entry.problems() {
        say(&format!("  {problem}"));
    }
    if let Some(feed) = entry.feed() {
        say(&format!("  {} {}, {}", feed.kind.word(), feed.source, feed.storage_mode.word()));
        say(&format!("  dataset {}", lake.dataset_dir(feed)?.display()));
        say(&format!("  {}", feed.way_in_words()));
    }
    if let Some(metadata) = &metadata {
        show_metadata(metadata);
    }
    if let (Some(_), Some(feed)) = (&metadata, entry.feed()) {
        show_bin(config, &replaced(&lake.dataset_dir(feed)?)?);
    }
    Ok(Exit::Done)
}

/// What retention has put into the bin, and when it is deleted.
fn show_bin(config: &Config, sets: &[ReplacedSet]) {
    let grace = chrono::TimeDelta::from_std(config.retention.grace).unwrap_or(chrono::TimeDelta::MAX);
    for set in sets.iter().filter(|set| set.is_retained()) {
        let until = set
            .at
            .and_then(|at| at.checked_add_signed(grace))
            .map_or(String::new(), |until| format!(", deleted after {}", until.format("%Y-%m-%d %H:%M:%SZ")));
        say(&format!(
            "  in the bin: {}, {} rows in {} files{until}; `lakehand feeds undo` takes it back",
            set.partition, set.rows, set.files
        ));
    }
}

fn show_metadata(m: &Metadata) {
    say(&format!(
        "  {} rows, {:.2} MiB in {} files, {} partitions, schema {}",
        m.total_records,
        m.total_size_mb,
        m.total_files,
        m.partitions.len(),
        m.schema_version
    ));
    let way = m.read_way.as_deref().unwrap_or("-");
    match (m.caught_up, m.complete_through) {
        (true, Some(through)) => say(&format!("  read by {way}; complete through {through}")),
        (true, None) => say(&format!("  read by {way}; caught up, without a proof of the instant")),
        (false, _) => say(&format!("  read by {way}; not caught up")),
    }
    for (partition, next) in &m.positions {
        say(&format!("  Kafka partition {partition}: offsets below {next}"));
    }
    if let Some(version) = m.current_version {
        say(&format!("  current version v{version}"));
    }
    if m.quarantined_records > 0 {
        say(&format!("  {} rows in quarantine", m.quarantined_records));
    }
    if let Some(log) = &m.log {
        say(&format!("  offsets are those of {log}"));
    }
    for loss in &m.lost_records {
        say(&format!("  {}", loss.sentence()));
    }
    if let Some(decision) = &m.pending_decision {
        let word = if decision.accepted { "accepted" } else { "waits for a decision" };
        say(&format!("  {word}: {}", decision.what));
    }
    if m.doubled_keys > 0 {
        say(&format!("  {} rows of this version have a primary key that came twice", m.doubled_keys));
    }
    for column in &m.columns {
        let ColumnInfo { name, ksql_type, arrow_type, .. } = column;
        say(&format!("    {name:<28} {ksql_type:<28} {arrow_type}{}", history(column)));
    }
    for run in m.runs.iter().rev().take(5) {
        say(&format!(
            "  run {} {}: {} rows, {} files, {} ms",
            run.id, run.outcome, run.rows, run.files, run.duration_ms
        ));
    }
}

/// Since when a column is there, where it came later than the first ones, and since when it is gone.
fn history(column: &ColumnInfo) -> String {
    let at = |version: &str, at: Option<DateTime<Utc>>| {
        let day = at.map_or(String::new(), |at| format!(", {}", at.format("%Y-%m-%d")));
        format!("schema {version}{day}")
    };
    let mut text = String::new();
    if !column.since.ends_with(".0") {
        text += &format!("  since {}", at(&column.since, column.since_at));
    }
    if let Some(gone) = &column.gone_since {
        text += &format!("  gone since {}", at(gone, column.gone_at));
    }
    text
}

fn add(paths: &FeedPaths, args: AddArgs) -> Result<Exit> {
    let kind = match args.kind {
        Kinds::Stream => FeedKind::Stream,
        Kinds::Table => FeedKind::Table,
    };
    let new = NewFeed { name: args.name, kind, source: args.source, description: args.description };
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

fn prepare(config: &Config, paths: &FeedPaths, name: &str, mirror: bool, yes: bool) -> Result<Exit> {
    let feed = valid(&Catalog::load(paths)?, name)?;
    let client = client(config)?;
    let runtime = runtime(1)?;
    let (sql, purpose) = match runtime.block_on(prepare::examine(&client, &feed, mirror))? {
        Preparation::NotNeeded(why) => {
            say(&format!("nothing to prepare: {why}"));
            return Ok(Exit::Done);
        }
        Preparation::Needed { sql, purpose } => (sql, purpose),
    };
    say(&format!("This statement would make {purpose}:\n\n{sql}\n\n"));
    if !yes && !consent()? {
        say("nothing was made");
        return Ok(Exit::Done);
    }
    let message = runtime.block_on(prepare::perform(&client, &sql))?;
    say(&format!("made: {message}"));
    Ok(Exit::Done)
}

fn consent() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(Kind::Usage, "there is no terminal to ask on").next("give consent with --yes"));
    }
    eprint!("Run it on the server? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| Error::new(Kind::Io, format!("cannot read the answer: {e}")).because(e))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn accept_schema(config: &Config, paths: &FeedPaths, name: &str) -> Result<Exit> {
    let feed = valid(&Catalog::load(paths)?, name)?;
    let client = client(config)?;
    let owner = Owner {
        what: "lakehand feeds accept-schema".into(),
        pid: std::process::id(),
        host: crate::export::host(),
        since: Utc::now(),
    };
    let mut dataset = Dataset::open(&Lake::new(&config.paths.lake), &feed, Limits::default(), owner)?;
    for text in dataset.recovery().told() {
        say_error(&format!("{}: {text}", feed.name));
    }
    let positions = dataset.metadata().positions.clone();
    let logs = super::logs(config)?;
    let plan = runtime(1)?.block_on(plan(&client, logs.as_ref(), &feed, &positions, Utc::now()))?;
    let version = dataset.accept_schema(&plan.schema, Utc::now())?;
    say(&format!("{name}: the columns of {} are accepted as schema {version}", plan.source.name));
    Ok(Exit::Done)
}
