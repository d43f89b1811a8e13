//! Bytes become batches: framing, header check, decoding. What to do with a batch or a bad row is the sink's matter.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;

use super::decoding::{Content, Decoding, Slice};
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::BadRow;
use crate::ksql::decode::record::Layout;
use crate::ksql::response::{Completion, Element, Frames, Framing};
use crate::ksql::statement::Selection;
use crate::pool::Pool;

/// Where rows go.
pub trait Sink {
    /// Takes decoded rows, in the order in which they came.
    fn batch(&mut self, batch: RecordBatch) -> Result<()>;
    /// Takes a row that cannot be decoded; every row before it was handed over already.
    fn bad(&mut self, bad: BadRow, row: &[u8]) -> Result<()>;
}

/// One answer being read.
pub struct Rows {
    frames: Frames,
    decoding: Decoding,
    selection: Selection,
    query_id: Option<String>,
    table: bool,
}

impl Rows {
    /// For an answer in `framing` to the query that `selection` asked. The pool's threads decode, where it has any.
    pub fn new(
        framing: Framing,
        max_row_bytes: usize,
        selection: &Selection,
        pool: &Arc<Pool>,
    ) -> Result<Self> {
        Self::of(framing, max_row_bytes, selection, Content::Columns(selection.columns.clone()), pool)
    }

    /// The same where each row holds a record of this layout, as bytes.
    ///
    /// # Errors
    /// As [`crate::ksql::decode::record::RecordDecoder::new`].
    pub fn of_records(
        framing: Framing,
        max_row_bytes: usize,
        selection: &Selection,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Self> {
        Self::of(framing, max_row_bytes, selection, Content::Records(layout.clone()), pool)
    }

    fn of(
        framing: Framing,
        max_row_bytes: usize,
        selection: &Selection,
        content: Content,
        pool: &Arc<Pool>,
    ) -> Result<Self> {
        Ok(Self {
            frames: Frames::new(framing, max_row_bytes),
            decoding: Decoding::new(content, pool)?,
            selection: selection.clone(),
            query_id: None,
            table: matches!(framing, Framing::Table | Framing::LegacyTable),
        })
    }

    /// The query's id, once the header has come.
    pub fn query_id(&self) -> Option<&str> {
        self.query_id.as_deref()
    }

    /// The end mark has been seen.
    pub fn is_complete(&self) -> bool {
        self.frames.is_complete()
    }

    /// Takes bytes of the body. Rows may reach the sink later, at the latest with `flush`; those before a fault do too.
    pub fn push(&mut self, bytes: &Bytes, sink: &mut dyn Sink) -> Result<()> {
        let Self { frames, decoding, selection, query_id, table } = self;
        let mut found = Found { bytes, rows: Vec::new(), slices: Vec::new() };
        let framed = frames.push(bytes, &mut |element| match element {
            Element::Header { query_id: id, columns } => {
                *query_id = Some(id.to_owned());
                selection.check_header(columns)
            }
            Element::Row { tombstone: true, .. } => Err(Error::new(
                Kind::Garbled,
                if *table { "a snapshot holds a deletion" } else { "a stream holds a deletion" },
            )),
            Element::Row { values, .. } => {
                found.row(values);
                Ok(())
            }
        });
        found.slices().into_iter().try_for_each(|slice| decoding.take(slice, sink))?;
        framed
    }

    /// Hands over the rows that came so far.
    pub fn flush(&mut self, sink: &mut dyn Sink) -> Result<()> {
        self.decoding.flush(sink)
    }

    /// Decides whether the answer is complete, after a clean end of the transport.
    pub fn end(&self) -> Result<Completion> {
        self.frames.end()
    }
}

/// Rows that were found in bytes.
struct Found<'a> {
    bytes: &'a Bytes,
    rows: Vec<Range<usize>>,
    slices: Vec<Slice>,
}

