//! The one owner of state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};

use super::input::Input;
use super::keymap::Keymap;
use super::message::{Message, PlanText, ServerInfo};
use super::overlays::{Overlay, Toasts};
use super::tabs::checks::Checked;
use super::tabs::history::KnownHistory;
use super::tabs::{Detail, Exports, Feeds, Logs, Partitions};
use super::theme::ThemeName;
use super::tiers::Tiers;
use super::view::Tone;
use crate::export::publish::CatalogState;
use crate::feed::{Change, FeedPaths};
use crate::ksql::describe::SourceName;
use crate::lake::{Growth, Metadata, Owner, PartitionUsage};
use crate::reading::Engine;

/// A view that has a place in the tab bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// The feeds; a feed's detail opens from here.
    #[default]
    Feeds,
    /// Datasets, partitions, files, rows.
    Partitions,
    /// Exports.
    Exports,
    /// The log.
    Logs,
}

impl Tab {
    /// In the order of the bar.
    pub const ALL: [Self; 4] = [Self::Feeds, Self::Partitions, Self::Exports, Self::Logs];

    /// The tab's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Feeds => "Feeds",
            Self::Partitions => "Partitions",
            Self::Exports => "Exports",
            Self::Logs => "Logs",
        }
    }
}

/// What the model must know from the start.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The time.
    pub now: DateTime<Utc>,
    /// Size of the terminal, columns and lines.
    pub size: (u16, u16),
    /// The lake's folder.
    pub lake: PathBuf,
    /// The same from the root of the file system, as code that is copied must name it.
    pub lake_absolute: PathBuf,
    /// The folders of feeds.
    pub feeds: FeedPaths,
    /// The server's address without credentials.
    pub server: String,
    /// How the program is called in a shell command: `lakehand`, with the options that lead to this lake.
    pub program: String,
    /// Colours.
    pub theme: ThemeName,
    /// No characters beyond ASCII.
    pub ascii: bool,
    /// The mouse is taken.
    pub mouse: bool,
    /// Nothing may be changed.
    pub read_only: bool,
    /// Keys.
    pub keymap: Keymap,
    /// How often the server is asked how it is.
    pub health_every: TimeDelta,
    /// Size that files aim at, bytes.
    pub target_file_bytes: u64,
    /// The tiers of the lake.
    pub tiers: Tiers,
    /// Records of the log that are kept in memory.
    pub log_capacity: usize,
    /// An export that took longer is told to the desktop when the terminal is not looked at.
    pub notify_after: TimeDelta,
}

impl Setup {
    /// For tests and as a start: 80×24, dark, default keys, UTC time given.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            now,
            size: (80, 24),
            lake: PathBuf::from("data_lake"),
            lake_absolute: PathBuf::from("/data_lake"),
            feeds: FeedPaths::below(std::path::Path::new("feeds")),
            server: "http://localhost:8088".to_owned(),
            program: "lakehand".to_owned(),
            theme: ThemeName::Dark,
            ascii: false,
            mouse: false,
            read_only: false,
            keymap: Keymap::default(),
            health_every: TimeDelta::seconds(15),
            target_file_bytes: 128 << 20,
            tiers: Tiers::default(),
            log_capacity: 10_000,
            notify_after: TimeDelta::seconds(30),
        }
    }
}

/// The server's health.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// What it said when it last answered.
    pub info: Option<ServerInfo>,
    /// When it last answered.
    pub answered: Option<DateTime<Utc>>,
    /// Why it did not, when it was asked last.
    pub error: Option<String>,
}

/// What a prompt at the foot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    /// The filter of the list in front.
    Filter,
    /// The search in the log.
    Search,
}

/// The line being typed at the foot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What for.
    pub kind: PromptKind,
    /// The line.
    pub input: Input,
    /// What was in force before: esc brings it back.
    pub before: String,
}

/// What the lake holds of a feed.
#[derive(Debug, Clone, Default)]
pub(crate) struct DatasetState {
    pub(crate) metadata: Option<Metadata>,
    /// Why the metadata cannot be read.
    pub(crate) error: Option<String>,
    pub(crate) usage: Option<Vec<PartitionUsage>>,
    /// Why the folders cannot be read.
    pub(crate) unwalked: Option<String>,
    /// What it does to the disk.
    pub(crate) growth: Option<Growth>,
}

