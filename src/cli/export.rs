//! `export`: chosen feeds into the lake, then the end. What cron runs.

use std::time::Instant;

use chrono::Utc;
use clap::Args;
use serde_json::json;

use super::choose::{Chosen, choose};
use super::{Start, catalogs, client, logs, runtime, say, say_error, say_json};
use crate::config::{CompactAfter, Config, MetadataPlace};
use crate::error::{Class, Error, Kind, Result};
use crate::export::engine::Setup;
use crate::export::log::LogSource;
use crate::export::plan::{Held, Plan, plan};
use crate::export::tier::TierSetup;
use crate::export::{CompactPolicy, Engine, Options, Request, Trigger, Work};
use crate::feed::duration::format_duration;
use crate::feed::{Encodings, Feed};
use crate::headless::{self, Asked, Exit, Output, Totals};
use crate::ksql::backoff::backoff;
use crate::ksql::client::{Client, ServerInfo};
use crate::lake::{FileColumn, Lake, Limits, columns_of_files, read_metadata, troubles};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct ExportArgs {
    /// Every active feed that is enabled; those in `follow` mode catch up and end
    #[arg(long, group = "which")]
    pub(super) all: bool,
    /// Feeds of these streams, by source or by feed name
    #[arg(long, group = "which", num_args = 1.., value_name = "NAME")]
    pub(super) stream: Vec<String>,
    /// Feeds of these tables, by source or by feed name
    #[arg(long, group = "which", num_args = 1.., value_name = "NAME")]
    pub(super) table: Vec<String>,
    /// These feeds, by name; one in `follow` mode stays on its stream until it is stopped
    #[arg(long, group = "which", num_args = 1.., value_name = "NAME")]
    pub(super) feed: Vec<String>,
    /// Read this day again (2025-01-15) and swap its files; those of before stay in the bin (_lakehand/)
    #[arg(long, value_name = "DATE", requires = "feed", conflicts_with_all = ["all", "stream", "table", "dry_run"])]
    day: Option<chrono::NaiveDate>,
    /// Say what would be read, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
    /// Wait for datasets that another process holds, instead of ending with 4
    #[arg(long)]
    wait: bool,
}

pub(super) fn run(start: &Start, args: &ExportArgs) -> Result<Exit> {
    let config = start.config()?;
    let Chosen { feeds, invalid } = choose(&config, args)?;
    for name in &invalid {
        say_error(&format!("feed {name} is invalid and left out; `lakehand feeds validate {name}` says why"));
    }
    let client = client(&config)?;
    let output = if args.json { Output::Json } else { Output::Human };
    runtime(1)?.block_on(async {
        greet(&client, &config).await?;
        if args.dry_run {
            let exit = dry_run(&client, logs(&config)?.as_ref(), &config, &feeds, output).await?;
            // One broken file never stops the others; it does end the run with 1.
            return Ok(if exit == Exit::Done && !invalid.is_empty() { Exit::Failed } else { exit });
        }
        let work = args.day.map_or(Work::CatchUp, Work::Day);
        let program = if args.day.is_some() { "lakehand export --day" } else { "lakehand export" };
        let engine = setup(&config, client, args.wait, program)?;
        let asked = asked(feeds, work, invalid.len(), output);
        Ok(export(&config, engine, asked).await?.1)
    })
}

/// What was asked for: these feeds, beside `invalid` ones that cannot be exported.
pub(super) fn asked(feeds: Vec<Feed>, work: Work, invalid: usize, output: Output) -> Asked {
    let request = |feed| Request { feed, trigger: Trigger::Asked, work };
    Asked { requests: feeds.into_iter().map(request).collect(), invalid, output, clock: Utc::now }
}

/// Runs the engine on what was asked for until all is over.
pub(super) async fn export(config: &Config, setup: Setup, asked: Asked) -> Result<(Totals, Exit)> {
    let (engine, events) = Engine::start(setup);
    headless::run(engine, events, asked, &config.paths.logs).await
}

/// The engine that the configuration describes. The memory budget is shared by the exports that may run at once.
pub(super) fn setup(config: &Config, client: Client, wait_for_lock: bool, program: &str) -> Result<Setup> {
    let export = &config.export;
    let concurrency = export.concurrency.max(1);
    Ok(Setup {
        client,
        logs: logs(config)?,
        lake: Lake::new(&config.paths.lake)
            .sealing_after(export.seal_after)
            .retaining(super::retention_rules(config))
            .with_metadata_apart(config.lake.metadata == MetadataPlace::Apart)
            .with_threads(threads(export.threads)),
        limits: Limits {
            memory_bytes: crate::export::writer_budget(export.memory_bytes, concurrency),
            target_file_bytes: export.target_file_bytes,
            min_free_bytes: export.min_free_bytes,
            shrink_limit: export.shrink_limit,
            zstd_level: export.zstd_level,
            encodings: export.encodings,
        },
        options: Options {
            commit_every: export.commit_every,
            retries: export.retries,
            retry_base: export.retry_base,
            retry_max: export.retry_max,
            quiet: export.quiet,
            inactivity: config.server.inactivity_timeout,
            quarantine_limit: export.quarantine_limit,
            quarantine_rows: export.quarantine_rows,
            max_row_bytes: export.max_row_bytes,
            wait_for_lock,
            outage_wait: Some(export.outage_wait),
            compact: CompactPolicy::default(),
        },
        tier: super::tier::setup(config),
        catalogs: catalogs(config)?,
        concurrency,
        program: program.to_owned(),
        clock: Utc::now,
    })
}

