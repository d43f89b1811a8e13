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
use arrow::array::cast::AsArray;
use arrow::datatypes::DataType;
use arrow::datatypes::{Int32Type, Int64Type};
use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::feed::FeedKind;
use crate::lake::file::footer::{FooterFacts, FooterRead, look_at_footer};
use crate::lake::file::open_file::{CommitEnd, RowFacts};
use crate::lake::fs;
use crate::lake::layout::{self, Place, Room};
use crate::lake::manifest::loss::LossCause;
use crate::lake::manifest::metadata::{ColumnInfo, Metadata};
use crate::lake::manifest::offsets::{Ranges, Seen};
use crate::lake::manifest::schema;
use crate::lake::ops::append::{Prepared, duration_ms, place_files, run_record, same_columns};
use crate::lake::ops::seal;
use crate::lake::report::{Committed, WriterStats};
use crate::lake::txn::commit::Move;
use crate::lake::write::present::View;
use crate::lake::write::route::{Router, cut};
use crate::lake::write::writer::Writer;
use crate::lake::{Dataset, RunInfo, TableSchema};
use crate::{Error, Kind, Result};

/// Ranges of offsets that are remembered.
const SEEN_RANGES: usize = 1 << 20;

/// Takes the rows of one day again. Dropped without a swap, it leaves nothing.
pub struct Replacer<'a> {
    dataset: &'a mut Dataset,
    schema: TableSchema,
    run: RunInfo,
    columns: Vec<ColumnInfo>,
    meta: [usize; 3],
    /// The rows as the files hold them.
    view: View,
    router: Router,
    writer: Writer,
    seen: Seen,
    commit_id: String,
    /// `year=2025/month=01/day=15`, or what of it the dataset's folders have.
    prefix: String,
    failed: bool,
}

impl Dataset {
    /// Begins to take the rows of `day` again. `Kind::Schema` when a column changed its type.
    pub fn replacer(&mut self, schema: &TableSchema, run: RunInfo, day: NaiveDate) -> Result<Replacer<'_>> {
        self.begin(FeedKind::Stream, schema)?;
        self.refuse_ahead()?;
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
        for partition in self.metadata.partitions.iter().filter(|p| is_below(&p.path, &prefix)) {
            for (kafka, [offset, _]) in &partition.offsets {
                let held = first.entry(*kafka).or_insert(*offset);
                *held = (*held).min(*offset);
            }
        }
        first.into_iter().collect()
    }

    /// Copies of a partition that swaps have put aside, with their size.
    pub(crate) fn replaced_copies(&self, path: &str) -> Result<Vec<(Place, u64)>> {
        let mut copies = Vec::new();
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
    let parts = [
        format!("year={:04}", day.year()),
        format!("month={:02}", day.month()),
        format!("day={:02}", day.day()),
    ];
    let depth = metadata.partition_columns.len().clamp(1, 3);
    parts[..depth].join("/")
}

