//! Which Kafka offsets a file, or a run, holds.
//!
//! Offsets of one partition mostly come one after another, so they are kept as runs `[first, last]`. A file whose rows
//! are picked from all over the log would need a run a row: beyond a cap only the hull and the number of rows stay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Kind};

/// Offset runs per Kafka partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct OffsetRuns {
    partitions: BTreeMap<i32, PartitionRuns>,
}

/// The offsets of one Kafka partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct PartitionRuns {
    /// Runs `[first, last]`, both included, ascending, apart from each other; one hull when there were too many.
    pub runs: Vec<[i64; 2]>,
    /// Number of offsets held.
    pub rows: u64,
    /// `runs` is only the hull: not every offset in it is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hull: bool,
}

impl OffsetRuns {
    /// Adds the offsets `first..=last`. Gives an offset that was there already, and then adds nothing; under a hull
    /// that cannot be told, and everything is taken.
    pub fn insert(&mut self, partition: i32, first: i64, last: i64, cap: usize) -> Result<(), i64> {
        let held = self.partitions.entry(partition).or_default();
        let rows = last.abs_diff(first) + 1;
        if held.hull {
            if let Some(hull) = held.runs.first_mut() {
                *hull = [hull[0].min(first), hull[1].max(last)];
            }
            held.rows += rows;
            return Ok(());
        }
        // The first run that ends at or after the new one's begin; mostly there is none.
        let at = match held.runs.last() {
            Some(run) if run[1] < first => held.runs.len(),
            _ => held.runs.partition_point(|run| run[1] < first),
        };
        if let Some(next) = held.runs.get(at)
            && next[0] <= last
        {
            return Err(next[0].max(first));
        }
        let joins_before = at > 0 && held.runs[at - 1][1].checked_add(1) == Some(first);
        let joins_after = held.runs.get(at).is_some_and(|next| last.checked_add(1) == Some(next[0]));
        match (joins_before, joins_after) {
            (true, true) => {
                held.runs[at - 1][1] = held.runs[at][1];
                held.runs.remove(at);
            }
            (true, false) => held.runs[at - 1][1] = last,
            (false, true) => held.runs[at][0] = first,
            (false, false) => held.runs.insert(at, [first, last]),
        }
        held.rows += rows;
        if held.runs.len() > cap
            && let (Some(first), Some(last)) = (held.runs.first(), held.runs.last())
        {
            held.runs = vec![[first[0], last[1]]];
            held.hull = true;
        }
        Ok(())
    }

    /// Per Kafka partition the first and the last offset.
    pub fn hulls(&self) -> impl Iterator<Item = (i32, [i64; 2])> {
        self.partitions
            .iter()
            .filter_map(|(partition, held)| Some((*partition, [held.runs.first()?[0], held.runs.last()?[1]])))
    }

    /// Kafka partitions and what is held of each.
    pub fn partitions(&self) -> &BTreeMap<i32, PartitionRuns> {
        &self.partitions
    }
}

/// Partitions whose runs are followed at the same time.
const FOLLOWED: usize = 32;

/// Calls `take` with each run of offsets that follow each other within their partition; rows of partitions may take
/// turns.
pub(crate) fn each_run<E>(
    partitions: &[i32],
    offsets: &[i64],
    mut take: impl FnMut(i32, i64, i64) -> Result<(), E>,
) -> Result<(), (i32, E)> {
    let mut give =
        |(partition, first, last): (i32, i64, i64)| take(partition, first, last).map_err(|e| (partition, e));
    let mut runs: Vec<(i32, i64, i64)> = Vec::new();
    for (&partition, &offset) in partitions.iter().zip(offsets) {
        match runs.iter_mut().find(|run| run.0 == partition) {
            Some((_, _, last)) if last.checked_add(1) == Some(offset) => *last = offset,
            Some(run) => give(std::mem::replace(run, (partition, offset, offset)))?,
            None => {
                if runs.len() == FOLLOWED {
                    runs.drain(..).try_for_each(&mut give)?;
                }
                runs.push((partition, offset, offset));
            }
        }
    }
    runs.into_iter().try_for_each(give)
}

/// A row came that was there already.
pub(crate) fn doubled(partition: i32, offset: i64) -> Error {
    Error::new(Kind::Garbled, "a row came twice, and nothing is doubled in the lake")
        .at("ROWPARTITION", partition)
        .at("ROWOFFSET", offset)
        .next("the read is tried again from the last committed position")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain set: the same offsets, the same number, every doubled one seen.
        #[test]
        fn holds_what_a_set_holds(runs in prop::collection::vec((0_i64..200, 0_i64..8), 0..60)) {
            let mut held = OffsetRuns::default();
            let mut model = std::collections::BTreeSet::new();
            for (first, more) in runs {
                let new: Vec<i64> = (first..=first + more).collect();
                let doubled = new.iter().find(|o| model.contains(*o)).copied();
                let got = held.insert(0, first, first + more, 1000);
                prop_assert_eq!(got.err(), doubled);
                if doubled.is_none() {
                    model.extend(new);
                }
            }
            let runs = held.partitions().get(&0).cloned().unwrap_or_default();
            let listed: Vec<i64> = runs.runs.iter().flat_map(|r| r[0]..=r[1]).collect();
            prop_assert_eq!(listed, model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(runs.rows, model.len() as u64);
            prop_assert!(runs.runs.windows(2).all(|w| w[0][1] + 1 < w[1][0]));
        }
    }

    #[test]
    fn too_many_runs_become_a_hull_that_still_counts() {
        let mut held = OffsetRuns::default();
        for i in 0..10 {
            held.insert(3, i * 10, i * 10, 4).unwrap();
        }
        let runs = &held.partitions()[&3];
        assert!(runs.hull);
        assert_eq!((runs.runs.clone(), runs.rows), (vec![[0, 90]], 10));
        let text = serde_json::to_string(&held).unwrap();
        assert_eq!(text, r#"{"3":{"runs":[[0,90]],"rows":10,"hull":true}}"#);
        assert_eq!(serde_json::from_str::<OffsetRuns>(&text).unwrap(), held);
    }
}
