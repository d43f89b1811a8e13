//! How each leaf column is encoded, decided from a sample of the rows.
//!
//! | what the sample shows                                   | `compact`               | `portable` |
//! |---------------------------------------------------------|-------------------------|------------|
//! | BOOLEAN                                                 | PLAIN                   | PLAIN      |
//! | fewer than 512 values                                   | dictionary              | dictionary |
//! | whole numbers whose differences need fewest bits        | DELTA_BINARY_PACKED     | as below   |
//! | … and use nearly all of the bits that they are given    | the same, not compressed | as below  |
//! | more than half of the values differ: text and bytes     | DELTA_LENGTH_BYTE_ARRAY | PLAIN      |
//! | more than half of the values differ: anything else      | PLAIN                   | PLAIN      |
//! | anything else                                           | dictionary              | dictionary |
//!
//! Differences that are like chance fill their bits: a codec finds nothing in them, and takes its time and its tables all
//! the same. A dictionary over UUIDs, times or measurements costs time and makes the file larger. Whole numbers are what
//! Parquet stores as INT32 and INT64: DECIMALs of up to 18 digits too.
//!
//! `portable` is the default, as no reader takes it wrongly. DELTA_LENGTH_BYTE_ARRAY with nulls gives texts of other rows
//! in Spark 3.4.4, 3.5.6 and 4.0.0, and is unknown to Spark 3.3 and pyarrow 10; DELTA_BINARY_PACKED gives wrong numbers in
//! fastparquet (`docs/performance.md`). DELTA_BYTE_ARRAY is in neither, as text that does not repeat seldom shares
//! prefixes, nor is BYTE_STREAM_SPLIT, which would suit DOUBLE, because Spark's vectorised reader refused it until 2026
//! (SPARK-56894).

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int32Type, Int64Type,
    Time32MillisecondType, Time64MicrosecondType, TimestampMicrosecondType, TimestampMillisecondType,
};
use arrow::datatypes::{DataType, TimeUnit};

use crate::feed::Encodings;

/// Rows that are looked at before the choice is final.
const SAMPLE_ROWS: usize = 16_384;
/// Fewer values than this say nothing.
const ENOUGH: u64 = 512;
/// Values of a miniblock of DELTA_BINARY_PACKED, each packed with the bits of the widest difference.
const MINIBLOCK: usize = 32;
/// Bits that a difference leaves unused on average, up to which it is like chance: differences of numbers that are all
/// equally likely leave 2.3 to 2.7 of their miniblock's bits, depending on where their range lies.
const UNUSED: u64 = 3;
/// Fewer bits than this are seldom like chance for long.
const WIDE: u64 = 8;

/// The encoding of a leaf column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Dictionary,
    Plain,
    Delta,
    /// Not compressed.
    DeltaRaw,
    DeltaLength,
}

impl Choice {
    /// As the footer records it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dictionary => "dictionary",
            Self::Plain => "plain",
            Self::Delta => "delta",
            Self::DeltaRaw => "delta, not compressed",
            Self::DeltaLength => "delta length",
        }
    }
}

/// What a sample says of one leaf column.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeafStats {
    /// Values that are not null.
    pub(crate) values: u64,
    /// BOOLEAN: bits.
    pub(crate) boolean: bool,
    /// Different ones among them.
    pub(crate) distinct: u64,
    /// Text or bytes.
    pub(crate) text: bool,
    /// Stored as INT32 or INT64: its width in bits; 0 for everything else.
    pub(crate) int_bits: u32,
    /// Bits of all miniblocks of differences, summed over the values.
    pub(crate) delta_bits: u64,
    /// Bits that each difference needs by itself, summed over the values.
    pub(crate) used_bits: u64,
}

