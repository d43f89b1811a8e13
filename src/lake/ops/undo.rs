//! A new export of a day taken back: the files that it had put aside get their places again.
//!
//! ```text
//! bin/<commit>/year=…/day=15/data_…         ──▶  year=…/day=15/data_…        the files of before
//! year=…/day=15/data_…                      ──▶  bin/<undo>/year=…           those of the new export: an undo can be undone
//! year=…/day=15/_SUCCESS                    ──▶  trash                       the day is sealed again by its rule
//! ```
//!
//! One commit, as any other. A file of the day stays where it is when it came after the new export and holds no row of
//! those that come back: late rows are not given up. Rows that leave and do not come back are counted as not there
//! (`lost_records`), so that nothing claims the day to be whole. Positions do not change.
//!
//! A compaction is taken back in the same way: the small files come back, and as no row changes, the day stays sealed. What was set aside
//! before it comes back after it: its files hold rows of several commits, late ones among them.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::file::footer::{Footer, FooterRead, look_at_footer};
use crate::lake::fs;
use crate::lake::layout::places::{is_stub, original_name};
use crate::lake::layout::{self, Place, Places, Room, is_inside};
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::loss::LossCause;
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::manifest::offsets::OffsetRanges;
use crate::lake::manifest::partition::PartitionInfo;
use crate::lake::manifest::schema;
use crate::lake::ops::replace::prefix_of;
use crate::lake::ops::replaced::commits;
use crate::lake::txn::transaction::{Bin, is_data};
use crate::{Error, Kind, Result};

/// Some files, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bundle {
    /// Files.
    pub files: u64,
    /// Rows, as far as footers can be read.
    pub rows: u64,
    /// Size, bytes.
    pub bytes: u64,
}

/// What an undo did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undone {
    /// The commit that is taken back.
    pub commit: String,
    /// The commit that took it back; under its name the files of the new export lie in the bin. Empty in a preview.
    pub id: String,
    /// The folder of the day, or the longer partition in which it lies.
    pub partition: String,
    /// Files that get their places again.
    pub back: Bundle,
    /// Files that go to the bin.
    pub aside: Bundle,
    /// Files of late rows, which stay.
    pub stay: Bundle,
    /// Rows that leave and do not come back.
    pub lost: u64,
    /// Partitions that were sealed and are open again.
    pub reopened: Vec<String>,
}

impl Undone {
    /// The undo takes back what retention did: by the same rule the next export would do it again.
    pub fn is_of_retention(&self) -> bool {
        layout::retained_at(&self.commit).is_some()
    }

    /// What was done, in words; of a preview what would be.
    pub fn sentence(&self) -> String {
        let some = |bundle: &Bundle| {
            format!(
                "{} rows in {} file{}",
                bundle.rows,
                bundle.files,
                if bundle.files == 1 { "" } else { "s" }
            )
        };
        let (come, go) =
            if self.id.is_empty() { ("would come back", "would go") } else { ("are back", "went") };
        if self.commit.is_empty() {
            // A version that a table had kept beside the current one.
            let is = if self.id.is_empty() { "would be" } else { "is" };
            return format!(
                "{}: it {is} current again; {} {go} to the bin",
                self.partition,
                some(&self.aside)
            );
        }
        let mut text = format!(
            "{}: {} {come}, which commit {} had replaced; {} {go} to the bin",
            self.partition,
            some(&self.back),
            self.commit,
            some(&self.aside)
        );
        if self.stay.files > 0 {
            text += &format!("; {} came later and stay", some(&self.stay));
        }
        if self.lost > 0 {
            text += &format!("; {} rows that only the new export has are then not in the lake", self.lost);
        }
        text
    }
}

/// A file of the day.
struct File {
    /// The file's partition.
    leaf: String,
    /// Where it is.
    from: Place,
    /// The name that it has in the data.
    name: String,
    bytes: u64,
    /// `None`: its bytes are damaged, and no reader can read it.
    footer: Option<Footer>,
}

/// What is to be done.
struct Plan {
    commit: String,
    prefix: String,
    back: Vec<File>,
    aside: Vec<File>,
    stay: Vec<File>,
    /// By partition.
    lost: BTreeMap<String, u64>,
}

/// What an undo of `day` would do; nothing is changed, and no lock is taken. `commit` chooses among several sets.
pub fn undo_preview(dataset_dir: &Path, day: NaiveDate, commit: Option<&str>) -> Result<Undone> {
    let places = Places::find(dataset_dir)?;
    match read_metadata_at(&places.metadata)? {
        Some(metadata) => Ok(Plan::new(&places, &metadata, day, commit)?.summary()),
        None => {
            Err(Error::new(Kind::Usage, "nothing of the feed was exported yet: there is nothing to undo"))
        }
    }
}

