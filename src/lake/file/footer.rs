//! What each Parquet file says of itself, in the key-value metadata of its footer.
//!
//! ```text
//! lakehand.dataset, .source, .server   where the rows come from      lakehand.run, .commit   who wrote them
//! lakehand.log                         of a stream: topic, cluster and partitions of the log whose offsets these are
//! lakehand.ksql_schema, .columns       the columns as ksqlDB has them lakehand.schema_version
//! lakehand.offsets                     per Kafka partition the runs of offsets held
//! lakehand.positions                   per Kafka partition the next offset, in files closed by a commit
//! lakehand.rowtime                     [min, max], milliseconds      lakehand.encodings, .version
//! lakehand.file                        the file's number within its commit
//! lakehand.files, .quarantined         data files and quarantined rows of the commit, in files closed by a commit
//! ```
//!
//! It is enough to rebuild `_metadata.json`, and to tell a commit whose files are all there from half of one.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde::de::DeserializeOwned;

use crate::hash::ContentHash;
use crate::lake::file::stats::column_stats;
use crate::lake::fs;
use crate::lake::layout::places::is_stub;
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::log::LogIdentity;
use crate::lake::manifest::offsets::OffsetRanges;
use crate::{Error, Kind, Result};

/// The facts that are the same for every file of a commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct FooterFacts {
    pub(crate) dataset: String,
    pub(crate) source: String,
    pub(crate) server: String,
    pub(crate) run: String,
    pub(crate) started: String,
    pub(crate) commit: String,
    pub(crate) ksql_schema: String,
    /// JSON list of `[name, ksqlDB type, Arrow type]`.
    pub(crate) columns: String,
    pub(crate) schema_version: String,
    /// `v3`, for a snapshot.
    pub(crate) version: Option<String>,
    /// JSON of the log's identity, for a stream.
    pub(crate) log: Option<String>,
}

impl FooterFacts {
    /// As entries of the footer.
    pub(crate) fn entries(&self) -> Vec<KeyValue> {
        let entry = |key: &str, value: &str| KeyValue::new(format!("lakehand.{key}"), value.to_owned());
        let mut entries = vec![
            entry("dataset", &self.dataset),
            entry("source", &self.source),
            entry("server", &self.server),
            entry("run", &self.run),
            entry("started", &self.started),
            entry("commit", &self.commit),
            entry("ksql_schema", &self.ksql_schema),
            entry("columns", &self.columns),
            entry("schema_version", &self.schema_version),
        ];
        entries.extend(self.version.as_deref().map(|version| entry("version", version)));
        entries.extend(self.log.as_deref().map(|log| entry("log", log)));
        entries
    }
}

/// A footer, read back.
#[derive(Debug, Clone)]
pub struct Footer {
    /// Rows of the file.
    pub rows: u64,
    /// Name, ksqlDB type and Arrow type of each column, as written.
    pub columns: Vec<[String; 3]>,
    /// The dataset to which it belongs.
    pub dataset: Option<String>,
    /// The commit that made the file; `None`: not a file of this program.
    pub commit: Option<String>,
    /// When its run began, RFC 3339.
    pub started: Option<String>,
    /// The schema version under which it was written.
    pub schema_version: Option<String>,
    /// Offsets that it holds.
    pub offsets: OffsetRanges,
    /// Next offsets of the commit that closed it.
    pub positions: BTreeMap<i32, i64>,
    /// Smallest and largest ROWTIME, milliseconds.
    pub rowtime: Option<[i64; 2]>,
    /// The file's number within its commit, from 0.
    pub file: Option<u64>,
    /// Number of data files of its commit; files closed before the commit do not know it.
    pub commit_files: Option<u64>,
    /// Number of rows that its commit quarantined; as above.
    pub commit_quarantined: u64,
    /// The version of a table to which it belongs: `v3`.
    pub version: Option<String>,
    /// The log whose offsets it holds.
    pub log: Option<LogIdentity>,
    /// The hash of what it says of the values of its columns.
    pub(crate) column_stats: ContentHash,
}

impl Footer {
    /// The file as the journal lists it, where only its footer tells. The hash is not known: that of the content now is no
    /// witness of what was written.
    pub(crate) fn listed(&self, path: String, bytes: u64) -> DataFile {
        DataFile {
            path,
            rows: self.rows,
            bytes,
            hash: None,
            rowtime: self.rowtime,
            offsets: self.offsets.hulls().collect(),
            column_stats: None,
            cold: None,
            commit: self.commit.clone().unwrap_or_default(),
        }
    }
}

/// What came of reading a footer. An error of the file system is no damage: whoever reads decides on each of the three.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most are sound: a box would be one more allocation a file")]
pub enum FooterRead {
    /// The footer was read.
    Sound(Footer),
    /// The file's bytes are no Parquet file, or no regular file is there: why.
    Damaged(String),
    /// The file system did not let us read it: nothing is known of the file.
    Unknown(Error),
}

