//! `lakehand.toml` < environment < flags, with the origin of every value.
//!
//! ```text
//! Config::default ─┐
//! lakehand.toml   ─┤  keys::KEYS, one row a key:              ┌─▶ Config, typed
//! LAKEHAND_…      ─┼─ how it is written, set and shown again ─┤
//! flags           ─┘                                          └─▶ settings(): key, value, origin
//! LAKEHAND_PASSWORD, server.password_file … ─ secret ─▶ Secret, which never shows itself
//! ```
//!
//! | environment | key |
//! |---|---|
//! | `LAKEHAND_<SECTION>_<KEY>`, e.g. `LAKEHAND_EXPORT_MEMORY_MB` | `export.memory_mb` |
//! | `LAKEHAND_PASSWORD`, `LAKEHAND_TOKEN` | before `server.password_file`, `server.token_file` |
//! | `LAKEHAND_KAFKA_PASSWORD` | before `kafka.password_file` |
//!
//! An empty variable counts as not set. All problems of all sources come at once. Nothing here knows what the values
//! are good for; the environment is passed in.

mod edit;
mod file;
pub mod kafka;
mod keys;
pub mod secret;
mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::feed::{Encodings, nearest};
use crate::log::escape_controls;
use crate::{Error, Kind, Result};

pub use edit::write_key;
pub use kafka::KafkaConfig;
use keys::{KEYS, REPLACED};
pub use secret::{Secret, read_secret};

/// The annotated default file, as `config init` writes it.
pub const DEFAULT_FILE: &str = include_str!("../../assets/lakehand.toml");

/// The name of the file in the root folder.
pub const FILE_NAME: &str = "lakehand.toml";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The folder to which relative paths belong; absolute.
    pub root: PathBuf,
    /// Where things are.
    pub paths: Paths,
    /// How the lake is laid out.
    pub lake: LakeConfig,
    /// The ksqlDB server.
    pub server: ServerConfig,
    /// The Kafka brokers.
    pub kafka: KafkaConfig,
    /// How exports work.
    pub export: ExportConfig,
    /// `[retention]`
    pub retention: RetentionConfig,
    /// What the watcher does.
    pub watch: WatchConfig,
    /// How the screen looks.
    pub screen: ScreenConfig,
    origins: BTreeMap<&'static str, Origin>,
    warnings: Vec<String>,
}

/// Where things are; absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The data lake.
    pub lake: PathBuf,
    /// The folder of `active` and `archived`.
    pub feeds: PathBuf,
    /// The log; `<lake>/logs` unless it is set.
    pub logs: PathBuf,
}

/// How the lake is laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LakeConfig {
    /// Where metadata and seals are.
    pub metadata: MetadataPlace,
}

/// Where the metadata and the seals of a dataset are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MetadataPlace {
    /// In the dataset's folder, as `_metadata.json`.
    #[default]
    Folder,
    /// In `_lakehand/`, so that engines that read whole folders find data alone.
    Apart,
}

/// The ksqlDB server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `http://host:port`, without a slash at the end and without credentials.
    pub url: String,
    /// For basic authentication.
    pub username: Option<String>,
    /// The file of the password.
    pub password_file: Option<PathBuf>,
    /// From `LAKEHAND_PASSWORD` or the file.
    pub password: Option<Secret>,
    /// The file of the token.
    pub token_file: Option<PathBuf>,
    /// For bearer authentication, from `LAKEHAND_TOKEN` or the file.
    pub token: Option<Secret>,
    /// Certificates (PEM) that are trusted beside the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM); always with its key.
    pub client_cert_file: Option<PathBuf>,
    /// The key of the client's certificate (PEM).
    pub client_key_file: Option<PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long the server may take to begin its answer.
    pub first_byte_timeout: Duration,
    /// How long an answer may pause.
    pub inactivity_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            url: "http://localhost:8088".to_owned(),
            username: None,
            password_file: None,
            password: None,
            token_file: None,
            token: None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(60),
            inactivity_timeout: Duration::from_secs(60),
        }
    }
}