/// The same without a bound on the wait for a server that is out of reach, and with compactions behind exports where the
/// configuration wants them: for what stays until somebody ends it.
pub(super) fn patient(setup: Setup, config: &Config) -> Setup {
    let compact = &config.compact;
    let compact = CompactPolicy {
        after_export: compact.after == CompactAfter::Sealed,
        min_files: compact.min_files,
        memory_bytes: compact.memory_bytes,
        threads: compact.threads,
        max_time: compact.max_time,
    };
    let options = Options { outage_wait: None, compact, ..setup.options };
    let tier = setup.tier.map(|tier| TierSetup { after_export: true, ..tier });
    Setup { options, tier, ..setup }
}

/// Threads that decode and encode: as configured, or one for each core up to four.
pub(super) fn threads(configured: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    if configured == 0 { cores().min(4) } else { configured }
}

/// Looks whether the server is there and new enough, before any feed is touched. One that is out of reach is waited for as
/// long as exports wait for it.
async fn greet(client: &Client, config: &Config) -> Result<()> {
    let export = &config.export;
    let until = Instant::now() + export.outage_wait;
    for attempt in 0.. {
        let Err(error) = ask_server(client).await else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if error.class() != Class::Retry || left.is_zero() {
            return Err(error);
        }
        if attempt == 0 {
            let at_most = format_duration(export.outage_wait);
            super::say_error(&format!("waiting for the server, at most {at_most}: {error}"));
        }
        let wait = backoff(attempt, export.retry_base, export.retry_max, fastrand::f64(), error.wait());
        tokio::select! {
            () = tokio::time::sleep(wait.min(left)) => {}
            _ = tokio::signal::ctrl_c() => return Err(Error::new(Kind::Interrupted, "stopped on request")),
        }
    }
    Ok(())
}

/// Asks the server who it is; refuses one that is too old.
pub(super) async fn ask_server(client: &Client) -> Result<ServerInfo> {
    let info = client.info().await?;
    if info.version.has_row_offsets() && info.version.has_query_stream_over_http1() {
        return Ok(info);
    }
    Err(Error::new(
        Kind::Refused,
        format!("the server is ksqlDB {}, which has no offsets in queries over HTTP/1.1", info.version.text),
    )
    .next("0.24 (Confluent Platform 7.1) or later is needed"))
}

async fn dry_run(
    client: &Client,
    logs: Option<&LogSource>,
    config: &Config,
    feeds: &[Feed],
    output: Output,
) -> Result<Exit> {
    let lake = Lake::new(&config.paths.lake);
    let mut failures = Vec::new();
    for feed in feeds {
        let planned = async {
            let metadata = read_metadata(&lake.dataset_dir(feed)?)?;
            let (positions, known, check) =
                metadata.map(|m| (m.positions, m.columns, m.source_check)).unwrap_or_default();
            let held = Held { positions: &positions, check: check.as_ref(), failed: None };
            let plan = plan(client, logs, feed, held, Utc::now()).await?;
            let columns = columns_of_files(feed, &known, &plan.schema);
            Ok::<_, Error>((plan, columns))
        };
        match planned.await {
            Ok::<_, Error>((plan, columns)) => {
                show_plan(feed, &plan, &columns, config.export.encodings, output);
            }
            Err(error) => {
                failures.push(error.kind());
                match output {
                    Output::Json => {
                        say_json(&json!({ "event": "plan", "feed": feed.name, "error": error.to_string() }));
                    }
                    Output::Human => say(&format!("{:<32} cannot be exported: {error}", feed.name)),
                }
            }
        }
    }
    Ok(Exit::of_run(false, &failures))
}

/// The plan of a feed, and for each column of its files which readers cannot read it.
fn show_plan(feed: &Feed, plan: &Plan, columns: &[FileColumn], encodings: Encodings, output: Output) {
    match output {
        Output::Json => say_json(&json!({
            "event": "plan",
            "feed": feed.name,
            "source": plan.source.name,
            "way": plan.reading.read_mode(),
            "text": plan.text(),
            "why": plan.choice.as_ref().map(|choice| &choice.why),
            "expected": plan.reading.expected(),
            "columns": columns.iter().map(|column| json!({
                "name": column.name,
                "ksql": column.ksql_type,
                "arrow": column.arrow_type(),
                "not_read_by": troubles(&column.data_type, encodings).iter().map(|trouble| json!({
                    "readers": trouble.readers,
                    "what": trouble.what,
                    "source": trouble.source,
                })).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })),
        Output::Human => {
            let rows = plan.reading.expected().map_or(String::new(), |n| format!(", at most {n} rows"));
            say(&format!("{:<32} would read {}{rows}", feed.name, plan.text()));
            for column in columns {
                let FileColumn { name, ksql_type, data_type } = column;
                say(&format!("    {name:<28} {ksql_type:<28} {}", column.arrow_type()));
                for trouble in troubles(data_type, encodings) {
                    say(&format!("        {trouble} ({})", trouble.source));
                }
            }
        }
    }
}
