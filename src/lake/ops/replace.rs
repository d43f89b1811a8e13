//! A day exported again: its rows are read once more and take the place of the files that are there.
//!
//! ```text
//! write     rows below the committed positions; those of other partitions are left out
//! swap      every offset that the old files held must have come again, then in one commit:
//!           the mark goes, old files move to `bin/<commit>/…`, new ones come, the metadata counts them
//! ```
//!
//! Positions do not change. What an earlier swap of the same day had put aside goes with the next one, or with the day
//! when retention removes it; until then `undo` takes the swap back.

use arrow::array::RecordBatch;
use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::feed::FeedKind;
use crate::lake::file::footer::{FooterFacts, FooterRead, look_at_footer};
use crate::lake::file::open_file::{CommitEnd, RowFacts};
use crate::lake::fs;
use crate::lake::layout::{self, Depth, PartitionPath, Place, Room, is_inside};
use crate::lake::manifest::loss::LossCause;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::offsets::{Ranges, Seen};
use crate::lake::ops::run::{RowColumns, Run, same_columns};
use crate::lake::ops::seal;
use crate::lake::report::{Committed, WriterStats};
use crate::lake::txn::transaction::{Bin, is_data};
use crate::lake::write::route::{Router, cut};
use crate::lake::{Dataset, RunInfo, TableSchema};
use crate::{Error, Kind, Result};

/// Ranges of offsets that are remembered.
const SEEN_RANGES: usize = 1 << 20;

/// Takes the rows of one day again. Dropped without a swap, it leaves nothing.
pub struct Replacer<'a> {
    run: Run<'a>,
    rows: RowColumns,
    router: Router,
    seen: Seen,
    /// `year=2025/month=01/day=15`, or what of it the dataset's folders have.
    prefix: String,
}

impl Dataset {
    /// Begins to take the rows of `day` again. `Kind::Schema` when a column changed its type.
    pub fn replacer(&mut self, schema: &TableSchema, run: RunInfo, day: NaiveDate) -> Result<Replacer<'_>> {
        self.begin(FeedKind::Stream, schema)?;
        self.refuse_ahead()?;
        self.metadata.refuse_cold(&self.day_prefix(day))?;
        Replacer::new(self, schema, run, day)
    }

    /// `Kind::Refused` while files hold rows that are still to be proved: what comes again is told from them by the next
    /// export alone.
    pub(crate) fn refuse_ahead(&self) -> Result<()> {
        if self.metadata.ahead.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            Kind::Refused,
            "positions were made anew from the files, and some rows are still read again",
        )
        .at("feed", &self.feed.name)
        .next("export the feed, then try this again"))
    }

    /// The folder of a day, or the longer partition in which it lies: `year=2025/month=01`.
    pub fn day_prefix(&self, day: NaiveDate) -> String {
        prefix_of(&self.metadata, day)
    }

    /// ROWTIMEs among which those of the day are, `[from, until)`, milliseconds; `None` when another column tells the day.
    pub fn day_span(&self, day: NaiveDate) -> Option<[i64; 2]> {
        if self.metadata.timestamp_column.is_some() {
            return None;
        }
        let zone = seal::zone_of(&self.metadata);
        let begin = match self.metadata.partition_columns.len() {
            0 | 1 => day.with_ordinal(1)?,
            2 => day.with_day(1)?,
            _ => day,
        };
        // The clock may be put forward or back around midnight: rows too many are left out by their folder.
        let margin = if zone == chrono_tz::Tz::UTC { 0 } else { 2 * 3_600_000 };
        let from = seal::begin_of(begin, zone)?.timestamp_millis() - margin;
        let until = seal::end_of(&self.day_prefix(day), zone)?.timestamp_millis() + margin;
        Some([from, until])
    }

    /// The first offset per Kafka partition that the lake holds, or held, of a day.
    pub fn first_offsets(&self, day: NaiveDate) -> Vec<(i32, i64)> {
        let prefix = self.day_prefix(day);
        let mut first = std::collections::BTreeMap::new();
        for partition in self.metadata.partitions.iter().filter(|p| is_inside(&p.path, &prefix)) {
            for (kafka, [offset, _]) in &partition.offsets {
                let held = first.entry(*kafka).or_insert(*offset);
                *held = (*held).min(*offset);
            }
        }
        first.into_iter().collect()
    }

    /// Copies of a partition that swaps have put aside, with their size; none where they are pinned.
    pub(crate) fn replaced_copies(&self, path: &str) -> Result<Vec<(Place, u64)>> {
        let mut copies = Vec::new();
        if self.metadata.is_pinned(path) {
            return Ok(copies);
        }
        for entry in crate::lake::ops::replaced::commits(&self.committer.places)? {
            let copy = Place::new(Room::Bin, format!("{}/{path}", entry.name));
            if let Some(bytes) = fs::size_of(&self.path(&copy)?)? {
                copies.push((copy, bytes));
            }
        }
        Ok(copies)
    }
}

/// A row came that the lake is yet to read: with a swap it would be there, and come again with the next export.
fn not_yet_read(partition: i32, offset: i64) -> Error {
    Error::new(Kind::Garbled, "a row came from beyond what was exported, and was not asked for")
        .at("ROWPARTITION", partition)
        .at("ROWOFFSET", offset)
        .next("nothing is changed; the read is tried again")
}

/// The folder of a day, or the longer partition in which it lies.
pub(crate) fn prefix_of(metadata: &Metadata, day: NaiveDate) -> String {
    PartitionPath::around(day, Depth::of_count(metadata.partition_columns.len())).to_string()
}

