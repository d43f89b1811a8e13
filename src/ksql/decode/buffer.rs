//! Growing buffers in Arrow's layout that can be cut back to an earlier length.
//!
//! ```text
//! Nulls    how many values, and which of them are null     no bit is kept until the first null comes
//! Offsets  0, end of the first, end of the second, …       ends of lists in their elements, of texts in their bytes
//! Texts    offsets and bytes                               STRING and BYTES
//! ```
//!
//! They know Arrow's buffers and nothing of types, JSON or ksqlDB.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};

/// Past this end of an offset buffer (half of what it can address) the batch is to be taken.
const FULL: i32 = i32::MAX / 2;

/// Takes the values and leaves room for as many and a few more: texts of the next batch are seldom as long to the byte,
/// and a buffer that has to grow is copied.
pub(super) fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(values.len() + values.len() / 16);
    std::mem::replace(values, room)
}

/// Which values are null.
#[derive(Debug, Default)]
pub(super) struct Nulls {
    len: usize,
    /// A bit a value up to the last null, set when the value is there; made when the first null comes.
    valid: Option<BooleanBufferBuilder>,
}

impl Nulls {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A value that is there.
    #[inline]
    pub(super) fn push_valid(&mut self) {
        self.len += 1;
    }

    /// A null.
    #[inline]
    pub(super) fn push_null(&mut self) {
        let valid = self.valid.get_or_insert_with(|| BooleanBufferBuilder::new(self.len + 1));
        valid.append_n(self.len - valid.len(), true);
        valid.append(false);
        self.len += 1;
    }

    /// Whether the value at this place is null.
    pub(super) fn is_null(&self, at: usize) -> bool {
        self.valid.as_ref().is_some_and(|valid| at < valid.len() && !valid.get_bit(at))
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        if let Some(valid) = &mut self.valid {
            valid.truncate(len);
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.valid.as_ref().map_or(0, |_| self.len.div_ceil(8))
    }

    /// Takes what is here; `None` when nothing is null.
    pub(super) fn finish(&mut self) -> Option<NullBuffer> {
        let len = std::mem::take(&mut self.len);
        let mut valid = self.valid.take()?;
        valid.append_n(len - valid.len(), true);
        let nulls = NullBuffer::new(valid.build());
        (nulls.null_count() > 0).then_some(nulls)
    }
}

/// Ends of values in a buffer of their parts.
#[derive(Debug)]
pub(super) struct Offsets(Vec<i32>);

impl Offsets {
    pub(super) fn new() -> Self {
        Self(vec![0])
    }

    /// Where the last value ends.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.0.last().and_then(|&end| usize::try_from(end).ok()).unwrap_or(0)
    }

    /// Ends a value. False, and nothing done, when the end is beyond 2^31.
    #[inline]
    #[must_use]
    pub(super) fn push(&mut self, end: usize) -> bool {
        i32::try_from(end).map(|end| self.0.push(end)).is_ok()
    }

    /// Adds a value without parts.
    #[inline]
    pub(super) fn push_empty(&mut self) {
        self.0.push(self.0.last().copied().unwrap_or(0));
    }

    /// Where the value at `index` begins and ends.
    pub(super) fn range(&self, index: usize) -> std::ops::Range<usize> {
        let at = |i: usize| self.0.get(i).and_then(|&end| usize::try_from(end).ok()).unwrap_or(0);
        at(index)..at(index + 1)
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len + 1);
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.last().is_some_and(|&end| end > FULL)
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(self.0.as_slice()) - size_of::<i32>()
    }

    pub(super) fn finish(&mut self) -> OffsetBuffer<i32> {
        let offsets = take(&mut self.0);
        self.0.push(0);
        OffsetBuffer::new(ScalarBuffer::from(offsets))
    }
}

/// Texts or byte strings, end to end.
#[derive(Debug)]
pub(super) struct Texts {
    offsets: Offsets,
    /// The bytes of all of them; behind the last end, the beginning of the one that is being read.
    pub(super) bytes: Vec<u8>,
}

impl Texts {
    pub(super) fn new() -> Self {
        Self { offsets: Offsets::new(), bytes: Vec::new() }
    }

    /// Ends the text whose bytes were appended. False when the buffer cannot address them.
    #[inline]
    #[must_use]
    pub(super) fn close(&mut self) -> bool {
        self.offsets.push(self.bytes.len())
    }

    /// Adds an empty text.
    #[inline]
    pub(super) fn push_empty(&mut self) {
        self.offsets.push_empty();
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        self.bytes.get(self.offsets.range(index)).unwrap_or_default()
    }

    /// Whether of the texts from `start` on two are the same. Each is compared with each.
    pub(super) fn repeat(&self, start: usize) -> bool {
        let mut rest = self.offsets.0.get(start..).unwrap_or_default().windows(2);
        while let Some(a) = rest.next() {
            if rest.clone().any(|b| b[1] - b[0] == a[1] - a[0] && self.between(a) == self.between(b)) {
                return true;
            }
        }
        false
    }

    /// The bytes between two ends.
    fn between(&self, ends: &[i32]) -> &[u8] {
        let at = |i: usize| usize::try_from(ends[i]).unwrap_or(0);
        self.bytes.get(at(0)..at(1)).unwrap_or_default()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len);
        self.bytes.truncate(self.offsets.end());
    }

    pub(super) fn is_full(&self) -> bool {
        self.offsets.is_full()
    }

    pub(super) fn memory(&self) -> usize {
        self.offsets.memory() + self.bytes.len()
    }

    pub(super) fn finish(&mut self) -> (OffsetBuffer<i32>, arrow::buffer::Buffer) {
        (self.offsets.finish(), take(&mut self.bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_cut_back_to_any_length() {
        for cut in 0..20 {
            let mut nulls = Nulls::default();
            for i in 0..20 {
                if i % 3 == 0 { nulls.push_null() } else { nulls.push_valid() }
            }
            nulls.truncate(cut);
            nulls.push_valid();
            nulls.push_null();
            let found: Vec<bool> = nulls.finish().unwrap().iter().collect();
            let wanted: Vec<bool> = (0..cut).map(|i| i % 3 != 0).chain([true, false]).collect();
            assert_eq!(found, wanted);
            assert_eq!(nulls.len(), 0);
        }
    }

    #[test]
    fn an_end_that_cannot_be_addressed_is_refused() {
        let mut offsets = Offsets::new();
        assert!(offsets.push(i32::MAX as usize));
        assert!(offsets.is_full());
        assert!(!offsets.push(i32::MAX as usize + 1));
        assert_eq!(offsets.end(), i32::MAX as usize);
        offsets.truncate(0);
        assert!(!offsets.is_full());
        assert_eq!(offsets.end(), 0);
    }
}
