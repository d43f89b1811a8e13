//! `demo`: the embedded server and the eight feeds, in a folder of their own.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Start, client, export, runtime, say};
use crate::demo::{DemoOptions, DemoServer};
use crate::error::{Error, Kind, Result};
use crate::feed::{Catalog, FeedPaths, Place};
use crate::headless::{Exit, Output};

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
    /// New transactions a second while it runs
    #[arg(long, default_value_t = 0.0, value_name = "N")]
    rate: f64,
    /// Days over which the first transactions spread
    #[arg(long, default_value_t = 30, value_name = "N")]
    days: u32,
    /// The same seed gives the same transactions
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The folder for the demo's feeds and lake
    #[arg(long, default_value = "lakehand-demo", value_name = "DIR")]
    dir: PathBuf,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

pub(super) fn run(start: &Start, args: &DemoArgs) -> Result<Exit> {
    let options = DemoOptions {
        rows: args.rows,
        seed: args.seed,
        days: args.days,
        rate: args.rate,
        ..DemoOptions::default()
    };
    let runtime = runtime()?;
    if args.serve {
        return runtime.block_on(serve(options, args.new));
    }
    let root = start.root.join(&args.dir);
    make_feeds(&root)?;
    let start = Start { root: root.clone(), file: start.file.clone(), flags: start.flags.clone() };
    runtime.block_on(async {
        let server = DemoServer::start(options).await?;
        server.append(args.new);
        let mut start = start;
        start.flags.push(("server.url".into(), server.url()));
        let config = start.config()?;
        let feeds: Vec<_> = Catalog::load(&FeedPaths::below(&config.paths.feeds))?
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
        let (_, exit) = export::export(&config, client(&config)?, feeds, output, false).await?;
        server.stop().await;
        Ok(exit)
    })
}

async fn serve(options: DemoOptions, new: u64) -> Result<Exit> {
    let server = DemoServer::start(options).await?;
    server.append(new);
    say(&server.url());
    tokio::signal::ctrl_c()
        .await
        .map_err(|e| Error::new(Kind::Io, format!("cannot listen to signals: {e}")).because(e))?;
    server.stop().await;
    Ok(Exit::Done)
}

/// Writes the eight feeds, unless they are there: the folder is the user's to play with.
fn make_feeds(root: &Path) -> Result<()> {
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
        std::fs::write(&path, text).map_err(|e| Error::io("write the feed", &path, e))?;
    }
    Ok(())
}
