//! Datasets in catalogues: what the lake holds is published behind each commit, and what a catalogue holds is compared with it.
//!
//! ```text
//! metadata ─▶ describe ─▶ TableDef, partitions ─┐
//! record of what was published last ────────────┴─▶ changes ─▶ Catalog::publish ─▶ record
//! publisher   a thread behind the engine: feeds that committed, again with back-off where a catalogue is down
//! ```
//!
//! There is no queue that could disagree with the lake. The record in the books says what the catalogue was last made to hold; what is
//! to be done is the difference to the newest metadata. A kill between the two, or a catalogue that is down, leaves the
//! difference, which the next publication makes up for. A catalogue never fails an export.

mod describe;
mod publisher;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use describe::Described;
pub(super) use publisher::{Orders, Publisher};

use crate::catalog::{Catalog, Changes, Difference, Made, PartitionDef, changes, compare};
use crate::error::{Error, Kind, Result};
use crate::feed::partition_path::spelt;
use crate::feed::{CatalogName, Feed, Register};
use crate::hash::ContentHash;
use crate::lake::{Lake, Metadata, Publication, read_metadata, read_publication};

/// A catalogue that the configuration names.
#[derive(Clone)]
pub struct Registered {
    /// Its name in feeds.
    pub name: CatalogName,
    /// The catalogue.
    pub catalog: Arc<dyn Catalog>,
    /// As what datasets are registered.
    pub register: Register,
}

/// The catalogues of a feed among those that are configured.
pub fn of_feed<'r>(catalogs: &'r [Registered], feed: &Feed) -> impl Iterator<Item = &'r Registered> {
    let wanted = feed.catalog.clone();
    catalogs.iter().filter(move |registered| wanted.contains(&registered.name))
}

/// What was published of a dataset to a catalogue.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Record {
    /// Which catalogue, and which database of it.
    target: String,
    table: String,
    /// The dataset's commit that the catalogue shows.
    commit_seq: u64,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<DateTime<Utc>>,
    /// Of the table without its commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    definition: Option<ContentHash>,
    /// Values, location, rows, files, bytes.
    #[serde(default)]
    partitions: Vec<(Vec<String>, String, u64, u64, u64)>,
    /// Why the last attempt did not come through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<PublishFailure>,
}

/// How a publication failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishFailure {
    /// When.
    pub at: DateTime<Utc>,
    /// The name of its kind.
    pub kind: String,
    /// What happened, where, and what to do next.
    pub what: String,
}

impl Record {
    fn read(bytes: Option<&[u8]>) -> Self {
        // One that cannot be understood is as good as none: the catalogue itself is asked then.
        bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default()
    }

    fn write(&self, book: &Publication) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|e| {
            Error::new(Kind::Bug, format!("the record of a publication cannot be written: {e}"))
        })?;
        book.write(&bytes)
    }

    fn partitions(&self) -> Vec<PartitionDef> {
        let read =
            |(values, location, rows, files, bytes): &(Vec<String>, String, u64, u64, u64)| PartitionDef {
                values: values.clone(),
                location: location.clone(),
                rows: *rows,
                files: *files,
                bytes: *bytes,
            };
        self.partitions.iter().map(read).collect()
    }
}

/// What a catalogue shows of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogState {
    /// The catalogue.
    pub name: CatalogName,
    /// The commit that it shows; `None`: nothing was published yet.
    pub commit_seq: Option<u64>,
    /// When that was published.
    pub at: Option<DateTime<Utc>>,
    /// Why the last attempt did not come through.
    pub failed: Option<PublishFailure>,
}

/// What the catalogues of a feed show of the dataset in `dataset_dir`, by the records in its books; nobody is asked.
///
/// # Errors
/// [`Kind::Io`] when the books cannot be read.
pub fn states(dataset_dir: &Path, catalogs: &[CatalogName]) -> Result<Vec<CatalogState>> {
    let read = |name: &CatalogName| {
        let record = Record::read(read_publication(dataset_dir, name.keyword())?.as_deref());
        let commit_seq = record.at.map(|_| record.commit_seq);
        Ok(CatalogState { name: *name, commit_seq, at: record.at, failed: record.failed })
    };
    catalogs.iter().map(read).collect()
}

