//! `catalog …`: datasets as tables of Hive Metastore and AWS Glue.

use chrono::Utc;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::choose::valid;
use super::presence::require_lake;
use super::undo::note;
use super::{Start, catalogs, say, say_error, say_json};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::export::publish::{self, Published, Registered, drift, of_feed, publish};
use crate::feed::{Catalog, Feed, Place};
use crate::headless::{Exit, cancel_on_signal};
use crate::lake::Lake;
use crate::log::{Level, Record};

#[derive(Debug, Subcommand)]
pub(super) enum CatalogCommand {
    /// Bring catalogues to what the lake holds, whatever they hold now
    Sync(SyncArgs),
    /// Say in what catalogues differ from the lake, and change nothing; ends with 1 when they do
    Drift(DriftArgs),
    /// Drop the tables of feeds, and no data: those alone that lakehand made
    Drop(DropArgs),
}

#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// The feeds; all that name a catalogue when none is named
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DriftArgs {
    /// The feeds; all that name a catalogue when none is named
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DropArgs {
    /// The feeds
    #[arg(value_name = "FEED", required = true)]
    feeds: Vec<String>,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

pub(super) fn run(start: &Start, command: &CatalogCommand) -> Result<Exit> {
    let config = start.config()?;
    require_lake(&config)?;
    let catalogs = catalogs(&config)?;
    if catalogs.is_empty() {
        return Err(Error::new(Kind::Config, "no catalogue is configured")
            .next("set catalog.hive.uri or catalog.glue.region in lakehand.toml"));
    }
    match command {
        CatalogCommand::Sync(args) => sync(&config, &catalogs, args),
        CatalogCommand::Drift(args) => show_drift(&config, &catalogs, args),
        CatalogCommand::Drop(args) => drop_tables(&config, &catalogs, args),
    }
}

/// Named feeds, each of which must name a catalogue; or every active one that does.
fn choose(config: &Config, catalogs: &[Registered], names: &[String]) -> Result<Vec<Feed>> {
    let listed = Catalog::load(&config.feed_paths())?;
    if names.is_empty() {
        let active = listed.entries.iter().filter(|entry| entry.place == Place::Active);
        let feeds = active.filter_map(|entry| entry.feed());
        return Ok(feeds.filter(|feed| of_feed(catalogs, feed).next().is_some()).cloned().collect());
    }
    let choose = |name: &String| {
        let feed = valid(&listed, name)?;
        if of_feed(catalogs, &feed).next().is_none() {
            return Err(Error::new(
                Kind::Usage,
                format!("feed {name} is in no catalogue that is configured"),
            )
            .next("name it in the feed (\"catalog\": [\"hive\"]), or for all feeds in lake.catalog"));
        }
        Ok(feed)
    };
    names.iter().map(choose).collect()
}

/// What is told of each feed and catalogue.
struct Tell<'a> {
    config: &'a Config,
    json: bool,
    failures: Vec<Kind>,
}

impl Tell<'_> {
    fn tell(&self, feed: &Feed, registered: &Registered, event: &str, text: &str, facts: Value) {
        if !self.json {
            return say(&format!("{}: {}: {text}", feed.name, registered.name));
        }
        let mut value = json!({ "event": event, "feed": feed.name, "catalogue": registered.name.keyword(), "text": text });
        if let (Some(object), Value::Object(facts)) = (value.as_object_mut(), facts) {
            object.extend(facts);
        }
        say_json(&value);
    }

    fn failed(&mut self, feed: &Feed, registered: &Registered, error: &Error) {
        self.failures.push(error.kind());
        self.tell(feed, registered, "failed", &error.to_string(), json!({ "kind": error.kind().name() }));
        let record = Record::new(Utc::now(), Level::Error, Some(&feed.name), "not published");
        let record = record.fact("catalogue", registered.name).fact("what", error.to_string());
        note(self.config, &record);
    }

    fn end(&self, facts: Value, text: &str, exit: Exit) -> Exit {
        if self.json {
            let mut value = json!({ "event": "summary", "exit": exit.code() });
            if let (Some(object), Value::Object(facts)) = (value.as_object_mut(), facts) {
                object.extend(facts);
            }
            say_json(&value);
        } else {
            say(text);
        }
        exit
    }
}

fn sync(config: &Config, catalogs: &[Registered], args: &SyncArgs) -> Result<Exit> {
    let cancel = cancel_on_signal()?;
    let lake = Lake::new(&config.paths.lake);
    let mut tell = Tell { config, json: args.json, failures: Vec::new() };
    let (mut tables, mut changed) = (0, 0);
    for feed in &choose(config, catalogs, &args.feeds)? {
        for registered in of_feed(catalogs, feed) {
            if cancel.is_cancelled() {
                break;
            }
            tables += 1;
            if args.dry_run {
                match drift(&lake, feed, registered) {
                    Ok(found) => {
                        changed += usize::from(!found.is_empty());
                        for difference in found {
                            let facts = json!({ "difference": difference.name() });
                            tell.tell(feed, registered, "would-change", &difference.sentence(), facts);
                        }
                    }
                    Err(error) => tell.failed(feed, registered, &error),
                }
                continue;
            }
            match publish(&lake, feed, registered, true, Utc::now()) {
                Ok(done) => {
                    changed += usize::from(matches!(done, Published::Done { .. }));
                    told(&tell, feed, registered, &done);
                }
                Err(error) => tell.failed(feed, registered, &error),
            }
        }
    }
    let exit = Exit::of_run(cancel.is_cancelled(), &tell.failures);
    let failed = tell.failures.len();
    let word = if args.dry_run { "would change" } else { "published" };
    let text = format!("{tables} tables: {changed} {word}, {failed} failed");
    Ok(tell.end(json!({ "tables": tables, "changed": changed, "failed": failed }), &text, exit))
}

