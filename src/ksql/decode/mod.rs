//! A row's bytes become Arrow columns, guided by the schema: no tree of values stands between them.
//!
//! ```text
//! columns ──▶ build ──▶ Node tree (node, buffer)
//!                          ▲                │
//! ["v0",1.2,{"A":1}] ──▶ read             finish ──▶ RecordBatch
//!       cursor: JSON tokens; scan: bytes by words
//!       number, time: a value's text to its bits; fault: what is wrong, where
//! known: which bad rows are rows to ksqlDB
//! record: the same for records of a topic, with the coercions of ksqlDB's deserializers
//! ```
//!
//! A row is decoded whole or not at all: a bad one is cut off again and reported as a [`BadRow`]. Values are exact or
//! refused, never rounded, clipped or dropped. It knows nothing of responses around a row or of files behind a batch.

mod buffer;
mod build;
mod cursor;
mod fault;
mod finish;
mod known;
mod node;
mod number;
mod read;
pub mod record;
mod scan;
mod time;

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};

pub use self::known::DECODER_VERSION;

use self::cursor::Cursor;
use self::fault::{Fault, Read, Step};
use self::node::Node;
use super::column::{ReadColumn, Wire};
use crate::{Error, Kind, Result};

/// Decodes rows of one schema into batches.
///
/// ```
/// use lakehand::ksql::{column::{ReadColumn, Wire}, decode::Decoder, schema::SqlType};
///
/// let column = |name: &str, sql_type| ReadColumn {
///     label: name.into(), name: name.into(), sql_type, wire: Wire::AsDeclared,
/// };
/// let mut decoder = Decoder::new(&[column("ID", SqlType::String), column("QTY", SqlType::Integer)])?;
/// decoder.push_row(br#"["a",1]"#).unwrap();
/// let bad = decoder.push_row(br#"["b",1.5]"#).unwrap_err();
/// assert_eq!((bad.path.as_str(), bad.reason.as_str()), ("$[1]", "not an integer"));
/// assert_eq!(decoder.finish()?.num_rows(), 1);
/// # Ok::<(), lakehand::Error>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    schema: SchemaRef,
    /// What stands at each place of a row.
    places: Vec<Place>,
    rows: usize,
    /// The text of a string with escapes.
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Place {
    node: Node,
    /// A DECIMAL that takes the place of a member, instead of a column of the lake.
    overlay: bool,
}

/// A row that could not be decoded, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// JSON path of the value in the row: `$[4].ITEMS[2].QTY`, `$` for the row itself. Map keys in it are shown as the
    /// row spells them, long ones shortened; not escaped for a terminal.
    pub path: String,
    /// The same without map keys and names that only the row knows: `$[4]['…']`. Fit for logs and errors.
    pub place: String,
    /// A clause without a final stop, and without a value of the row: "not an integer".
    pub reason: String,
    /// The byte in the row.
    pub offset: usize,
    /// The row has more or fewer values than columns are selected: a fault of the answer's grammar, not a bad value.
    pub arity: bool,
    /// The row is not an array of JSON values at all, or one of more than 128 levels: a fault of the answer's grammar too.
    /// What strings hold does not count: half of a surrogate pair is a bad value.
    pub syntax: bool,
}