/// How exports work.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportConfig {
    /// The one memory budget, in bytes.
    pub memory_bytes: usize,
    /// Free disk space below which exports stop, in bytes.
    pub min_free_bytes: u64,
    /// What a file aims at, in bytes.
    pub target_file_bytes: u64,
    /// Feeds exported at the same time.
    pub concurrency: usize,
    /// Threads that decode and encode, over all exports; 0: one for each core, at most 4.
    pub threads: usize,
    /// A stream's rows are committed at least so often.
    pub commit_every: Duration,
    /// How often a failed attempt is tried again.
    pub retries: u32,
    /// The wait before the first retry; it doubles.
    pub retry_base: Duration,
    /// The longest wait before a retry.
    pub retry_max: Duration,
    /// Reading the idle way: how long without a row counts as caught up.
    pub quiet: Duration,
    /// Share of rows that may go to quarantine, in percent.
    pub quarantine_limit: f64,
    /// The longest row that is read, in bytes.
    pub max_row_bytes: usize,
    /// The level of `zstd` without a level.
    pub zstd_level: i32,
    /// How columns are encoded.
    pub encodings: Encodings,
    /// How long beyond its end the lake must be complete before a day is sealed with `_SUCCESS`; `None`: never.
    pub seal_after: Option<Duration>,
    /// How much smaller than the version before it a snapshot may be, in percent; feeds may name their own.
    pub shrink_limit: u32,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            min_free_bytes: 1024 << 20,
            target_file_bytes: 128 << 20,
            concurrency: 2,
            threads: 0,
            commit_every: Duration::from_secs(300),
            retries: 4,
            retry_base: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            quiet: Duration::from_secs(5),
            quarantine_limit: 1.0,
            max_row_bytes: 128 << 20,
            zstd_level: 1,
            encodings: Encodings::Portable,
            seal_after: None,
            shrink_limit: 50,
        }
    }
}

/// What the watcher does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// What is exported when it starts.
    pub on_start: OnStart,
    /// How often the folder of feeds is read without a hint.
    pub rescan: Duration,
    /// How long a feed file must be at rest before it is read.
    pub debounce: Duration,
    /// Look at the folder again and again instead of waiting for the file system's events.
    pub poll: bool,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            on_start: OnStart::New,
            rescan: Duration::from_secs(30),
            debounce: Duration::from_secs(1),
            poll: false,
        }
    }
}

/// What the watcher exports when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStart {
    /// Feeds of which the lake has nothing yet.
    New,
    /// Every enabled feed.
    All,
    /// Nothing.
    None,
}

/// How the screen looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreenConfig {
    /// Colours.
    pub theme: Theme,
    /// No characters beyond ASCII.
    pub ascii: bool,
    /// Whether the mouse is taken.
    pub mouse: bool,
    /// How often the server is asked how it is.
    pub health: Duration,
}

impl Default for ScreenConfig {
    fn default() -> Self {
        Self { theme: Theme::default(), ascii: false, mouse: false, health: Duration::from_secs(5) }
    }
}

