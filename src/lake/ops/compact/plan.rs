//! Which days are worth a compaction.
//!
//! A partition is, where it has small files and would have fewer afterwards, or where its files lack the order or the Bloom filters
//! that the feed asks for. All of its files are then laid out anew, as the folder is exchanged as a whole. Where full files are many,
//! a few small ones beside them do not make it worth it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use chrono::NaiveDate;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;

use crate::feed::{Feed, FeedKind, FileLayout};
use crate::lake::file::footer::{Footer, entry_of, read_whole_footer};
use crate::lake::fs;
use crate::lake::layout::{self, Leaf, PartitionPath, Places};
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::manifest::partition::PartitionInfo;
use crate::lake::manifest::schema::parse_version;
use crate::lake::ops::replace::prefix_of;
use crate::lake::txn::transaction::is_data;
use crate::{Error, Kind, Result};

/// A file below this part of the target size, in percent, is small.
const SMALL: u64 = 75;
/// Small files must be at least this part of the full ones, as a divisor.
const BESIDE_FULL: u64 = 4;

/// When a partition is worth a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactRules {
    /// Small files from which on; at least 2.
    pub min_files: u64,
    /// Sealed partitions alone.
    pub sealed_only: bool,
    /// Somebody has named the day: it is worth it whenever it then has fewer files.
    pub is_named: bool,
}

/// A day whose files would be laid out anew, or the longer partition in which it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDay {
    /// Its folder.
    pub folder: String,
    /// The partitions in it that are due.
    pub partitions: Vec<String>,
    /// Their files.
    pub files: u64,
    /// Rows.
    pub rows: u64,
    /// Size, bytes.
    pub bytes: u64,
    /// Files that there would be, about.
    pub files_after: u64,
}

/// A partition that is left as it is, though it is worth it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The partition.
    pub partition: String,
    /// Why.
    pub why: String,
}

/// What a compaction would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DueCompactions {
    /// In the order of their folders.
    pub days: Vec<DueDay>,
    /// What is left as it is.
    pub passed_over: Vec<PassedOver>,
    /// Partitions that are fine as they are.
    pub fine: u64,
}

/// A file to be laid out anew.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) footer: Footer,
    pub(super) schema: SchemaRef,
    /// The columns by which its rows are sorted.
    pub(super) sorted_by: Vec<String>,
    /// Columns with a Bloom filter in every row group.
    blooms: BTreeSet<String>,
    /// What else its footer says.
    pub(super) ksql_schema: String,
    pub(super) ksql_name: String,
    pub(super) server: String,
    /// Bytes of its rows before they are compressed.
    pub(super) plain_bytes: u64,
}

/// Files that become one set: those of one major version of the columns.
pub(super) struct Group {
    /// In the order in which they came.
    pub(super) sources: Vec<Source>,
    /// The columns of all of them.
    pub(super) schema: SchemaRef,
}

/// A partition to be laid out anew.
pub(super) struct PartitionPlan {
    pub(super) path: String,
    pub(super) groups: Vec<Group>,
}

/// A day to be laid out anew.
pub(super) struct DayPlan {
    pub(super) folder: String,
    pub(super) partitions: Vec<PartitionPlan>,
}

/// What is to be done with a partition.
enum Verdict {
    Fine,
    PassOver(String),
    Due(PartitionPlan),
}

