//! Data sets that are unlike each other, as rows of ksqlDB and as objects a line.
//!
//! ```text
//! flat, nested      payments as the reference measurements had them: UUIDs, times, amounts; structs, lists, maps
//! uuids             nothing repeats                      enums     everything repeats
//! sorted            counters and clocks                  texts     long, of words
//! sparse            of every ten values nine are null
//! large             a text of 1 MB that hardly compresses: for memory, not among those that are measured for speed
//! ```
//!
//! A row is a function of the seed and its number. Rows are in the order of time, up to an hour early or late, over
//! `days` days; or on a random day each (`shuffled`).

use std::fmt::Write as _;
use std::sync::Arc;

use fastrand::Rng;
use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::schema::{SqlType, parse_columns};
use lakehand::ksql::statement::Selection;
use lakehand::lake::TableSchema;

/// 2025-01-01T00:00:00Z
pub const T0: i64 = 1_735_689_600_000;
const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// Names of the sets that are measured for speed.
pub const SETS: [&str; 7] = ["flat", "nested", "uuids", "enums", "sorted", "texts", "sparse"];
/// Rows of this one are 1 MB.
const LARGE: &str = "large";

/// Rows of one set.
#[derive(Debug, Clone)]
pub struct Set {
    pub name: String,
    pub rows: u64,
    pub days: u32,
    pub shuffled: bool,
}

impl Set {
    pub fn new(name: &str, rows: u64, days: u32, shuffled: bool) -> Self {
        assert!(SETS.contains(&name) || name == LARGE, "there is no set {name}: {SETS:?}, {LARGE}");
        Self { name: name.to_owned(), rows, days, shuffled }
    }

    /// The columns as a header spells them.
    pub fn ksql_schema(&self) -> String {
        let own = match self.name.as_str() {
            "flat" => {
                "`ID` STRING, `USER_ID` STRING, `AMOUNT` DECIMAL(12, 2), `CURRENCY` STRING, `CITY` STRING, \
                 `TS` TIMESTAMP, `SCORE` DOUBLE, `QTY` INTEGER, `ACTIVE` BOOLEAN"
            }
            "nested" => {
                "`ID` STRING, `TOTAL` DECIMAL(12, 2), `CUSTOMER` STRUCT<`ID` BIGINT, `NAME` STRING, `SCORE` DOUBLE, \
                 `ADDRESS` STRUCT<`CITY` STRING, `ZIP` STRING>>, `ITEMS` ARRAY<STRUCT<`SKU` STRING, `QTY` INTEGER, \
                 `PRICE` DECIMAL(10, 2)>>, `TAGS` MAP<STRING, STRING>"
            }
            "uuids" => "`A` STRING, `B` STRING, `C` STRING, `D` STRING",
            "enums" => "`A` STRING, `B` STRING, `C` STRING, `D` STRING, `E` INTEGER, `F` BOOLEAN",
            "sorted" => "`SEQ` BIGINT, `TS` TIMESTAMP, `COUNTER` INTEGER, `METER` DOUBLE",
            "texts" | LARGE => "`ID` BIGINT, `BODY` STRING",
            _ => {
                "`A` STRING, `B` BIGINT, `C` DOUBLE, `D` DECIMAL(20, 4), `E` TIMESTAMP, `F` STRING, `G` INTEGER, \
                 `H` STRING"
            }
        };
        format!("`ROWTIME` BIGINT, `ROWPARTITION` INTEGER, `ROWOFFSET` BIGINT, {own}")
    }

    pub fn columns(&self) -> Vec<(String, SqlType)> {
        let columns = parse_columns(&self.ksql_schema()).unwrap();
        columns.into_iter().map(|column| (column.name, column.sql_type)).collect()
    }