/// All that the screen knows. The runtime owns it and changes it through [`App::update`] alone; ui reads it.
#[derive(Debug)]
pub struct App {
    pub(crate) setup: Setup,
    /// The time that is shown: it stands still while the screen is frozen.
    pub(crate) now: DateTime<Utc>,
    /// The time.
    pub(crate) clock: DateTime<Utc>,
    pub(crate) size: (u16, u16),
    pub(crate) focused: bool,
    /// The tab in front.
    pub tab: Tab,
    pub(crate) theme: ThemeName,
    pub(crate) mouse: bool,
    /// For which code is copied.
    pub(crate) engine: Engine,
    pub(crate) feeds: Feeds,
    pub(crate) detail: Option<Detail>,
    pub(crate) partitions: Partitions,
    pub(crate) exports: Exports,
    pub(crate) logs: Logs,
    /// What lies over the view.
    pub overlay: Option<Overlay>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) toasts: Toasts,
    pub(crate) health: Health,
    pub(crate) held: BTreeMap<String, DatasetState>,
    /// What catalogues show of each feed.
    pub(crate) catalogs: BTreeMap<String, Vec<CatalogState>>,
    /// The feeds of which something lies in the cold tier.
    pub(crate) cold_feeds: BTreeSet<String>,
    /// Free bytes on the lake's disk, once it was looked at.
    pub(crate) free: Option<u64>,
    pub(crate) locks: BTreeMap<String, Owner>,
    pub(crate) schedules: BTreeMap<String, DateTime<Utc>>,
    /// How feeds would be read, as far as it was asked for.
    pub(crate) plans: BTreeMap<String, std::result::Result<PlanText, String>>,
    pub(crate) sources: Option<Result<Vec<SourceName>, String>>,
    /// Checks of datasets, by feed.
    pub(crate) checks: BTreeMap<String, Checked>,
    /// The commits of the dataset that was asked for last.
    pub(crate) commits: KnownHistory,
    pub(crate) undo: Vec<Vec<Change>>,
    /// Messages that wait while the screen is frozen.
    pub(crate) frozen: Option<Vec<Message>>,
    pub(crate) revision: u64,
    drawn: u64,
    /// Filters and searches of before, the newest last.
    pub(crate) history: Vec<String>,
}

impl App {
    /// A screen before anything is known. The runtime sends `Catalog`, `Dataset`, … as they come.
    pub fn new(setup: Setup) -> Self {
        Self {
            now: setup.now,
            clock: setup.now,
            size: setup.size,
            focused: true,
            tab: Tab::Feeds,
            theme: setup.theme,
            mouse: setup.mouse,
            engine: Engine::DuckDb,
            feeds: Feeds::default(),
            detail: None,
            partitions: Partitions::default(),
            exports: Exports::default(),
            logs: Logs::new(setup.log_capacity),
            overlay: None,
            prompt: None,
            toasts: Toasts::default(),
            health: Health::default(),
            held: BTreeMap::new(),
            catalogs: BTreeMap::new(),
            cold_feeds: BTreeSet::new(),
            free: None,
            locks: BTreeMap::new(),
            schedules: BTreeMap::new(),
            plans: BTreeMap::new(),
            sources: None,
            checks: BTreeMap::new(),
            commits: KnownHistory::default(),
            undo: Vec::new(),
            frozen: None,
            revision: 1,
            drawn: 0,
            history: Vec::new(),
            setup,
        }
    }

    /// The theme in force.
    pub fn theme(&self) -> ThemeName {
        self.theme
    }

    /// No characters beyond ASCII.
    pub fn ascii(&self) -> bool {
        self.setup.ascii
    }

    /// A number that rises whenever there is something new to draw.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether there is something new to draw since [`App::drawn`].
    pub fn dirty(&self) -> bool {
        self.revision != self.drawn
    }

    /// A frame was drawn.
    pub fn drawn(&mut self) {
        self.drawn = self.revision;
    }

    /// The screen is held.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// The mouse is taken.
    pub fn mouse(&self) -> bool {
        self.mouse
    }

    /// The lines of a list's window, as far as the model can know: what a page is.
    pub(crate) fn page(&self) -> usize {
        let (width, height) = self.size;
        let full = width >= 80 && height >= 24;
        // Header, tabs, title and foot are around every view; a test of ui holds that the rest agrees too.
        let around = match self.tab {
            Tab::Logs => 4,
            Tab::Feeds if self.detail.is_some() => 4,
            Tab::Partitions if self.partitions.level == super::tabs::Level::Grid => 6,
            _ if full => 9,
            _ => 6,
        };
        usize::from(height.saturating_sub(around)).max(1)
    }

    pub(crate) fn metadata(&self, key: &str) -> Option<&Metadata> {
        self.held.get(key).and_then(|held| held.metadata.as_ref())
    }

    /// Why what the lake holds of a feed cannot be read: its metadata, or else its folders.
    pub(crate) fn unreadable(&self, key: &str) -> Option<&String> {
        self.held.get(key).and_then(|held| held.error.as_ref().or(held.unwalked.as_ref()))
    }

    pub(crate) fn toast(&mut self, text: impl Into<String>, tone: Tone) {
        let now = self.clock;
        self.toasts.push(text, tone, now);
        self.revision += 1;
    }

    /// The level of the partitions in front.
    pub fn level(&self) -> super::tabs::Level {
        self.partitions.level
    }

    /// A feed is open over the list of feeds.
    pub fn in_detail(&self) -> bool {
        self.tab == Tab::Feeds && self.detail.is_some()
    }

    /// The server's health.
    pub fn health(&self) -> &Health {
        &self.health
    }
}
