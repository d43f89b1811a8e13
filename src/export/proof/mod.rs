//! Do both ways of reading a stream give the same rows? Ranges of its log are read both ways and compared value by value.
//!
//! ```text
//! ranges (pure)  which offsets ─▶ read ─┬─ the topic itself ─┬─▶ compare (pure) ─▶ SourceCheck
//!                                       └─ one push query   ─┘
//! ```
//!
//! What it costs: the ranges from the brokers, and one query of ksqlDB, which reads the topic up to the last range, as every
//! query does. Where a row seems to be missing, both ways are asked once more before that is called a difference.

mod compare;
mod ranges;
mod read;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use self::compare::{Comparison, Difference, Known, Side, compare};
use self::ranges::Range;
use super::context::wait_for;
use super::log::{self, LogSource};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::feed::Feed;
use crate::ksql::client::Client;
use crate::ksql::decode::DECODER_VERSION;
use crate::ksql::decode::record::Layout;
use crate::ksql::describe::Description;
use crate::ksql::statement;
use crate::lake::{CheckOutcome, CheckedRange, Holds, SourceCheck, SourceDifference};
use crate::source::ksql::KsqlStream;
use crate::source::{Environment, Log};

/// The two ways, as `_metadata.json` names them.
const WAYS: [&str; 2] = ["kafka", "ksqldb"];

/// What a comparison works with.
pub struct Tools<'a> {
    /// The server.
    pub client: &'a Client,
    /// Who reads logs themselves.
    pub logs: &'a LogSource,
    /// What scans work with.
    pub with: Environment,
    /// A request to stop.
    pub cancel: &'a Cancel,
}

impl Tools<'_> {
    /// Waits for the network, on this thread; ends early when somebody asks to stop.
    fn wait_for<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        wait_for(&self.with.handle, self.cancel, work)
    }
}

/// Describes a feed's stream and compares both ways of reading it. The ranges follow from `seed`.
///
/// # Errors
/// What keeps either side from being read: `Kind::Feed` where the stream cannot be read one of the ways, `Kind::Unreachable`
/// where nobody answers, `Kind::Incomplete` where an answer broke off. None of them says that the sides differ.
pub fn check_source(tools: &Tools<'_>, feed: &Feed, seed: u64, now: DateTime<Utc>) -> Result<SourceCheck> {
    let source = tools.wait_for(super::plan::find_source(tools.client, feed))?;
    let layout = log::layout(tools.logs, feed, &source)?;
    let log = tools.wait_for(log::describe_whole(tools.client, tools.logs, &source, &layout))?;
    compare_ways(tools, feed, &source, &layout, &log, seed, now)
}

/// The comparison of a stream that is described already.
pub(super) fn compare_ways(
    tools: &Tools<'_>,
    feed: &Feed,
    source: &Description,
    layout: &Layout,
    log: &Log,
    seed: u64,
    now: DateTime<Utc>,
) -> Result<SourceCheck> {
    let selection = statement::select_stream(source, &feed.exclude_columns, &feed.rename)?;
    let ranges = ranges::draw(&log.bounds, seed);
    let holds_for = holds(source, layout, log);
    let (found, ranges) = if ranges.is_empty() {
        (Comparison::default(), 0)
    } else {
        let count = ranges.len();
        let stream = KsqlStream::new(tools.client, source, selection);
        (Ways { tools, source, layout, stream }.compare(&ranges)?, count)
    };
    let why = match (found.compared(), ranges) {
        (_, 0) => Some("the topic is empty".to_owned()),
        (0, _) => Some("no row came by both ways".to_owned()),
        _ => None,
    };
    let outcome = match (found.differences, &why) {
        (1.., _) => CheckOutcome::Different,
        (0, Some(_)) => CheckOutcome::Unproved,
        (0, None) => CheckOutcome::Equal,
    };
    let may_show = feed.visibility.shows_values();
    Ok(SourceCheck {
        at: now,
        ways: WAYS.map(str::to_owned),
        outcome,
        why: why.filter(|_| outcome == CheckOutcome::Unproved),
        seed,
        rows: found.compared(),
        ranges: found.rows.iter().filter(|(_, rows)| *rows > 0).map(checked).collect(),
        known: found.known.iter().map(|(known, count)| (known.name().to_owned(), *count)).collect(),
        differences: found.differences,
        first: found.first.iter().map(|difference| told(difference, may_show)).collect(),
        holds_for,
    })
}

/// What is kept of a comparison that broke off.
pub(super) fn unfinished(
    source: &Description,
    layout: &Layout,
    log: &Log,
    why: &str,
    now: DateTime<Utc>,
) -> SourceCheck {
    SourceCheck {
        at: now,
        ways: WAYS.map(str::to_owned),
        outcome: CheckOutcome::Unproved,
        why: Some(why.to_owned()),
        seed: 0,
        ranges: Vec::new(),
        rows: 0,
        known: BTreeMap::new(),
        differences: 0,
        first: Vec::new(),
        holds_for: holds(source, layout, log),
    }
}

fn checked((range, rows): &(Range, u64)) -> CheckedRange {
    CheckedRange { partition: range.partition, offsets: [range.from, range.until - 1], rows: *rows }
}

