//! The code by which an engine reads a dataset rightly as it is now: `lakehand read`.
//!
//! ```text
//!  Dataset (what the lake holds) ─┐
//!  Days    (--from, --to) ────────┼─▶ code() ─▶ header + the engine's own lines
//!  Engine, Language ──────────────┘              │
//!                      condition  which folders  ├ duckdb  polars  arrow (pandas, pyarrow)  spark
//!                      types      column types   └ datafusion  daft  clickhouse
//!                      quote      names and paths as literals    tiers   what lies in the cold tier
//! ```
//!
//! What the lines take care of, each found by experiment:
//!
//! | trap | answer |
//! |---|---|
//! | `month=01` is text to one engine and a number to another | the types of the folders' columns are declared |
//! | `**` finds bookkeeping | one `*` for each level of folders, and names that begin with `year=` |
//! | a column that came later is hidden, or fails the read | schemas are united, or the columns are named |
//! | two versions of a table | the folder of the current version alone |
//! | days lie in the cold tier, and some of them here too | the local folder is read without them, their objects are named one by one (`tiers`) |
//! | `_metadata.json` is taken for data | folders of partitions are named where it lies in the dataset's folder |
//!
//! Pure: it knows no disk, and what it is told is one value.

mod arrow;
mod clickhouse;
mod condition;
mod daft;
mod datafusion;
mod dataset;
mod duckdb;
mod header;
mod hive;
mod polars;
mod quote;
mod spark;
mod tiers;
mod types;

use crate::{Error, Kind, Result};

pub use condition::Days;
pub use dataset::{Column, Dataset, MetadataPlace};
pub use hive::hive_type;
pub use tiers::Tiers;

use condition::Condition;

/// A program or library that reads Parquet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// DuckDB.
    DuckDb,
    /// Polars.
    Polars,
    /// pandas, by way of pyarrow.
    Pandas,
    /// pyarrow.
    PyArrow,
    /// Apache Spark.
    Spark,
    /// Apache DataFusion.
    DataFusion,
    /// Daft.
    Daft,
    /// ClickHouse: `clickhouse-local`, a server, or chdb.
    ClickHouse,
}

impl Engine {
    /// Every engine: its word on the command line, and its name.
    pub const ALL: [(&'static str, &'static str, Self); 8] = [
        ("duckdb", "DuckDB", Self::DuckDb),
        ("polars", "Polars", Self::Polars),
        ("pandas", "pandas", Self::Pandas),
        ("pyarrow", "pyarrow", Self::PyArrow),
        ("spark", "Spark", Self::Spark),
        ("datafusion", "DataFusion", Self::DataFusion),
        ("daft", "Daft", Self::Daft),
        ("clickhouse", "ClickHouse", Self::ClickHouse),
    ];

    /// The engine of this keyword.
    pub fn by_keyword(keyword: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, ..)| *known == keyword).map(|(_, _, engine)| *engine)
    }

    /// The engine on the command line: `duckdb`.
    pub fn keyword(self) -> &'static str {
        self.row().0
    }

    /// The engine as its makers write it: `DuckDB`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The engine can be asked in SQL alone.
    pub fn has_sql(self) -> bool {
        matches!(self, Self::DuckDb | Self::Spark | Self::DataFusion | Self::ClickHouse)
    }

    fn row(self) -> (&'static str, &'static str, Self) {
        // `ALL` has every engine, in the order of the enum: a test holds it.
        Self::ALL[self as usize]
    }
}

/// In which language the code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Python that runs as it is and leaves what was read in `df`, DuckDB in `rel`.
    Python,
    /// SQL.
    Sql,
}

impl Language {
    /// `python` or `sql`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Sql => "sql",
        }
    }

    /// What a comment begins with.
    fn comment(self) -> &'static str {
        match self {
            Self::Python => "#",
            Self::Sql => "--",
        }
    }
}

/// Code in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Comments that say what is read.
    pub header: String,
    /// What is run.
    pub body: String,
}

impl Code {
    /// Both, as one text that ends with a line feed.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.header, self.body)
    }
}

/// The code by which `engine` reads `dataset`, or the days of it.
///
/// # Errors
///
/// `Kind::Usage` when the engine has no SQL, or the days do not fit the dataset's folders; `Kind::Feed` when the engine
/// cannot read the dataset: a type or a path that it has no words for.
pub fn code(dataset: &Dataset, engine: Engine, language: Language, days: Days) -> Result<Code> {
    if language == Language::Sql && !engine.has_sql() {
        let with = Engine::ALL.iter().filter(|(.., engine)| engine.has_sql()).map(|(word, ..)| *word);
        return Err(Error::new(Kind::Usage, format!("{} has no SQL of its own", engine.name()))
            .next(format!("--sql goes with {}", with.collect::<Vec<_>>().join(", "))));
    }
    let dataset = &dataset.for_days(days, engine, language)?;
    let condition = days.condition(dataset)?;
    let part = condition.as_ref();
    let body = match (engine, language) {
        (Engine::DuckDb, Language::Python) => duckdb::python(dataset, part)?,
        (Engine::DuckDb, Language::Sql) => duckdb::sql(dataset, part)? + ";\n",
        (Engine::Polars, _) => polars::python(dataset, part)?,
        (Engine::Pandas, _) => arrow::pandas(dataset, part)?,
        (Engine::PyArrow, _) => arrow::pyarrow(dataset, part)?,
        (Engine::Spark, Language::Python) => spark::python(dataset, part)?,
        (Engine::Spark, Language::Sql) => spark::sql(dataset, part),
        (Engine::DataFusion, Language::Python) => datafusion::python(dataset, part)?,
        (Engine::DataFusion, Language::Sql) => datafusion::sql(dataset, part)?,
        (Engine::Daft, _) => daft::python(dataset, part)?,
        (Engine::ClickHouse, Language::Python) => clickhouse::python(dataset, part)?,
        (Engine::ClickHouse, Language::Sql) => clickhouse::sql(dataset, part)? + ";\n",
    };
    Ok(Code { header: header::lines(dataset, engine, language, days), body })
}

/// ` WHERE …` after a line feed, or nothing.
fn where_clause(condition: Option<&Condition>, sql: impl Fn(&Condition) -> String) -> String {
    condition.map(|condition| format!("\nWHERE {}", sql(condition))).unwrap_or_default()
}