    pub fn selection(&self) -> Selection {
        let columns = self.columns().into_iter();
        let columns: Vec<_> = columns
            .map(|(name, sql_type)| ReadColumn {
                label: name.clone(),
                name,
                sql_type,
                wire: Wire::AsDeclared,
            })
            .collect();
        Selection { exprs: columns.iter().map(|c| format!("`{}`", c.name)).collect(), columns, star: false }
    }

    pub fn table_schema(&self) -> TableSchema {
        let columns = self.columns();
        let fields: Vec<_> = columns
            .iter()
            .map(|(name, sql_type)| arrow::datatypes::Field::new(name, sql_type.arrow().unwrap(), true))
            .collect();
        TableSchema {
            arrow: Arc::new(arrow::datatypes::Schema::new(fields)),
            ksql: self.ksql_schema(),
            columns_types: columns.into_iter().map(|(name, t)| (name, t.to_string())).collect(),
        }
    }

    /// The line before the rows.
    pub fn header(&self) -> String {
        let schema = serde_json::to_string(&self.ksql_schema()).unwrap();
        format!("[{{\"header\":{{\"queryId\":\"bench\",\"schema\":{schema}}}}},\n")
    }

    /// The lines after the rows.
    pub fn end() -> &'static str {
        "{\"finalMessage\":\"Query Completed\"}]"
    }

    /// The values of row `i`, as JSON texts in the order of the columns.
    pub fn row(&self, i: u64) -> Vec<String> {
        let rng = &mut Rng::with_seed(i ^ 0x5EED_0000_0000);
        let span = i64::from(self.days) * DAY;
        let even =
            i64::try_from(u128::from(i) * u128::from(span.unsigned_abs()) / u128::from(self.rows.max(1)))
                .unwrap();
        let time =
            if self.shuffled { rng.i64(0..span) } else { (even + rng.i64(-HOUR..HOUR)).clamp(0, span - 1) };
        let mut row = vec![(T0 + time).to_string(), (i % 4).to_string(), (i / 4).to_string()];
        self.values(i, T0 + time, rng, &mut row);
        row
    }

    fn values(&self, i: u64, time: i64, rng: &mut Rng, row: &mut Vec<String>) {
        match self.name.as_str() {
            "flat" => row.extend([
                uuid(rng),
                format!("\"u{:04}\"", rng.u16(..10_000)),
                cents(rng, 2_500_000),
                pick(rng, &CURRENCIES),
                pick(rng, &CITIES),
                timestamp(time - rng.i64(0..5000)),
                rng.f64().to_string(),
                rng.u8(1..9).to_string(),
                if rng.u8(..10) == 0 { "null".to_owned() } else { rng.bool().to_string() },
            ]),
            "nested" => {
                let customer = format!(
                    r#"{{"ID":{},"NAME":"Customer {}","SCORE":{},"ADDRESS":{{"CITY":{},"ZIP":"{:05}"}}}}"#,
                    rng.u32(..1_000_000),
                    rng.u16(..20_000),
                    rng.f64(),
                    pick(rng, &CITIES),
                    rng.u32(..100_000)
                );
                let item = |rng: &mut Rng| {
                    let (sku, qty) = (rng.u16(..5000), rng.u8(1..9));
                    format!(r#"{{"SKU":"SKU-{sku:04}","QTY":{qty},"PRICE":{}}}"#, cents(rng, 90_000))
                };
                let items: Vec<_> = (0..rng.usize(0..4)).map(|_| item(rng)).collect();
                let tag = |rng: &mut Rng, key: &str| format!("\"{key}\":{}", pick(rng, &CHANNELS));
                let tags: Vec<_> = TAGS.iter().filter(|_| rng.bool()).copied().collect();
                let tags: Vec<_> = tags.iter().map(|key| tag(rng, key)).collect();
                row.extend([
                    uuid(rng),
                    cents(rng, 2_500_000),
                    customer,
                    format!("[{}]", items.join(",")),
                    format!("{{{}}}", tags.join(",")),
                ]);
            }
            "uuids" => row.extend([uuid(rng), uuid(rng), uuid(rng), uuid(rng)]),
            "enums" => row.extend([
                pick(rng, &CURRENCIES),
                pick(rng, &CITIES),
                pick(rng, &CHANNELS),
                format!("\"status-{}\"", rng.u8(..4)),
                rng.u8(..12).to_string(),
                rng.bool().to_string(),
            ]),
            "sorted" => row.extend([
                (i * 3).to_string(),
                timestamp(time),
                (i / 10 % 1_000_000).to_string(),
                format!("{:.1}", i as f64 / 4.0),
            ]),
            "texts" => {
                let mut body = String::from("\"");
                for _ in 0..rng.usize(20..200) {
                    let below = rng.usize(..WORDS.len());
                    let _ = write!(body, "{} ", WORDS[rng.usize(..=below)]);
                }
                body.push('"');
                row.extend([i.to_string(), body]);
            }
            LARGE => {
                let body: String = std::iter::repeat_with(|| rng.alphanumeric()).take(1_000_000).collect();
                row.extend([i.to_string(), format!("\"{body}\"")]);
            }
            _ => {
                let mut seldom = |value: &mut dyn FnMut(&mut Rng) -> String| {
                    if rng.u8(..10) == 0 { value(rng) } else { "null".to_owned() }
                };
                row.extend([
                    seldom(&mut |r| pick(r, &CITIES)),
                    seldom(&mut |r| r.i64(..).to_string()),
                    seldom(&mut |r| r.f64().to_string()),
                    seldom(&mut |r| format!("{}.{:04}", r.u32(..), r.u16(..10_000))),
                    seldom(&mut |_| timestamp(time)),
                    seldom(&mut uuid),
                    seldom(&mut |r| r.u8(..4).to_string()),
                    seldom(&mut |r| format!("\"note {}\"", r.u32(..))),
                ]);
            }
        }
    }

    /// A row as the server sends it.
    pub fn framed(&self, i: u64) -> String {
        format!("{{\"row\":{{\"columns\":[{}]}}}},\n", self.row(i).join(","))
    }

    /// A row as an object, for programs that read JSON lines.
    pub fn object(&self, i: u64) -> String {
        let mut line = String::from("{");
        for ((name, _), value) in self.columns().iter().zip(self.row(i)) {
            let _ = write!(line, "{}\"{name}\":{value}", if line.len() > 1 { "," } else { "" });
        }
        line + "}\n"
    }
}

