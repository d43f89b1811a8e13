//! What each Parquet file says of itself, in the key-value metadata of its footer.
//!
//! ```text
//! lakehand.dataset, .source, .server   where the rows come from      lakehand.run, .commit   who wrote them
//! lakehand.ksql_schema, .columns       the columns as ksqlDB has them lakehand.schema_version
//! lakehand.offsets                     per Kafka partition the runs of offsets held
//! lakehand.positions                   per Kafka partition the next offset, in files closed by a commit
//! lakehand.rowtime                     [min, max], milliseconds      lakehand.encodings, .version
//! ```
//!
//! It is enough to rebuild `_metadata.json`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use parquet::file::metadata::KeyValue;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde::de::DeserializeOwned;

use crate::lake::manifest::offsets::OffsetRuns;
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
    pub offsets: OffsetRuns,
    /// Next offsets of the commit that closed it.
    pub positions: BTreeMap<i32, i64>,
    /// Smallest and largest ROWTIME, milliseconds.
    pub rowtime: Option<[i64; 2]>,
}

/// Reads the footer of the file at `path`. `Kind::Damaged` when it has none.
pub fn read_footer(path: &Path) -> Result<Footer> {
    let bad = |e: &dyn std::fmt::Display| {
        Error::new(Kind::Damaged, format!("the Parquet footer cannot be read: {e}"))
            .at("file", path.display())
    };
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let reader = SerializedFileReader::new(file).map_err(|e| bad(&e))?;
    let metadata = reader.metadata().file_metadata();
    let pairs = metadata.key_value_metadata();
    let text = |key: &str| {
        let key = format!("lakehand.{key}");
        pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == key)).and_then(|pair| pair.value.clone())
    };
    Ok(Footer {
        rows: u64::try_from(metadata.num_rows()).map_err(|e| bad(&e))?,
        columns: json(text("columns"), path)?.unwrap_or_default(),
        dataset: text("dataset"),
        commit: text("commit"),
        started: text("started"),
        schema_version: text("schema_version"),
        offsets: json(text("offsets"), path)?.unwrap_or_default(),
        positions: json(text("positions"), path)?.unwrap_or_default(),
        rowtime: json(text("rowtime"), path)?,
    })
}

fn json<T: DeserializeOwned>(text: Option<String>, path: &Path) -> Result<Option<T>> {
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|e| {
        Error::new(Kind::Damaged, format!("an entry of the Parquet footer cannot be read: {e}"))
            .at("file", path.display())
    })
}
