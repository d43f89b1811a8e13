//! Records that are to be read, by their offsets. Each must come: one that does not was removed from the log meanwhile.

use std::collections::BTreeMap;

use super::Span;
use crate::error::{Error, Kind, Result};

/// Offsets of one topic, and which of them have come.
#[derive(Debug, Clone, Default)]
pub struct Chosen(BTreeMap<i32, Partition>);

#[derive(Debug, Clone)]
struct Partition {
    /// Ascending, each once.
    offsets: Vec<i64>,
    /// Those before this place have come.
    next: usize,
}

impl Chosen {
    /// These offsets, in any order. Takes 8 bytes an offset.
    pub fn new(offsets: impl IntoIterator<Item = (i32, Vec<i64>)>) -> Self {
        let partitions = offsets.into_iter().filter(|(_, offsets)| !offsets.is_empty());
        Self(
            partitions
                .map(|(partition, mut offsets)| {
                    offsets.sort_unstable();
                    offsets.dedup();
                    (partition, Partition { offsets, next: 0 })
                })
                .collect(),
        )
    }

    /// Nothing is to be read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From the first to the last of each partition.
    pub fn spans(&self) -> BTreeMap<i32, Span> {
        let spans = self.0.iter().filter_map(|(partition, chosen)| {
            let (first, last) = (chosen.offsets.first()?, chosen.offsets.last()?);
            Some((*partition, Span { next: *first, until: Some(last + 1) }))
        });
        spans.collect()
    }

    /// Whether the record that has come is one of them.
    ///
    /// # Errors
    /// `Kind::Incomplete` when one before it has not come.
    pub fn meet(&mut self, partition: i32, offset: i64) -> Result<bool> {
        let Some(chosen) = self.0.get_mut(&partition) else { return Ok(false) };
        match chosen.offsets.get(chosen.next) {
            Some(wanted) if *wanted == offset => {
                chosen.next += 1;
                Ok(true)
            }
            Some(wanted) if *wanted < offset => Err(removed(partition, *wanted)),
            _ => Ok(false),
        }
    }

    /// Looks whether all have come.
    ///
    /// # Errors
    /// `Kind::Incomplete` when one has not.
    pub fn end(&self) -> Result<()> {
        match self
            .0
            .iter()
            .find_map(|(partition, chosen)| Some((*partition, *chosen.offsets.get(chosen.next)?)))
        {
            Some((partition, offset)) => Err(removed(partition, offset)),
            None => Ok(()),
        }
    }
}

fn removed(partition: i32, offset: i64) -> Error {
    Error::new(
        Kind::Incomplete,
        "a record was removed from the log while the log was read: its key has a newer one",
    )
    .at("partition", partition)
    .at("offset", offset)
    .next("the read begins anew, with the log as it is then")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chosen_record_must_come() {
        let chosen = Chosen::new([(0, vec![7, 3, 7, 5]), (1, vec![2]), (2, Vec::new())]);
        let span = |next, until| Span { next, until: Some(until) };
        assert_eq!(chosen.spans(), BTreeMap::from([(0, span(3, 8)), (1, span(2, 3))]));
        let mut all = chosen.clone();
        let met: Vec<_> = (0..9).filter(|offset| all.meet(0, *offset).unwrap()).collect();
        assert_eq!(met, [3, 5, 7]);
        assert!(!all.meet(9, 0).unwrap());
        assert!(all.end().unwrap_err().to_string().contains("removed"));
        assert!(all.meet(1, 2).unwrap());
        all.end().unwrap();
        // 5 does not come.
        let mut hole = chosen;
        assert!(hole.meet(0, 3).unwrap());
        assert_eq!(hole.meet(0, 6).unwrap_err().kind(), Kind::Incomplete);
        assert!(Chosen::new([(2, Vec::new())]).is_empty());
    }
}