/// Why local copies of a partition that is cold must stay: one of the catalogues `configured` that the feed names still sends readers
/// to them.
///
/// # Errors
/// [`Kind::Io`] when the books cannot be read.
pub fn holds_back(
    lake: &Lake,
    feed: &Feed,
    configured: &[CatalogName],
    partition: &str,
) -> Result<Option<String>> {
    let dir = lake.dataset_dir(feed)?;
    let Some(metadata) = read_metadata(&dir)? else { return Ok(None) };
    let info = metadata.partitions.iter().find(|info| info.path == partition);
    let Some(cold) = info.and_then(|info| info.cold.as_ref()) else { return Ok(None) };
    let values: Vec<_> = spelt(partition).into_iter().map(|(_, value)| value).collect();
    for name in feed.catalog.iter().filter(|name| configured.contains(name)) {
        let record = Record::read(read_publication(&dir, name.keyword())?.as_deref());
        let sends_there = match record.partitions.iter().find(|(known, ..)| *known == values) {
            Some((_, location, ..)) => *location != cold.url,
            // A table format's own metadata names the files: it is that of a commit behind the switch.
            None => record.at.is_none_or(|at| at <= cold.since),
        };
        if sends_there && cold.files < info.map_or(0, |info| info.files) {
            return Ok(Some(format!(
                "late rows lie beside them, and the catalogue {name} has one place for both: they go when the late rows have followed"
            )));
        }
        if sends_there {
            return Ok(Some(format!(
                "the catalogue {name} still sends readers to them; `lakehand catalog sync {}` brings it up",
                feed.name
            )));
        }
    }
    Ok(None)
}

/// What became of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The dataset holds nothing that could be a table.
    Nothing,
    /// The catalogue shows the newest commit already.
    UpToDate,
    /// It shows it now.
    Done {
        /// `lakehand.payments`
        table: String,
        /// What became of the table itself.
        made: Made,
        /// Partitions that came, changed or went.
        partitions: usize,
        /// The commit.
        commit_seq: u64,
        /// Days with rows in both tiers, of which the catalogue shows those of the cold one alone.
        in_two_places: Vec<String>,
    },
}

impl Published {
    /// In a sentence; `None` when nothing was to be done.
    pub fn sentence(&self) -> Option<String> {
        let Self::Done { table, made, partitions, commit_seq, in_two_places } = self else { return None };
        let word = match made {
            Made::New => "made",
            Made::Again => "made anew",
            Made::Altered | Made::Unknown => "brought",
        };
        let mut text =
            format!("table {table} {word} to commit {commit_seq}, {partitions} partitions changed");
        if let Some(first) = in_two_places.first() {
            text += &format!(
                "; {} partitions have rows in both tiers, and the catalogue shows those of the cold one alone, until \
                 `lakehand tier restore` brings them home: {first}",
                in_two_places.len()
            );
        }
        Some(text)
    }
}

/// How a dataset is in the lake, as far as a catalogue is concerned.
fn look(lake: &Lake, feed: &Feed, registered: &Registered) -> Result<Option<(Metadata, Described)>> {
    let dir = lake.dataset_dir(feed)?;
    let Some(metadata) = read_metadata(&dir)? else { return Ok(None) };
    let described = describe::describe(feed, &dir, &metadata, registered.register)?;
    Ok(described.map(|described| (metadata, described)))
}

/// What is to be done, where the catalogue itself is asked what it holds.
fn asked(registered: &Registered, described: &Described) -> Result<Changes> {
    let table = &described.table;
    let held = match registered.catalog.table(&table.name)? {
        // Of somebody else's table nothing is changed: to publish refuses.
        Some(held) if held.owner() == Some(table.owner()) && !held.partition_columns.is_empty() => {
            registered.catalog.partitions(&table.name)?
        }
        _ => Vec::new(),
    };
    Ok(Changes {
        known: None,
        since: changes(&held, &described.partitions),
        all: described.partitions.clone(),
    })
}

/// Publishes what a catalogue does not show yet. With `whole` the catalogue is asked what it holds, so that what somebody else has
/// changed is mended too.
///
/// # Errors
/// What the catalogue refuses, or that it is down: noted in the record, and made up for by the next publication.
pub fn publish(
    lake: &Lake,
    feed: &Feed,
    registered: &Registered,
    whole: bool,
    now: DateTime<Utc>,
) -> Result<Published> {
    let Some(book) = lake.publication(feed, registered.name.keyword())? else {
        return Ok(Published::Nothing);
    };
    let before = Record::read(book.read()?.as_deref());
    // That it failed before is past, whatever comes of this.
    let mut record = Record { failed: None, ..before.clone() };
    let done = publish_into(lake, feed, registered, whole, &mut record, now);
    match &done {
        Ok(Published::Done { .. }) => record.write(&book)?,
        Ok(Published::UpToDate | Published::Nothing) if record != before => {
            record.failed = None;
            record.write(&book)?;
        }
        Ok(_) => {}
        Err(error) => {
            let (kind, what) = (error.kind().name().to_owned(), error.to_string());
            record.failed = Some(PublishFailure { at: now, kind, what });
            // The error itself is what counts.
            let _ = record.write(&book);
        }
    }
    done
}

