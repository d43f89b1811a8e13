//! How the values of a feed are spelt in its file, in `_metadata.json` and on the screen: one table for each kind.

use std::fmt;

use super::spec::{
    Compression, DatePart, DecimalAs, Encodings, ExportMode, FeedKind, ReadWay, StorageMode, TimeAs,
    Visibility,
};

/// Gives a kind of value its table `WORDS` and its `word()`.
macro_rules! words {
    ($kind:ty: $($word:literal = $value:ident),+ $(,)?) => {
        impl $kind {
            /// Every value with its word, in the order in which they are listed to people.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$value)),+];

            /// The word of this value.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word),+
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

words!(FeedKind: "stream" = Stream, "table" = Table);
words!(DatePart: "year" = Year, "month" = Month, "day" = Day, "hour" = Hour);
words!(StorageMode: "append" = Append, "overwrite" = Overwrite, "ignore" = Ignore);
words!(Visibility: "restricted" = Restricted, "shared" = Shared);
words!(ReadWay: "auto" = Auto, "offsets" = Offsets, "mirror" = Mirror, "idle" = Idle);
words!(ExportMode: "batch" = Batch, "follow" = Follow);
words!(TimeAs: "string" = Text, "time" = Time);
words!(DecimalAs: "string" = Text, "decimal256" = Decimal256);
words!(Encodings: "portable" = Portable, "compact" = Compact);

/// The levels of zstd that a feed may name.
pub const ZSTD_LEVELS: std::ops::RangeInclusive<i32> = 1..=22;

impl Compression {
    /// The spellings, `zstd(N)` with N in [`ZSTD_LEVELS`] beside them.
    pub const WORDS: &'static [(&'static str, Self)] =
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
