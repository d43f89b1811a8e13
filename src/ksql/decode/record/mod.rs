//! Records of a topic become rows: what ksqlDB's deserializers would make of them, column by column.
//!
//! ```text
//! Record { partition, offset, time, key, value, headers }
//!     ROWTIME, ROWPARTITION, ROWOFFSET ◀─ the record, or the column that the stream calls its timestamp
//!     key columns   ◀─ kafka · json · avro · delimited
//!     value columns ◀─ json · avro · kafka · delimited   a record without a value (a tombstone) is no row
//!     header columns
//! ```
//!
//! | what ksqlDB does with a record | here |
//! |---|---|
//! | makes a row of it | the same row |
//! | wraps a number that does not fit its type | a [`BadRow`]: the lake keeps no wrong number |
//! | drops it without a word | a [`BadRow`], and so its bytes stay |
//!
//! The two known exceptions are said in docs/kafka.md: a MAP with the same key twice, and half of a surrogate pair, are bad here.

mod avro;
mod delimited;
mod headers;
mod json;
mod kafka;
mod layout;
mod pattern;
mod text;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef};

use self::headers::HeaderColumn;
use self::pattern::Pattern;
use super::BadRow;
use super::build;
use super::fault::{Fault, Read};
use super::node::{Member, Node, Values};
use crate::ksql::schema::{Field, Role, SqlType};
use crate::{Error, Kind, Result};

pub use avro::{AvroSchema, SchemaBook, schema_id};
pub use layout::{Format, Header, KeyWindow, Layout, Record, RecordColumn, RowTime};

/// Columns of a batch that tell where a row comes from: ROWTIME, ROWPARTITION, ROWOFFSET.
pub const ROW_COLUMNS: usize = 3;

/// Decodes records of one layout into batches: ROWTIME, ROWPARTITION, ROWOFFSET, then the columns in the layout's order, with
/// WINDOWSTART and WINDOWEND behind those of a windowed key.
#[derive(Debug)]
pub struct RecordDecoder {
    schema: SchemaRef,
    window: Option<KeyWindow>,
    /// Start and end of each key's window.
    windows: [Vec<Option<i64>>; 2],
    key: Side,
    value: Side,
    headers: Vec<HeaderColumn>,
    row_time: TimeSource,
    times: Vec<i64>,
    partitions: Vec<i32>,
    offsets: Vec<i64>,
    /// Where each column of the batch behind the first three comes from.
    columns: Vec<Slot>,
    schemas: Arc<SchemaBook>,
    scratch: Vec<u8>,
}

/// The columns of a key or a value.
#[derive(Debug)]
struct Side {
    format: Format,
    /// Those that are decoded.
    members: Vec<Member>,
    /// For each column of the format, in its order, which member takes it.
    order: Vec<Option<usize>>,
    avro: avro::Reader,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Key(usize),
    Value(usize),
    Header(usize),
    /// The start of the key's window, or its end.
    Window(usize),
}

#[derive(Debug)]
enum TimeSource {
    Record,
    /// A member of the key or the value.
    Member(Slot, Option<Pattern>),
}

impl RecordDecoder {
    /// A decoder for records of this layout.
    ///
    /// # Errors
    /// [`Kind::Schema`] for types that cannot be kept; [`Kind::Feed`] for a timestamp column that cannot be followed, and
    /// for a format that has no place for these columns.
    pub fn new(layout: &Layout) -> Result<Self> {
        Self::with_schemas(layout, Arc::default())
    }

