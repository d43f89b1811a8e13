//! The list of feeds that is on disk: active and archived, valid and not.
//!
//! ```text
//! feeds/active/a.json    ─▶ Entry Active   Valid(Feed)
//! feeds/active/b.json    ─▶ Entry Active   Invalid([line 4, column 18: …])
//! feeds/archived/a.json  ─▶ Entry Archived Invalid([there is an active feed of this name])
//! feeds/active/.b.tmp    ─▶ nothing
//! ```
//!
//! One file never stops another: what cannot be read is in the list with its reason. Only a folder that is there and
//! cannot be read is an error. It asks nobody but the file system, and it changes nothing.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::disk::read_text;
use super::parse::{parse_feed_with, problem_at};
use super::problem::Problem;
use super::spec::{CatalogName, Feed, FeedKind, TableFormat};
use crate::log::escape_controls;
use crate::{Error, Result};

/// The two folders of feeds, and what holds for feeds that do not say it themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPaths {
    /// Feeds that the program exports.
    pub active: PathBuf,
    /// Feeds put aside.
    pub archived: PathBuf,
    /// The table formats of feeds that name none.
    pub table_format: Vec<TableFormat>,
    /// The catalogues of feeds that name none.
    pub catalog: Vec<CatalogName>,
}

impl FeedPaths {
    /// `active` and `archived` below the folder `feeds`.
    pub fn below(feeds: &Path) -> Self {
        Self {
            active: feeds.join("active"),
            archived: feeds.join("archived"),
            table_format: Vec::new(),
            catalog: Vec::new(),
        }
    }

    /// The same folders, where feeds that name no table format have these.
    #[must_use]
    pub fn with_table_format(self, table_format: Vec<TableFormat>) -> Self {
        Self { table_format, ..self }
    }

    /// The same folders, where feeds that name no catalogue have these.
    #[must_use]
    pub fn with_catalog(self, catalog: Vec<CatalogName>) -> Self {
        Self { catalog, ..self }
    }

    /// The folder of a place.
    pub fn folder(&self, place: Place) -> &Path {
        match place {
            Place::Active => &self.active,
            Place::Archived => &self.archived,
        }
    }

    /// The file of a feed.
    pub fn file(&self, place: Place, name: &str) -> PathBuf {
        self.folder(place).join(format!("{name}.json"))
    }
}

/// In which folder a feed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// `feeds/active`
    Active,
    /// `feeds/archived`
    Archived,
}

/// One file of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The stem of the file's name; control characters are written out, and so is what is not UTF-8.
    pub name: String,
    /// In which folder it is.
    pub place: Place,
    /// The file.
    pub path: PathBuf,
    /// When the file was last changed, where the file system knows.
    pub modified: Option<SystemTime>,
    /// What it holds.
    pub state: EntryState,
}

impl Entry {
    /// The feed, when the file is valid.
    pub fn feed(&self) -> Option<&Feed> {
        match &self.state {
            EntryState::Valid(feed) => Some(feed),
            EntryState::Invalid(_) => None,
        }
    }

    /// What is wrong with it; empty when the file is valid.
    pub fn problems(&self) -> &[Problem] {
        match &self.state {
            EntryState::Valid(_) => &[],
            EntryState::Invalid(problems) => problems,
        }
    }
}

/// What a file of the list holds.
#[derive(Debug, Clone, PartialEq)]
pub enum EntryState {
    /// A feed.
    Valid(Box<Feed>),
    /// At least one problem.
    Invalid(Vec<Problem>),
}

/// The list of feeds, by name; of the same name the active one first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog {
    /// Every file of both folders that has the name of a feed file.
    pub entries: Vec<Entry>,
}

impl Catalog {
    /// Reads both folders; a folder that is not there is empty.
    pub fn load(paths: &FeedPaths) -> Result<Self> {
        let mut files = Vec::new();
        for place in [Place::Active, Place::Archived] {
            scan(paths.folder(place), place, &mut files)?;
        }
        files.sort_by(|a, b| (&a.name, a.place, &a.path).cmp(&(&b.name, b.place, &b.path)));

        // What an entry must not share with an earlier one: its name, and among the active ones its dataset.
        let mut names = HashMap::new();
        let mut datasets = HashMap::new();
        let mut entries = Vec::with_capacity(files.len());
        for file in files {
            let (mut entry, text) = file.read(paths);
            let mut clashes = Vec::new();
            if let Some(first) = names.insert(entry.name.clone(), entry.place) {
                let word = if first == Place::Active { "active" } else { "archived" };
                clashes.push(problem_at(
                    &text,
                    "feed_name",
                    &format!("is the name of an {word} feed already"),
                ));
            }
            if entry.place == Place::Active
                && let Some(feed) = entry.feed()
            {
                let dataset = (feed.kind, feed.dataset());
                match datasets.get(&dataset) {
                    Some(first) => {
                        let message = format!("is what the active feed {first} exports already");
                        clashes.push(problem_at(&text, "ksqldb_source", &message));
                    }
                    None => {
                        datasets.insert(dataset, entry.name.clone());
                    }
                }
            }
            if !clashes.is_empty() {
                clashes.extend_from_slice(entry.problems());
                entry.state = EntryState::Invalid(clashes);
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// The entry of this name; of two the active one.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The active feeds that are valid, enabled or not.
    pub fn active_feeds(&self) -> impl Iterator<Item = &Feed> {
        self.entries.iter().filter(|entry| entry.place == Place::Active).filter_map(Entry::feed)
    }

    /// The active, valid feed that exports this dataset.
    pub fn by_dataset(&self, kind: FeedKind, dataset: &str) -> Option<&Feed> {
        self.active_feeds().find(|feed| feed.kind == kind && feed.dataset() == dataset)
    }
}

/// A file that is not read yet.
struct Found {
    name: String,
    stem: Option<String>,
    place: Place,
    path: PathBuf,
}

impl Found {
    /// The entry and its text, which is empty when it could not be read.
    fn read(self, paths: &FeedPaths) -> (Entry, String) {
        let modified = std::fs::metadata(&self.path).and_then(|meta| meta.modified()).ok();
        let (state, text) = match (&self.stem, read_text(&self.path)) {
            (None, _) => {
                (EntryState::Invalid(vec![Problem::of_file("the file's name is not UTF-8")]), String::new())
            }
            (_, Err(problem)) => (EntryState::Invalid(vec![problem]), String::new()),
            (Some(stem), Ok(text)) => match parse_feed_with(&text, stem, &paths.table_format, &paths.catalog)
            {
                Ok(feed) => (EntryState::Valid(Box::new(feed)), text),
                Err(problems) => (EntryState::Invalid(problems), text),
            },
        };
        (Entry { name: self.name, place: self.place, path: self.path, modified, state }, text)
    }
}

fn scan(folder: &Path, place: Place, files: &mut Vec<Found>) -> Result<()> {
    let failed = |e| Error::io("read the folder of feeds", folder, e);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    for entry in entries {
        let file_name = entry.map_err(failed)?.file_name();
        if is_feed_file(&file_name) {
            let path = folder.join(&file_name);
            let stem = path.file_stem().unwrap_or_default();
            let name = escape_controls(&stem.to_string_lossy()).into_owned();
            files.push(Found { name, stem: stem.to_str().map(str::to_owned), place, path });
        }
    }
    Ok(())
}

/// Whether a name in a folder of feeds is that of a feed: `*.json`, and not what editors and this program leave beside
/// it for a moment.
pub fn is_feed_file(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.len() > b".json".len()
        && name.ends_with(b".json")
        && !matches!(name.first(), Some(b'.' | b'_' | b'~'))
}
