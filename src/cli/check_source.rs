//! `check --source`: do both ways of reading a stream, by Kafka and by ksqlDB, give the same rows?

use std::sync::Arc;

use chrono::Utc;
use serde_json::json;

use super::check::Totals;
use super::undo::{note, open};
use super::{client, logs, runtime, say, say_error, say_json};
use crate::cancel::Cancel;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::export::log::LogSource;
use crate::export::proof::{Tools, check_source};
use crate::feed::{Feed, FeedKind};
use crate::ksql::client::Client;
use crate::lake::{CheckOutcome, Lake, SourceCheck};
use crate::log::{Level, Record};
use crate::pool::Pool;
use crate::source::Environment;

/// What comparisons work with.
pub(super) struct Sources {
    runtime: tokio::runtime::Runtime,
    client: Client,
    logs: LogSource,
    pool: Arc<Pool>,
    cancel: Cancel,
    seed: u64,
}

impl Sources {
    /// `seed` draws the ranges; one is chosen where none is given.
    ///
    /// # Errors
    /// `Kind::Config` when no brokers are configured: there is but one way then.
    pub(super) fn new(config: &Config, cancel: &Cancel, seed: Option<u64>) -> Result<Self> {
        let logs = logs(config)?.ok_or_else(|| {
            Error::new(Kind::Config, "no brokers are configured, so there is one way to read a stream")
                .next("set kafka.brokers in lakehand.toml")
        })?;
        Ok(Self {
            runtime: runtime(1)?,
            client: client(config)?,
            logs,
            pool: Arc::new(Pool::new(1)),
            cancel: cancel.clone(),
            seed: seed.unwrap_or_else(|| u64::from(fastrand::u32(..))),
        })
    }

    /// Compares both ways for a feed, keeps the result with its dataset, and says it. `named`: the feed was asked for.
    ///
    /// # Errors
    /// What kept the comparison from being made; where it is a matter of a feed that nobody has named, it is a note.
    pub(super) fn check(
        &self,
        config: &Config,
        lake: &Lake,
        feed: &Feed,
        named: bool,
        json: bool,
        totals: &mut Totals,
    ) -> Result<()> {
        let check = match self.compare(config, feed) {
            Err(error) if !named && matches!(error.kind(), Kind::Feed | Kind::Refused | Kind::Schema) => {
                totals.notes += 1;
                if json {
                    say_json(
                        &json!({ "event": "source", "feed": feed.name, "outcome": "left-out", "why": error.to_string() }),
                    );
                } else {
                    say(&format!("{:<32} note: not compared with the server: {error}", feed.name));
                }
                return Ok(());
            }
            check => check.map_err(|e| e.reveal(feed.visibility.shows_values()))?,
        };
        if check.outcome == CheckOutcome::Different {
            totals.failures.push(Kind::Feed);
            totals.different += 1;
        }
        show(feed, &check, json);
        keep(config, lake, feed, check);
        Ok(())
    }

    fn compare(&self, config: &Config, feed: &Feed) -> Result<SourceCheck> {
        if feed.kind == FeedKind::Table {
            return Err(Error::new(Kind::Feed, "both ways are compared for streams, and this is a table"));
        }
        let with = Environment {
            pool: Arc::clone(&self.pool),
            handle: self.runtime.handle().clone(),
            inactivity: config.server.inactivity_timeout,
            quiet: config.export.quiet,
            max_row_bytes: config.export.max_row_bytes,
        };
        let tools = Tools { client: &self.client, logs: &self.logs, with, cancel: &self.cancel };
        check_source(&tools, feed, self.seed, Utc::now())
    }
}

fn show(feed: &Feed, check: &SourceCheck, json: bool) {
    if json {
        let mut object = json!(check);
        object["event"] = "source".into();
        object["feed"] = feed.name.as_str().into();
        return say_json(&object);
    }
    let word = match check.outcome {
        CheckOutcome::Equal => "equal",
        CheckOutcome::Different => "DIFFERENT",
        CheckOutcome::Unproved => "unproved",
    };
    say(&format!("{:<32} {word}: {} (seed {})", feed.name, check.sentence(), check.seed));
    for difference in &check.first {
        say(&format!("    {difference}"));
    }
    for (known, count) in &check.known {
        say(&format!("    known: {known}, {count} times"));
    }
}

/// The result stays with the dataset. That it cannot be kept changes nothing of what was found.
fn keep(config: &Config, lake: &Lake, feed: &Feed, check: SourceCheck) {
    let level = if check.outcome == CheckOutcome::Different { Level::Error } else { Level::Info };
    let record = Record::new(Utc::now(), level, Some(&feed.name), "compared with the server");
    note(config, &record.fact("what", check.sentence()).fact("seed", check.seed));
    let kept = open(config, lake, feed, "lakehand check --source")
        .and_then(|mut dataset| dataset.note_source_check(check, Utc::now()));
    if let Err(error) = kept {
        say_error(&format!("{}: the result of the comparison is not kept: {error}", feed.name));
    }
}