    /// The same for records that name schemas: those of the book.
    ///
    /// # Errors
    /// As [`RecordDecoder::new`].
    pub fn with_schemas(layout: &Layout, schemas: Arc<SchemaBook>) -> Result<Self> {
        let wanted = |column: &RecordColumn| column.lake.is_some() || layout.row_time.is(column);
        let key = Side::new(layout.key, layout, |role| *role == Role::Key, &wanted)?;
        let value = Side::new(layout.value, layout, |role| *role == Role::Value, &wanted)?;
        let mut decoder = Self {
            schema: Schema::empty().into(),
            window: layout.window,
            windows: [Vec::new(), Vec::new()],
            key,
            value,
            headers: Vec::new(),
            row_time: TimeSource::Record,
            times: Vec::new(),
            partitions: Vec::new(),
            offsets: Vec::new(),
            columns: Vec::new(),
            schemas,
            scratch: Vec::new(),
        };
        let mut fields = vec![
            ArrowField::new("ROWTIME", DataType::Int64, true),
            ArrowField::new("ROWPARTITION", DataType::Int32, true),
            ArrowField::new("ROWOFFSET", DataType::Int64, true),
        ];
        let (mut keys, mut values) = (0, 0);
        let mut keys_to_come = layout.columns.iter().filter(|column| column.role == Role::Key).count();
        if keys_to_come == 0 {
            decoder.add_window(&mut fields);
        }
        for column in &layout.columns {
            decoder.add(column, layout, wanted(column), (&mut keys, &mut values), &mut fields)?;
            if column.role == Role::Key {
                keys_to_come -= 1;
                if keys_to_come == 0 {
                    decoder.add_window(&mut fields);
                }
            }
        }
        let mut names = std::collections::HashSet::new();
        if let Some(twice) = fields.iter().find(|field| !names.insert(field.name())) {
            return Err(Error::new(Kind::Schema, "two columns would have the same name in the lake")
                .at("column", twice.name())
                .next("rename or exclude one of them in the feed"));
        }
        decoder.schema = Arc::new(Schema::new(fields));
        Ok(decoder)
    }

    /// Makes room for a column; one that is not `wanted` is passed over in the record.
    fn add(
        &mut self,
        column: &RecordColumn,
        layout: &Layout,
        wanted: bool,
        (keys, values): (&mut usize, &mut usize),
        fields: &mut Vec<ArrowField>,
    ) -> Result<()> {
        if !wanted {
            return Ok(());
        }
        let slot = match &column.role {
            Role::Key => Slot::Key(next(keys)),
            Role::Value => Slot::Value(next(values)),
            role => {
                let name = if let Role::Header(name) = role { Some(name.clone()) } else { None };
                let node = build::of_record(&column.sql_type).map_err(|e| e.at("column", &column.name))?;
                self.headers.push(HeaderColumn { name, node });
                Slot::Header(self.headers.len() - 1)
            }
        };
        if layout.row_time.is(column) {
            self.row_time = time_source(column, slot, &layout.row_time)?;
        }
        let Some(name) = &column.lake else { return Ok(()) };
        let data_type = column.sql_type.arrow().map_err(|error| error.at("column", &column.name))?;
        fields.push(ArrowField::new(name, data_type, true));
        self.columns.push(slot);
        Ok(())
    }

    /// Makes room for the bounds of a key's window.
    fn add_window(&mut self, fields: &mut Vec<ArrowField>) {
        if self.window.is_some() {
            for (at, name) in ["WINDOWSTART", "WINDOWEND"].into_iter().enumerate() {
                fields.push(ArrowField::new(name, DataType::Int64, true));
                self.columns.push(Slot::Window(at));
            }
        }
    }

    /// The schema of the batches; every column may be null.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Rows held.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// No row is held.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Bytes of the rows held.
    pub fn memory(&self) -> usize {
        self.nodes().map(Node::memory).sum::<usize>() + self.len() * 20
    }

    /// The batch is to be taken before more records come, as [`super::Decoder::is_full`] says.
    pub fn is_full(&self) -> bool {
        self.nodes().any(Node::is_full)
    }

    /// Decodes a record; false when it is a tombstone and so no row. After a fault all is as it was before.
    ///
    /// # Errors
    /// A [`BadRow`] for a record that cannot be a row.
    pub fn push(&mut self, record: &Record<'_>) -> Result<bool, BadRow> {
        let Some(value) = record.value else { return Ok(false) };
        let rows = self.len();
        match self.read(record, value) {
            Ok(Some(time)) => {
                self.times.push(time);
                self.partitions.push(record.partition);
                self.offsets.push(record.offset);
                Ok(true)
            }
            Ok(None) => {
                self.truncate(rows);
                Ok(false)
            }
            Err((side, fault)) => {
                self.truncate(rows);
                let spell =
                    |path: String| if side == "value" { path } else { format!("{side}{}", &path[1..]) };
                Err(BadRow {
                    path: spell(fault.path()),
                    place: spell(fault.place()),
                    reason: fault.reason().to_owned(),
                    offset: fault.offset(),
                    arity: false,
                    syntax: false,
                })
            }
        }
    }