/// The rule.
pub(crate) fn choose(leaf: &LeafStats, encodings: Encodings) -> Choice {
    if leaf.boolean {
        return Choice::Plain;
    }
    if leaf.values < ENOUGH {
        return Choice::Dictionary;
    }
    let repeats = leaf.distinct * 2 <= leaf.values;
    if leaf.int_bits > 0 && encodings == Encodings::Compact {
        let plain_bits = leaf.values * u64::from(leaf.int_bits);
        let index_bits = u64::from(leaf.distinct.max(2).next_power_of_two().trailing_zeros());
        let dictionary_bits = leaf.distinct * u64::from(leaf.int_bits) + leaf.values * index_bits;
        let other = if repeats { dictionary_bits.min(plain_bits) } else { plain_bits };
        // Readers unpack differences more slowly than the others, so it has to be worth it.
        if leaf.delta_bits * 5 < other * 4 {
            let full = leaf.delta_bits <= leaf.used_bits + UNUSED * leaf.values;
            let wide = leaf.delta_bits >= WIDE * leaf.values;
            return if full && wide && !repeats { Choice::DeltaRaw } else { Choice::Delta };
        }
    }
    match (repeats, leaf.text && encodings == Encodings::Compact) {
        (true, _) => Choice::Dictionary,
        // Lengths apart from the bytes: both compress better, and faster.
        (false, true) => Choice::DeltaLength,
        (false, false) => Choice::Plain,
    }
}

/// Looks at the first rows of a run.
#[derive(Default)]
pub(crate) struct Sampler {
    rows: usize,
    leaves: Vec<Leaf>,
}

#[derive(Default)]
struct Leaf {
    stats: LeafStats,
    /// A number for each different value, in ascending order.
    seen: Vec<u64>,
}

impl Sampler {
    /// Not enough was seen yet.
    pub(crate) fn wants_more(&self) -> bool {
        self.rows < SAMPLE_ROWS
    }

    /// Looks at a batch, unless enough was seen.
    pub(crate) fn look(&mut self, batch: &RecordBatch) {
        let rows = batch.num_rows().min(SAMPLE_ROWS - self.rows);
        if rows == 0 {
            return;
        }
        self.rows += rows;
        let mut at = 0;
        for column in batch.columns() {
            self.walk(&column.slice(0, rows), &mut at);
        }
    }

    /// The choices, in the order of the file's leaf columns; leaves never seen are missing at the end.
    pub(crate) fn choices(&self, encodings: Encodings) -> Vec<Choice> {
        self.leaves.iter().map(|leaf| choose(&leaf.stats, encodings)).collect()
    }

    /// Visits the leaves in the order in which Parquet numbers them.
    fn walk(&mut self, array: &ArrayRef, at: &mut usize) {
        match array.data_type() {
            DataType::Struct(_) => {
                for child in array.as_struct().columns() {
                    self.walk(child, at);
                }
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let (from, to) = (list.value_offsets()[0], list.value_offsets()[list.len()]);
                self.walk(&slice(list.values(), from, to), at);
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let (from, to) = (map.value_offsets()[0], map.value_offsets()[map.len()]);
                self.walk(&slice(map.keys(), from, to), at);
                self.walk(&slice(map.values(), from, to), at);
            }
            _ => {
                if self.leaves.len() <= *at {
                    self.leaves.resize_with(*at + 1, Leaf::default);
                }
                self.leaves[*at].look(array);
                *at += 1;
            }
        }
    }
}

fn slice(values: &ArrayRef, from: i32, to: i32) -> ArrayRef {
    let from = usize::try_from(from).unwrap_or(0);
    let to = usize::try_from(to).unwrap_or(0).min(values.len());
    values.slice(from, to.saturating_sub(from))
}