impl<'a> Replacer<'a> {
    fn new(dataset: &'a mut Dataset, schema: &TableSchema, run: RunInfo, day: NaiveDate) -> Result<Self> {
        let rows = RowColumns::of(schema)?;
        let router = Router::new(&dataset.feed, &schema.arrow)?;
        let prefix = dataset.day_prefix(day);
        let run = Run::begin(dataset, schema, run, None)?;
        Ok(Self { run, rows, router, seen: Seen::new(SEEN_RANGES), prefix })
    }

    /// Writes the rows of the batch that are of the day.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.run.check_usable()?;
        let result = self.take(batch);
        self.run.note(result)
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        same_columns(&self.run.schema, batch)?;
        for (key, part) in cut(batch, &self.router.route(batch)?.runs)? {
            if !is_inside(&self.router.partition(key)?.to_string(), &self.prefix) {
                continue;
            }
            let (partitions, offsets, rowtime) = self.rows.read(&part)?;
            let known = &self.run.dataset.metadata.positions;
            self.seen.take(partitions, offsets, |partition, [_, last]| match known.get(&partition) {
                Some(next) if last < *next => Ok(()),
                _ => Err(not_yet_read(partition, last)),
            })?;
            let shown = self.run.view.of(&part)?;
            self.run.writer.look(1, || Ok(shown.clone()))?;
            let facts = RowFacts { positions: Some((partitions, offsets)), rowtime: Some(rowtime) };
            self.run.writer.write(key, &shown, &facts)?;
        }
        Ok(())
    }

    /// What the writer holds now.
    pub fn stats(&self) -> WriterStats {
        self.run.writer.numbers()
    }

    /// Puts the new files in the place of the old ones. `Kind::Incomplete`, and nothing changes, when a row that the lake
    /// holds did not come again.
    pub fn swap(mut self, now: DateTime<Utc>) -> Result<Committed> {
        self.run.dataset.check_ready()?;
        let leaves: Vec<_> = layout::leaves(self.run.dataset.dir())?
            .into_iter()
            .filter(|leaf| is_inside(&leaf.path, &self.prefix))
            .collect();
        let mut copies = Vec::new();
        for leaf in &leaves {
            leaf.writable(self.run.dataset.dir())?;
            for file in leaf.files.iter().filter(|file| is_data(file)) {
                self.compare(&file.path)?;
            }
            copies.extend(self.run.dataset.replaced_copies(&leaf.path)?);
        }
        let before: Vec<_> = self.run.dataset.metadata.partitions.iter().map(|p| p.path.clone()).collect();
        let mut transaction = self.run.dataset.transaction(&self.run.commit_id, now);
        let bin = Bin(self.run.commit_id.clone());
        for leaf in &leaves {
            for file in leaf.files.iter().filter(|file| is_data(file)) {
                transaction.set_aside(format!("{}/{}", leaf.path, file.name), file.bytes, &bin);
            }
        }
        for (from, bytes) in copies {
            transaction.discard(from, bytes, 0);
        }
        let mut done = Committed { id: self.run.commit_id.clone(), ..Committed::default() };
        for partition in before.into_iter().filter(|path| is_inside(path, &self.prefix)) {
            if transaction.unmark(&partition)? {
                done.reopened.push(partition);
            }
        }
        let facts = FooterFacts { commit: self.run.commit_id.clone(), ..self.run.writer.facts().clone() };
        self.run.writer.set_facts(facts);
        let positions = transaction.metadata().positions.clone();
        let (files, rolls) = self.run.writer.finish(CommitEnd { positions, ..CommitEnd::default() })?;
        done.rolls = rolls;
        transaction.metadata().partitions.retain(|p| !is_inside(&p.path, &self.prefix));
        transaction.add_files(self.router.depth(), &files, &mut done)?;
        let next = transaction.metadata();
        for partition in next.partitions.iter_mut().filter(|p| done.reopened.contains(&p.path)) {
            partition.reopened_at = Some(now);
        }
        next.note_partition_losses(LossCause::Repair, now);
        let facts = self.run.writer.facts();
        transaction.note_export(&self.run.info, &self.run.columns, facts, &mut done, (now, true));
        transaction.commit()?;
        Ok(done)
    }

    /// Every offset of the old file has come again. A damaged file says nothing, and holds nothing that readers can read; one
    /// that could not be read may hold rows, and nothing is replaced.
    fn compare(&self, path: &std::path::Path) -> Result<()> {
        let footer = match look_at_footer(path) {
            FooterRead::Sound(footer) => footer,
            FooterRead::Damaged(_) => return Ok(()),
            FooterRead::Unknown(e) => {
                return Err(
                    e.next("nothing was changed: let this program read the file, then export the day again")
                );
            }
        };
        for (partition, old) in footer.offsets.partitions() {
            let none = Ranges::default();
            let new = self.seen.offsets().of(*partition).unwrap_or(&none);
            let missing: Vec<[i64; 2]> = if old.hull || new.hull {
                if new.rows < old.rows { old.runs.clone() } else { Vec::new() }
            } else {
                old.runs.iter().flat_map(|range| new.missing(*range)).collect()
            };
            if let Some([first, last]) = missing.first() {
                return Err(Error::new(
                    Kind::Refused,
                    format!(
                        "Kafka partition {partition}: offsets {first}..={last} are in the lake, and did not come again: the \
                         log no longer holds them, or they no longer decode"
                    ),
                )
                .at("file", path.display())
                .next("nothing was changed: the lake's files are the better copy"));
            }
        }
        Ok(())
    }

    /// Throws it away.
    pub fn abandon(self) -> Result<()> {
        self.run.abandon()
    }
}
