//! How a Parquet file is written: codec, pages, statistics, encodings, and what its footer says of itself.

use arrow::datatypes::SchemaRef;
use parquet::basic::{Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnDescPtr;

use crate::feed::{Compression, Encodings};
use crate::lake::file::encoding::{Choice, Sampler};
use crate::lake::file::footer::FooterFacts;
use crate::{Error, Kind, Result};

/// What all files of a run share.
pub(crate) struct FileConfig {
    pub(crate) schema: SchemaRef,
    pub(crate) compression: Compression,
    pub(crate) zstd_level: i32,
    pub(crate) encodings: Encodings,
    pub(crate) file_mode: u32,
    pub(crate) target_bytes: u64,
    pub(crate) min_free_bytes: u64,
    /// Memory for open files.
    pub(crate) budget: usize,
    pub(crate) layout: Layout,
}

/// What files have that are laid out anew.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    /// The rows come in any order, and not in that of their offsets.
    pub(crate) any_order: bool,
    /// The columns by which the rows are sorted, ascending, null first.
    pub(crate) sorted_by: Vec<String>,
    /// Columns with a Bloom filter, and how often it may say of a value that is not there that it may be.
    pub(crate) bloom_filters: Vec<(String, f64)>,
}

/// How much of a column is encoded before it is compressed as a page.
///
/// A column keeps the tables of its codec (zstd: some 400 KB) from its first page on until its row group ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Rows go to a few files at a time: pages that stay in a core's cache take 3 to 5 % less CPU, measured.
    Small,
    /// Rows go to many files by turns: no tables while a row group is small.
    Large,
}

impl Pages {
    fn bytes(self) -> usize {
        match self {
            Self::Small => 128 << 10,
            Self::Large => 1 << 20,
        }
    }

    /// Rows of a row group from which on its columns have compressed a page, text before numbers.
    pub(crate) fn rows(self) -> usize {
        match self {
            Self::Small => 4_096,
            Self::Large => 20_000,
        }
    }
}

/// For a file of these leaf columns, of which the sampler saw the first rows.
pub(crate) fn properties(
    config: &FileConfig,
    facts: &FooterFacts,
    leaves: &[ColumnDescPtr],
    sampler: &Sampler,
    pages: Pages,
) -> Result<WriterProperties> {
    use parquet::basic::Compression as Codec;
    let bad = |e| Error::new(Kind::Config, format!("the compression cannot be used: {e}"));
    let codec = match (config.compression, level(config)) {
        (Compression::Snappy, _) => Codec::SNAPPY,
        (Compression::Lz4, _) => Codec::LZ4_RAW,
        (Compression::Zstd(_), Some(level)) => Codec::ZSTD(ZstdLevel::try_new(level).map_err(bad)?),
        _ => Codec::UNCOMPRESSED,
    };
    let choices = sampler.choices(config.encodings);
    let mut words = serde_json::Map::new();
    // `name version x` is the form that parquet-java parses; it ignores statistics of a writer that it cannot parse.
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("lakehand version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        // The names that the format prescribes inside of lists and maps: `list.element`, `key_value`.
        .set_coerce_types(true)
        .set_compression(codec)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_size_limit(pages.bytes())
        .set_column_index_truncate_length(Some(64))
        .set_statistics_truncate_length(Some(64));
    // No reader skips rows by what is inside of an ARRAY or a MAP, and finding the least and the greatest of it was
    // measured at a tenth of the whole way.
    for path in leaves.iter().filter(|leaf| leaf.max_rep_level() > 0) {
        properties = properties.set_column_statistics_enabled(path.path().clone(), EnabledStatistics::None);
    }
    for (path, choice) in leaves.iter().map(|leaf| leaf.path()).zip(choices) {
        words.insert(path.string(), choice.name().into());
        let encoding = match choice {
            Choice::Dictionary => continue,
            Choice::Plain => Encoding::PLAIN,
            Choice::Delta | Choice::DeltaRaw => Encoding::DELTA_BINARY_PACKED,
            Choice::DeltaLength => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        };
        if choice == Choice::DeltaRaw {
            properties = properties.set_column_compression(path.clone(), Codec::UNCOMPRESSED);
        }
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path.clone(), encoding);
    }
    let Layout { sorted_by, bloom_filters, .. } = &config.layout;
    let leaf_of =
        |name: &String| leaves.iter().position(|leaf| leaf.path().parts() == std::slice::from_ref(name));
    if !sorted_by.is_empty() {
        let columns = sorted_by.iter().filter_map(leaf_of).filter_map(|at| {
            Some(SortingColumn { column_idx: i32::try_from(at).ok()?, descending: false, nulls_first: true })
        });
        properties = properties.set_sorting_columns(Some(columns.collect()));
    }
    for (name, rate) in bloom_filters {
        // Made for as many values as a row group may have, then folded to those that it has.
        if let Some(leaf) = leaf_of(name).and_then(|at| leaves.get(at)) {
            properties = properties.set_column_bloom_filter_fpp(leaf.path().clone(), *rate);
        }
    }
    let mut entries = facts.entries();
    entries
        .push(KeyValue::new("lakehand.encodings".to_owned(), serde_json::Value::Object(words).to_string()));
    Ok(properties.set_key_value_metadata(Some(entries)).build())
}

