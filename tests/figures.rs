//! Figures of the screen, measured on the real binary in a pseudo terminal:
//!
//! ```text
//! cargo test --release --test figures -- --ignored --nocapture --test-threads 1
//! ```
//!
//! They print and hold generous bounds; a busy machine makes them larger.

#[path = "support/big_lake.rs"]
mod big_lake;
#[path = "support/pty.rs"]
mod pty;
mod support;

use std::time::{Duration, Instant};

use lakehand::demo::DemoOptions;
use pty::Pty;
use support::{Project, Server, row_count};

const FULL: (u16, u16) = (160, 50);

/// Processor time of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // utime and stime, in ticks of 10 ms.
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// `VmRSS` or `VmHWM` of a process.
fn memory(pid: u32, key: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

fn percentile(took: &mut [Duration], percent: usize) -> Duration {
    took.sort();
    took[(took.len() * percent / 100).min(took.len() - 1)]
}

#[test]
#[ignore = "prints figures; see the top of the file"]
fn a_lake_of_1000_feeds_and_20000_partitions() {
    let project = Project::on("http://127.0.0.1:1").set("watch.on_start=none");
    big_lake::make(project.path(), 1000, 20);
    let begun = Instant::now();
    let mut pty = Pty::start(&project.command(&[]), FULL, &[]);
    pty.see("lakehand");
    println!("first frame after {:?}", begun.elapsed());
    pty.see("[Feeds 1,000]");
    println!("1,000 feeds listed after {:?}", begun.elapsed());
    // The sum over all of them.
    pty.see("29,990,000 rows");
    println!("20,000 partitions known after {:?}", begun.elapsed());
    let before = cpu(pty.pid());
    let mut took = Vec::new();
    for round in 0..100 {
        pty.keys("j");
        let row = format!("stream_{:04} ", round + 1);
        took.push(pty.wait(&row, |screen| {
            screen.rows(0, FULL.0).any(|line| line.contains('▌') && line.contains(&row))
        }));
    }
    let cost = cpu(pty.pid()).saturating_sub(before) / 100;
    println!(
        "key to frame: median {:?}, 99th percentile {:?}; processor time a key and frame {cost:?}",
        percentile(&mut took, 50),
        percentile(&mut took, 99)
    );
    println!("memory {} (most {})", memory(pty.pid(), "VmRSS"), memory(pty.pid(), "VmHWM"));
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    assert!(percentile(&mut took, 99) < Duration::from_secs(1));
}

#[test]
#[ignore = "prints figures; see the top of the file"]
fn an_idle_screen_over_60_seconds() {
    let server = Server::with_rows(100);
    let project = Project::with_eight_feeds(&server.url());
    let mut pty = Pty::start(&project.command(&[]), FULL, &[]);
    pty.see("[Feeds 8]");
    pty.wait("all exported", |screen| screen.contents().matches("caught up").count() >= 8);
    // The help of the last toast is gone by then.
    std::thread::sleep(Duration::from_secs(10));
    let before = cpu(pty.pid());
    std::thread::sleep(Duration::from_secs(60));
    let used = cpu(pty.pid()).saturating_sub(before);
    println!("idle: {used:?} of 60 s, {:.2} % of a core", used.as_secs_f64() / 0.6);
    println!("memory {} (most {})", memory(pty.pid(), "VmRSS"), memory(pty.pid(), "VmHWM"));
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    assert!(used < Duration::from_millis(600), "an idle screen used {used:?} in 60 s");
}

#[test]
#[ignore = "prints figures; see the top of the file"]
fn keys_during_exports_at_full_speed() {
    const ROWS: u64 = 300_000;
    let server = Server::start(DemoOptions { rows: ROWS, ..DemoOptions::default() });
    let project = Project::on(&server.url()).set("watch.on_start=all");
    for name in ["transaction_stream", "transaction_flattened"] {
        project.feed(name, "stream", name, "");
    }
    let mut pty = Pty::start(&project.command(&[]), FULL, &[]);
    pty.see("reading");
    let mut took = Vec::new();
    while ["transaction_stream", "transaction_flattened"]
        .iter()
        .any(|name| !project.stream(name).join("_metadata.json").exists())
        && took.len() < 5000
    {
        for (key, tab) in [("\t", "[Partitions"), ("\x1b[Z", "[Feeds")] {
            pty.keys(key);
            took.push(pty.see(tab));
        }
    }
    println!(
        "{} keys while {ROWS} rows a feed came in: median {:?}, 99th percentile {:?}, slowest {:?}",
        took.len(),
        percentile(&mut took, 50),
        percentile(&mut took, 99),
        percentile(&mut took, 100)
    );
    println!("memory {} (most {})", memory(pty.pid(), "VmRSS"), memory(pty.pid(), "VmHWM"));
    pty.signal(rustix::process::Signal::TERM);
    pty.ended();
    assert!(row_count(&project.stream("transaction_stream")) <= ROWS);
    assert!(percentile(&mut took, 99) < Duration::from_secs(1));
}
