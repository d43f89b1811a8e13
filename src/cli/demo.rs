//! `demo`: the embedded server and the eight feeds, in a folder of their own.

use std::path::{Path, PathBuf};

use chrono::{NaiveDate, NaiveTime};
use clap::Args;

use super::screen::{self, ScreenArgs, in_the_background};
use super::{Start, client, export, runtime, say};
use crate::demo::{DemoOptions, DemoServer};
use crate::error::{Error, Kind, Result};
use crate::export::Work;
use crate::feed::{Catalog, Place};
use crate::headless::{Exit, Output};
use crate::ui::terminal::is_terminal;

/// The name and text of a feed that the repository ships.
macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../feeds/active/", $name, ".json")))),+]
    };
}

/// The eight feeds that the demo exports.
const FEEDS: [(&str, &str); 8] = shipped![
    "payment_method_totals",
    "product_purchase_counts",
    "transaction_flattened",
    "transaction_stream",
    "transaction_stream_anonymized",
    "transaction_stream_blacklisted",
    "user_transaction_summary",
    "user_transaction_summary_eur",
];

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct DemoArgs {
    /// Serve and export without a screen
    #[arg(long)]
    headless: bool,
    /// Serve only, until interrupted; the address is the first line on standard output
    #[arg(long, conflicts_with = "headless")]
    serve: bool,
    /// Transactions that exist at the start
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    rows: u64,
    /// Transactions that exist besides, made after the first ones
    #[arg(long, default_value_t = 0, value_name = "N")]
    new: u64,
    /// New transactions a second while it runs; on the screen 20 without it, else none
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Days over which the first transactions spread
    #[arg(long, default_value_t = 30, value_name = "N")]
    days: u32,
    /// The first day of the transactions
    #[arg(long, default_value = "2025-01-01", value_name = "DATE")]
    start: NaiveDate,
    /// One more stream, EVERY_TYPE: each of ksqlDB's types, with nulls everywhere
    #[arg(long)]
    every_type: bool,
    /// A STRING column that a stream or table has besides; null in the first transactions
    #[arg(long, value_name = "SOURCE.COLUMN", value_parser = source_and_column)]
    add_column: Vec<(String, String)>,
    /// The same seed gives the same transactions
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The folder for the demo's feeds and lake
    #[arg(long, default_value = "lakehand-demo", value_name = "DIR")]
    dir: PathBuf,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// New transactions a second on the screen, so that there is something to see.
const RATE: f64 = 20.0;
/// The feeds' schedule on the screen: the new transactions come into the lake by themselves.
const SCHEDULE: &str = "every 15s";

pub(super) fn run(start: &Start, args: &DemoArgs) -> Result<Exit> {
    let on_screen = is_terminal() && !args.headless && !args.json && !args.serve;
    let options = DemoOptions {
        rows: args.rows,
        seed: args.seed,
        days: args.days,
        start: args.start.and_time(NaiveTime::MIN).and_utc(),
        every_type: args.every_type,
        rate: args.rate.unwrap_or(if on_screen { RATE } else { 0.0 }),
        ..DemoOptions::default()
    };
    // The server needs one too.
    let runtime = if on_screen { in_the_background(|| runtime(2))?? } else { runtime(2)? };
    if args.serve {
        return runtime.block_on(serve(options, args));
    }
    let root = start.root.join(&args.dir);
    make_feeds(&root, on_screen.then_some(SCHEDULE))?;
    if on_screen {
        let exit = runtime.block_on(show(start, &root, options, args));
        // A disk that hangs may hold a thread for ever; nothing waits for it.
        runtime.shutdown_background();
        return exit;
    }
    args.screen.refuse()?;
    let start = Start { root: root.clone(), file: start.file.clone(), flags: start.flags.clone() };
    runtime.block_on(async {
        let server = server(options, args).await?;
        let mut start = start;
        start.flags.push(("server.url".into(), server.url()));
        let config = start.config()?;
        let feeds: Vec<_> = Catalog::load(&config.feed_paths())?
            .entries
            .into_iter()
            .filter(|entry| entry.place == Place::Active)
            .filter_map(|entry| entry.feed().filter(|feed| feed.enabled).cloned())
            .collect();
        if !args.json {
            say(&format!(
                "serving {} transactions on {}, exporting {} feeds into {}",
                server.transactions(),
                server.url(),
                feeds.len(),
                config.paths.lake.display()
            ));
        }
        let output = if args.json { Output::Json } else { Output::Human };
        let engine = export::setup(&config, client(&config)?, false, "lakehand export")?;
        let (_, exit) =
            export::export(&config, engine, export::asked(feeds, Work::CatchUp, 0, output)).await?;
        server.stop().await;
        Ok(exit)
    })
}

/// The embedded server with what `args` adds to it.
async fn server(options: DemoOptions, args: &DemoArgs) -> Result<DemoServer> {
    let server = DemoServer::start(options).await?;
    for (source, column) in &args.add_column {
        server.add_column(source, column);
    }
    server.append(args.new);
    Ok(server)
}

/// The screen on the embedded server, with all feeds exporting.
async fn show(start: &Start, root: &Path, options: DemoOptions, args: &DemoArgs) -> Result<Exit> {
    let server = server(options, args).await?;
    // What was said on the command line comes last, and so has the last word.
    let mut flags =
        vec![("server.url".to_owned(), server.url()), ("watch.on_start".to_owned(), "all".to_owned())];
    flags.extend(start.flags.iter().cloned());
    flags.extend(args.screen.flags());
    let config = Start { root: root.to_owned(), file: start.file.clone(), flags }.config()?;
    let program = format!("lakehand -C {} --server {}", root.display(), server.url());
    let exit = Box::pin(screen::open(&config, &args.screen, program)).await;
    server.stop().await;
    exit
}

async fn serve(options: DemoOptions, args: &DemoArgs) -> Result<Exit> {
    let server = server(options, args).await?;
    say(&server.url());
    tokio::signal::ctrl_c()
        .await
        .map_err(|e| Error::new(Kind::Io, format!("cannot listen to signals: {e}")).because(e))?;
    server.stop().await;
    Ok(Exit::Done)
}

fn source_and_column(text: &str) -> std::result::Result<(String, String), String> {
    let (source, column) = text.split_once('.').ok_or("give a source and a column: payments.NOTE")?;
    Ok((source.to_owned(), column.to_owned()))
}

/// Writes the eight feeds, unless they are there: the folder is the user's to play with.
fn make_feeds(root: &Path, schedule: Option<&str>) -> Result<()> {
    let active = root.join("feeds").join("active");
    let archived = root.join("feeds").join("archived");
    for folder in [&active, &archived] {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
    }
    for (name, text) in FEEDS {
        let file = format!("{name}.json");
        if active.join(&file).exists() || archived.join(&file).exists() {
            continue;
        }
        let path = active.join(&file);
        std::fs::write(&path, scheduled(text, schedule))
            .map_err(|e| Error::io("write the feed", &path, e))?;
    }
    Ok(())
}

/// The text of a feed with a schedule.
fn scheduled(text: &str, schedule: Option<&str>) -> String {
    let Some(schedule) = schedule else { return text.to_owned() };
    text.replacen("\"enabled\":", &format!("\"schedule\": \"{schedule}\",\n  \"enabled\":"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{Feed, parse_feed};

    #[test]
    fn the_shipped_feeds_take_a_schedule_and_nothing_else() {
        for (name, text) in FEEDS {
            let plain = parse_feed(text, name).unwrap();
            let with = parse_feed(&scheduled(text, Some(SCHEDULE)), name).unwrap();
            assert_eq!(with.schedule.as_ref().map(ToString::to_string).as_deref(), Some(SCHEDULE));
            assert_eq!(with, Feed { schedule: with.schedule.clone(), ..plain });
        }
    }
}
