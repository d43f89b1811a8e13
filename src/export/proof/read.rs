//! Ranges of a stream, read from its topic and through one push query.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Tools;
use super::compare::Side;
use super::ranges::Range;
use crate::error::Result;
use crate::ksql::decode::record::Layout;
use crate::ksql::statement::Bound;
use crate::source::ksql::KsqlStream;
use crate::source::{Source, Span, Step, Topic};

/// Bytes of records after which no further ones are compared.
const MOST_BYTES: u64 = 32 << 20;
/// How long it is waited at most before it is looked whether to stop.
const NAP: Duration = Duration::from_millis(200);

/// Reads the ranges from the topic. Where their records are too large for the comparison's memory, gives back fewer or shorter
/// ranges.
pub(super) fn by_log(
    tools: &Tools<'_>,
    topic: &str,
    layout: &Layout,
    ranges: &[Range],
) -> Result<(Side, Vec<Range>)> {
    let topic = Topic { brokers: tools.logs.clone(), name: topic.to_owned(), layout: layout.clone() };
    let mut side = Side::default();
    let mut read = Vec::new();
    let mut left = MOST_BYTES;
    for round in rounds(ranges) {
        if left == 0 {
            break;
        }
        let spans =
            round.iter().map(|range| (range.partition, Span { next: range.from, until: Some(range.until) }));
        left = drain(tools, &topic, &spans.collect(), left, &mut side)?;
        let part = |range| if left > 0 { Some(range) } else { cut(range, &side) };
        read.extend(round.into_iter().filter_map(part));
    }
    read.sort_by_key(|range| (range.partition, range.from));
    Ok((side, read))
}

/// Reads the ranges through one query: the server reads its topic from the first record on for every query. What lies behind
/// the last record that `kafka` has of a partition is not asked for: there the log holds none, and it would be waited for.
pub(super) fn by_query(
    tools: &Tools<'_>,
    stream: &KsqlStream,
    ranges: &[Range],
    kafka: &Side,
    side: &mut Side,
) -> Result<()> {
    let mut spans: BTreeMap<i32, Span> = BTreeMap::new();
    for range in ranges {
        let span = spans.entry(range.partition).or_insert(Span { next: range.from, until: None });
        let last = kafka.last_of(range.partition);
        span.until = Some(last.map_or(range.until, |last| (last + 1).min(range.until)).max(span.next));
    }
    spans.retain(|_, span| span.is_open());
    if spans.is_empty() {
        return Ok(());
    }
    let only = ranges.iter().map(|range| Bound {
        partition: range.partition,
        from: range.from,
        until: Some(range.until),
    });
    let stream = KsqlStream { only: only.collect(), ..stream.clone() };
    drain(tools, &stream, &spans, u64::MAX, side).map(|_| ())
}

/// Reads spans to their end, or until so many bytes came; gives how many more may come.
fn drain(
    tools: &Tools<'_>,
    source: &dyn Source,
    spans: &BTreeMap<i32, Span>,
    most: u64,
    side: &mut Side,
) -> Result<u64> {
    let mut scan = source.open(spans, &tools.with)?;
    let outcome = loop {
        if let Err(stopped) = tools.cancel.check() {
            break Err(stopped);
        }
        match scan.next(NAP) {
            Ok(Step::Rows(batch)) => side.take(batch),
            Ok(Step::Bad(bad)) => side.take_bad((bad.partition, bad.offset), bad.bad),
            Ok(Step::End) => break Ok(most.saturating_sub(scan.bytes()).max(1)),
            Ok(Step::Idle) => {}
            Ok(Step::Cut(error)) | Err(error) => break Err(error),
        }
        if scan.bytes() >= most {
            break Ok(0);
        }
    };
    scan.close();
    outcome
}

/// One range of each partition a round: a read has one span of each.
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