impl Dataset {
    /// Takes the last new export of `day` back, or that of `commit`. `Kind::Usage` when there is none.
    pub fn undo_day(&mut self, day: NaiveDate, commit: Option<&str>, now: DateTime<Utc>) -> Result<Undone> {
        self.recover_if_needed()?;
        self.check_ready()?;
        self.refuse_ahead()?;
        let plan = Plan::new(&self.committer.places, &self.metadata, day, commit)?;
        let id = self.undo_id()?;
        let before: Vec<PartitionInfo> =
            self.metadata.partitions.iter().filter(|p| is_inside(&p.path, &plan.prefix)).cloned().collect();
        let mut done = Undone { id: id.clone(), ..plan.summary() };
        let mut transaction = self.transaction(&id, now);
        let is_same = plan.changes_no_row();
        if is_same {
            transaction.rewrite();
        }
        let bin = Bin(id);
        for file in &plan.aside {
            transaction.set_aside(file.from.path.clone(), file.bytes, &bin);
        }
        let mut there: Vec<DataFile> = plan.stay.iter().filter_map(File::record).collect();
        for (leaf, files) in plan.back_by_partition() {
            // Where the partition is gone, it comes back in one step: no reader finds a part of it.
            let set = Place::new(Room::Bin, format!("{}/{leaf}", plan.commit));
            let is_gone = fs::stat(&transaction.dataset.path(&Place::data(leaf))?)?.is_none();
            let is_local = !files.iter().any(|file| is_stub(&file.from.path));
            if is_gone && is_local && fs::list(&transaction.dataset.path(&set)?)?.len() == files.len() {
                there.extend(transaction.bring_folder_back(set, leaf)?);
                continue;
            }
            for file in files {
                there.push(transaction.bring_back(file.from.clone(), file.path())?);
            }
        }
        for partition in before.iter().filter(|_| !is_same) {
            if transaction.unmark(&partition.path)? {
                done.reopened.push(partition.path.clone());
            }
        }
        plan.recount_partitions(transaction.metadata(), &there, &before, &done.reopened, now);
        transaction.commit()?;
        for partition in &before {
            self.remove_empty(&partition.path)?;
        }
        Ok(done)
    }
}

impl Plan {
    fn new(places: &Places, metadata: &Metadata, day: NaiveDate, commit: Option<&str>) -> Result<Self> {
        if metadata.kind == FeedKind::Table.keyword() {
            return Err(Error::new(
                Kind::Usage,
                "a table has versions and no days: there is nothing to undo",
            ));
        }
        let prefix = prefix_of(metadata, day);
        metadata.refuse_cold(&prefix)?;
        let (commit, back) = choose_set(places, &prefix, commit)?;
        check_set_fits(metadata, &back)?;
        let mut held = OffsetRanges::default();
        let mut rows = 0_u64;
        for footer in back.iter().filter_map(|file| file.footer.as_ref()) {
            held.unite(&footer.offsets);
            rows = rows.saturating_add(footer.offsets.partitions().values().map(|ranges| ranges.rows).sum());
        }
        let present = layout::leaves(&places.data)?.into_iter().filter(|leaf| is_inside(&leaf.path, &prefix));
        let (mut aside, mut stay) = (Vec::new(), Vec::new());
        for leaf in present {
            leaf.reached(&places.data)?;
            leaf.writable(&places.data)?;
            for file in list_files(None, leaf)? {
                let late = file.footer.as_ref().is_some_and(|footer| {
                    let touches = footer.offsets.partitions().iter().any(|(partition, told)| {
                        held.of(*partition)
                            .is_some_and(|held| told.runs.iter().any(|run| held.covered(*run) > 0))
                    });
                    footer.commit.as_deref() != Some(&commit) && !touches
                });
                if late { stay.push(file) } else { aside.push(file) }
            }
        }
        let mut plan = Self { commit, prefix, back, aside, stay, lost: BTreeMap::new() };
        plan.check_places_are_free(places)?;
        plan.count_lost_rows(&held, rows);
        plan.check_later_compaction(places)?;
        Ok(plan)
    }

    /// A compaction is taken back, and no row comes or goes with it.
    fn changes_no_row(&self) -> bool {
        layout::compacted_at(&self.commit).is_some()
            && self.lost.is_empty()
            && sum_up(&self.back).rows == sum_up(&self.aside).rows
    }

