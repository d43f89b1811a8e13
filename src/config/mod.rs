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
//! | `LAKEHAND_KAFKA_PASSWORD`, `LAKEHAND_KAFKA_TOKEN` | before `kafka.password_file`, `kafka.token_file` |
//! | `LAKEHAND_SCHEMA_REGISTRY_PASSWORD`, `LAKEHAND_SCHEMA_REGISTRY_TOKEN` | before the files of `schema_registry` |
//! | `LAKEHAND_CATALOG_HIVE_PASSWORD` | before `catalog.hive.password_file` |
//!
//! An empty variable counts as not set. All problems of all sources come at once. Nothing here knows what the values
//! are good for; the environment is passed in.

pub mod catalog;
mod edit;
mod file;
pub mod kafka;
mod keys;
pub mod secret;
mod sections;
mod tier;
mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::feed::{FeedPaths, nearest};
use crate::log::escape_controls;
use crate::{Error, Kind, Result};

pub use catalog::{CatalogConfig, GlueConfig, HiveConfig};
pub use edit::write_key;
pub use kafka::KafkaConfig;
use keys::{KEYS, REPLACED};
use secret::SECRETS;
pub use secret::{Secret, read_secret};
pub use sections::{
    Checksum, ColdConfig, CompactAfter, CompactConfig, ExportConfig, LakeConfig, MetadataPlace, OnStart,
    Paths, RegistryConfig, RetentionConfig, ScreenConfig, ServerConfig, ServerSideEncryption, Theme,
    TierConfig, WatchConfig,
};

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
    /// The Schema Registry.
    pub schema_registry: RegistryConfig,
    /// How exports work.
    pub export: ExportConfig,
    /// How small files become few.
    pub compact: CompactConfig,
    /// `[catalog.hive]`, `[catalog.glue]`
    pub catalog: CatalogConfig,
    /// `[retention]`
    pub retention: RetentionConfig,
    /// `[tier]`
    pub tier: TierConfig,
    /// What the watcher does.
    pub watch: WatchConfig,
    /// How the screen looks.
    pub screen: ScreenConfig,
    origins: BTreeMap<&'static str, Origin>,
    warnings: Vec<String>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File {
        /// The file's path.
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
            schema_registry: RegistryConfig::default(),
            export: ExportConfig::default(),
            compact: CompactConfig::default(),
            catalog: CatalogConfig::default(),
            retention: RetentionConfig::default(),
            tier: TierConfig::default(),
            watch: WatchConfig::default(),
            screen: ScreenConfig::default(),
            origins: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Where the feeds are, and what holds for those that do not say it themselves.
    pub fn feed_paths(&self) -> FeedPaths {
        FeedPaths::below(&self.paths.feeds)
            .with_table_format(self.lake.table_format.clone())
            .with_catalog(self.lake.catalog.clone())
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
        for secret in SECRETS {
            if let Some(value) = env(secret.variable) {
                *(secret.place)(self) = Some(Secret::new(value));
                self.origins.insert(secret.variable, Origin::Env(secret.variable.to_owned()));
            } else if let Some(path) = (secret.file)(self).cloned() {
                match Secret::read(&path) {
                    Ok((value, warning)) => {
                        *(secret.place)(self) = Some(value);
                        self.warnings.extend(warning);
                    }
                    Err(e) => {
                        let (key, path) = (secret.file_key, path.display());
                        problems.push(format!("{key}: {path}: cannot be read: {e}"));
                    }
                }
            }
        }
    }

    /// What belongs together, and what cannot be together.
    fn combine(&mut self, problems: &mut Vec<String>) {
        let warnings = &mut self.warnings;
        let (server, registry) = (&self.server, &self.schema_registry);
        HttpAccess {
            section: "server",
            password_variable: "LAKEHAND_PASSWORD",
            url: &server.url,
            username: server.username.is_some(),
            password: server.password.is_some(),
            token: server.token.is_some(),
            certificate: (server.client_cert_file.is_some(), server.client_key_file.is_some()),
        }
        .combine(problems, warnings);
        HttpAccess {
            section: "schema_registry",
            password_variable: "LAKEHAND_SCHEMA_REGISTRY_PASSWORD",
            url: &registry.url,
            username: registry.username.is_some(),
            password: registry.password.is_some(),
            token: registry.token.is_some(),
            certificate: (registry.client_cert_file.is_some(), registry.client_key_file.is_some()),
        }
        .combine(problems, warnings);
        if self.export.retry_base > self.export.retry_max {
            problems.push("export.retry_base is longer than export.retry_max".to_owned());
        }
        self.kafka.combine(problems, warnings);
        tier::combine(&self.tier.cold, problems, warnings);
        self.catalog.combine(problems, warnings);
    }

    /// Every key with its value and its origin, section by section.
    pub fn settings(&self) -> Vec<Setting> {
        let plain = KEYS.iter().map(|key| {
            let value = (key.get)(self);
            let value = if value.is_empty() { "(not set)".to_owned() } else { value };
            let origin = self.origins.get(key.name).cloned().unwrap_or(Origin::Default);
            Setting { key: key.name.to_owned(), value, origin }
        });
        let secrets = SECRETS.iter().map(|secret| {
            // One of both is set, or there is none: a file that cannot be read is refused.
            let (from, origin) = match (self.origins.get(secret.variable), (secret.file)(self)) {
                (Some(origin), _) => (Some(secret.variable), Some(origin)),
                (None, Some(_)) => (Some(secret.file_key), self.origins.get(secret.file_key)),
                (None, None) => (None, None),
            };
            let value = from.map_or_else(|| "(not set)".to_owned(), |from| format!("(set, from {from})"));
            let origin = origin.cloned().unwrap_or(Origin::Default);
            Setting { key: secret.name.to_owned(), value, origin }
        });
        let mut settings: Vec<_> = plain.collect();
        for secret in secrets {
            // Behind the others of its section.
            let section = secret.key.rsplit_once('.').map_or("", |(section, _)| section).to_owned();
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

/// What one section says of a server that is reached by HTTP.
struct HttpAccess<'a> {
    section: &'a str,
    password_variable: &'a str,
    url: &'a str,
    username: bool,
    password: bool,
    token: bool,
    /// The client's certificate, and its key.
    certificate: (bool, bool),
}

impl HttpAccess<'_> {
    /// What belongs together, and what cannot be together.
    fn combine(&self, problems: &mut Vec<String>, warnings: &mut Vec<String>) {
        let section = self.section;
        if self.certificate.0 != self.certificate.1 {
            problems.push(format!(
                "{section}.client_cert_file and {section}.client_key_file: one needs the other"
            ));
        }
        if self.username && self.token {
            problems.push(format!("{section}.username and a token: choose basic or bearer authentication"));
        }
        match (self.username, self.password) {
            (true, false) => warnings.push(format!(
                "{section}.username is set without a password; set {} or {section}.password_file",
                self.password_variable
            )),
            (false, true) => {
                warnings.push(format!("a password is set without {section}.username, and is not used"));
            }
            _ => {}
        }
        if (self.password || self.token) && url::is_open(self.url) {
            let warning =
                format!("{section}.url begins with http: credentials cross the network unencrypted");
            warnings.push(warning);
        }
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
