//! The command line: what can be asked, and the file that answers each question.
//!
//! | command | file |
//! |---|---|
//! | none: the screen | [`screen`] |
//! | `export` | [`export`](mod@export), its feeds chosen by [`choose`] |
//! | `watch` | [`watch`] |
//! | `feeds …` | [`feeds`]; [`list`], [`show`] and [`days`] show, [`prepare`], [`undo`] and [`decide`] change |
//! | `read` | [`read`] |
//! | `history`, `diff` | [`history`] |
//! | `pin`, `unpin`, `rollback` | [`pin`] |
//! | `check` | [`check`]; [`check_source`] for `--source` |
//! | `compact` | [`compact`] |
//! | `tier …` | [`tier`] |
//! | `catalog …` | [`catalog`] |
//! | `doctor` | [`doctor`] |
//! | `config show`, `config init` | [`config`] |
//! | `demo` | [`demo`] |
//! | `completions`, `man` | [`shell`] |

mod ask;
mod catalog;
mod check;
mod check_source;
mod choose;
mod compact;
mod config;
mod days;
mod decide;
mod demo;
mod doctor;
mod export;
mod feeds;
mod format;
mod history;
mod lake;
mod list;
mod pin;
mod prepare;
mod presence;
mod reach;
mod read;
mod screen;
mod shell;
mod show;
mod tier;
mod undo;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::headless::{Exit, stdout};
use crate::lake::RetentionRules;
use crate::log::escape_controls;
use reach::{catalogs, client, logs, registry};

/// Keeps ksqlDB streams and tables in a Parquet data lake on disk.
#[derive(Debug, Parser)]
#[command(name = "lakehand", version, about, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// The folder with lakehand.toml, feeds and data_lake
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Another configuration file than ROOT/lakehand.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one value, as in lakehand.toml: --set export.memory_mb=512
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The server: short for --set server.url=URL
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    #[command(flatten)]
    screen: screen::ScreenArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "Exit codes: 0 all done, 1 some feed failed, 2 usage or configuration, 3 server unreachable, \
                          4 locked by another, 5 lake damaged, 6 records are known to be lost, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Export feeds into the lake, then end
    Export(export::ExportArgs),
    /// Export feeds when their files change and when their schedules come, until a signal ends it (with 0)
    Watch(watch::WatchArgs),
    /// Print the code by which DuckDB, Polars, pandas and others read a feed's dataset as it is now
    Read(read::ReadArgs),
    /// Show every commit of a dataset: what came and went, and what of it can still be read or brought back
    History(history::HistoryArgs),
    /// Compare two versions of a table, row by row, or two commits of a stream, file by file
    Diff(history::DiffArgs),
    /// Keep a version of a table or a day of a stream, whatever the feed's rules say
    Pin(pin::PinArgs),
    /// Let the feed's rules hold again for a version or a day
    Unpin(pin::UnpinArgs),
    /// Make an earlier version of a table current again, or a day of a stream as it was
    Rollback(pin::RollbackArgs),
    /// Verify the lake: footers, counts, offsets, orphans, modes; with --repair, mend it
    Check(check::CheckArgs),
    /// Make few files of the small ones of a day, without asking Kafka; sorted and with Bloom filters where the feed says so
    Compact(compact::CompactArgs),
    /// Move sealed days to the cold tier and back, and say where each day lies
    #[command(subcommand)]
    Tier(tier::TierCommand),
    /// Publish datasets as tables of Hive Metastore and AWS Glue, and compare these with the lake
    #[command(subcommand)]
    Catalog(catalog::CatalogCommand),
    /// Look at the server, the folders, the disk, the clock and the terminal
    Doctor(doctor::DoctorArgs),
    /// List and change feeds
    #[command(subcommand)]
    Feeds(feeds::FeedsCommand),
    /// Show every setting and where it comes from, or write the annotated default file
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Change how the lake is laid out
    #[command(subcommand)]
    Lake(lake::LakeCommand),
    /// Serve eight datasets from an embedded ksqlDB-compatible server and export them
    Demo(demo::DemoArgs),
    /// Print the completion script of a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// What every command starts from.
