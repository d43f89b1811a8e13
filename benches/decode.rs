//! Rows and megabytes a second from row bytes to record batches: `cargo bench --bench decode`.
//!
//! `decode count N` decodes N batches of each kind and prints nothing: for counting instructions
//! (scripts/callgrind-decode).
//!
//! Without `--bench` (as `cargo test --all-targets` calls it) it decodes a few rows only, to show that it still runs.

use std::time::{Duration, Instant};

use fastrand::Rng;
use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::decode::Decoder;
use lakehand::ksql::schema::{Field, SqlType};

/// Rows of a batch.
const BATCH: usize = 32 * 1024;

fn main() -> lakehand::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, command, kind, batches] = &words[..]
        && command == "count"
    {
        return count(kind, batches.parse().unwrap_or(1));
    }
    let measured = std::env::args().any(|argument| argument == "--bench");
    let length = if measured { Duration::from_secs(3) } else { Duration::ZERO };
    let rng = &mut Rng::with_seed(7);
    measure("flat", &flat_columns(), &rows(|| flat_row(rng)), length)?;
    measure("nested", &nested_columns(), &rows(|| nested_row(rng)), length)
}

/// Decodes so many batches, and nothing else.
fn count(kind: &str, batches: usize) -> lakehand::Result<()> {
    let rng = &mut Rng::with_seed(7);
    let (columns, rows) = match kind {
        "flat" => (flat_columns(), rows(|| flat_row(rng))),
        _ => (nested_columns(), rows(|| nested_row(rng))),
    };
    let mut decoder = Decoder::new(&columns)?;
    for _ in 0..batches {
        for row in &rows {
            if let Err(bad) = decoder.push_row(row.as_bytes()) {
                return Err(lakehand::Error::new(lakehand::Kind::Bug, bad.reason).at("path", bad.path));
            }
        }
        std::hint::black_box(decoder.finish()?);
    }
    Ok(())
}

fn rows(row: impl FnMut() -> String) -> Vec<String> {
    std::iter::repeat_with(row).take(BATCH).collect()
}

fn measure(name: &str, columns: &[ReadColumn], rows: &[String], length: Duration) -> lakehand::Result<()> {
    let mut decoder = Decoder::new(columns)?;
    let bytes: usize = rows.iter().map(String::len).sum();
    let start = Instant::now();
    let mut batches = 0_u32;
    while batches == 0 || start.elapsed() < length {
        for row in rows {
            if let Err(bad) = decoder.push_row(row.as_bytes()) {
                return Err(lakehand::Error::new(lakehand::Kind::Bug, bad.reason).at("path", bad.path));
            }
        }
        std::hint::black_box(decoder.finish()?);
        batches += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    let (rows, bytes) = (rows.len() as f64 * f64::from(batches), bytes as f64 * f64::from(batches));
    println!("{name:8} {:10.0} rows/s {:8.1} MB/s", rows / seconds, bytes / 1e6 / seconds);
    Ok(())
}

fn column(name: &str, sql_type: SqlType) -> ReadColumn {
    ReadColumn { label: name.to_owned(), name: name.to_owned(), sql_type, wire: Wire::AsDeclared }
}

fn flat_columns() -> Vec<ReadColumn> {
    let mut columns = vec![
        column("ROWPARTITION", SqlType::Integer),
        column("ROWOFFSET", SqlType::BigInt),
        column("EVENT_TIME", SqlType::Timestamp),
        column("TRANSACTION_ID", SqlType::String),
        column("USER_ID", SqlType::String),
        column("AMOUNT", SqlType::Decimal { precision: 12, scale: 2 }),
        column("CURRENCY", SqlType::String),
        column("CITY", SqlType::String),
        column("LAT", SqlType::Double),
        column("ITEMS", SqlType::Integer),
    ];
    columns[2].wire = Wire::EpochMillis;
    columns
}

fn flat_row(rng: &mut Rng) -> String {
    format!(
        r#"[{},{},{},"tx-{:08}","u{:04}",{}.{:02},"EUR","Łódź",{}.{:06},{}]"#,
        rng.u8(..4),
        rng.u32(..),
        1_788_220_800_000 + rng.u64(..1_000_000_000),
        rng.u32(..100_000_000),
        rng.u16(..10_000),
        rng.u32(..100_000),
        rng.u8(..100),
        rng.i32(-89..89),
        rng.u32(..1_000_000),
        rng.u8(1..9)
    )
}

fn nested_columns() -> Vec<ReadColumn> {
    let field = |name: &str, sql_type| Field { name: name.to_owned(), sql_type };
    let item = SqlType::Struct(vec![
        field("SKU", SqlType::String),
        field("QTY", SqlType::Integer),
        field("PRICE", SqlType::Decimal { precision: 10, scale: 2 }),
    ]);
    let customer = SqlType::Struct(vec![
        field("NAME", SqlType::String),
        field("SINCE", SqlType::Date),
        field("SEEN", SqlType::Timestamp),
    ]);
    vec![
        column("ID", SqlType::String),
        column("CUSTOMER", customer),
        column("ITEMS", SqlType::Array(Box::new(item))),
        column("TAGS", SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::String))),
    ]
}

fn nested_row(rng: &mut Rng) -> String {
    let items: Vec<_> = (0..rng.usize(1..6))
        .map(|_| {
            let (sku, qty, price) = (rng.u16(..), rng.u8(1..9), rng.u16(..));
            format!(r#"{{"SKU":"p{sku}","QTY":{qty},"PRICE":{price}.5}}"#)
        })
        .collect();
    format!(
        r#"["tx-{:08}",{{"NAME":"Name \"{}\"","SINCE":{},"SEEN":{}}},[{}],{{"channel":"app","device":"{}"}}]"#,
        rng.u32(..100_000_000),
        rng.alphabetic(),
        rng.u16(..20_000),
        1_788_220_800_000 + rng.u64(..1_000_000_000),
        items.join(","),
        rng.alphanumeric()
    )
}