    /// Takes the rows as a batch.
    ///
    /// # Errors
    /// [`Kind::Bug`] when the buffers do not make a batch.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let rows = self.len();
        let arrays = self.take_arrays();
        arrays
            .and_then(|arrays| {
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            })
            .map_err(|error| {
                Error::new(Kind::Bug, format!("columns do not make a batch: {error}")).because(error)
            })
    }

    fn take_arrays(&mut self) -> Result<Vec<ArrayRef>, arrow::error::ArrowError> {
        use super::buffer::take;
        use arrow::array::{Int32Array, Int64Array};
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(take(&mut self.times))),
            Arc::new(Int32Array::from(take(&mut self.partitions))),
            Arc::new(Int64Array::from(take(&mut self.offsets))),
        ];
        for (slot, field) in self.columns.iter().zip(self.schema.fields().iter().skip(ROW_COLUMNS)) {
            let node = match *slot {
                Slot::Key(at) => &mut self.key.members[at].node,
                Slot::Value(at) => &mut self.value.members[at].node,
                Slot::Header(at) => &mut self.headers[at].node,
                Slot::Window(at) => {
                    arrays.push(Arc::new(Int64Array::from(take(&mut self.windows[at]))));
                    continue;
                }
            };
            arrays.push(node.finish(field.data_type(), &mut [], None)?);
        }
        // A timestamp column that is left out was decoded all the same.
        self.truncate(0);
        Ok(arrays)
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        let sides = self.key.members.iter().chain(&self.value.members).map(|member| &member.node);
        sides.chain(self.headers.iter().map(|header| &header.node))
    }

    fn truncate(&mut self, rows: usize) {
        self.windows.iter_mut().for_each(|bounds| bounds.truncate(rows));
        let sides = self.key.members.iter_mut().chain(&mut self.value.members).map(|member| &mut member.node);
        sides
            .chain(self.headers.iter_mut().map(|header| &mut header.node))
            .for_each(|node| node.truncate(rows));
    }

    /// The row's time; `None` for a value that says nothing.
    fn read(&mut self, record: &Record<'_>, value: &[u8]) -> Result<Option<i64>, (&'static str, Fault)> {
        let mut key = record.key;
        if let Some(window) = self.window {
            let short = || ("key", Fault::new(0, "the key is too short to have a window behind it"));
            let split = key.map(|key| window.split(key).ok_or_else(short)).transpose()?;
            key = split.map(|(key, _)| key);
            for (at, bounds) in self.windows.iter_mut().enumerate() {
                bounds.push(split.map(|(_, window)| window[at]));
            }
        }
        if !self.key.read(key, &self.schemas, &mut self.scratch).map_err(|fault| ("key", fault))? {
            self.key.push_nulls();
        }
        if !self
            .value
            .read(Some(value), &self.schemas, &mut self.scratch)
            .map_err(|fault| ("value", fault))?
        {
            return Ok(None);
        }
        for column in &mut self.headers {
            column.read(record.headers).map_err(|fault| ("headers", fault))?;
        }
        self.time(record).map(Some).map_err(|fault| ("time", fault))
    }

    fn time(&self, record: &Record<'_>) -> Read<i64> {
        let time = match &self.row_time {
            TimeSource::Record => record.time.ok_or("the record has no time"),
            TimeSource::Member(slot, pattern) => {
                let node = match *slot {
                    Slot::Key(at) => &self.key.members[at].node,
                    Slot::Value(at) => &self.value.members[at].node,
                    Slot::Header(at) => &self.headers[at].node,
                    Slot::Window(_) => return Err(Fault::new(0, "a window is no time of a row")),
                };
                last_millis(node, pattern.as_ref())
            }
        };
        match time {
            Ok(time) if time >= 0 => Ok(time),
            Ok(_) => Err(Fault::new(0, "the row's time is before 1970, and ksqlDB makes no row of it")),
            Err(why) => Err(Fault::new(0, why)),
        }
    }
}

fn next(count: &mut usize) -> usize {
    *count += 1;
    *count - 1
}

fn time_source(column: &RecordColumn, slot: Slot, row_time: &RowTime) -> Result<TimeSource> {
    let RowTime::Column { pattern, .. } = row_time else { return Ok(TimeSource::Record) };
    let pattern = match (&column.sql_type, pattern) {
        (SqlType::BigInt | SqlType::Timestamp, _) => None,
        (SqlType::String, Some(pattern)) => {
            Some(Pattern::parse(pattern).map_err(|e| e.at("timestamp column", &column.name))?)
        }
        _ => {
            return Err(Error::new(
                Kind::Feed,
                format!("the stream's timestamp column is {} without a format", column.sql_type),
            )
            .at("timestamp column", &column.name)
            .next("read this feed through ksqlDB: \"read\": \"offsets\""));
        }
    };
    Ok(TimeSource::Member(slot, pattern))
}

