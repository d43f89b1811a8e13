//! The streams and tables that the server knows, and the queries that write them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDateTime;

use crate::ksql::schema::SqlType;

use super::aggregate::Table;
use super::cell::{Cell, Record, decimal};
use super::every;
use super::log::Log;
use super::predicate::Value;
use super::token;
use super::writer::quote;

/// The statements that make the pipeline on a real server, and the texts that DESCRIBE shows here.
const PIPELINE: &str = include_str!("../../assets/pipeline.sql");
/// What the name of a helper stream ends in.
const END_SUFFIX: &str = "_LAKEHAND_END";

/// Where a column's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From a record of a topic.
    Record(Cell),
    /// From that place of a table's row.
    Table(usize),
    /// The same, a TIMESTAMP as milliseconds.
    TableMillis(usize),
    /// The bytes of a record's key, and of its value.
    RawKey,
    RawValue,
}

/// What a query goes through.
pub(super) enum Row<'a> {
    Record(&'a Record),
    Table(&'a [Vec<u8>]),
    /// A record with the bytes of its key and of its value.
    Raw(&'a Record, &'a [u8], &'a [u8]),
}

impl Origin {
    /// The JSON of the value in this row.
    pub(super) fn print(self, row: &Row<'_>, out: &mut Vec<u8>) {
        match (self, row) {
            (Self::Record(cell), Row::Record(record) | Row::Raw(record, ..)) => cell.print(record, out),
            (Self::RawKey, Row::Raw(_, bytes, _)) | (Self::RawValue, Row::Raw(_, _, bytes)) => {
                out.extend_from_slice(quote(&STANDARD.encode(bytes)).as_bytes());
            }
            (Self::Table(at), Row::Table(values)) => {
                out.extend_from_slice(values.get(at).map_or(b"null", Vec::as_slice));
            }
            (Self::TableMillis(_), Row::Table(_)) => match self.value(row) {
                Value::Whole(millis) => out.extend_from_slice(millis.to_string().as_bytes()),
                _ => out.extend_from_slice(b"null"),
            },
            _ => out.extend_from_slice(b"null"),
        }
    }

    /// The value in this row, for conditions.
    pub(super) fn value(self, row: &Row<'_>) -> Value {
        match (self, row) {
            (Self::Record(cell), Row::Record(record) | Row::Raw(record, ..)) => {
                if let Some(number) = cell.number(record) {
                    return Value::Whole(number);
                }
                let mut text = Vec::new();
                cell.print(record, &mut text);
                Value::from_json(&text)
            }
            (Self::Table(at), Row::Table(values)) => {
                values.get(at).map_or(Value::Null, |text| Value::from_json(text))
            }
            (Self::TableMillis(at), Row::Table(values)) => {
                match values.get(at).map(|text| Value::from_json(text)) {
                    Some(Value::Text(text)) => millis(&text).map_or(Value::Null, Value::Whole),
                    _ => Value::Null,
                }
            }
            _ => Value::Null,
        }
    }
}

/// The milliseconds of an ISO time in UTC, with as many of its parts as are written.
pub(super) fn millis(text: &str) -> Option<i64> {
    let text = text.trim_end_matches('Z').replace(' ', "T");
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
        .or_else(|| NaiveDateTime::parse_from_str(&format!("{text}T00:00:00"), "%Y-%m-%dT%H:%M:%S").ok())
        .map(|time| time.and_utc().timestamp_millis())
}

/// A column of a source.
#[derive(Debug, Clone)]
pub(super) struct SourceColumn {
    pub(super) name: String,
    pub(super) sql_type: SqlType,
    pub(super) key: bool,
    /// WINDOWSTART and WINDOWEND: in `*`, not in DESCRIBE.
    pub(super) window: bool,
    pub(super) origin: Origin,
}

/// What a source holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    Stream(Log),
    Table(Table),
}

/// A stream or table.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) key_format: &'static str,
    pub(super) window: Option<&'static str>,
    /// In the order of `*`.
    pub(super) columns: Vec<SourceColumn>,
    pub(super) data: Data,
    /// The source that the query which writes this one reads, and that query's id.
    pub(super) written_by: Option<(String, String)>,
    pub(super) statement: String,
    /// What the server says of the query that writes it.
    pub(super) writer_state: &'static str,
    /// The stream whose topic this one declares as bytes.
    pub(super) raw_of: Option<Arc<Self>>,
}

