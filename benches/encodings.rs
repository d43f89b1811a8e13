//! Whether the rule that chooses encodings (src/lake/encoding.rs) holds, portable and compact: per data set size and CPU
//! against the two ways without a rule, dictionaries everywhere (Parquet's default) and nowhere. `whole` lies between the
//! two: DELTA for whole numbers, text as in the portable way.
//!
//! `cargo bench --bench encodings`; without `--bench` (as `cargo test --all-targets` calls it) a few rows only.
//!
//! The rule was made with `flat` and `nested`; the other sets were made after it. All write the same batches with
//! the same writer into memory: zstd 1, one row group.

mod support;

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use lakehand::Result;
use lakehand::feed::{Compression, DecimalAs, Encodings, Feed, TimeAs, Types};
use lakehand::lake::Limits;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value};
use support::sets::{SETS, Set};
use support::{Kept, LakeSink, alone, feed, lake, median, open, pieces, read, run};

fn main() -> Result<()> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (rows, times) = if measured { (200_000, 5) } else { (1_000, 1) };
    println!("{rows} rows a set; MB and CPU seconds (medians of {times})");
    println!("set          portable          whole           compact         dictionaries      none");
    for name in SETS {
        let set = Set::new(name, rows, 1, false);
        let mut kept = Kept::default();
        read(&set, &pieces(&set), &mut kept, &alone())?;
        let [portable, compact] = [chosen(&set, Encodings::Portable)?, chosen(&set, Encodings::Compact)?];
        let mut whole = compact.clone();
        whole
            .values_mut()
            .filter(|word| word.as_str() == Some("delta length"))
            .for_each(|word| *word = "plain".into());
        let rule = |words: &Map<String, Value>| {
            words.iter().fold(base(), |properties, (path, word)| {
                let path = ColumnPath::from(path.split('.').map(str::to_owned).collect::<Vec<_>>());
                let properties = if word.as_str() == Some("delta, not compressed") {
                    properties.set_column_compression(path.clone(), Codec::UNCOMPRESSED)
                } else {
                    properties
                };
                let encoding = match word.as_str() {
                    Some("plain") => Encoding::PLAIN,
                    Some("delta" | "delta, not compressed") => Encoding::DELTA_BINARY_PACKED,
                    Some("delta length") => Encoding::DELTA_LENGTH_BYTE_ARRAY,
                    _ => return properties,
                };
                properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, encoding)
            })
        };
        let ways =
            [rule(&portable), rule(&whole), rule(&compact), base(), base().set_dictionary_enabled(false)];
        let shown = ways.map(|properties| {
            let properties = properties.build();
            let mut size = 0;
            let (cpu, _) = median(times, || size = encode(&kept.0, &properties));
            format!("{:7.2} {cpu:6.3}", size as f64 / 1e6)
        });
        let mut counts: Vec<_> = ["dictionary", "plain", "delta", "delta, not compressed", "delta length"]
            .map(|word| (word, compact.values().filter(|chosen| chosen.as_str() == Some(word)).count()))
            .to_vec();
        counts.retain(|(_, n)| *n > 0);
        let counts: Vec<_> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
        println!("{name:10} {}   compact: {}", shown.join("   "), counts.join(", "));
    }
    Ok(())
}

fn base() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_coerce_types(true)
        .set_compression(Codec::ZSTD(ZstdLevel::try_new(1).unwrap()))
}

fn encode(batches: &[RecordBatch], properties: &WriterProperties) -> usize {
    let schema = batches[0].schema();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.clone())).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap().len()
}

/// What the rule chose, as the footer of a file of these rows records it.
fn chosen(set: &Set, encodings: Encodings) -> Result<Map<String, Value>> {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { min_free_bytes: 0, encodings, ..Limits::default() };
    // The types of the batches, which `encode` gets.
    let types = Types { time: TimeAs::Time, decimal: DecimalAs::Decimal256 };
    let feed = Feed { types, ..feed(Compression::Zstd(None)) };
    let mut dataset = open(&lake(folder.path(), 1), &feed, limits)?;
    let mut sink = LakeSink::new(dataset.appender(&set.table_schema(), run("r"))?);
    read(set, &pieces(set), &mut sink, &alone())?;
    sink.commit()?;
    let file = first_file(folder.path()).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(file).unwrap()).unwrap();
    let entries = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let entry = entries.iter().find(|entry| entry.key == "lakehand.encodings").unwrap();
    Ok(serde_json::from_str(entry.value.as_deref().unwrap()).unwrap())
}

fn first_file(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() { first_file(&path) } else { path.extension()?.eq("parquet").then_some(path) }
    })
}