/// The value that a timestamp column has just got, in milliseconds.
fn last_millis(node: &Node, pattern: Option<&Pattern>) -> Result<i64, &'static str> {
    const NULL: &str = "the timestamp column is null";
    let at = node.len().checked_sub(1).ok_or(NULL)?;
    if node.nulls.is_null(at) {
        return Err(NULL);
    }
    match (&node.values, pattern) {
        (Values::BigInt(values), _) => values.get(at).copied().ok_or(NULL),
        (Values::Timestamp { values, .. }, _) => {
            values.get(at).map(|micros| micros.div_euclid(1000)).ok_or(NULL)
        }
        (Values::String(texts), Some(pattern)) => {
            pattern.millis(texts.get(at)).ok_or("the timestamp column does not follow its format")
        }
        _ => Err("the timestamp column has no time"),
    }
}

impl Side {
    fn new(
        format: Format,
        layout: &Layout,
        belongs: impl Fn(&Role) -> bool,
        decoded: &dyn Fn(&RecordColumn) -> bool,
    ) -> Result<Self> {
        let all: Vec<_> = layout.columns.iter().filter(|column| belongs(&column.role)).collect();
        let wanted = all.iter().filter(|column| decoded(column));
        let fields: Vec<_> = wanted
            .map(|column| Field { name: column.name.clone(), sql_type: column.sql_type.clone() })
            .collect();
        let mut taken = 0;
        let order = all.iter().map(|column| decoded(column).then(|| next(&mut taken))).collect();
        let members = build::members_of_record(&fields)?;
        let side = Self { format, members, order, avro: avro::Reader::default() };
        side.check(&all)?;
        Ok(side)
    }

    /// Whether the format has a place for these columns.
    fn check(&self, columns: &[&RecordColumn]) -> Result<()> {
        let refuse = |what: String| {
            Err(Error::new(Kind::Feed, what).next("read this feed through ksqlDB: \"read\": \"offsets\""))
        };
        let nested = |c: &&&RecordColumn| {
            matches!(c.sql_type, SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_))
        };
        match self.format {
            Format::None if !columns.is_empty() => {
                refuse("the stream has key columns and no key format".into())
            }
            Format::Kafka if columns.len() > 1 => {
                refuse(format!("the format KAFKA holds one column, and the stream has {}", columns.len()))
            }
            Format::Json { wrapped: false }
            | Format::JsonSr { wrapped: false }
            | Format::Avro { wrapped: false }
                if columns.len() > 1 =>
            {
                refuse(format!(
                    "a value without an object around it is one column, and the stream has {}",
                    columns.len()
                ))
            }
            Format::Delimited(_) | Format::Kafka => match columns.iter().find(nested) {
                Some(column) => {
                    refuse(format!("column {} is nested, which the format cannot hold", column.name))
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn push_nulls(&mut self) {
        self.members.iter_mut().for_each(|member| member.node.push_null());
    }

    /// Gives each member one value more; false, and nothing given, when there are no bytes or they say null.
    fn read(&mut self, bytes: Option<&[u8]>, schemas: &SchemaBook, scratch: &mut Vec<u8>) -> Read<bool> {
        let Some(bytes) = bytes else { return Ok(false) };
        match self.format {
            Format::None => Ok(true),
            Format::Json { wrapped } => json::read(bytes, wrapped, &mut self.members, scratch),
            Format::JsonSr { wrapped } => match bytes {
                [0, _, _, _, _, json @ ..] => json::read(json, wrapped, &mut self.members, scratch),
                _ => Err(Fault::new(
                    0,
                    "no zero byte and schema id stand before the JSON, as JSON_SR has them",
                )),
            },
            Format::Avro { wrapped } => self.avro.read(bytes, wrapped, schemas, &mut self.members),
            Format::Kafka => match self.members.first_mut() {
                Some(member) => kafka::read(bytes, member).map(|()| true),
                None => Ok(true),
            },
            Format::Delimited(between) => {
                delimited::read(bytes, between, &self.order, &mut self.members).map(|()| true)
            }
        }
    }
}