/// Colours of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// For a dark background.
    #[default]
    Dark,
    /// For a light background.
    Light,
    /// For eyes that do not tell red from green, on a dark background.
    ColourBlind,
    /// No colours.
    Mono,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File {
        /// Its path.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
    },
    /// The environment variable of this name.
    Env(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", escape_controls(&path.to_string_lossy())),
            Self::Env(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A value as `config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `export.memory_mb`
    pub key: String,
    /// As it would be written; of a secret only `(set, from …)`.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// How data leaves the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How long what retention or a newer snapshot has removed stays in the bin.
    pub grace: Duration,
    /// Largest share of a dataset's rows that goes at once without a decision, in percent.
    pub max_share: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { grace: Duration::from_secs(7 * 24 * 3600), max_share: 50 }
    }
}

impl Config {
    /// The built-in values for a root folder.
    fn new(root: PathBuf) -> Self {
        let paths = Paths {
            lake: root.join("data_lake"),
            feeds: root.join("feeds"),
            logs: root.join("data_lake").join("logs"),
        };
        Self {
            root,
            paths,
            lake: LakeConfig::default(),
            server: ServerConfig::default(),
            kafka: KafkaConfig::default(),
            export: ExportConfig::default(),
            retention: RetentionConfig::default(),
            watch: WatchConfig::default(),
            screen: ScreenConfig::default(),
            origins: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Brings all sources together: default < file < environment < flag.
    ///
    /// `file` is read when it is given, and `<root>/lakehand.toml` when that is there; `env` gives a variable of the
    /// environment; `flags` are keys (`server.url`) with their values.
    ///
    /// # Errors
    /// [`Kind::Config`] with every problem of every source, those of the file with line and column.
    pub fn load(
        root: &Path,
        file: Option<&Path>,
        env: &dyn Fn(&str) -> Option<String>,
        flags: &[(&str, String)],
    ) -> Result<Self> {
        let root = std::path::absolute(root).map_err(|e| Error::io("find the root folder", root, e))?;
        let mut config = Self::new(root);
        let mut problems = Vec::new();
        let env = |name: &str| env(name).filter(|value| !value.is_empty());

        config.read_file(file, &mut problems);
        for key in KEYS {
            let name = env_name(key.name);
            if let Some(value) = env(&name) {
                match (key.set)(&mut config, &value) {
                    Ok(()) => drop(config.origins.insert(key.name, Origin::Env(name))),
                    Err(message) => problems.push(format!("{name}: {} {message}", key.seen(&value))),
                }
            }
        }
        for (old, new, how) in REPLACED {
            if env(&env_name(old)).is_some() {
                problems.push(format!(
                    "{}: is a variable of before; {} took its place: {how}",
                    env_name(old),
                    env_name(new)
                ));
            }
        }
        for (name, value) in flags {
            let Some(key) = KEYS.iter().find(|key| key.name == *name) else {
                let near = nearest(name, KEYS.iter().map(|key| key.name));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                problems.push(format!("flag {name}: is not a key of the configuration{hint}"));
                continue;
            };
            match (key.set)(&mut config, value) {
                Ok(()) => drop(config.origins.insert(key.name, Origin::Flag)),
                Err(message) => problems.push(format!("flag {name}: {} {message}", key.seen(value))),
            }
        }
        if !config.origins.contains_key("paths.logs") {
            config.paths.logs = config.paths.lake.join("logs");
        }
        config.read_secrets(&env, &mut problems);
        config.combine(&mut problems);
        if problems.is_empty() { Ok(config) } else { Err(refuse(&problems)) }
    }

    fn read_file(&mut self, file: Option<&Path>, problems: &mut Vec<String>) {
        let path = file.map_or_else(|| self.root.join(FILE_NAME), Path::to_owned);
        let text = match file::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && file.is_none() => return,
            Err(e) => return problems.push(format!("{}: cannot be read: {e}", path.display())),
        };
        let (written, mut wrong) = file::parse(&text);
        for value in written {
            match (value.key.set)(self, &value.text) {
                Ok(()) => {
                    let origin = Origin::File { path: path.clone(), line: value.line };
                    self.origins.insert(value.key.name, origin);
                }
                Err(message) => wrong.push(value.problem(message)),
            }
        }
        wrong.sort_by_key(|problem| (problem.line, problem.column));
        problems.extend(wrong.iter().map(|problem| format!("{}: {problem}", path.display())));
    }

    fn read_secrets(&mut self, env: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<String>) {
        let (server, kafka) = (&mut self.server, &mut self.kafka);
        for (variable, key, file, secret) in [
            ("LAKEHAND_PASSWORD", "server.password_file", &server.password_file, &mut server.password),
            ("LAKEHAND_TOKEN", "server.token_file", &server.token_file, &mut server.token),
            ("LAKEHAND_KAFKA_PASSWORD", "kafka.password_file", &kafka.password_file, &mut kafka.password),
        ] {
            if let Some(value) = env(variable) {
                *secret = Some(Secret::new(value));
                self.origins.insert(variable, Origin::Env(variable.to_owned()));
            } else if let Some(path) = file {
                match Secret::read(path) {
                    Ok((value, warning)) => {
                        *secret = Some(value);
                        self.warnings.extend(warning);
                    }
                    Err(e) => problems.push(format!("{key}: {}: cannot be read: {e}", path.display())),
                }
            }
        }
    }

    /// What belongs together, and what cannot be together.
    fn combine(&mut self, problems: &mut Vec<String>) {
        let (server, kafka) = (&self.server, &self.kafka);
        if server.client_cert_file.is_some() != server.client_key_file.is_some() {
            problems
                .push("server.client_cert_file and server.client_key_file: one needs the other".to_owned());
        }
        if server.username.is_some() && server.token.is_some() {
            problems.push("server.username and a token: choose basic or bearer authentication".to_owned());
        }
        if self.export.retry_base > self.export.retry_max {
            problems.push("export.retry_base is longer than export.retry_max".to_owned());
        }
        match (&server.username, &server.password) {
            (Some(_), None) => self.warnings.push(
                "server.username is set without a password; set LAKEHAND_PASSWORD or server.password_file"
                    .to_owned(),
            ),
            (None, Some(_)) => {
                self.warnings.push("a password is set without server.username, and is not used".to_owned());
            }
            _ => {}
        }
        kafka.combine(problems, &mut self.warnings);
        if (server.password.is_some() || server.token.is_some()) && url::is_open(&server.url) {
            let warning = "server.url begins with http: credentials cross the network unencrypted";
            self.warnings.push(warning.to_owned());
        }
    }

    /// Every key with its value and its origin, section by section.
    pub fn settings(&self) -> Vec<Setting> {
        let plain = KEYS.iter().map(|key| {
            let value = (key.get)(self);
            let value = if value.is_empty() { "(not set)".to_owned() } else { value };
            let origin = self.origins.get(key.name).cloned().unwrap_or(Origin::Default);
            Setting { key: key.name.to_owned(), value, origin }
        });
        let (server, kafka) = (&self.server, &self.kafka);
        let secrets = [
            ("server.password", "LAKEHAND_PASSWORD", "server.password_file", &server.password),
            ("server.token", "LAKEHAND_TOKEN", "server.token_file", &server.token),
            ("kafka.password", "LAKEHAND_KAFKA_PASSWORD", "kafka.password_file", &kafka.password),
        ];
        let secrets = secrets.into_iter().map(|(name, variable, key, secret)| {
            let (from, origin) = match (secret, self.origins.get(variable)) {
                (None, _) => (None, None),
                (Some(_), Some(origin)) => (Some(variable), Some(origin)),
                (Some(_), None) => (Some(key), self.origins.get(key)),
            };
            let value = from.map_or_else(|| "(not set)".to_owned(), |from| format!("(set, from {from})"));
            Setting { key: name.to_owned(), value, origin: origin.cloned().unwrap_or(Origin::Default) }
        });
        let mut settings: Vec<_> = plain.collect();
        for secret in secrets {
            // Behind the others of its section.
            let section = secret.key.split_once('.').map_or("", |(section, _)| section).to_owned();
            let of_section = |setting: &Setting| setting.key.starts_with(&format!("{section}."));
            let end = settings.iter().rposition(of_section).map_or(0, |at| at + 1);
            settings.insert(end, secret);
        }
        settings
    }

    /// What works and should be looked at, in words.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// The variable of the environment that holds a key.
fn env_name(key: &str) -> String {
    format!("LAKEHAND_{}", key.replace('.', "_").to_uppercase())
}

fn refuse(problems: &[String]) -> Error {
    let what = match problems {
        [one] => format!("the configuration has a problem: {one}"),
        many => format!("the configuration has {} problems:\n  {}\n ", many.len(), many.join("\n  ")),
    };
    Error::new(Kind::Config, escape_lines(&what)).next("lakehand config init writes a file with every key")
}

/// Our own line ends stay, everything else that could disturb a terminal is written out.
fn escape_lines(text: &str) -> String {
    text.split('\n').map(|line| escape_controls(line)).collect::<Vec<_>>().join("\n")
}