fn publish_into(
    lake: &Lake,
    feed: &Feed,
    registered: &Registered,
    whole: bool,
    record: &mut Record,
    now: DateTime<Utc>,
) -> Result<Published> {
    let catalog = &registered.catalog;
    // Read behind the lock: whoever published before has not published more than this says.
    let Some((metadata, described)) = look(lake, feed, registered)? else { return Ok(Published::Nothing) };
    let (table, target) = (&described.table, catalog.target());
    let definition = Some(described.definition());
    let is_known = record.at.is_some()
        && (&record.target, &record.table) == (&target, &table.name)
        && record.commit_seq <= metadata.commit_seq;
    if whole && drift_of(registered, &described)?.is_empty() {
        *record = recorded(&metadata, described, target, definition, now);
        return Ok(Published::UpToDate);
    }
    let mut todo = if is_known && !whole {
        let since = changes(&record.partitions(), &described.partitions);
        if since.is_empty() && record.commit_seq == metadata.commit_seq && record.definition == definition {
            return Ok(Published::UpToDate);
        }
        Changes { known: Some(record.commit_seq), since, all: described.partitions.clone() }
    } else {
        asked(registered, &described)?
    };
    let mut made = catalog.publish(table, &todo)?;
    if made == Made::Unknown {
        // Somebody made it anew, or a publication was stopped before it could say so.
        todo = asked(registered, &described)?;
        made = catalog.publish(table, &todo)?;
    }
    let partitions = if made == Made::Altered { todo.since.len() } else { todo.all.len() };
    let name = format!("{}.{}", catalog.database(), table.name);
    let in_two_places = described.in_two_places.clone();
    *record = recorded(&metadata, described, target, definition, now);
    Ok(Published::Done { table: name, made, partitions, commit_seq: metadata.commit_seq, in_two_places })
}

/// The record of a catalogue that shows this.
fn recorded(
    metadata: &Metadata,
    described: Described,
    target: String,
    definition: Option<ContentHash>,
    now: DateTime<Utc>,
) -> Record {
    let kept = |p: PartitionDef| (p.values, p.location, p.rows, p.files, p.bytes);
    Record {
        target,
        table: described.table.name,
        commit_seq: metadata.commit_seq,
        at: Some(now),
        definition,
        partitions: described.partitions.into_iter().map(kept).collect(),
        failed: None,
    }
}

/// Looks whether a catalogue is there and lets us in; on a thread that may wait.
///
/// # Errors
/// Why not.
pub async fn reach(registered: Registered) -> Result<String> {
    let asked = tokio::task::spawn_blocking(move || registered.catalog.check()).await;
    asked.unwrap_or_else(|e| Err(Error::new(Kind::Bug, format!("the question to the catalogue ended: {e}"))))
}

/// In what a catalogue differs from the lake; nothing where the lake has nothing to show. The catalogue is asked.
///
/// # Errors
/// Those of the catalogue.
pub fn drift(lake: &Lake, feed: &Feed, registered: &Registered) -> Result<Vec<Difference>> {
    match look(lake, feed, registered)? {
        Some((_, described)) => drift_of(registered, &described),
        None => Ok(Vec::new()),
    }
}

fn drift_of(registered: &Registered, described: &Described) -> Result<Vec<Difference>> {
    let (catalog, table) = (&registered.catalog, &described.table);
    let Some(held) = catalog.table(&table.name)? else { return Ok(vec![Difference::NoTable]) };
    if let Err(error) = held.check_owner(catalog.name(), catalog.database(), &table.name, table.owner()) {
        return Ok(vec![Difference::Foreign(error.what().to_owned())]);
    }
    let partitions =
        if held.partition_columns.is_empty() { Vec::new() } else { catalog.partitions(&table.name)? };
    Ok(compare(table, &described.partitions, &held, &partitions))
}

/// Drops the feed's table from a catalogue, and no data; false when there was none. It comes back with the next publication, as long
/// as the feed names the catalogue.
///
/// # Errors
/// `Kind::Refused` for a table that somebody else made; those of the catalogue.
pub fn drop_table(lake: &Lake, feed: &Feed, registered: &Registered) -> Result<bool> {
    let book = lake.publication(feed, registered.name.keyword())?;
    let owner = describe::folder_url(&lake.dataset_dir(feed)?)?;
    let dropped = registered.catalog.drop_table(&describe::table_name(feed), &owner)?;
    if let Some(book) = book {
        book.remove()?;
    }
    Ok(dropped)
}
