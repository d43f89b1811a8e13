//! Rows of a stream: a push query that goes on for ever, or a pull that ends where the stream ended when it began.

use std::sync::Arc;
use std::time::Duration;

use super::catalog::{Data, Row};
use super::log::Log;
use super::query::{Registered, Running};
use super::select::Plan;
use super::server::State;
use super::topic::bytes_of;
use super::writer::{Over, Writer};

/// Records of one partition before the next has its turn.
const BURST: u64 = 64;
/// How often the legacy framing sends a blank line while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Why rows stopped coming.
enum End {
    Limit,
    Reached,
}

/// Answers the query until it ends, is closed, or the client leaves.
pub(super) async fn run(
    state: Arc<State>,
    registered: Registered,
    plan: Plan,
    mut writer: Writer,
    legacy: bool,
) {
    let query = Arc::clone(&registered.query);
    let Data::Stream(log) = plan.source.data else { return };
    let ended = tokio::select! {
        biased;
        () = query.until_closed() => None,
        ended = rows(&state, &query, &plan, log, &mut writer, legacy) => Some(ended),
    };
    // The client may have left; then there is nobody to tell.
    let _told = match ended {
        // What was processed but not yet sent is lost: so it is on real servers.
        None => writer.finish_closed().await,
        Some(Ok(End::Limit)) => writer.finish("Limit Reached").await,
        Some(Ok(End::Reached)) => writer.finish("Query Completed").await,
        Some(Err(Over)) => Err(Over),
    };
    drop(registered);
}

async fn rows(
    state: &State,
    query: &Running,
    plan: &Plan,
    log: Log,
    writer: &mut Writer,
    legacy: bool,
) -> Result<End, Over> {
    let mut count = state.count.subscribe();
    let begin = *count.borrow_and_update();
    writer.header(&query.id, &plan.columns).await?;
    if plan.limit == Some(0) {
        return Ok(End::Limit);
    }
    let reset = ["auto.offset.reset", "ksql.streams.auto.offset.reset"]
        .iter()
        .find_map(|name| query.properties.get(*name)?.as_str());
    // Pulls read from the start whatever is asked; a push starts at the end unless asked otherwise.
    let earliest = !plan.push || reset.is_some_and(|reset| reset.eq_ignore_ascii_case("earliest"));
    let mut scan = Scan {
        next: if earliest { vec![0; log.ends(&state.world, 0).len()] } else { log.ends(&state.world, begin) },
        sent: 0,
        row: Vec::with_capacity(1024),
    };
    loop {
        let now = if plan.push { *count.borrow_and_update() } else { begin };
        if scan.up_to(state, query, plan, log, now, writer).await? {
            writer.flush().await?;
            return Ok(End::Limit);
        }
        writer.flush().await?;
        if !plan.push {
            return Ok(End::Reached);
        }
        writer.quiet().await?;
        tokio::select! {
            changed = count.changed() => if changed.is_err() { return Err(Over) },
            () = writer.client_left() => return Err(Over),
            () = tokio::time::sleep(HEARTBEAT), if legacy => writer.heartbeat().await?,
        }
    }
}

/// How far a query has come.
struct Scan {
    /// By partition, the offset that comes next.
    next: Vec<u64>,
    sent: u64,
    row: Vec<u8>,
}

impl Scan {
    /// Sends all rows up to the ends of `now`; true when the limit is reached.
    async fn up_to(
        &mut self,
        state: &State,
        query: &Running,
        plan: &Plan,
        log: Log,
        now: u64,
        writer: &mut Writer,
    ) -> Result<bool, Over> {
        let ends = log.ends(&state.world, now);
        let burst = if writer.reorders() { 1 } else { BURST };
        loop {
            let mut behind = false;
            let mut partitions: Vec<_> = (0..).zip(self.next.iter_mut().zip(&ends)).collect();
            if writer.reorders() {
                partitions.reverse();
            }
            for (partition, (next, end)) in partitions {
                let (low, high) =
                    plan.condition.as_ref().map_or((0, u64::MAX), |condition| condition.bounds(partition));
                if *next < low {
                    *next = low.min(*end);
                }
                let burst_end = next.saturating_add(burst).min(*end).min(high);
                while *next < burst_end {
                    let record = log.record(&state.world, partition, *next);
                    let row = Row::Record(&record);
                    let drops = writer.drops(partition, *next);
                    *next += 1;
                    if plan.keeps(&row) && !drops {
                        self.row.clear();
                        match &plan.source.raw_of {
                            None => plan.print(&row, &mut self.row),
                            Some(original) => {
                                let (key, value) = bytes_of(original, &record);
                                plan.print(&Row::Raw(&record, &key, &value), &mut self.row);
                            }
                        }
                        writer.row(&self.row).await?;
                        self.sent += 1;
                        if plan.limit == Some(self.sent) {
                            query.processed(partition, *next);
                            return Ok(true);
                        }
                    }
                }
                if *next >= high {
                    // Nothing after it can be kept: the rest counts as read.
                    *next = *end;
                }
                query.processed(partition, *next);
                behind |= *next < *end;
            }
            if !behind {
                return Ok(false);
            }
            // A scan that finds nothing must not hold the thread.
            tokio::task::yield_now().await;
        }
    }
}
