//! The commits of a dataset, newest first.
//!
//! The journal tells what came and went with each; the data, the bin, the folder of before a table's last overwrite and the second
//! names of a Delta table tell what of it is there now. Retention and purges leave no other trace: a file that is in none of these
//! places is gone.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::fs;
use crate::lake::layout::places::original_name;
use crate::lake::layout::{self, Places, is_inside};
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::journal::{self, CommitRecord};
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::manifest::pin::Pin;
use crate::lake::ops::replaced::commits;
use crate::lake::ops::undo::Bundle;
use crate::lake::txn::table::{self, delta::log};
use crate::lake::txn::transaction::is_data;
use crate::{Error, Kind, Result};

/// The commits of a dataset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// A table's: it has versions, and no days.
    pub is_table: bool,
    /// A table's current version.
    pub current_version: Option<u32>,
    /// The newest first.
    pub commits: Vec<CommitEntry>,
    /// Older ones, which were not asked for.
    pub older: u64,
    /// What is pinned.
    pub pins: Vec<Pin>,
    /// Why the list is not whole, where it is not.
    pub lacks: Option<String>,
}

/// One commit.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitEntry {
    /// The commit's id; its first word is the number.
    pub id: String,
    /// The number of the dataset's last commit of data, this one included.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What sort of commit.
    pub kind: CommitKind,
    /// Files that came.
    pub added: Bundle,
    /// Files that went.
    pub removed: Bundle,
    /// The version of a table that came, or was current again.
    pub version: Option<u32>,
    /// Partitions of which something came or went.
    pub partitions: Vec<String>,
    /// Where the files are now that came.
    pub held: Held,
    /// Partitions of which the commit has put files into the bin that are there still: `feeds undo` brings them back.
    pub in_bin: Vec<String>,
    /// The version of the Delta log that it made.
    pub log: Option<LogVersion>,
    /// What of it is pinned, in words.
    pub pins: Vec<String>,
}

/// A version of a Delta log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogVersion {
    /// The number.
    pub version: u64,
    /// Every file of it is there: readers of the log can go back to it.
    pub is_readable: bool,
}

/// Of the files that a commit brought, how many are where now. The rest is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// In the data.
    pub data: u64,
    /// In the bin, or in the folder of before a table's last overwrite: they can come back.
    pub bin: u64,
    /// Under their second names alone: readers of an older version of the Delta log still find them.
    pub log: u64,
    /// All of them.
    pub files: u64,
}

impl Held {
    /// One word: `data`, `bin`, `log`, `partly`, `gone`; `-` for a commit that brought nothing.
    pub fn name(self) -> &'static str {
        let there = self.data + self.bin + self.log;
        match self {
            Self { files: 0, .. } => "-",
            _ if self.data == self.files => "data",
            _ if there == 0 => "gone",
            _ if self.data + self.bin == self.files && self.data == 0 => "bin",
            _ if self.log == self.files => "log",
            _ => "partly",
        }
    }

    /// Every file is in the data, or can come back to it.
    pub fn can_come_back(self) -> bool {
        self.files > 0 && self.data + self.bin == self.files
    }
}