/// What [`Dataset::compact`](crate::lake::Dataset::compact) would do with the dataset of `feed` in `dataset_dir`, or with `day` of it.
/// Takes no lock, and changes nothing.
pub fn compaction_due(
    dataset_dir: &Path,
    feed: &Feed,
    target_bytes: u64,
    rules: CompactRules,
    day: Option<NaiveDate>,
) -> Result<DueCompactions> {
    refuse_table(feed)?;
    let places = Places::find(dataset_dir)?;
    let mut due = DueCompactions::default();
    let Some(metadata) = read_metadata_at(&places.metadata)? else { return Ok(due) };
    check_columns(feed, &metadata)?;
    let only = day.map(|day| prefix_of(&metadata, day));
    let mut days: BTreeMap<String, DueDay> = BTreeMap::new();
    for partition in &metadata.partitions {
        if only.as_ref().is_some_and(|only| !layout::is_inside(&partition.path, only)) {
            continue;
        }
        match look(&places, feed, target_bytes, rules, partition)? {
            Verdict::Fine => due.fine += 1,
            Verdict::PassOver(why) => {
                due.passed_over.push(PassedOver { partition: partition.path.clone(), why });
            }
            Verdict::Due(plan) => {
                let folder = day_of(&plan.path);
                let day = days.entry(folder.clone()).or_insert_with(|| DueDay {
                    folder,
                    partitions: Vec::new(),
                    files: 0,
                    rows: 0,
                    bytes: 0,
                    files_after: 0,
                });
                let sources = || plan.groups.iter().flat_map(|group| &group.sources);
                day.files += sources().count() as u64;
                day.rows += sources().map(|source| source.footer.rows).sum::<u64>();
                day.bytes += sources().map(|source| source.bytes).sum::<u64>();
                day.files_after +=
                    plan.groups.iter().map(|group| files_after(group, target_bytes)).sum::<u64>();
                day.partitions.push(plan.path);
            }
        }
    }
    due.days = days.into_values().collect();
    Ok(due)
}

/// What is to be done in `folder`; `None` where all is fine. `Kind::Refused` where something is due and cannot be done.
pub(super) fn day(
    places: &Places,
    metadata: &Metadata,
    feed: &Feed,
    target_bytes: u64,
    rules: CompactRules,
    folder: &str,
) -> Result<Option<DayPlan>> {
    refuse_table(feed)?;
    check_columns(feed, metadata)?;
    let mut partitions = Vec::new();
    for partition in metadata.partitions.iter().filter(|p| layout::is_inside(&p.path, folder)) {
        match look(places, feed, target_bytes, rules, partition)? {
            Verdict::Fine => {}
            Verdict::PassOver(why) => {
                return Err(Error::new(Kind::Refused, why)
                    .at("partition", &partition.path)
                    .next("nothing was changed"));
            }
            Verdict::Due(plan) => partitions.push(plan),
        }
    }
    let folder = folder.to_owned();
    Ok((!partitions.is_empty()).then_some(DayPlan { folder, partitions }))
}

fn refuse_table(feed: &Feed) -> Result<()> {
    if feed.kind == FeedKind::Stream {
        return Ok(());
    }
    Err(Error::new(Kind::Usage, "a table has no small files: each version is written at once")
        .at("feed", &feed.name)
        .next("compaction is for streams"))
}

/// The columns that the feed names are the dataset's, and can be sorted by.
fn check_columns(feed: &Feed, metadata: &Metadata) -> Result<()> {
    let FileLayout { sort_by, bloom_filters, .. } = &feed.layout;
    for (field, name) in
        sort_by.iter().map(|c| ("sort_by", c)).chain(bloom_filters.iter().map(|c| ("bloom_filters", c)))
    {
        let known = metadata.columns.iter().find(|column| column.name == *name);
        let why = match known.map(|column| column.arrow_type.parse::<DataType>()) {
            None => "the dataset has no such column",
            Some(Ok(data_type)) if data_type.is_nested() => {
                "it has members: rows are not sorted or found by it"
            }
            Some(Ok(DataType::Boolean)) if field == "bloom_filters" => "BOOLEAN has no Bloom filter",
            Some(_) => continue,
        };
        return Err(Error::new(Kind::Feed, format!("{field} names a column that cannot be used: {why}"))
            .at("column", name)
            .at("feed", &feed.name)
            .next("name a column as readers see it; `lakehand feeds show` lists them"));
    }
    Ok(())
}

/// The folder of the partition's day: hours belong to their day.
fn day_of(path: &str) -> String {
    let day = PartitionPath::parse(path).and_then(PartitionPath::day);
    day.map_or_else(|| path.to_owned(), |day| PartitionPath::of_day(day).to_string())
}

fn files_after(group: &Group, target_bytes: u64) -> u64 {
    let bytes: u64 = group.sources.iter().map(|source| source.bytes).sum();
    bytes.div_ceil(target_bytes.max(1)).max(1)
}