impl Leaf {
    fn look(&mut self, array: &ArrayRef) {
        match array.data_type() {
            DataType::Int32 => self.ints(&whole::<Int32Type>(array), 32),
            DataType::Date32 => self.ints(&whole::<Date32Type>(array), 32),
            DataType::Time32(TimeUnit::Millisecond) => self.ints(&whole::<Time32MillisecondType>(array), 32),
            DataType::Int64 => self.ints(&whole::<Int64Type>(array), 64),
            DataType::Time64(TimeUnit::Microsecond) => self.ints(&whole::<Time64MicrosecondType>(array), 64),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.ints(&whole::<TimestampMillisecondType>(array), 64);
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.ints(&whole::<TimestampMicrosecondType>(array), 64);
            }
            DataType::Float64 => {
                self.count(array.as_primitive::<Float64Type>().iter().flatten().map(f64::to_bits));
            }
            // Parquet stores it as INT32 up to 9 digits, and as INT64 up to 18.
            DataType::Decimal128(digits @ ..=18, _) => {
                let bits = if *digits <= 9 { 32 } else { 64 };
                let values: Vec<i64> = array
                    .as_primitive::<Decimal128Type>()
                    .iter()
                    .flatten()
                    .map(|value| i64::try_from(value).unwrap_or_default())
                    .collect();
                self.ints(&values, bits);
            }
            DataType::Decimal128(..) => {
                let values = array.as_primitive::<Decimal128Type>().iter().flatten();
                self.count(values.map(|value| mixed(&value.to_le_bytes())));
            }
            DataType::Decimal256(..) => {
                let values = array.as_primitive::<Decimal256Type>().iter().flatten();
                self.count(values.map(|value| mixed(&value.to_le_bytes())));
            }
            DataType::Utf8 => {
                self.texts(array.as_string::<i32>().iter().flatten().map(|text| mixed(text.as_bytes())));
            }
            DataType::Binary => self.texts(array.as_binary::<i32>().iter().flatten().map(mixed)),
            DataType::Boolean => self.stats.boolean = true,
            // Types that the decoder does not make keep the default.
            _ => {}
        }
    }

    /// Counts values, each told by a number.
    fn count(&mut self, values: impl Iterator<Item = u64>) {
        let before = self.seen.len();
        self.seen.extend(values);
        self.stats.values += (self.seen.len() - before) as u64;
        self.seen.sort_unstable();
        self.seen.dedup();
        self.stats.distinct = self.seen.len() as u64;
    }

    fn texts(&mut self, values: impl Iterator<Item = u64>) {
        self.stats.text = true;
        self.count(values);
    }

    fn ints(&mut self, values: &[i64], bits: u32) {
        self.count(values.iter().map(|value| value.cast_unsigned()));
        self.stats.int_bits = bits;
        let differences: Vec<i64> = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        for block in differences.chunks(MINIBLOCK) {
            let (min, max) = block.iter().fold((i64::MAX, i64::MIN), |(a, b), d| (a.min(*d), b.max(*d)));
            let width = 64 - max.abs_diff(min).leading_zeros();
            self.stats.delta_bits += u64::from(width) * block.len() as u64;
            let used = |d: &i64| u64::from(64 - d.abs_diff(min).leading_zeros());
            self.stats.used_bits += block.iter().map(used).sum::<u64>();
        }
    }
}