macro_rules! commit_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal),+ $(,)?) => {
        /// What sort of commit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum CommitKind { $($(#[doc = $doc])+ $name),+ }

        impl CommitKind {
            /// The word in the list.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

commit_kinds! {
    /// Rows of a stream were appended.
    Append = "append",
    /// A table was taken as a new version.
    Snapshot = "snapshot",
    /// A day was exported again.
    DayAgain = "day again",
    /// An earlier commit was taken back, or an earlier version made current again.
    Undo = "undo",
    /// What the feed no longer keeps went.
    Retention = "retention",
    /// A repair moved files.
    Repair = "repair",
    /// Small files became larger ones.
    Compaction = "compaction",
    /// The records were made anew from the files.
    Rebuild = "rebuild",
    /// What was in the bin was thrown away.
    Forget = "forget",
    /// Days were sealed.
    Seal = "seal",
    /// Readers were sent to the cold tier for a day.
    Cold = "to cold tier",
    /// The local copy of a cold day went.
    Freed = "copy removed",
    /// A day came home from the cold tier.
    Home = "came home",
    /// A version or a day was pinned.
    Pin = "pin",
    /// A pin was taken away.
    Unpin = "unpin",
    /// Nothing that is told here: records that are lost, decisions.
    Other = "note",
}

impl CommitKind {
    /// By the word in the commit's id, and by what came and went.
    fn of(id: &str, is_table: bool, came: bool, went: bool) -> Self {
        let word = id.split_once('-').map_or("", |(_, word)| word);
        match word {
            "undo" => Self::Undo,
            "forget" => Self::Forget,
            "rebuild" => Self::Rebuild,
            "repair" => Self::Repair,
            "seal" => Self::Seal,
            "pin" => Self::Pin,
            "unpin" => Self::Unpin,
            "loss" | "note" | "gone" => Self::Other,
            _ if layout::tiered(word) == Some(layout::COLD) => Self::Cold,
            _ if layout::tiered(word) == Some(layout::LOCAL) => Self::Freed,
            _ if layout::tiered(word) == Some(layout::HOT) => Self::Home,
            _ if word.starts_with("compact") => Self::Compaction,
            // A rollback of a table puts what is newer where retention puts it.
            _ if layout::retained_at(id).is_some() && came => Self::Undo,
            _ if layout::retained_at(id).is_some() => Self::Retention,
            _ if is_table => Self::Snapshot,
            _ if went => Self::DayAgain,
            _ => Self::Append,
        }
    }
}

/// A commit as the journal tells it.
struct Told {
    commit: CommitRecord,
    added: Bundle,
    removed: Bundle,
    partitions: BTreeSet<String>,
    version: Option<u32>,
    /// The paths of the files that came.
    came: Vec<String>,
    went: bool,
}

impl Told {
    fn of(commit: &CommitRecord, came: &[&DataFile], went: &[DataFile]) -> Self {
        let sum = |files: &mut dyn Iterator<Item = &DataFile>| {
            let mut sum = Bundle::default();
            files.for_each(|file| sum.add(1, file.rows, file.bytes));
            sum
        };
        let all = came.iter().copied().chain(went);
        Self {
            commit: commit.clone(),
            added: sum(&mut came.iter().copied()),
            removed: sum(&mut went.iter()),
            partitions: all.map(|file| file.partition().to_owned()).collect(),
            version: came.iter().filter_map(|file| layout::version_of(file.partition())).max(),
            came: came.iter().map(|file| file.path.clone()).collect(),
            went: !went.is_empty(),
        }
    }
}

/// The last `limit` commits of the dataset in `dataset_dir`; all of them where it is `None`.
///
/// # Errors
/// `Kind::Usage` when nothing was exported yet, `Kind::Io` when something could not be read.
pub fn history(dataset_dir: &Path, limit: Option<usize>) -> Result<History> {
    let places = Places::find(dataset_dir)?;
    let Some(metadata) = read_metadata_at(&places.metadata)? else {
        return Err(Error::new(Kind::Usage, "nothing of the feed was exported yet: there is no commit")
            .at("dataset", dataset_dir.display()));
    };
    let is_table = metadata.kind == FeedKind::Table.keyword();
    let limit = limit.unwrap_or(usize::MAX);
    let mut told: VecDeque<Told> = VecDeque::new();
    let mut older = 0;
    let mut links = Links::of(&places, &metadata);
    let journal = journal::replay(&places.journal(), &mut |commit, came, went| {
        told.push_back(Told::of(commit, came, went));
        links.tell(came, went);
        if told.len() > limit {
            told.pop_front();
            older += 1;
        }
    })?;
    let lacks = match &journal {
        None => Some("the list of the files of each commit is not there".to_owned()),
        Some(journal) if journal.broken > 0 => {
            Some(format!("{} bytes at the end of the list of commits are no record", journal.broken))
        }
        _ => None,
    };
    let journal = journal.unwrap_or_default();
    let bin = binned(&places)?;
    let sets = sets(&places)?;
    let unreadable = links.unreadable()?;
    let versions = if links.is_asked { versions(&places, &told)? } else { HashMap::new() };
    let first = older;
    let mut entries = Vec::new();
    for (n, told) in (first..).zip(told) {
        let kind = CommitKind::of(&told.commit.id, is_table, !told.came.is_empty(), told.went);
        let mut held = Held { files: told.came.len() as u64, ..Held::default() };
        for path in &told.came {
            if journal.files.contains_key(path) {
                held.data += 1;
            } else if bin.contains(path) {
                held.bin += 1;
            } else if links.is_asked && links.are_there(std::slice::from_ref(path))? {
                held.log += 1;
            }
        }
        let in_bin = sets.get(&told.commit.id).cloned().unwrap_or_default();
        let is_pinned = |pin: &&Pin| match told.version {
            Some(_) => told.came.iter().any(|path| is_inside(path, &pin.path)),
            None => told.partitions.iter().any(|partition| is_inside(partition, &pin.path)),
        };
        let pins = metadata.pins.iter().filter(is_pinned).map(Pin::target).collect();
        let log = match versions.get(&told.commit.id) {
            // A version of the log holds one version of a table, and all of a stream.
            Some(version) => Some(LogVersion {
                version: *version,
                is_readable: if is_table {
                    links.are_there(&told.came)?
                } else {
                    !unreadable.iter().any(|(from, until)| (*from..*until).contains(&n))
                },
            }),
            None => None,
        };
        entries.push(CommitEntry {
            id: told.commit.id,
            seq: told.commit.seq,
            at: told.commit.at,
            kind,
            added: told.added,
            removed: told.removed,
            version: told.version,
            partitions: told.partitions.into_iter().collect(),
            held,
            in_bin,
            log,
            pins,
        });
    }
    entries.reverse();
    Ok(History {
        is_table,
        current_version: metadata.current_version,
        commits: entries,
        older,
        pins: metadata.pins,
        lacks,
    })
}

/// The paths, below the dataset, of files that can come back.
fn binned(places: &Places) -> Result<BTreeSet<String>> {
    let mut roots: Vec<_> =
        commits(places)?.into_iter().filter(|entry| entry.is_dir).map(|e| e.path).collect();
    if fs::is_real_dir(&places.previous())? {
        roots.push(places.previous());
    }
    let mut found = BTreeSet::new();
    for root in roots {
        for leaf in layout::leaves(&root)? {
            let ours = leaf.files.iter().filter(|file| is_data(file));
            found.extend(ours.map(|file| layout::join(&leaf.path, original_name(&file.name))));
        }
    }
    Ok(found)
}

/// The sets of the bin: by commit the partitions.
fn sets(places: &Places) -> Result<BTreeMap<String, Vec<String>>> {
    let mut found = BTreeMap::new();
    for commit in commits(places)?.into_iter().filter(|entry| entry.is_dir) {
        let leaves = layout::leaves(&commit.path)?;
        let partitions: Vec<String> =
            leaves.into_iter().filter(|leaf| leaf.files.iter().any(is_data)).map(|leaf| leaf.path).collect();
        if !partitions.is_empty() {
            found.insert(commit.name, partitions);
        }
    }
    Ok(found)
}

/// Follows files of a Delta table, to tell which versions of its log have lost one.
struct Links<'a> {
    places: &'a Places,
    is_asked: bool,
    /// The commits so far.
    commits: u64,
    /// By path the number of the commit that brought it.
    births: HashMap<String, u64>,
    /// Path, first commit with it, first one without it.
    lives: Vec<(String, u64, u64)>,
}

impl<'a> Links<'a> {
    fn of(places: &'a Places, metadata: &Metadata) -> Self {
        let is_asked = metadata.delta.is_some();
        Self { places, is_asked, commits: 0, births: HashMap::new(), lives: Vec::new() }
    }

    fn tell(&mut self, came: &[&DataFile], went: &[DataFile]) {
        if self.is_asked {
            for file in went {
                let birth = self.births.remove(&file.path).unwrap_or(0);
                self.lives.push((file.path.clone(), birth, self.commits));
            }
            for file in came {
                self.births.entry(file.path.clone()).or_insert(self.commits);
            }
        }
        self.commits += 1;
    }

    /// Each of these files has its second name.
    fn are_there(&self, paths: &[String]) -> Result<bool> {
        for path in paths {
            if fs::size_of(&layout::inside(&self.places.data, &table::Links::DELTA.name(path))?)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ranges of commits whose version of the log has lost a file.
    fn unreadable(&self) -> Result<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        for (path, from, until) in &self.lives {
            if !self.are_there(std::slice::from_ref(path))? {
                found.push((*from, *until));
            }
        }
        Ok(found)
    }
}

/// The versions of the Delta log that these commits made; those whose entry is gone have none.
fn versions(places: &Places, told: &VecDeque<Told>) -> Result<HashMap<String, u64>> {
    let folder = places.data.join(layout::LOG);
    let wanted: BTreeSet<&str> = told.iter().map(|told| told.commit.id.as_str()).collect();
    let mut found = HashMap::new();
    for version in log::versions(&folder)?.into_iter().rev() {
        if found.len() == wanted.len() {
            break;
        }
        let commit = log::commit_of(&folder, version)?;
        if let Some(commit) = commit.filter(|commit| wanted.contains(commit.as_str())) {
            found.insert(commit, version);
        }
    }
    Ok(found)
}
