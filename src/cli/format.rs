//! `feeds enable-format` and `feeds disable-format`: a dataset becomes a table of a table format, and plain Parquet again.

use chrono::Utc;
use clap::{Args, ValueEnum};

use super::ask::ask;
use super::choose::{entry, valid};
use super::decide::log;
use super::undo::open;
use super::{catalog, say, say_error};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::feed::{self, Catalog, Feed, FeedPaths, TableFormat};
use crate::headless::Exit;
use crate::lake::Lake;

#[derive(Debug, Args)]
pub(super) struct FormatArgs {
    /// The feed
    name: String,
    /// The table format
    #[arg(value_enum)]
    format: Formats,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Formats {
    Delta,
    Iceberg,
}

impl Formats {
    fn meant(self) -> TableFormat {
        match self {
            Self::Delta => TableFormat::Delta,
            Self::Iceberg => TableFormat::Iceberg,
        }
    }
}

/// The dataset first, so that a feed whose dataset cannot be such a table stays as it is.
pub(super) fn enable(config: &Config, paths: &FeedPaths, args: &FormatArgs) -> Result<Exit> {
    let catalog = Catalog::load(paths)?;
    let feed = valid(&catalog, &args.name)?;
    let format = args.format.meant();
    let mut formats = feed.table_format.clone();
    if !formats.contains(&format) {
        formats.push(format);
    }
    let feed = Feed { table_format: formats, ..feed };
    let lake = Lake::new(&config.paths.lake);
    let what = if lake.dataset_dir(&feed)?.is_dir() {
        let made = open(config, &lake, &feed, "lakehand feeds enable-format")?.enable_table()?;
        let version = match format {
            TableFormat::Delta => made.delta,
            TableFormat::Iceberg => made.iceberg,
        };
        version.map(|version| format!("its log is at version {version}; no file was rewritten"))
    } else {
        None
    };
    feed::set_table_format(&entry(&catalog, &args.name)?.path, &feed.table_format)?;
    let what = what.unwrap_or_else(|| "the next export that brings rows makes the table".to_owned());
    say(&format!("{}: the dataset is a table of {format} too: {what}", feed.name));
    log(config, &feed, "table format enabled", &what);
    catalog::behind(config, &feed);
    Ok(Exit::Done)
}

/// The feed's file first, so that no export makes the table again.
pub(super) fn disable(config: &Config, paths: &FeedPaths, args: &FormatArgs) -> Result<Exit> {
    let catalog = Catalog::load(paths)?;
    let feed = valid(&catalog, &args.name)?;
    let format = args.format.meant();
    let question = format!(
        "{}: remove the {format} log with its older versions? The data that plain readers see stays.",
        feed.name
    );
    if !args.yes {
        match ask(&question)? {
            Some(true) => {}
            Some(false) => return Ok(Exit::Done),
            None => {
                return Err(Error::new(Kind::Usage, "the log with its older versions would be removed")
                    .at("feed", &feed.name)
                    .next("give --yes where nobody can be asked"));
            }
        }
    }
    let formats = feed.table_format.iter().copied().filter(|known| *known != format).collect();
    let feed = Feed { table_format: formats, ..feed };
    feed::set_table_format(&entry(&catalog, &args.name)?.path, &feed.table_format)?;
    let lake = Lake::new(&config.paths.lake);
    let removed = if lake.dataset_dir(&feed)?.is_dir() {
        open(config, &lake, &feed, "lakehand feeds disable-format")?.remove_table(Utc::now())?
    } else {
        say_error(&format!("{}: nothing of it was exported yet", feed.name));
        crate::lake::TableRemoved::default()
    };
    let what = format!(
        "{} names of the log and its files went; {} bytes that only older versions had are free",
        removed.files, removed.freed_bytes
    );
    say(&format!("{}: the dataset is plain Parquet: {what}", feed.name));
    log(config, &feed, "table format disabled", &what);
    catalog::behind(config, &feed);
    Ok(Exit::Done)
}