/// A number for bytes; seldom the same for others. What counts here is that it takes little time.
fn mixed(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut words = bytes.chunks_exact(8);
    let mut mix = bytes.len() as u64;
    let mut add = |word: u64| {
        let wide = u128::from(mix ^ word) * u128::from(ODD);
        #[allow(clippy::cast_possible_truncation, reason = "both halves are meant")]
        let halves = (wide as u64, (wide >> 64) as u64);
        mix = halves.0 ^ halves.1;
    };
    for word in &mut words {
        add(u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    let mut rest = [0; 8];
    rest[..words.remainder().len()].copy_from_slice(words.remainder());
    add(u64::from_le_bytes(rest));
    mix
}

fn whole<T: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<i64>
where
    T::Native: Into<i64>,
{
    array.as_primitive::<T>().iter().flatten().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray};

    use super::*;

    /// The compact way, and the portable one.
    fn choice(array: ArrayRef) -> [Choice; 2] {
        let batch = RecordBatch::try_from_iter([("c", array)]).unwrap();
        let mut sampler = Sampler::default();
        sampler.look(&batch);
        [Encodings::Compact, Encodings::Portable].map(|encodings| sampler.choices(encodings)[0])
    }

    fn noise(i: u64) -> u64 {
        let mixed = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 27)
    }

    #[test]
    fn each_kind_of_column_gets_what_suits_it() {
        let n = 4000_u64;
        let offsets: Int64Array = (0..n.cast_signed()).collect();
        let times: Int64Array =
            (0..n).map(|i| (1_700_000_000_000 + i * 250 + noise(i) % 900).cast_signed()).collect();
        // Mostly a step of one, now and then far: most bits of a miniblock are zeros, which a codec finds.
        let jumps: Int64Array = (0..n).map(|i| (i + i / 25 * 100_000).cast_signed()).collect();
        let random: Int64Array = (0..n).map(|i| noise(i).cast_signed()).collect();
        let partitions: Int32Array = (0..n).map(|i| i32::try_from(noise(i) % 4).unwrap()).collect();
        let words: StringArray =
            (0..n).map(|i| Some(["EUR", "USD", "JPY"][(noise(i) % 3) as usize])).collect();
        let uuids: StringArray =
            (0..n).map(|i| Some(format!("{:032x}", u128::from(noise(i)) << 40))).collect();
        let doubles: Float64Array = (0..n).map(|i| f64::from_bits(noise(i) >> 12)).collect();
        let amounts: Decimal128Array = (0..n).map(|i| Some(i128::from(noise(i) % 1_000_000))).collect();
        let long: Decimal128Array = (0..n).map(|i| Some(i128::from(noise(i)) << 40)).collect();
        let amounts = amounts.with_precision_and_scale(12, 2).unwrap();
        let long = long.with_precision_and_scale(38, 0).unwrap();
        assert_eq!(choice(Arc::new(offsets)), [Choice::Delta, Choice::Plain]);
        assert_eq!(choice(Arc::new(times)), [Choice::DeltaRaw, Choice::Plain]);
        assert_eq!(choice(Arc::new(jumps)), [Choice::Delta, Choice::Plain]);
        assert_eq!(choice(Arc::new(random)), [Choice::Plain; 2]);
        assert_eq!(choice(Arc::new(partitions)), [Choice::Dictionary; 2]);
        assert_eq!(choice(Arc::new(words)), [Choice::Dictionary; 2]);
        assert_eq!(choice(Arc::new(uuids)), [Choice::DeltaLength, Choice::Plain]);
        assert_eq!(choice(Arc::new(doubles)), [Choice::Plain; 2]);
        assert_eq!(choice(Arc::new(amounts)), [Choice::DeltaRaw, Choice::Plain]);
        assert_eq!(choice(Arc::new(long)), [Choice::Plain; 2]);
        let few: Int64Array = (0..100).collect();
        assert_eq!(choice(Arc::new(few)), [Choice::Dictionary; 2]);
    }

    #[test]
    fn leaves_are_numbered_as_parquet_numbers_them() {
        use arrow::array::StructArray;
        use arrow::array::builder::{ListBuilder, MapBuilder, StringBuilder};
        let mut list = ListBuilder::new(StringBuilder::new());
        let mut map = MapBuilder::new(None, StringBuilder::new(), arrow::array::builder::Int64Builder::new());
        for i in 0..600 {
            list.values().append_value(format!("{:x}", noise(i)));
            list.append(true);
            map.keys().append_value("k");
            map.values().append_value(i.cast_signed());
            map.append(true).unwrap();
        }
        let inner: ArrayRef = Arc::new((0..600).collect::<Int64Array>());
        let outer =
            StructArray::try_from(vec![("A", inner), ("L", Arc::new(list.finish()) as ArrayRef)]).unwrap();
        let batch = RecordBatch::try_from_iter([
            ("S", Arc::new(outer) as ArrayRef),
            ("M", Arc::new(map.finish()) as ArrayRef),
        ])
        .unwrap();
        let mut sampler = Sampler::default();
        sampler.look(&batch.slice(0, 590));
        sampler.look(&batch.slice(590, 10));
        let schema = parquet::arrow::ArrowSchemaConverter::new().convert(&batch.schema()).unwrap();
        let paths: Vec<String> = schema.columns().iter().map(|c| c.path().string()).collect();
        let named: Vec<_> =
            paths.iter().map(String::as_str).zip(sampler.choices(Encodings::Compact)).collect();
        assert_eq!(
            named,
            [
                ("S.A", Choice::Delta),
                ("S.L.list.item", Choice::DeltaLength),
                ("M.entries.keys", Choice::Dictionary),
                ("M.entries.values", Choice::Delta),
            ]
        );
    }
}