impl Source {
    pub(super) fn is_table(&self) -> bool {
        matches!(self.data, Data::Table(_))
    }

    /// `STREAM` or `TABLE`
    pub(super) fn kind(&self) -> &'static str {
        if self.is_table() { "TABLE" } else { "STREAM" }
    }
}

/// All sources, in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    sources: Vec<Arc<Source>>,
    statements: u64,
}

impl Catalog {
    /// The pipeline, with the stream of every type and with helper streams for streams that no query reads if so asked.
    pub(super) fn pipeline(every_type: bool, end_helpers: bool) -> Self {
        let mut catalog = Self::default();
        let every = (every::NAME, Some("TRANSACTION_STREAM"), Log::Transactions, every::columns());
        for (name, reads, data, columns) in streams().into_iter().chain(every_type.then_some(every)) {
            let columns = columns.iter().map(|(name, cell)| SourceColumn {
                name: (*name).to_owned(),
                sql_type: cell.sql_type(),
                key: *name == "TRANSACTION_ID",
                window: false,
                origin: Origin::Record(*cell),
            });
            let topic = if reads.is_none() { "transactions".to_owned() } else { name.to_lowercase() };
            catalog.insert(Source {
                writer_state: "RUNNING",
                raw_of: None,
                name: name.to_owned(),
                topic,
                key_format: "KAFKA",
                window: None,
                columns: columns.collect(),
                data: Data::Stream(data),
                written_by: reads.map(|reads| (reads.to_owned(), String::new())),
                statement: statement_of(name),
            });
        }
        for (name, reads, table, window, keys, columns) in tables() {
            let columns = columns.into_iter().enumerate().map(|(at, (name, sql_type))| SourceColumn {
                name: name.to_owned(),
                sql_type,
                key: at < keys || name.starts_with("WINDOW"),
                window: name.starts_with("WINDOW"),
                origin: Origin::Table(at),
            });
            catalog.insert(Source {
                writer_state: "RUNNING",
                raw_of: None,
                name: name.to_owned(),
                topic: name.to_lowercase(),
                key_format: if keys > 1 { "JSON" } else { "KAFKA" },
                window,
                columns: columns.collect(),
                data: Data::Table(table),
                written_by: Some((reads.to_owned(), String::new())),
                statement: statement_of(name),
            });
        }
        if end_helpers {
            let is_unread = |s: &&Arc<Source>| !s.is_table() && catalog.readers(&s.name).next().is_none();
            let unread: Vec<_> = catalog.sources.iter().filter(is_unread).cloned().collect();
            for source in unread {
                catalog.insert(end_helper(&source));
            }
        }
        catalog
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Source>> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The sources whose queries read `name`.
    pub(super) fn readers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<Source>> {
        self.sources
            .iter()
            .filter(move |source| source.written_by.as_ref().is_some_and(|(reads, _)| reads == name))
    }

    /// Takes a source in and gives its query an id; the number of the statement comes back.
    pub(super) fn insert(&mut self, mut source: Source) -> u64 {
        if let Some((_, id)) = &mut source.written_by {
            let prefix = if matches!(source.data, Data::Table(_)) { "CTAS" } else { "CSAS" };
            *id = format!("{prefix}_{}_{}", source.name, self.statements);
        }
        self.sources.push(Arc::new(source));
        self.next_statement()
    }

    /// The number of a statement that changes something.
    pub(super) fn next_statement(&mut self) -> u64 {
        self.statements += 1;
        self.statements - 1
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.sources.retain(|source| source.name != name);
    }

    /// A table like another one that no query writes.
    pub(super) fn declare_table(&mut self, name: &str, like: &str, statement: &str) {
        let Some(like) = self.get(like).cloned() else { return };
        let (name, statement) = (name.to_owned(), statement.to_owned());
        self.insert(Source { name, statement, written_by: None, ..Source::clone(&like) });
    }

    /// Adds a STRING column that is null in a stream's transactions before number `first`, and everywhere in a table.
    /// The query that writes `source` is in this state from now on.
    pub(super) fn set_writer(&mut self, source: &str, state: &'static str) {
        for own in self.sources.iter_mut().filter(|own| own.name.eq_ignore_ascii_case(source)) {
            Arc::make_mut(own).writer_state = state;
        }
    }

    pub(super) fn add_column(&mut self, source: &str, column: &str, first: u64) {
        for own in &mut self.sources {
            if own.name.eq_ignore_ascii_case(source) {
                let table = own.is_table();
                Arc::make_mut(own).columns.push(SourceColumn {
                    name: column.to_owned(),
                    sql_type: SqlType::String,
                    key: false,
                    window: false,
                    origin: if table {
                        Origin::Table(usize::MAX)
                    } else {
                        Origin::Record(Cell::Added(first))
                    },
                });
            }
        }
    }
}

/// The stream that writes nothing and whose query's offsets tell where `source` ends.
fn end_helper(source: &Source) -> Source {
    let name = format!("{}{END_SUFFIX}", source.name);
    Source {
        topic: name.to_lowercase(),
        data: Data::Stream(Log::Empty),
        written_by: Some((source.name.clone(), String::new())),
        statement: statement_of(&name),
        columns: source.columns.iter().take(2).cloned().collect(),
        name,
        ..source.clone()
    }
}

/// The statement of the pipeline that creates `name`, or nothing but a comment where it has none.
fn statement_of(name: &str) -> String {
    let created = |tokens: &[token::Token]| {
        tokens.first().is_some_and(|t| t.is_word("CREATE")) && tokens.get(2).is_some_and(|t| t.is_word(name))
    };
    token::statements(PIPELINE)
        .unwrap_or_default()
        .into_iter()
        .find(|(_, tokens)| created(tokens))
        .map_or_else(|| format!("CREATE STREAM {name};"), |(text, _)| text)
}

type StreamRow = (&'static str, Option<&'static str>, Log, Vec<(&'static str, Cell)>);

/// The streams: name, what they are made from, records, columns.
fn streams() -> [StreamRow; 5] {
    let flattened = vec![
        ("TRANSACTION_ID", Cell::TransactionId),
        ("USER_ID", Cell::UserId),
        ("AMOUNT", Cell::Amount),
        ("CURRENCY", Cell::Currency),
        ("PAYMENT_METHOD", Cell::PaymentMethod),
        ("TRANSACTION_TYPE", Cell::TransactionType),
        ("CARD_NUMBER", Cell::CardNumber),
        ("IBAN", Cell::Iban),
        ("CUSTOMER_NAME", Cell::CustomerName),
        ("CUSTOMER_EMAIL", Cell::CustomerEmail),
        ("CUSTOMER_CITY", Cell::CustomerCity),
        ("CUSTOMER_COUNTRY", Cell::CustomerCountry),
        ("ADDRESS_STREET", Cell::AddressStreet),
        ("ADDRESS_ZIP", Cell::AddressZip),
        ("GEO_LAT", Cell::GeoLat),
        ("GEO_LON", Cell::GeoLon),
        ("ITEM_COUNT", Cell::ItemCount),
        ("FIRST_PRODUCT_ID", Cell::FirstProductId),
        ("CHANNEL", Cell::Channel),
        ("EVENT_TIME", Cell::EventTime),
    ];
    let raw = vec![
        ("TRANSACTION_ID", Cell::TransactionId),
        ("USER_ID", Cell::UserId),
        ("AMOUNT", Cell::Amount),
        ("CURRENCY", Cell::Currency),
        ("PAYMENT_METHOD", Cell::PaymentMethod),
        ("TRANSACTION_TYPE", Cell::TransactionType),
        ("CARD_NUMBER", Cell::CardNumber),
        ("IBAN", Cell::Iban),
        ("CUSTOMER", Cell::Customer),
        ("ITEMS", Cell::Items),
        ("METADATA", Cell::Metadata),
        ("EVENT_TIME", Cell::EventTime),
    ];
    let anonymized = vec![
        ("TRANSACTION_ID", Cell::TransactionId),
        ("USER_MASKED", Cell::UserMasked),
        ("CARD_MASKED", Cell::CardMasked),
        ("IBAN_MASKED", Cell::IbanMasked),
        ("NAME_MASKED", Cell::NameMasked),
        ("EMAIL_MASKED", Cell::EmailMasked),
        ("CITY", Cell::CustomerCity),
        ("COUNTRY", Cell::CustomerCountry),
        ("USER_ID", Cell::UserId),
        ("PAYMENT_METHOD", Cell::PaymentMethod),
        ("TRANSACTION_TYPE", Cell::TransactionType),
        ("AMOUNT", Cell::Amount),
        ("CURRENCY", Cell::Currency),
        ("AMOUNT_EUR", Cell::AmountEur),
        ("EVENT_TIME", Cell::EventTime),
    ];
    let items =
        vec![("TRANSACTION_ID", Cell::TransactionId), ("USER_ID", Cell::UserId), ("ITEM", Cell::Item)];
    [
        ("TRANSACTION_STREAM", None, Log::Transactions, raw),
        ("TRANSACTION_FLATTENED", Some("TRANSACTION_STREAM"), Log::Transactions, flattened.clone()),
        ("TRANSACTION_STREAM_ANONYMIZED", Some("TRANSACTION_FLATTENED"), Log::Transactions, anonymized),
        ("TRANSACTION_STREAM_BLACKLISTED", Some("TRANSACTION_FLATTENED"), Log::Blacklisted, flattened),
        ("TRANSACTION_ITEMS", Some("TRANSACTION_STREAM"), Log::Items, items),
    ]
}

type TableRow =
    (&'static str, &'static str, Table, Option<&'static str>, usize, Vec<(&'static str, SqlType)>);

/// The tables: name, what they are made from, rows, window, number of keys, columns.
fn tables() -> [TableRow; 6] {
    let text = || SqlType::String;
    let count = || ("TX_COUNT", SqlType::BigInt);
    let total = || ("TOTAL_AMOUNT", decimal(12));
    let bounds = || [("WINDOWSTART", SqlType::BigInt), ("WINDOWEND", SqlType::BigInt)];
    let windowed = |key| std::iter::once((key, text())).chain(bounds()).chain([count(), total()]).collect();
    [
        (
            "USER_TRANSACTION_SUMMARY",
            "TRANSACTION_STREAM",
            Table::UserSummary,
            None,
            2,
            vec![
                ("USER_ID", text()),
                ("PAYMENT_METHOD", text()),
                count(),
                total(),
                ("MIN_AMOUNT", decimal(12)),
                ("MAX_AMOUNT", decimal(12)),
                ("LAST_EVENT", SqlType::Timestamp),
            ],
        ),
        (
            "USER_TRANSACTION_SUMMARY_EUR",
            "TRANSACTION_STREAM_ANONYMIZED",
            Table::UserSummaryEur,
            None,
            2,
            vec![("USER_ID", text()), ("TRANSACTION_TYPE", text()), count(), ("TOTAL_EUR", decimal(14))],
        ),
        (
            "PAYMENT_METHOD_TOTALS",
            "TRANSACTION_STREAM",
            Table::MethodTotals,
            None,
            1,
            vec![
                ("PAYMENT_METHOD", text()),
                count(),
                total(),
                ("CURRENCIES", SqlType::Array(Box::new(SqlType::String))),
            ],
        ),
        (
            "PRODUCT_PURCHASE_COUNTS",
            "TRANSACTION_ITEMS",
            Table::ProductCounts,
            None,
            1,
            vec![
                ("PRODUCT_ID", text()),
                ("PRODUCT_NAME", text()),
                ("PURCHASES", SqlType::BigInt),
                // SUM of INTEGER stays INTEGER in ksqlDB.
                ("UNITS", SqlType::Integer),
            ],
        ),
        (
            "DAILY_TOTALS",
            "TRANSACTION_STREAM",
            Table::DailyTotals,
            Some("TUMBLING"),
            1,
            windowed("PAYMENT_METHOD"),
        ),
        ("USER_SESSIONS", "TRANSACTION_STREAM", Table::UserSessions, Some("SESSION"), 1, windowed("USER_ID")),
    ]
}