    /// `Kind::Refused` where rows would be lost because a later compaction has put them into one file with others, as long as that can
    /// be taken back first.
    fn check_later_compaction(&self, places: &Places) -> Result<()> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let sets: Vec<String> = commits(places)?.into_iter().map(|entry| entry.name).collect();
        let made = self.aside.iter().filter_map(|file| file.footer.as_ref()?.commit.as_ref());
        let later = made.into_iter().find(|commit| {
            **commit != self.commit && layout::compacted_at(commit).is_some() && sets.contains(commit)
        });
        match later {
            Some(later) => Err(Error::new(
                Kind::Refused,
                format!("rows that came later are in one file with these since the compaction {later}"),
            )
            .at("partition", &self.prefix)
            .next("nothing was changed; take the compaction back first: the same command without --commit, or with that one")),
            None => Ok(()),
        }
    }

    /// Nothing but what leaves stands where the files come back.
    fn check_places_are_free(&self, places: &Places) -> Result<()> {
        for file in &self.back {
            let place = Place::data(file.path());
            if fs::size_of(&places.path(&place)?)?.is_some() {
                return Err(Error::new(
                    Kind::Damaged,
                    "a file of the set that is to come back is in its place already",
                )
                .at("file", place)
                .next("nothing was changed; `lakehand check` tells what is wrong"));
            }
        }
        Ok(())
    }

    fn back_by_partition(&self) -> BTreeMap<&str, Vec<&File>> {
        let mut partitions: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
        for file in &self.back {
            partitions.entry(&file.leaf).or_default().push(file);
        }
        partitions
    }

    /// Counts the rows that leave and do not come back.
    fn count_lost_rows(&mut self, held: &OffsetRanges, back: u64) {
        let told = self.back.iter().chain(&self.aside).filter_map(|file| file.footer.as_ref());
        let inexact = told.flat_map(|footer| footer.offsets.partitions()).any(|(_, told)| told.hull);
        if inexact {
            // Hulls do not tell which offsets they hold: only the numbers can be compared.
            let leave: u64 = self.aside.iter().filter_map(|file| file.footer.as_ref()).map(|f| f.rows).sum();
            if leave > back {
                self.lost.insert(self.prefix.clone(), leave - back);
            }
            return;
        }
        for file in &self.aside {
            let Some(footer) = &file.footer else { continue };
            for (partition, told) in footer.offsets.partitions() {
                let covered = |run: &[i64; 2]| held.of(*partition).map_or(0, |held| held.covered(*run));
                let lost = told.rows.saturating_sub(told.runs.iter().map(covered).sum());
                if lost > 0 {
                    *self.lost.entry(file.leaf.clone()).or_insert(0) += lost;
                }
            }
        }
    }

    /// The partitions of the day, counted anew.
    fn recount_partitions(
        &self,
        next: &mut Metadata,
        there: &[DataFile],
        before: &[PartitionInfo],
        reopened: &[String],
        now: DateTime<Utc>,
    ) {
        next.partitions.retain(|partition| !is_inside(&partition.path, &self.prefix));
        for file in there {
            next.add_file(file);
        }
        let mut lost = self.lost.clone();
        // Rows that were known to be missing, and do not come back with these files either, are missing still.
        let kept = sum_up(&self.aside).rows.saturating_sub(self.lost.values().sum());
        let mut gained = sum_up(&self.back).rows.saturating_sub(kept);
        for known in before.iter().filter(|known| known.lost_records > 0) {
            let found = gained.min(known.lost_records);
            gained -= found;
            *lost.entry(known.path.clone()).or_insert(0) += known.lost_records - found;
        }
        for (path, lost) in lost.iter().filter(|(_, lost)| **lost > 0) {
            match next.partitions.iter_mut().find(|partition| is_inside(&partition.path, path)) {
                Some(partition) => partition.lost_records += lost,
                None => next.partitions.push(PartitionInfo {
                    path: path.clone(),
                    lost_records: *lost,
                    ..PartitionInfo::default()
                }),
            }
        }
        for partition in next.partitions.iter_mut().filter(|p| is_inside(&p.path, &self.prefix)) {
            let known = before.iter().find(|known| known.path == partition.path);
            partition.reopened_at = known.and_then(|known| known.reopened_at);
            if self.changes_no_row() {
                partition.sealed_at = known.and_then(|known| known.sealed_at);
            }
            if reopened.contains(&partition.path) {
                partition.reopened_at = Some(now);
            }
        }
        next.partitions.sort_by(|a, b| layout::path_order(&a.path).cmp(&layout::path_order(&b.path)));
        next.note_partition_losses(LossCause::Undo, now);
        next.total();
    }

    fn summary(&self) -> Undone {
        Undone {
            commit: self.commit.clone(),
            partition: self.prefix.clone(),
            back: sum_up(&self.back),
            aside: sum_up(&self.aside),
            stay: sum_up(&self.stay),
            lost: self.lost.values().sum(),
            ..Undone::default()
        }
    }
}

impl File {
    /// Where it belongs, below the dataset.
    fn path(&self) -> String {
        format!("{}/{}", self.leaf, self.name)
    }