impl Decoder {
    /// A decoder for rows that hold these values in this order.
    ///
    /// [`Kind::Schema`] for types that cannot be kept: an empty STRUCT, a DECIMAL beyond 76 digits, one beyond 15 digits
    /// inside a STRUCT without an overlay, a MAP with nested keys, two columns of one name. [`Kind::Bug`] when the
    /// columns contradict each other.
    pub fn new(columns: &[ReadColumn]) -> Result<Self> {
        let is_overlay = |column: &&ReadColumn| matches!(column.wire, Wire::Overlay { .. });
        let overlays: Vec<_> = columns
            .iter()
            .filter(is_overlay)
            .enumerate()
            .filter_map(|(index, column)| build::OverlayPath::of(column, index))
            .collect();
        if let Some((owner, _)) =
            overlays.iter().find(|(owner, _)| columns.get(*owner).is_none_or(|c| is_overlay(&c)))
        {
            return Err(Error::new(Kind::Bug, "an overlay over what is no column").at("column", owner));
        }
        let mut decoder = Self {
            schema: Schema::empty().into(),
            places: Vec::with_capacity(columns.len()),
            rows: 0,
            scratch: Vec::new(),
        };
        let mut fields: Vec<Field> = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            let own: Vec<_> =
                overlays.iter().filter(|(owner, _)| *owner == place).map(|(_, overlay)| *overlay).collect();
            let node = build::column(column, &own).map_err(|error| error.at("column", &column.label))?;
            let overlay = is_overlay(&column);
            decoder.places.push(Place { node, overlay });
            if overlay {
                continue;
            }
            if fields.iter().any(|field| *field.name() == column.name) {
                return Err(Error::new(Kind::Schema, "two columns would have the same name in the lake")
                    .at("column", &column.name)
                    .next("rename or exclude one of them in the feed"));
            }
            let data_type = column.sql_type.arrow().map_err(|error| error.at("column", &column.label))?;
            fields.push(Field::new(&column.name, data_type, true));
        }
        decoder.schema = Arc::new(Schema::new(fields));
        Ok(decoder)
    }

    /// The schema of the batches: the lake's names, every column nullable; an overlay is no column of its own.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Decodes a row: the text of a JSON array with a value for each column. After a fault all is as it was before.
    #[inline]
    pub fn push_row(&mut self, row: &[u8]) -> Result<(), BadRow> {
        match self.read_row(row) {
            Ok(()) => {
                self.rows += 1;
                Ok(())
            }
            Err(fault) => Err(self.take_back(row, &fault)),
        }
    }

    /// Rows held.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// No row is held.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The batch is to be taken before more rows come: a column comes near (half of) the 2^31 bytes or elements that its
    /// offsets can address. A row that would go beyond them is refused as a bad one, so ask after every few rows.
    pub fn is_full(&self) -> bool {
        self.nodes().any(Node::is_full)
    }

    /// Bytes of the rows held. The allocation behind them is at most about twice that while it grows.
    pub fn memory(&self) -> usize {
        self.nodes().map(Node::memory).sum()
    }

    /// Takes the rows as a batch. The next ones find room for as many.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let rows = std::mem::take(&mut self.rows);
        let (mut overlays, columns): (Vec<_>, Vec<_>) =
            self.places.iter_mut().partition(|place| place.overlay);
        let mut overlays: Vec<_> = overlays.iter_mut().map(|place| &mut place.node).collect();
        let arrays = columns
            .into_iter()
            .zip(self.schema.fields())
            .map(|(column, field)| column.node.finish(field.data_type(), &mut overlays, None))
            .collect::<Result<Vec<_>, _>>();
        arrays
            .and_then(|arrays| {
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            })
            .map_err(|error| {
                Error::new(Kind::Bug, format!("columns do not make a batch: {error}")).because(error)
            })
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.places.iter().map(|place| &place.node)
    }

    fn read_row(&mut self, row: &[u8]) -> Read {
        let mut c = Cursor::new(row, &mut self.scratch);
        c.expect(b'[')?;
        for (index, place) in self.places.iter_mut().enumerate() {
            if index > 0 {
                c.expect(b',')?;
            }
            place.node.read(&mut c).map_err(|fault| fault.inside(Step::Index(index)))?;
        }
        c.expect(b']')?;
        c.end()
    }

    /// Cuts the row off again. Whether it is JSON and has the right number of values is asked of the row as a whole: a
    /// missing value shows first as one of the wrong type.
    #[cold]
    fn take_back(&mut self, row: &[u8], fault: &Fault) -> BadRow {
        for place in &mut self.places {
            place.node.truncate(self.rows);
        }
        let count = read::count_values(row, &mut self.scratch);
        match count {
            Some(count) if count != self.places.len() => BadRow {
                path: "$".to_owned(),
                place: "$".to_owned(),
                reason: format!("{count} values where {} columns are selected", self.places.len()),
                offset: fault.offset(),
                arity: true,
                syntax: false,
            },
            _ => BadRow {
                path: fault.path(),
                place: fault.place(),
                reason: fault.reason().to_owned(),
                offset: fault.offset(),
                arity: false,
                syntax: count.is_none(),
            },
        }
    }
}

/// The first `n` values of a row when all of them are integers: the position of a row that is bad for its other values.
pub fn leading_integers(row: &[u8], n: usize) -> Option<Vec<i64>> {
    read::leading_integers(row, n)
}