const CURRENCIES: [&str; 5] = ["EUR", "USD", "GBP", "JPY", "PLN"];
const CITIES: [&str; 12] = [
    "Łódź",
    "Berlin",
    "Paris",
    "Zürich",
    "São Paulo",
    "Osaka",
    "Oslo",
    "Kraków",
    "Graz",
    "Porto",
    "Lyon",
    "Gent",
];
const CHANNELS: [&str; 4] = ["app", "web", "store", "phone"];
/// Keys of the map of `nested`.
pub const TAGS: [&str; 6] = ["channel", "device", "campaign", "source", "store", "via"];
const WORDS: [&str; 24] = [
    "the",
    "of",
    "and",
    "a",
    "to",
    "payment",
    "in",
    "is",
    "was",
    "customer",
    "with",
    "for",
    "on",
    "order",
    "that",
    "delivery",
    "returned",
    "late",
    "article",
    "warehouse",
    "again",
    "complaint",
    "refund",
    "Größe",
];

fn pick(rng: &mut Rng, words: &[&str]) -> String {
    format!("\"{}\"", words[rng.usize(..words.len())])
}

fn uuid(rng: &mut Rng) -> String {
    let hex = format!("{:032x}", rng.u128(..));
    format!("\"{}-{}-4{}-8{}-{}\"", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

fn cents(rng: &mut Rng, below: u32) -> String {
    let cents = rng.u32(..below);
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn timestamp(ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(ms).unwrap();
    time.format("\"%Y-%m-%dT%H:%M:%S%.3f\"").to_string()
}