impl Found<'_> {
    fn row(&mut self, values: &[u8]) {
        let start = values.as_ptr().addr().wrapping_sub(self.bytes.as_ptr().addr());
        if start < self.bytes.len() {
            self.rows.push(start..start + values.len());
            return;
        }
        // It began in the bytes before these, and was put together.
        self.close();
        let rows = std::iter::once(0..values.len()).collect();
        self.slices.push(Slice { bytes: Bytes::copy_from_slice(values), rows });
    }

    fn close(&mut self) {
        if !self.rows.is_empty() {
            let rows = std::mem::take(&mut self.rows);
            self.slices.push(Slice { bytes: self.bytes.clone(), rows });
        }
    }

    fn slices(mut self) -> Vec<Slice> {
        self.close();
        self.slices
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::cast::AsArray;
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::ksql::column::{ReadColumn, Wire};
    use crate::ksql::schema::SqlType;

    /// What came, in its order: the value of a row, or why it is bad.
    #[derive(Default)]
    struct Kept(Vec<Result<i64, String>>);

    impl Sink for Kept {
        fn batch(&mut self, batch: RecordBatch) -> Result<()> {
            self.0
                .extend(batch.column(0).as_primitive::<Int64Type>().values().iter().map(|value| Ok(*value)));
            Ok(())
        }

        fn bad(&mut self, bad: BadRow, row: &[u8]) -> Result<()> {
            let row = String::from_utf8_lossy(row);
            self.0.push(Err(format!("{row}: {}", bad.reason)));
            Ok(())
        }
    }

    /// The line of a row with one value.
    fn row(value: &str) -> String {
        format!("{{\"row\":{{\"columns\":[{value}]}}}},\n")
    }

    /// Reads lines behind a header, in pieces that end where `cuts` says, by so many threads.
    fn read(lines: &[u8], mut cuts: impl FnMut() -> usize, threads: usize) -> (Kept, Result<()>) {
        let column = ReadColumn {
            label: "A".into(),
            name: "A".into(),
            sql_type: SqlType::BigInt,
            wire: Wire::AsDeclared,
        };
        let selection = Selection { columns: vec![column], exprs: vec!["`A`".into()], star: false };
        let pool = Arc::new(Pool::new(threads));
        let mut rows = Rows::new(Framing::Stream, 1 << 20, &selection, &pool).unwrap();
        let mut kept = Kept::default();
        let mut bytes = b"[{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` BIGINT\"}},\n".to_vec();
        bytes.extend_from_slice(lines);
        let mut bytes = Bytes::from(bytes);
        let mut read = Ok(());
        while read.is_ok() && !bytes.is_empty() {
            let piece = bytes.split_to(cuts().min(bytes.len()));
            read = rows.push(&piece, &mut kept);
        }
        let flushed = rows.flush(&mut kept);
        (kept, read.and(flushed))
    }

    #[test]
    fn a_line_that_only_looks_like_a_row_is_garbled() {
        for line in [
            &b"{\"row\":{\"columns\":[1],\"y\":[2]}},\n"[..],
            b"{\"row\":{\"columns\":[1]}},{\"row\":{\"columns\":[2]}},\n",
            b"{\"row\":{\"columns\":[1]}},\n{\"row\":{\"columns\":[2,1]}},\n",
            b"{\"row\":{\"columns\":[}]}},\n",
            b"{\"row\":{\"columns\":[1],\"tombstone\":true}},\n",
        ] {
            for threads in [1, 3] {
                let error = read(line, || usize::MAX, threads).1.unwrap_err();
                assert_eq!(error.kind(), Kind::Garbled, "{}", String::from_utf8_lossy(line));
            }
        }
    }

    #[test]
    fn the_order_is_that_of_the_answer_however_it_is_cut_and_by_any_number_of_threads() {
        // More than several batches; a bad row now and then, two of them side by side.
        let is_bad = |i: i64| i % 9973 < 2;
        let mut lines = String::new();
        for i in 0..70_000 {
            let value = if is_bad(i) { format!("\"{i}\"") } else { i.to_string() };
            lines += &row(&value);
        }
        let rng = &mut fastrand::Rng::with_seed(5);
        for (threads, longest) in [(1, 3_000_000), (1, 100), (2, 100_000), (3, 3_000), (4, 3_000_000)] {
            let (kept, read) = read(lines.as_bytes(), || rng.usize(1..=longest), threads);
            read.unwrap();
            assert_eq!(kept.0.len(), 70_000);
            for (i, came) in (0..).zip(&kept.0) {
                match came {
                    Ok(value) => assert_eq!((*value, is_bad(i)), (i, false)),
                    Err(why) => {
                        assert_eq!(
                            (why.starts_with(&format!("[\"{i}\"]")), is_bad(i)),
                            (true, true),
                            "{why}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_stands_before_a_fault_comes_all_the_same() {
        let lines: Vec<_> = (0..40_000).map(|i| row(&i.to_string())).collect();
        let broken = format!("{}nonsense,\n", lines.concat());
        for threads in [1, 3] {
            let (kept, read) = read(broken.as_bytes(), || 50_000, threads);
            assert_eq!(read.unwrap_err().kind(), Kind::Garbled);
            assert_eq!(kept.0.len(), 40_000);
        }
    }
}
