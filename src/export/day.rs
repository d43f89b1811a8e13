//! One day exported again: read by offset below the lake's positions, then swapped for what is there.
//!
//! The whole log below the positions is asked for, with ROWTIME in the day: rows of a day may lie anywhere in the log, and
//! those that the lake has lost lie where no file tells. A day whose rows the log no longer holds is refused.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::context::{Context, Stop, interrupted};
use super::event::Outcome;
use super::job::tell_plan;
use super::last_rows::LastRows;
use super::plan::{self, Plan, Reading, Way};
use super::progress::Stage;
use super::stream;
use super::target::Target;
use crate::error::{Error, Kind, Result};
use crate::feed::FeedKind;
use crate::ksql::statement;
use crate::lake::{Dataset, RunInfo};
use crate::source::ksql::KsqlStream;
use crate::source::{Offsets, Span, Spans};

/// Exports the day again.
pub(super) fn again(context: &Context, dataset: &mut Dataset, day: NaiveDate) -> Result<Outcome> {
    if context.feed.kind == FeedKind::Table {
        return Err(Error::new(Kind::Usage, "a table has versions and no days")
            .next("`lakehand export` makes a new version of it"));
    }
    if dataset.metadata().positions.is_empty() {
        return Err(Error::new(
            Kind::Usage,
            "nothing of the feed was exported yet: there is no day to replace",
        )
        .next(format!("`lakehand export --feed {}` first", context.feed.name)));
    }
    context.progress.enter(Stage::Planning);
    let plan = context.wait_for(plan_day(context, dataset, day))?;
    if let Some(log) = &plan.log {
        dataset.know_log(log, context.now())?;
        dataset.refuse_undecided_log()?;
    }
    tell_plan(context, &plan, false);
    let run = RunInfo {
        id: context.run.clone(),
        started: context.now(),
        read_mode: "offsets".to_owned(),
        source: plan.source.name.clone(),
        server: context.client.options().url.clone(),
    };
    let folder = dataset.day_prefix(day);
    let Reading::Stream { way, source, spans, .. } = &plan.reading else {
        return Err(Error::new(Kind::Refused, "the log holds nothing of what was exported").at("day", day));
    };
    let target = Target::Replace(Some(dataset.replacer(&plan.schema, run, day)?));
    // The row by which the log is known is no row of this day, mostly.
    let last_rows = LastRows::new(&BTreeMap::new(), &Offsets::new(), String::new());
    let read = stream::Read { way: *way, source: &**source, spans, last_rows };
    if stream::read(context, read, target)? == Stop::Cancelled {
        return Err(interrupted());
    }
    let metadata = dataset.metadata();
    let below = |path: &str| path == folder || path.starts_with(&format!("{folder}/"));
    let rows: u64 = metadata.partitions.iter().filter(|p| below(&p.path)).map(|p| p.records).sum();
    Ok(Outcome::Done {
        text: format!(
            "{folder} exported again: {rows} rows; the files of before are in the bin, `lakehand feeds undo {} --day {day}` puts \
             them back",
            context.feed.name
        ),
    })
}

async fn plan_day(context: &Context, dataset: &Dataset, day: NaiveDate) -> Result<Plan> {
    let (client, feed) = (&context.client, &context.feed);
    let source = plan::find_source(client, feed).await?;
    let selection = statement::select_stream(&source, &feed.exclude_columns, &feed.rename)?;
    let schema = plan::table_schema(&selection)?;
    let positions = &dataset.metadata().positions;
    let ends = client.end_offsets(&source).await?;
    let log = super::log::identity(client, &source, ends.as_ref()).await?;
    let mut starts = BTreeMap::new();
    if let Some(ends) = &ends {
        // Refuses a topic that is not the one of before.
        Spans::to_ends(positions, &ends.bounds(), context.now()).map_err(|e| e.at("source", &source.name))?;
        starts.extend(ends.partitions.iter().map(|(partition, log)| (*partition, log.log_start)));
    }
    still_there(&dataset.first_offsets(day), &starts).map_err(|e| e.at("day", day))?;
    let mut spans = Spans::default();
    for (partition, until) in positions {
        let next = starts.get(partition).copied().unwrap_or(0);
        if next < *until {
            spans.by_partition.insert(*partition, Span { next, until: Some(*until) });
        }
    }
    if spans.by_partition.is_empty() {
        return Err(Error::new(Kind::Refused, "the log holds nothing of what was exported").at("day", day));
    }
    let mut stream = KsqlStream::new(client, &source, selection);
    stream.between = dataset.day_span(day);
    let reading = Reading::by_query(Way::Offsets, stream, spans);
    Ok(Plan { source, schema, reading, log: Some(log), choice: None, wanted: None })
}

/// The log still holds every offset that the day begins with. `starts` are the first offsets of the log, where known.
fn still_there(held: &[(i32, i64)], starts: &BTreeMap<i32, i64>) -> Result<()> {
    for (partition, held) in held {
        let start = starts.get(partition).copied().unwrap_or(0);
        if *held < start {
            return Err(Error::new(
                Kind::Refused,
                format!(
                    "the log of Kafka partition {partition} begins at offset {start}, and the lake holds the day from offset \
                     {held}: what is to be read again is gone from the log"
                ),
            )
            .next("nothing was changed: the lake's files are the better copy"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_is_gone_from_the_log_is_refused() {
        let starts = BTreeMap::from([(0, 100), (1, 0)]);
        still_there(&[(0, 100), (1, 7)], &starts).unwrap();
        still_there(&[(3, 5)], &BTreeMap::new()).unwrap();
        let error = still_there(&[(0, 99), (1, 7)], &starts).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(
            error.to_string().contains("begins at offset 100, and the lake holds the day from offset 99")
        );
    }
}
