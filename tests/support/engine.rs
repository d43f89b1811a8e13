//! An engine of this process on a server, for what a command cannot show: other clocks, lost events, many exports.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::time::Duration;

use chrono::Utc;
use lakehand::export::event::What;
use lakehand::export::{CompactPolicy, Engine, Options, Outcome, Request, Setup, Trigger, Work};
use lakehand::feed::Feed;
use lakehand::ksql::client::{Client, ClientOptions};
use lakehand::lake::{Lake, Limits};

/// One export at a time, without a second attempt, with waits that suit tests.
pub fn setup(url: &str, lake: Lake) -> Setup {
    Setup {
        client: Client::new(ClientOptions::new(url)).unwrap(),
        logs: None,
        lake,
        limits: Limits { min_free_bytes: 0, ..Limits::default() },
        options: Options {
            commit_every: Duration::from_secs(60),
            retries: 0,
            retry_base: Duration::from_millis(1),
            retry_max: Duration::from_millis(1),
            quiet: Duration::from_millis(500),
            inactivity: Duration::from_secs(10),
            quarantine_limit: 1.0,
            quarantine_rows: 0,
            max_row_bytes: 1 << 20,
            wait_for_lock: false,
            outage_wait: Some(Duration::ZERO),
            compact: CompactPolicy::default(),
        },
        tier: None,
        catalogs: Vec::new(),
        concurrency: 1,
        program: "test".into(),
        clock: Utc::now,
    }
}

/// One export of what is new; gives its outcome.
pub async fn export_once(setup: Setup, feed: Feed) -> Outcome {
    let (engine, mut events) = Engine::start(setup);
    engine.submit(Request { feed, trigger: Trigger::Asked, work: Work::CatchUp });
    engine.close();
    let mut outcome = None;
    while let Some(event) = events.recv().await {
        if let What::Finished(finished) = event.what {
            outcome = Some(finished.outcome);
        }
    }
    outcome.expect("an export tells its outcome")
}