fn told(tell: &Tell<'_>, feed: &Feed, registered: &Registered, done: &Published) {
    match done {
        Published::Done { table, partitions, commit_seq, .. } => {
            let text = done.sentence().unwrap_or_default();
            let facts = json!({ "table": table, "partitions": partitions, "commit_seq": commit_seq });
            tell.tell(feed, registered, "published", &text, facts);
            let record = Record::new(Utc::now(), Level::Info, Some(&feed.name), "published");
            note(tell.config, &record.fact("catalogue", registered.name).fact("what", text));
        }
        Published::UpToDate => tell.tell(feed, registered, "up-to-date", "nothing to do", json!({})),
        Published::Nothing => {
            tell.tell(feed, registered, "nothing", "the lake holds nothing of it yet", json!({}));
        }
    }
}

fn show_drift(config: &Config, catalogs: &[Registered], args: &DriftArgs) -> Result<Exit> {
    let cancel = cancel_on_signal()?;
    let lake = Lake::new(&config.paths.lake);
    let mut tell = Tell { config, json: args.json, failures: Vec::new() };
    let (mut tables, mut differences) = (0, 0);
    for feed in &choose(config, catalogs, &args.feeds)? {
        for registered in of_feed(catalogs, feed) {
            if cancel.is_cancelled() {
                break;
            }
            tables += 1;
            match drift(&lake, feed, registered) {
                Ok(found) => {
                    differences += found.len();
                    for difference in found {
                        let facts = json!({ "difference": difference.name() });
                        tell.tell(feed, registered, "drift", &difference.sentence(), facts);
                    }
                }
                Err(error) => {
                    tell.failures.push(error.kind());
                    let facts = json!({ "kind": error.kind().name() });
                    tell.tell(feed, registered, "failed", &error.to_string(), facts);
                }
            }
        }
    }
    let mut exit = Exit::of_run(cancel.is_cancelled(), &tell.failures);
    if exit == Exit::Done && differences > 0 {
        exit = Exit::Failed;
    }
    let failed = tell.failures.len();
    let mut text = format!("{tables} tables: {differences} differences, {failed} could not be looked at");
    if differences > 0 {
        text += "; `lakehand catalog sync` mends them";
    }
    Ok(tell.end(json!({ "tables": tables, "differences": differences, "failed": failed }), &text, exit))
}

fn drop_tables(config: &Config, catalogs: &[Registered], args: &DropArgs) -> Result<Exit> {
    let cancel = cancel_on_signal()?;
    let lake = Lake::new(&config.paths.lake);
    let listed = Catalog::load(&config.feed_paths())?;
    let feeds: Vec<Feed> = args.feeds.iter().map(|name| valid(&listed, name)).collect::<Result<_>>()?;
    let mut tell = Tell { config, json: args.json, failures: Vec::new() };
    let mut dropped = 0;
    for feed in &feeds {
        for registered in catalogs {
            if cancel.is_cancelled() {
                break;
            }
            match publish::drop_table(&lake, feed, registered) {
                Ok(true) => {
                    dropped += 1;
                    let comes_back = feed.catalog.contains(&registered.name);
                    let text = if comes_back {
                        "the table is dropped, and its data is not; the next export makes it again, unless the feed says \"catalog\": []"
                    } else {
                        "the table is dropped, and its data is not"
                    };
                    tell.tell(feed, registered, "dropped", text, json!({}));
                    let record =
                        Record::new(Utc::now(), Level::Warn, Some(&feed.name), "dropped from a catalogue");
                    note(config, &record.fact("catalogue", registered.name));
                }
                Ok(false) => tell.tell(feed, registered, "nothing", "there is no table of it", json!({})),
                Err(error) => {
                    tell.failures.push(error.kind());
                    let facts = json!({ "kind": error.kind().name() });
                    tell.tell(feed, registered, "failed", &error.to_string(), facts);
                }
            }
        }
    }
    let exit = Exit::of_run(cancel.is_cancelled(), &tell.failures);
    let failed = tell.failures.len();
    let text = format!("{dropped} tables dropped, {failed} failed");
    Ok(tell.end(json!({ "dropped": dropped, "failed": failed }), &text, exit))
}

/// Behind a command that changed the dataset: its catalogues are brought to it. A catalogue that is down is told, and fails nothing.
pub(super) fn behind(config: &Config, feed: &Feed) {
    let catalogs = match catalogs(config) {
        Ok(catalogs) => catalogs,
        Err(error) => return say_error(&format!("{}: not published: {error}", feed.name)),
    };
    let lake = Lake::new(&config.paths.lake);
    for registered in of_feed(&catalogs, feed) {
        let record = |level, message| {
            Record::new(Utc::now(), level, Some(&feed.name), message).fact("catalogue", registered.name)
        };
        match publish(&lake, feed, registered, false, Utc::now()) {
            Ok(done) => {
                if let Some(text) = done.sentence() {
                    note(config, &record(Level::Info, "published").fact("what", text));
                }
            }
            Err(error) => {
                let text = format!(
                    "{}: not published to the catalogue {}; the next export or `lakehand catalog sync` does it: {error}",
                    feed.name, registered.name
                );
                say_error(&text);
                note(config, &record(Level::Warn, "not published").fact("what", error.to_string()));
            }
        }
    }
}