fn look(
    places: &Places,
    feed: &Feed,
    target_bytes: u64,
    rules: CompactRules,
    partition: &PartitionInfo,
) -> Result<Verdict> {
    let wants_layout = !feed.layout.sort_by.is_empty() || !feed.layout.bloom_filters.is_empty();
    let few = partition.files < rules.min_files.max(2);
    if partition.files == 0 || (few && !wants_layout) || (rules.sealed_only && partition.sealed_at.is_none())
    {
        return Ok(Verdict::Fine);
    }
    if partition.cold.is_some() {
        let why = "it lies in the cold tier: restore it first, then compact it";
        return Ok(if rules.is_named { Verdict::PassOver(why.to_owned()) } else { Verdict::Fine });
    }
    let path = layout::inside(&places.data, &partition.path)?;
    match fs::target(&path)? {
        fs::Target::Folder => {}
        _ => return Ok(Verdict::Fine),
    }
    let files = fs::list_target(&path)?;
    let leaf = Leaf {
        path: partition.path.clone(),
        is_linked: is_linked(places, &partition.path)?,
        is_reachable: true,
        files,
    };
    if let Some(why) = strange(&leaf) {
        return Ok(Verdict::PassOver(why));
    }
    let mut sources = Vec::new();
    for entry in leaf.files.into_iter().filter(is_data) {
        let (footer, whole) = match read_whole_footer(&entry.path) {
            Ok(read) => read,
            Err(e) if e.kind() == Kind::Damaged => {
                return Ok(Verdict::PassOver(format!(
                    "{} is damaged: `lakehand check` says how",
                    entry.name
                )));
            }
            Err(e) => return Err(e),
        };
        let tells = footer.commit.is_some() && (footer.rows == 0 || !footer.offsets.is_empty());
        if !tells || footer.dataset.as_deref().is_some_and(|dataset| dataset != feed.dataset()) {
            return Ok(Verdict::PassOver(format!("{} is not of this dataset", entry.name)));
        }
        sources.push(Source::of(entry, footer, &whole)?);
    }
    let small = |source: &&Source| source.bytes.saturating_mul(100) < target_bytes.saturating_mul(SMALL);
    let number = sources.len() as u64;
    let small_files = sources.iter().filter(small).count() as u64;
    let lacks = |source: &Source| source.lacks(&feed.layout);
    let is_unlike = wants_layout && sources.iter().any(lacks);
    // What one compaction has made is not made again, however small its files have become.
    let commits: BTreeSet<_> = sources.iter().filter_map(|source| source.footer.commit.clone()).collect();
    let is_settled =
        commits.len() == 1 && commits.iter().all(|commit| layout::compacted_at(commit).is_some());
    let groups = match group(sources) {
        Ok(groups) => groups,
        Err(why) => return Ok(Verdict::PassOver(why)),
    };
    let after: u64 = groups.iter().map(|group| files_after(group, target_bytes)).sum();
    let full = number - small_files;
    let is_worth = small_files >= rules.min_files.max(2)
        && after < number
        && (rules.is_named || (!is_settled && small_files.saturating_mul(BESIDE_FULL) >= full));
    if !is_worth && !is_unlike {
        return Ok(Verdict::Fine);
    }
    Ok(Verdict::Due(PartitionPlan { path: partition.path.clone(), groups }))
}

fn is_linked(places: &Places, path: &str) -> Result<bool> {
    let home = fs::stat(&places.data)?.map(|stat| stat.device);
    Ok(crate::lake::txn::commit::elsewhere(&places.data, path, home)?.is_some())
}

/// Why a folder is not laid out anew, whatever its files.
fn strange(leaf: &Leaf) -> Option<String> {
    if leaf.is_linked {
        return Some("it lies behind a link: it is read, and never changed".to_owned());
    }
    let is_mark = |entry: &fs::Entry| entry.name == layout::SUCCESS && entry.is_file && entry.bytes == 0;
    let other = leaf.files.iter().find(|entry| !is_data(entry) && !is_mark(entry))?;
    Some(format!("{} lies in it, which is not ours: the folder cannot be exchanged", other.name))
}