    /// The record of the file. What another program wrote is not counted, as ever.
    fn record(&self) -> Option<DataFile> {
        let footer = self.footer.as_ref().filter(|footer| footer.commit.is_some())?;
        Some(footer.listed(self.path(), self.bytes))
    }
}

/// The set of the day that was put aside last, or that of `commit`.
fn choose_set(places: &Places, prefix: &str, commit: Option<&str>) -> Result<(String, Vec<File>)> {
    let mut sets = Vec::new();
    for entry in commits(places)?.into_iter().filter(|entry| entry.is_dir) {
        let leaves = layout::leaves(&entry.path)?.into_iter().filter(|leaf| is_inside(&leaf.path, prefix));
        let mut inside = Vec::new();
        for leaf in leaves {
            inside.extend(list_files(Some(&entry.name), leaf)?);
        }
        if !inside.is_empty() {
            sets.push((entry.name, inside));
        }
    }
    sets.sort_by_key(|(commit, _)| layout::commit_seq(commit));
    let names: Vec<String> = sets.iter().map(|(commit, _)| commit.clone()).collect();
    let found = match commit {
        Some(wanted) => sets.into_iter().find(|(commit, _)| commit == wanted),
        None => sets.pop(),
    };
    found.ok_or_else(|| match (commit, names.as_slice()) {
        (Some(wanted), [_, ..]) => {
            Error::new(Kind::Usage, format!("commit {wanted} has replaced nothing of {prefix}"))
                .next(format!("there is {}", names.join(", ")))
        }
        _ => Error::new(Kind::Usage, format!("nothing of {prefix} was replaced: there is nothing to undo"))
            .next("`lakehand feeds show NAME --days` names the days that were exported again"),
    })
}

/// The data files of a folder, with their footers; of one in the bin, what `commit` put there. A file that could not be
/// read is an error: it may hold rows that stay.
fn list_files(commit: Option<&str>, leaf: layout::Leaf) -> Result<Vec<File>> {
    let mut found = Vec::new();
    for entry in leaf.files.into_iter().filter(is_data) {
        let footer = match look_at_footer(&entry.path) {
            FooterRead::Sound(footer) => Some(footer),
            FooterRead::Damaged(_) => None,
            FooterRead::Unknown(e) => {
                return Err(e.next("nothing was changed: let this program read the file, then try again"));
            }
        };
        found.push(File {
            from: match commit {
                Some(commit) => Place::new(Room::Bin, format!("{commit}/{}/{}", leaf.path, entry.name)),
                None => Place::data(format!("{}/{}", leaf.path, entry.name)),
            },
            leaf: leaf.path.clone(),
            bytes: if is_stub(&entry.name) { Stub::read(&entry.path)?.bytes } else { entry.bytes },
            footer,
            name: original_name(&entry.name).to_owned(),
        });
    }
    Ok(found)
}

/// The files of a set can be read beside the others, and hold nothing that would be read again.
fn check_set_fits(metadata: &Metadata, back: &[File]) -> Result<()> {
    let (major, _) = schema::parse_version(&metadata.schema_version);
    for file in back {
        let Some(footer) = file.footer.as_ref().filter(|footer| footer.commit.is_some()) else {
            return Err(Error::new(Kind::Damaged, "a file of the set cannot be read: it is not put back")
                .at("file", &file.from)
                .next("nothing was changed: the files that are in the lake are the better copy"));
        };
        let version = footer.schema_version.as_deref().unwrap_or(&metadata.schema_version);
        if schema::parse_version(version).0 != major {
            return Err(Error::new(
                Kind::Schema,
                format!(
                    "the files of before were written under schema {version}, and the dataset is at {}: a column has \
                     changed its type in between",
                    metadata.schema_version
                ),
            )
            .at("file", &file.from)
            .next("nothing was changed: the day stays as it was exported last"));
        }
        let next = |partition| metadata.positions.get(&partition).copied().unwrap_or(0);
        if let Some((partition, [_, last])) = footer.offsets.hulls().find(|(p, [_, last])| *last >= next(*p))
        {
            return Err(Error::new(
                Kind::Damaged,
                format!(
                    "a file of the set holds offset {last} of Kafka partition {partition}, and the next export would read it \
                     again from {}",
                    next(partition)
                ),
            )
            .at("file", &file.from)
            .next("nothing was changed; `lakehand check --repair` sets the positions right"));
        }
    }
    Ok(())
}

fn sum_up(files: &[File]) -> Bundle {
    let mut sum = Bundle::default();
    for file in files {
        sum.files += 1;
        sum.rows = sum.rows.saturating_add(file.footer.as_ref().map_or(0, |footer| footer.rows));
        sum.bytes += file.bytes;
    }
    sum
}
