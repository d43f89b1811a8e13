//! SIGKILL at random instants: the next run finds the state before or after, never between.

mod support;

use std::time::Duration;

use support::{Project, Server, assert_each_offset_once, row_count};

#[test]
fn killed_at_random_instants_nothing_is_lost_or_doubled() {
    let server = Server::with_rows(30_000);
    let project = Project::on(&server.url()).set("export.commit_every=50ms");
    project.feed("raw", "stream", "transaction_stream", "").feed(
        "totals",
        "table",
        "payment_method_totals",
        "",
    );
    let seed =
        std::env::var("LAKEHAND_KILL_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(fastrand_seed);
    println!("LAKEHAND_KILL_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut finished_early = 0;
    for _ in 0..8 {
        let mut child = project.spawn(&["export", "--all"]);
        std::thread::sleep(Duration::from_millis(random.u64(5..700)));
        finished_early += u32::from(child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    println!("runs that ended before their kill: {finished_early}");
    project.ok(&["export", "--all"]);
    let expected = server.get().expected_rows();
    assert_each_offset_once(
        &project.stream("transaction_stream"),
        expected.datasets["TRANSACTION_STREAM"].rows,
    );
    let rows = expected.datasets["PAYMENT_METHOD_TOTALS"].rows;
    assert_eq!(row_count(&project.table("payment_method_totals")), rows);
    let staging = project.path().join("data_lake/_lakehand/streams/transaction_stream/staging");
    let left = std::fs::read_dir(&staging).map_or(0, Iterator::count);
    assert_eq!(left, 0, "staging is empty after a clean run");
}

fn fastrand_seed() -> u64 {
    fastrand::u64(..)
}
