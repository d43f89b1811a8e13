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
mod sections;
mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::feed::nearest;
use crate::log::escape_controls;
use crate::{Error, Kind, Result};

pub use edit::write_key;
pub use kafka::KafkaConfig;
use keys::{KEYS, REPLACED};
pub use secret::{Secret, read_secret};
pub use sections::{
    ExportConfig, LakeConfig, MetadataPlace, OnStart, Paths, RetentionConfig, ScreenConfig, ServerConfig,
    Theme, WatchConfig,
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