/// `path` is the partition `prefix` or lies in it.
pub(crate) fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl<'a> Replacer<'a> {
    fn new(dataset: &'a mut Dataset, schema: &TableSchema, run: RunInfo, day: NaiveDate) -> Result<Self> {
        let column = |name: &'static str, wanted: &DataType| match schema.arrow.column_with_name(name) {
            Some((at, field)) if field.data_type() == wanted => Ok(at),
            _ => Err(Error::new(Kind::Bug, format!("the rows of a stream come without {name} as {wanted}"))),
        };
        let meta = [
            column("ROWTIME", &DataType::Int64)?,
            column("ROWPARTITION", &DataType::Int32)?,
            column("ROWOFFSET", &DataType::Int64)?,
        ];
        let router = Router::new(&dataset.feed, &schema.arrow)?;
        let prepared = Prepared::new(dataset, schema, &run, None)?;
        let prefix = dataset.day_prefix(day);
        dataset.needs_recovery = true;
        Ok(Self {
            dataset,
            schema: schema.clone(),
            run,
            columns: prepared.columns,
            meta,
            view: prepared.view,
            router,
            writer: prepared.writer,
            seen: Seen::new(SEEN_RANGES),
            commit_id: prepared.commit_id,
            prefix,
            failed: false,
        })
    }

    /// Writes the rows of the batch that are of the day.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.failed {
            return Err(Error::new(Kind::Bug, "rows were handed to a swap that had failed"));
        }
        let result = self.take(batch);
        self.failed = result.is_err();
        result
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        same_columns(&self.schema, batch)?;
        for (key, part) in cut(batch, &self.router.route(batch)?.runs)? {
            let (folder, _) = self.router.depth().folder(key)?;
            if !is_below(&folder, &self.prefix) {
                continue;
            }
            let [rowtime, partition, offset] = self.meta.map(|at| part.column(at));
            if [rowtime, partition, offset].iter().any(|column| column.null_count() > 0) {
                return Err(Error::new(
                    Kind::Garbled,
                    "a row came without ROWTIME, ROWPARTITION or ROWOFFSET",
                ));
            }
            let partitions = partition.as_primitive::<Int32Type>().values();
            let offsets = offset.as_primitive::<Int64Type>().values();
            let rowtime = rowtime.as_primitive::<Int64Type>().values();
            let known = &self.dataset.metadata.positions;
            self.seen.take(partitions, offsets, |partition, [_, last]| match known.get(&partition) {
                Some(next) if last < *next => Ok(()),
                _ => Err(not_yet_read(partition, last)),
            })?;
            let shown = self.view.of(&part)?;
            self.writer.look(1, || Ok(shown.clone()))?;
            let facts = RowFacts { positions: Some((partitions, offsets)), rowtime: Some(rowtime) };
            self.writer.write(key, &shown, &facts)?;
        }
        Ok(())
    }

    /// What the writer holds now.
    pub fn stats(&self) -> WriterStats {
        self.writer.numbers()
    }

    /// Puts the new files in the place of the old ones. `Kind::Incomplete`, and nothing changes, when a row that the lake
    /// holds did not come again.
    pub fn swap(mut self, now: DateTime<Utc>) -> Result<Committed> {
        self.dataset.check_ready()?;
        let leaves: Vec<_> = layout::leaves(self.dataset.dir())?
            .into_iter()
            .filter(|leaf| is_below(&leaf.path, &self.prefix))
            .collect();
        let mut next = self.dataset.metadata.clone();
        next.describe(&self.dataset.feed);
        let mut moves = Vec::new();
        for leaf in &leaves {
            leaf.writable(self.dataset.dir())?;
            for file in &leaf.files {
                if !layout::is_ours(&file.name) || !file.is_file {
                    continue;
                }
                self.compare(&file.path)?;
                let from = format!("{}/{}", leaf.path, file.name);
                let to = Place::aside(Room::Bin, &format!("{}/{from}", self.commit_id));
                moves.push(Move { from: Place::data(from), to, bytes: file.bytes, rows: 0 });
            }
            for (from, bytes) in self.dataset.replaced_copies(&leaf.path)? {
                let to = Place::trash(format_args!("copy_{}_{:06}", self.commit_id, moves.len()));
                moves.push(Move { from, to, bytes, rows: 0 });
            }
        }
        let mut done = Committed { id: self.commit_id.clone(), ..Committed::default() };
        self.count(&mut next, &mut moves, &mut done, now)?;
        let facts = self.writer.facts();
        next.commit_seq += 1;
        done.columns = schema::changes(&next.columns, &self.columns);
        next.columns.clone_from(&self.columns);
        next.schema_version.clone_from(&facts.schema_version);
        next.last_export = next.last_export.max(Some(now));
        next.note_partition_losses(LossCause::Repair, now);
        next.total();
        done.positions.clone_from(&next.positions);
        done.duration_ms = duration_ms(&self.run, now);
        next.note_run(run_record(&self.run, &done, now, true));
        self.dataset.commit(&self.commit_id, moves, next)?;
        self.dataset.empty_trash();
        self.dataset.tidy_replaced();
        Ok(done)
    }

    /// New files get their places, and the metadata counts them instead of the old ones.
    fn count(
        &mut self,
        next: &mut Metadata,
        moves: &mut Vec<Move>,
        done: &mut Committed,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let facts = FooterFacts { commit: self.commit_id.clone(), ..self.writer.facts().clone() };
        self.writer.set_facts(facts);
        let end = CommitEnd { positions: next.positions.clone(), ..CommitEnd::default() };
        let (files, rolls) = self.writer.finish(end)?;
        done.rolls = rolls;
        let before: Vec<_> =
            next.partitions.iter().filter(|p| is_below(&p.path, &self.prefix)).cloned().collect();
        for partition in &before {
            if self.dataset.reopen(&partition.path, &self.commit_id, next, moves, now)? {
                done.reopened.push(partition.path.clone());
            }
        }
        let reopened = done.reopened.clone();
        next.partitions.retain(|p| !is_below(&p.path, &self.prefix));
        place_files(self.dataset, self.router.depth(), &files, next, moves, done)?;
        for partition in &mut next.partitions {
            if reopened.contains(&partition.path) {
                partition.reopened_at = Some(now);
            }
        }
        Ok(())
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
        self.dataset.recover_if_needed()
    }
}

impl Dataset {
    /// Removes folders of swaps of which nothing is left. They are no harm: errors wait for the next swap.
    pub(crate) fn tidy_replaced(&self) {
        fn tidy(fs: &fs::Fs, path: &std::path::Path) {
            for entry in fs::list(path).unwrap_or_default().into_iter().filter(|entry| entry.is_dir) {
                tidy(fs, &entry.path);
                let _ = fs.remove_empty_dir(&entry.path);
            }
        }
        tidy(&self.committer.fs, &self.committer.places.room(Room::Bin));
    }
}

impl Drop for Replacer<'_> {
    fn drop(&mut self) {
        // At worst the next start does the same.
        self.dataset.needs_recovery = true;
        let _ = self.dataset.recover_if_needed();
    }
}