/// The zstd level, where the codec is zstd.
pub(crate) fn level(config: &FileConfig) -> Option<i32> {
    match config.compression {
        Compression::Zstd(level) => Some(level.unwrap_or(config.zstd_level)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use parquet::arrow::ArrowSchemaConverter;

    use super::*;
    use crate::feed::Encodings;

    fn config(schema: Arc<Schema>) -> FileConfig {
        FileConfig {
            schema,
            compression: Compression::Zstd(None),
            zstd_level: 1,
            encodings: Encodings::Compact,
            file_mode: 0o640,
            target_bytes: 1,
            min_free_bytes: 0,
            budget: 1,
            layout: Layout::default(),
        }
    }

    #[test]
    fn what_is_inside_of_a_list_has_no_statistics_and_pages_are_as_asked_for() {
        let item = Field::new("item", DataType::Utf8, true);
        let columns = vec![
            Field::new("ID", DataType::Utf8, true),
            Field::new("TAGS", DataType::List(Arc::new(item)), true),
        ];
        let schema = Arc::new(Schema::new(columns));
        let parquet = ArrowSchemaConverter::new().with_coerce_types(true).convert(&schema).unwrap();
        let config = config(schema);
        let sampler = Sampler::default();
        let made =
            |pages| properties(&config, &FooterFacts::default(), parquet.columns(), &sampler, pages).unwrap();
        let small = made(Pages::Small);
        let of = |leaf: usize| small.statistics_enabled(parquet.column(leaf).path());
        assert_eq!([of(0), of(1)], [EnabledStatistics::Page, EnabledStatistics::None]);
        let bytes = |p: &WriterProperties| p.column_data_page_size_limit(parquet.column(0).path());
        assert!(bytes(&small) < bytes(&made(Pages::Large)));
    }

    #[test]
    fn what_a_codec_finds_nothing_in_is_not_compressed() {
        use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

        let noise: Vec<i64> = std::iter::repeat_with(|| fastrand::i64(0..1 << 40)).take(4000).collect();
        let texts: StringArray = noise.iter().map(|n| Some(format!("{n:x}"))).collect();
        let batch = RecordBatch::try_from_iter([
            ("N", Arc::new(Int64Array::from(noise)) as ArrayRef),
            ("T", Arc::new(texts) as ArrayRef),
        ])
        .unwrap();
        let mut sampler = Sampler::default();
        sampler.look(&batch);
        let schema = batch.schema();
        let parquet = ArrowSchemaConverter::new().convert(&schema).unwrap();
        let config = config(schema);
        let made = properties(&config, &FooterFacts::default(), parquet.columns(), &sampler, Pages::Small);
        let made = made.unwrap();
        let codec = |leaf: usize| made.compression(parquet.column(leaf).path());
        assert_eq!(codec(0), parquet::basic::Compression::UNCOMPRESSED);
        assert!(matches!(codec(1), parquet::basic::Compression::ZSTD(_)));
    }
}