fn told(difference: &Difference, may_show: bool) -> SourceDifference {
    let Difference { place: (partition, offset), column, path, what, values: [kafka, ksqldb] } = difference;
    let value = |text: &crate::error::RowText| may_show.then(|| text.shown(true).to_owned());
    // A row that is missing has no values.
    let is_row = column.is_empty();
    SourceDifference {
        partition: *partition,
        offset: *offset,
        column: if may_show { path.shown(true).to_owned() } else { column.clone() },
        kafka: value(kafka).filter(|_| !is_row),
        ksqldb: value(ksqldb).filter(|_| !is_row),
        what: (*what).to_owned(),
    }
}

/// What a comparison of this stream, read so, would hold for.
pub(super) fn holds(source: &Description, layout: &Layout, log: &Log) -> Holds {
    let columns: Vec<_> = layout
        .columns
        .iter()
        .map(|c| {
            let lake = c.lake.as_deref().unwrap_or("-");
            format!("{} {} {:?} {lake}", statement::quote(&c.name), c.sql_type, c.role)
        })
        .collect();
    Holds {
        topic: source.topic.clone(),
        cluster: log.identity.cluster.clone(),
        schemas: log.schemas.clone(),
        formats: format!("{} / {}", source.key_format, source.value_format),
        statement: Holds::hash(&format!("{}\n{}", source.statement, source.timestamp)),
        columns: Holds::hash(&columns.join("\n")),
        decoder: DECODER_VERSION,
    }
}

/// Both ways of one stream.
struct Ways<'a> {
    tools: &'a Tools<'a>,
    source: &'a Description,
    layout: &'a Layout,
    stream: KsqlStream,
}

impl Ways<'_> {
    fn compare(&self, ranges: &[Range]) -> Result<Comparison> {
        let Self { tools, source, layout, .. } = self;
        let (mut kafka, ranges) = read::by_log(tools, &source.topic, layout, ranges)?;
        let mut ksqldb = Side::default();
        read::by_query(tools, &self.stream, &ranges, &kafka, &mut ksqldb)?;
        self.leave_out_what_is_gone([&mut kafka, &mut ksqldb])?;
        let found = compare(&kafka, &ksqldb, &ranges);
        if found.only_kafka.is_empty() {
            return Ok(found);
        }
        self.look_again(&ranges, kafka, ksqldb, &found.only_kafka)
    }

    /// Retention may have passed a range between the two reads.
    fn leave_out_what_is_gone(&self, sides: [&mut Side; 2]) -> Result<()> {
        let topic = self.source.topic.clone();
        let log = self.tools.wait_for(log::ask(self.tools.logs, move |logs| logs.log(&topic)))?;
        let starts: BTreeMap<i32, i64> = log.bounds.iter().map(|(p, (start, _))| (*p, *start)).collect();
        for side in sides {
            side.retain(|(partition, offset)| starts.get(&partition).is_none_or(|start| offset >= *start));
        }
        Ok(())
    }

    /// Rows that ksqlDB did not give: they may have gone from the log, a column that the feed leaves out may hold what ksqlDB
    /// drops records for, and an answer may have come late.
    fn look_again(
        &self,
        ranges: &[Range],
        mut kafka: Side,
        mut ksqldb: Side,
        doubtful: &[compare::Place],
    ) -> Result<Comparison> {
        let Self { tools, source, .. } = self;
        let narrowed = narrowed(ranges, doubtful);
        let (again, _) = read::by_log(tools, &source.topic, &whole(self.layout), &narrowed)?;
        kafka.retain(|place| !doubtful.contains(&place) || again.has_row(place) || again.is_bad(place));
        if doubtful.iter().any(|place| again.has_row(*place)) {
            read::by_query(tools, &self.stream, &narrowed, &again, &mut ksqldb)?;
            self.leave_out_what_is_gone([&mut kafka, &mut ksqldb])?;
        }
        let mut found = compare(&kafka, &ksqldb, ranges);
        for place in std::mem::take(&mut found.only_kafka) {
            if again.is_bad(place) {
                found.count(Known::LeftOut);
            } else {
                found.missing(place);
            }
        }
        Ok(found)
    }
}

/// The layout with every column: what the feed leaves out gets a name that no column has.
fn whole(layout: &Layout) -> Layout {
    let mut whole = layout.clone();
    for (at, column) in whole.columns.iter_mut().enumerate() {
        column.lake.get_or_insert_with(|| format!("left out\n{at}"));
    }
    whole
}

/// The smallest parts of these ranges that hold these places.
fn narrowed(ranges: &[Range], places: &[compare::Place]) -> Vec<Range> {
    let of = |range: &Range| {
        let offsets = places.iter().filter(|place| range.contains(**place)).map(|(_, offset)| *offset);
        let (first, last) = (offsets.clone().min()?, offsets.max()?);
        Some(Range { from: first, until: last + 1, ..*range })
    };
    ranges.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_doubt_is_read_again() {
        let range = |partition, from, until| Range { partition, from, until };
        let ranges = [range(0, 0, 100), range(0, 500, 600), range(1, 0, 100)];
        assert_eq!(
            narrowed(&ranges, &[(0, 7), (0, 9), (1, 99), (3, 1)]),
            [range(0, 7, 10), range(1, 99, 100)]
        );
    }
}
