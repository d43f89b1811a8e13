//! How the values of a feed are spelt in its file, in `_metadata.json` and on the screen: one table for each kind.

use std::fmt;

use super::spec::{
    CatalogName, Compression, DatePart, DecimalAs, Encodings, ExportMode, FeedKind, ReadMode, Register,
    StorageMode, TableFormat, TimeAs, Visibility,
};

/// Gives a kind of value its table `KEYWORDS` and its `keyword()`.
macro_rules! keywords {
    ($kind:ty: $($keyword:literal = $value:ident),+ $(,)?) => {
        impl $kind {
            /// Every value with its keyword, in the order in which they are listed to people.
            pub const KEYWORDS: &'static [(&'static str, Self)] = &[$(($keyword, Self::$value)),+];

            /// The keyword of this value.
            pub fn keyword(self) -> &'static str {
                match self {
                    $(Self::$value => $keyword),+
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.keyword())
            }
        }
    };
}

keywords!(FeedKind: "stream" = Stream, "table" = Table);
keywords!(DatePart: "year" = Year, "month" = Month, "day" = Day, "hour" = Hour);
keywords!(StorageMode: "append" = Append, "overwrite" = Overwrite, "ignore" = Ignore);
keywords!(Visibility: "restricted" = Restricted, "shared" = Shared);
keywords!(ReadMode: "auto" = Auto, "kafka" = Kafka, "raw" = Raw, "offsets" = Offsets, "idle" = Idle);
keywords!(ExportMode: "batch" = Batch, "follow" = Follow);
keywords!(TableFormat: "delta" = Delta, "iceberg" = Iceberg);
keywords!(Register: "auto" = Auto, "parquet" = Parquet, "iceberg" = Iceberg, "delta" = Delta);
keywords!(CatalogName: "hive" = Hive, "glue" = Glue);

impl TableFormat {
    /// Reads a list of them, with commas: `delta`. An empty text is none.
    ///
    /// # Errors
    /// A word that is no table format, or is there twice.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        list(text, Self::KEYWORDS)
    }
}

impl CatalogName {
    /// Reads a list of them, with commas: `hive, glue`. An empty text is none.
    ///
    /// # Errors
    /// A word that is no catalogue, or is there twice.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        list(text, Self::KEYWORDS)
    }
}

/// Keywords with commas, each once.
fn list<T: Copy + PartialEq + fmt::Display>(text: &str, keywords: &[(&str, T)]) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let known = keywords.iter().find(|(keyword, _)| *keyword == word);
        let value = known.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = keywords.iter().map(|(keyword, _)| *keyword).collect();
            format!("is not a list of {}", words.join(", "))
        })?;
        if found.contains(&value) {
            return Err(format!("names {value} twice"));
        }
        found.push(value);
    }
    Ok(found)
}

keywords!(TimeAs: "string" = Text, "time" = Time);
keywords!(DecimalAs: "string" = Text, "decimal256" = Decimal256);
keywords!(Encodings: "portable" = Portable, "compact" = Compact);

/// The levels of zstd that a feed may name.
pub const ZSTD_LEVELS: std::ops::RangeInclusive<i32> = 1..=22;

impl Compression {
    /// The spellings, `zstd(N)` with N in [`ZSTD_LEVELS`] beside them.
    pub const KEYWORDS: &'static [(&'static str, Self)] =
        &[("zstd", Self::Zstd(None)), ("snappy", Self::Snappy), ("lz4", Self::Lz4), ("none", Self::None)];
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd(None) => f.write_str("zstd"),
            Self::Zstd(Some(level)) => write!(f, "zstd({level})"),
            Self::Snappy => f.write_str("snappy"),
            Self::Lz4 => f.write_str("lz4"),
            Self::None => f.write_str("none"),
        }
    }
}
