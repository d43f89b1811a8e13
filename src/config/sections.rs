//! What can be set, section by section, with the built-in values.

use std::path::PathBuf;
use std::time::Duration;

use super::Secret;
use crate::feed::{CatalogName, Encodings, TableFormat};

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
    /// The table formats of feeds that name none.
    pub table_format: Vec<TableFormat>,
    /// The catalogues of feeds that name none.
    pub catalog: Vec<CatalogName>,
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

/// The Schema Registry, which has the schemas of AVRO records; none is asked when `url` is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryConfig {
    /// `http://host:port`, without a slash at the end and without credentials.
    pub url: String,
    /// For basic authentication.
    pub username: Option<String>,
    /// The file of the password.
    pub password_file: Option<PathBuf>,
    /// From `LAKEHAND_SCHEMA_REGISTRY_PASSWORD` or the file.
    pub password: Option<Secret>,
    /// The file of the token.
    pub token_file: Option<PathBuf>,
    /// For bearer authentication, from `LAKEHAND_SCHEMA_REGISTRY_TOKEN` or the file.
    pub token: Option<Secret>,
    /// Certificates (PEM) that are trusted instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM); always with its key.
    pub client_cert_file: Option<PathBuf>,
    /// The key of the client's certificate (PEM).
    pub client_key_file: Option<PathBuf>,
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
    /// How long `lakehand export` waits for a server or brokers that are out of reach.
    pub outage_wait: Duration,
    /// With `read` idle: how long without a row counts as caught up.
    pub quiet: Duration,
    /// Share of rows that may go to quarantine, in percent.
    pub quarantine_limit: f64,
    /// Rows of a stream that may go to quarantine whatever their share, unless `quarantine_limit` is 0.
    pub quarantine_rows: u64,
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
            outage_wait: Duration::from_secs(300),
            quiet: Duration::from_secs(5),
            quarantine_limit: 1.0,
            quarantine_rows: 10,
            max_row_bytes: 128 << 20,
            zstd_level: 1,
            encodings: Encodings::Portable,
            seal_after: None,
            shrink_limit: 50,
        }
    }
}

/// When small files become few, and what that may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactConfig {
    /// When the watcher and the screen do it by themselves.
    pub after: CompactAfter,
    /// Small files of a partition from which on.
    pub min_files: u64,
    /// Memory, in bytes.
    pub memory_bytes: usize,
    /// Threads that encode; 0: those of exports.
    pub threads: usize,
    /// How long the watcher and the screen may work on it at a time.
    pub max_time: Duration,
}

/// When the watcher and the screen make few files of small ones by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CompactAfter {
    /// Not by themselves.
    #[default]
    Never,
    /// Once a day is sealed.
    Sealed,
}

impl Default for CompactConfig {
    fn default() -> Self {
        Self {
            after: CompactAfter::Never,
            min_files: 2,
            memory_bytes: 256 << 20,
            threads: 0,
            max_time: Duration::from_secs(600),
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

/// Sealed days that move to colder storage.
#[derive(Debug, Clone, PartialEq)]
pub struct TierConfig {
    /// How long the local copy of a day stays after readers were pointed to the cold one.
    pub grace: Duration,
    /// What a GiB on the local disk costs a month, in any currency; for comparison alone.
    pub hot_cost_per_gib_month: Option<f64>,
    /// `[tier.cold]`
    pub cold: ColdConfig,
}

impl Default for TierConfig {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(24 * 3600),
            hot_cost_per_gib_month: None,
            cold: ColdConfig::default(),
        }
    }
}

/// The cold store; there is none when `url` is empty. Credentials are never part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ColdConfig {
    /// `s3://bucket/prefix`, `az://container/prefix` or `file:///folder`, without a slash at the end.
    pub url: String,
    /// The address of the service where it is not Amazon's or Microsoft's own.
    pub endpoint: String,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// The profile of `~/.aws/credentials` and `~/.aws/config`.
    pub profile: Option<String>,
    /// Whether the endpoint may be reached without encryption.
    pub allow_http: bool,
    /// The storage class of S3, the access tier of Azure.
    pub storage_class: Option<String>,
    /// What S3 encrypts objects with.
    pub sse: ServerSideEncryption,
    /// The key of `aws:kms`; the account's own when it is not set.
    pub kms_key: Option<String>,
    /// The checksum that goes with everything that is sent to S3.
    pub checksum: Checksum,
    /// Parts and objects that are on their way at the same time.
    pub parallel: usize,
    /// The size of a part, in bytes; longer files are sent in parts.
    pub part_bytes: u64,
    /// Memory of all parts on their way, in bytes.
    pub memory_bytes: u64,
    /// Bytes a second, over everything; 0: no limit.
    pub max_bytes_per_second: u64,
    /// How long an object that was brought back from an archive can be read, in days.
    pub restore_days: u32,
    /// What a GiB costs a month there, in any currency; for comparison alone.
    pub cost_per_gib_month: Option<f64>,
    /// Certificates (PEM) that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for ColdConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            endpoint: String::new(),
            region: None,
            profile: None,
            allow_http: false,
            storage_class: None,
            sse: ServerSideEncryption::default(),
            kms_key: None,
            checksum: Checksum::default(),
            parallel: 4,
            part_bytes: 16 << 20,
            memory_bytes: 128 << 20,
            max_bytes_per_second: 0,
            restore_days: 7,
            cost_per_gib_month: None,
            ca_file: None,
        }
    }
}

/// What S3 encrypts objects with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServerSideEncryption {
    /// What the bucket says.
    #[default]
    Bucket,
    /// Keys of S3.
    Aes256,
    /// A key of the key management service.
    Kms,
}

/// The checksum that goes with what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksum {
    /// SHA-256.
    #[default]
    Sha256,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// None, for services that refuse such headers.
    None,
}