impl Source {
    fn of(entry: fs::Entry, footer: Footer, whole: &ParquetMetaData) -> Result<Self> {
        let file = whole.file_metadata();
        let schema =
            parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()).map_err(|e| {
                Error::new(Kind::Damaged, format!("its columns cannot be read: {e}"))
                    .at("file", entry.path.display())
            })?;
        let name_of = |leaf: usize| whole.file_metadata().schema_descr().column(leaf).path().string();
        let sorted = |group: &parquet::file::metadata::RowGroupMetaData| -> Vec<String> {
            let columns = group.sorting_columns().into_iter().flatten();
            columns
                .map(|column| usize::try_from(column.column_idx).map_or_else(|_| String::new(), name_of))
                .collect()
        };
        let blooms = |group: &parquet::file::metadata::RowGroupMetaData| -> BTreeSet<String> {
            let with = group.columns().iter().filter(|column| column.bloom_filter_offset().is_some());
            with.map(|column| column.column_path().string()).collect()
        };
        let groups = whole.row_groups();
        let all = groups.iter().map(blooms).reduce(|a, b| a.intersection(&b).cloned().collect());
        let text = |key| entry_of(whole, key).unwrap_or_default();
        Ok(Self {
            sorted_by: groups.first().map(sorted).unwrap_or_default(),
            blooms: all.unwrap_or_default(),
            ksql_schema: text("ksql_schema"),
            ksql_name: text("source"),
            server: text("server"),
            plain_bytes: groups.iter().map(|group| u64::try_from(group.total_byte_size()).unwrap_or(0)).sum(),
            schema: SchemaRef::new(schema),
            name: entry.name,
            path: entry.path,
            bytes: entry.bytes,
            footer,
        })
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.schema.column_with_name(column).is_some()
    }

    /// It is not sorted as wanted, or lacks a Bloom filter. A column that it does not have is null in all of its rows.
    fn lacks(&self, wanted: &FileLayout) -> bool {
        if self.footer.rows == 0 {
            return false;
        }
        let sort_by: Vec<&String> = wanted.sort_by.iter().filter(|column| self.has(column)).collect();
        let is_sorted = self.sorted_by.iter().take(sort_by.len()).eq(sort_by);
        let lacks = |column: &String| self.has(column) && !self.blooms.contains(column);
        !is_sorted || wanted.bloom_filters.iter().any(lacks)
    }

    /// By which files are in the order in which their rows came.
    fn came(&self) -> (u64, u64, &str) {
        let seq = self.footer.commit.as_deref().and_then(layout::commit_seq).unwrap_or(0);
        (seq, self.footer.file.unwrap_or(0), &self.name)
    }
}

/// By major version of the columns; `Err`: why files cannot be one.
fn group(mut sources: Vec<Source>) -> std::result::Result<Vec<Group>, String> {
    sources.sort_by(|a, b| a.came().cmp(&b.came()));
    let mut majors: BTreeMap<u64, Vec<Source>> = BTreeMap::new();
    for source in sources {
        let (major, _) = parse_version(source.footer.schema_version.as_deref().unwrap_or("1.0"));
        majors.entry(major).or_default().push(source);
    }
    majors.into_values().map(|sources| Ok(Group { schema: united(&sources)?, sources })).collect()
}

/// The columns of all files: in the order of the newest, then what only older ones have.
fn united(sources: &[Source]) -> std::result::Result<SchemaRef, String> {
    let mut fields: Vec<FieldRef> = Vec::new();
    for source in sources.iter().rev() {
        for field in source.schema.fields() {
            match fields.iter().find(|known| known.name() == field.name()) {
                None => fields.push(FieldRef::clone(field)),
                Some(known) if known.data_type() == field.data_type() => {}
                Some(known) => {
                    return Err(format!(
                        "column {} is {} in one file and {} in another",
                        field.name(),
                        known.data_type(),
                        field.data_type()
                    ));
                }
            }
        }
    }
    let may_be_null = |field: &FieldRef| {
        sources
            .iter()
            .any(|source| source.schema.field_with_name(field.name()).map_or(true, Field::is_nullable))
    };
    let fields = fields.iter().map(|field| Field::clone(field).with_nullable(may_be_null(field)));
    Ok(SchemaRef::new(Schema::new(fields.collect::<Vec<_>>())))
}