struct Start {
    root: PathBuf,
    file: Option<PathBuf>,
    flags: Vec<(String, String)>,
}

impl Start {
    /// The configuration, with its warnings said on standard error.
    fn config(&self) -> Result<Config> {
        let env = |name: &str| std::env::var(name).ok();
        let flags: Vec<_> = self.flags.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        let config = Config::load(&self.root, self.file.as_deref(), &env, &flags)?;
        for warning in config.warnings() {
            say_error(&format!("warning: {warning}"));
        }
        Ok(config)
    }
}

/// Parses the process's arguments, does what they ask, and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own text: usage on standard error with 2, help and version on standard output with 0.
            let printed = error.print().is_ok();
            let exit = if printed { Exit::Done } else { Exit::Failed };
            return if error.use_stderr() { Exit::Usage.into() } else { exit.into() };
        }
    };
    let exit = match run(cli) {
        Ok(exit) => stdout::or_lost(exit),
        Err(error) => {
            say_error(&error.to_string());
            Exit::of(error.kind())
        }
    };
    if let Some(why) = stdout::lost() {
        say_error(&format!("standard output cannot be written, and is not whole: {why}"));
    }
    exit.into()
}

fn run(cli: Cli) -> Result<Exit> {
    let mut flags = Vec::new();
    for pair in &cli.set {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Error::new(Kind::Usage, format!("--set {pair}: a value is missing"))
                .next("write it as KEY=VALUE, for example --set export.memory_mb=512")
        })?;
        flags.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    if let Some(url) = cli.server {
        flags.push(("server.url".into(), url));
    }
    let start = Start { root: cli.root, file: cli.config, flags };
    if cli.command.is_some() {
        cli.screen.refuse()?;
    }
    match cli.command {
        None => screen::run(start, &cli.screen),
        Some(Command::Export(args)) => export::run(&start, &args),
        Some(Command::Watch(args)) => watch::run(&start, &args),
        Some(Command::Read(args)) => read::run(&start, &args),
        Some(Command::History(args)) => history::run(&start, &args),
        Some(Command::Diff(args)) => history::diff(&start, &args),
        Some(Command::Pin(args)) => pin::pin(&start, &args),
        Some(Command::Unpin(args)) => pin::unpin(&start, &args),
        Some(Command::Rollback(args)) => pin::rollback(&start, &args),
        Some(Command::Check(args)) => check::run(&start, &args),
        Some(Command::Compact(args)) => compact::run(&start, &args),
        Some(Command::Tier(command)) => tier::run(&start, &command),
        Some(Command::Catalog(command)) => catalog::run(&start, &command),
        Some(Command::Doctor(args)) => doctor::run(&start, &args),
        Some(Command::Feeds(command)) => feeds::run(&start, command),
        Some(Command::Config(command)) => config::run(&start, &command),
        Some(Command::Lake(command)) => lake::run(&start, &command),
        Some(Command::Demo(args)) => demo::run(&start, &args),
        Some(Command::Completions { shell }) => shell::completions(shell),
        Some(Command::Man) => shell::man(),
    }
}

/// How data leaves the lake.
fn retention_rules(config: &Config) -> RetentionRules {
    RetentionRules { grace: config.retention.grace, max_share: config.retention.max_share }
}

/// The runtime on which the network lives; jobs and the event loop have threads of their own. One thread does for a
/// client: it reads two million rows a second, and with a second one chunks of a row cost twice as much by being handed
/// from thread to thread (`benches/transport.rs`).
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|e| Error::new(Kind::Io, format!("cannot start the runtime: {e}")).because(e))
}

/// Lines on standard error.
fn say_error(text: &str) {
    for (i, line) in text.lines().enumerate() {
        let indent = if i == 0 { "lakehand:" } else { "         " };
        eprintln!("{indent} {}", escape_controls(line));
    }
}

/// Lines on standard output; a reader that is gone is no error.
fn say(text: &str) {
    for line in text.lines() {
        stdout::print_line(&escape_controls(line));
    }
}

/// One JSON object on standard output. JSON has its own escapes: nothing is added to them.
fn say_json(value: &serde_json::Value) {
    crate::headless::print_json(value);
}
