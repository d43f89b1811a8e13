//! Ranges of a topic, read from the log itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Tools;
use super::compare::Side;
use super::ranges::Range;
use crate::error::Result;
use crate::ksql::decode::record::Layout;
use crate::source::{Span, Step};

/// Bytes of records after which no further ones are compared.
const MOST_BYTES: u64 = 32 << 20;
/// How long it is waited at most before it is looked whether to stop.
const NAP: Duration = Duration::from_millis(200);

/// Reads the ranges. Where their records are too large for the comparison's memory, gives back fewer or shorter ranges.
pub(super) fn read(
    tools: &Tools<'_>,
    topic: &str,
    layout: &Layout,
    ranges: &[Range],
) -> Result<(Side, Vec<Range>)> {
    let mut side = Side::default();
    let mut read = Vec::new();
    let mut bytes = 0;
    for round in rounds(ranges) {
        if bytes >= MOST_BYTES {
            break;
        }
        let whole = read_round(tools, topic, layout, &round, &mut bytes, &mut side)?;
        read.extend(
            round.into_iter().filter_map(|range| if whole { Some(range) } else { cut(range, &side) }),
        );
    }
    read.sort_by_key(|range| (range.partition, range.from));
    Ok((side, read))
}

/// One range of each partition a round: a read of a log has one span of each.
fn rounds(ranges: &[Range]) -> Vec<Vec<Range>> {
    let mut rounds: Vec<Vec<Range>> = Vec::new();
    let mut seen: BTreeMap<i32, usize> = BTreeMap::new();
    for range in ranges {
        let round = seen.entry(range.partition).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(*range);
        *round += 1;
    }
    rounds
}

/// What of a range was read before its round was broken off.
fn cut(range: Range, side: &Side) -> Option<Range> {
    let last = side.last_of(range.partition).filter(|last| *last >= range.from)?;
    Some(Range { until: (last + 1).min(range.until), ..range })
}

/// False when it was broken off, as too many bytes came.
fn read_round(
    tools: &Tools<'_>,
    topic: &str,
    layout: &Layout,
    round: &[Range],
    bytes: &mut u64,
    side: &mut Side,
) -> Result<bool> {
    let spans =
        round.iter().map(|range| (range.partition, Span { next: range.from, until: Some(range.until) }));
    let mut scan = tools.logs.open(topic, &spans.collect(), layout, tools.pool)?;
    let before = *bytes;
    loop {
        tools.cancel.check()?;
        let step = scan.next(NAP)?;
        *bytes = before + scan.bytes();
        match step {
            Step::Rows(batch) => side.take(batch),
            Step::Bad(bad) => side.take_bad((bad.partition, bad.offset), bad.bad),
            Step::End => return Ok(true),
            Step::Idle => {}
            Step::Cut(error) => return Err(error),
        }
        if *bytes >= MOST_BYTES {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_one_range_of_each_partition() {
        let range = |partition, from| Range { partition, from, until: from + 10 };
        let ranges = [range(0, 0), range(0, 50), range(0, 90), range(1, 0), range(2, 7), range(2, 20)];
        assert_eq!(
            rounds(&ranges),
            [
                vec![range(0, 0), range(1, 0), range(2, 7)],
                vec![range(0, 50), range(2, 20)],
                vec![range(0, 90)]
            ]
        );
    }
}
