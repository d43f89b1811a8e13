//! `read`: the code by which an engine reads a dataset as it is now.

use chrono::NaiveDate;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::choose::valid;
use super::{Start, say, say_json};
use crate::error::{Error, Kind, Result};
use crate::feed::{Catalog, Feed};
use crate::headless::Exit;
use crate::lake::{Lake, nothing_yet, read_metadata};
use crate::reading::{Dataset, Days, Engine, Language, code};

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// The feed
    feed: String,
    /// What it is read with
    #[arg(long = "with", value_name = "ENGINE", default_value = "duckdb", value_parser = engines())]
    engine: Engine,
    /// Streams: the first day (2025-01-15)
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Streams: the last day, itself included
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// SQL instead of Python: duckdb, spark, datafusion, clickhouse
    #[arg(long)]
    sql: bool,
    /// One JSON object: feed, engine, language and code
    #[arg(long)]
    json: bool,
}

fn engines() -> impl TypedValueParser<Value = Engine> {
    PossibleValuesParser::new(Engine::ALL.map(|(word, ..)| word))
        .try_map(|word| Engine::by_keyword(&word).ok_or("no such engine"))
}

pub(super) fn run(start: &Start, args: &ReadArgs) -> Result<Exit> {
    let config = start.config()?;
    let feed = valid(&Catalog::load(&config.feed_paths())?, &args.feed)?;
    let mut dataset = facts(&Lake::new(&config.paths.lake), &feed)?;
    if let Some(tiers) = &mut dataset.tiers {
        let cold = &config.tier.cold;
        tiers.endpoint = (!cold.endpoint.is_empty()).then(|| cold.endpoint.clone());
        tiers.region.clone_from(&cold.region);
    }
    let language = if args.sql { Language::Sql } else { Language::Python };
    let code = code(&dataset, args.engine, language, Days { from: args.from, to: args.to })?;
    if args.json {
        say_json(&json!({
            "event": "read", "feed": feed.name, "engine": args.engine.keyword(), "language": language.name(),
            "code": code.text(),
        }));
    } else {
        say(&code.text());
    }
    Ok(Exit::Done)
}

/// What the lake holds of the feed, and that it is where it should be.
fn facts(lake: &Lake, feed: &Feed) -> Result<Dataset> {
    let dir = lake.dataset_dir(feed)?;
    let dir = std::path::absolute(&dir).map_err(|e| {
        Error::new(Kind::Io, format!("cannot tell where the lake is: {e}"))
            .at("folder", dir.display())
            .because(e)
    })?;
    let metadata = read_metadata(&dir)?.ok_or_else(|| nothing_yet(feed, &dir))?;
    let dataset = metadata.facts(feed, &dir)?;
    let data = std::path::Path::new(&dataset.data_folder()).to_owned();
    match data.try_exists() {
        Ok(true) => Ok(dataset),
        Ok(false) => Err(Error::new(Kind::Damaged, "the folder that the metadata names is not there")
            .at("feed", &feed.name)
            .at("folder", data.display())
            .next(format!("`lakehand check {}` says what is missing", feed.name))),
        Err(e) => Err(Error::new(Kind::Io, format!("cannot look at the folder: {e}"))
            .at("folder", data.display())
            .because(e)),
    }
}