impl FooterRead {
    /// The footer, where it was read.
    pub fn sound(&self) -> Option<&Footer> {
        match self {
            Self::Sound(footer) => Some(footer),
            Self::Damaged(_) | Self::Unknown(_) => None,
        }
    }

    /// The footer, or why there is none: damage and an error of the file system keep their kinds.
    pub fn into_result(self, path: &Path) -> Result<Footer> {
        match self {
            Self::Sound(footer) => Ok(footer),
            Self::Damaged(why) => Err(Error::new(Kind::Damaged, why).at("file", path.display())),
            Self::Unknown(error) => Err(error),
        }
    }
}

/// Reads the footer of the regular file at `path`, or the one that a stub keeps of a file in the cold tier.
pub fn look_at_footer(path: &Path) -> FooterRead {
    look(path).0
}

/// The footer of the file at `path`, and all that Parquet says beside. Errors are those of [`read_footer`].
pub(crate) fn read_whole_footer(path: &Path) -> Result<(Footer, ParquetMetaData)> {
    let (read, whole) = look(path);
    let whole = whole.ok_or_else(|| Error::new(Kind::Damaged, "it has no footer").at("file", path.display()));
    read.into_result(path).and_then(|footer| Ok((footer, whole?)))
}

/// The footer of a file in the cold tier is in its stub.
fn look_at_stub(path: &Path) -> (FooterRead, Option<ParquetMetaData>) {
    match Stub::read_whole(path) {
        Ok((_, whole)) => match parse(&whole) {
            Ok(footer) => (FooterRead::Sound(footer), Some(whole)),
            Err(why) => (FooterRead::Damaged(why), None),
        },
        Err(e) if e.kind() == Kind::Damaged => (FooterRead::Damaged(e.what().to_owned()), None),
        Err(e) => (FooterRead::Unknown(e), None),
    }
}

fn look(path: &Path) -> (FooterRead, Option<ParquetMetaData>) {
    if path.file_name().and_then(|name| name.to_str()).is_some_and(is_stub) {
        return look_at_stub(path);
    }
    let file = match fs::open_regular(path) {
        Ok(file) => file,
        Err(e) if e.kind() == Kind::Damaged => return (FooterRead::Damaged(e.what().to_owned()), None),
        Err(e) => return (FooterRead::Unknown(e), None),
    };
    let reader = match SerializedFileReader::new(file) {
        Ok(reader) => reader,
        Err(e) => return (failed("the Parquet footer cannot be read", path, &e), None),
    };
    match parse(reader.metadata()) {
        Ok(footer) => (FooterRead::Sound(footer), Some(reader.metadata().clone())),
        Err(why) => (FooterRead::Damaged(why), None),
    }
}

/// An entry of this program in a footer: `ksql_schema`.
pub(crate) fn entry_of(whole: &ParquetMetaData, key: &str) -> Option<String> {
    let key = format!("lakehand.{key}");
    let pairs = whole.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.clone()
}

/// The footer of the file at `path`. `Kind::Damaged` when it has none, `Kind::Io` when the file cannot be read.
pub fn read_footer(path: &Path) -> Result<Footer> {
    look_at_footer(path).into_result(path)
}

/// Damage, or an error of the file system that the Parquet reader has passed on.
fn failed(what: &str, path: &Path, error: &ParquetError) -> FooterRead {
    match io_error(error) {
        Some(io) => FooterRead::Unknown(Error::io("read", path, io)),
        None => FooterRead::Damaged(format!("{what}: {error}")),
    }
}

/// The error of the file system below an error of the Parquet crate; bytes that end too early are none.
pub(crate) fn io_error(error: &(dyn std::error::Error + 'static)) -> Option<io::Error> {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            let is_of_the_bytes =
                matches!(io.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData);
            return (!is_of_the_bytes).then(|| match io.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(io.kind(), io.to_string()),
            });
        }
        cause = inner.source();
    }
    None
}

fn parse(whole: &ParquetMetaData) -> Result<Footer, String> {
    let metadata = whole.file_metadata();
    let text = |key: &str| entry_of(whole, key);
    let rows = u64::try_from(metadata.num_rows())
        .map_err(|e| format!("the Parquet footer cannot be read: its number of rows: {e}"))?;
    Ok(Footer {
        rows,
        columns: json(text("columns"))?.unwrap_or_default(),
        dataset: text("dataset"),
        commit: text("commit"),
        started: text("started"),
        schema_version: text("schema_version"),
        offsets: json(text("offsets"))?.unwrap_or_default(),
        positions: json(text("positions"))?.unwrap_or_default(),
        rowtime: json(text("rowtime"))?,
        file: json(text("file"))?,
        commit_files: json(text("files"))?,
        commit_quarantined: json(text("quarantined"))?.unwrap_or_default(),
        version: text("version"),
        log: json(text("log"))?,
        column_stats: column_stats(whole.row_groups().iter()).hash(),
    })
}

fn json<T: DeserializeOwned>(text: Option<String>) -> Result<Option<T>, String> {
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|e| format!("an entry of the Parquet footer cannot be read: {e}"))
}
