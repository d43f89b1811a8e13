//! Decode, encode and the whole way from bytes into a lake, over unlike data sets.
//!
//! ```text
//! cargo bench --bench lake                                          medians over all sets
//! cargo bench --bench lake -- generate SET ROWS DAYS ORDER DIR      answer.bin (as the server sends it), rows.ndjson
//! cargo bench --bench lake -- write SET ROWS DAYS ORDER DIR LAKE THREADS    answer.bin into a lake: scripts/compare.py
//! cargo bench --bench lake -- soak SET ROWS DAYS ORDER LAKE THREADS MIB     memory while rows are made, decoded, written
//! ```
//!
//! ORDER is `ordered` or `shuffled`. Without `--bench` (as `cargo test --all-targets` calls it) a few rows only.

mod support;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use lakehand::Result;
use lakehand::feed::Compression;
use lakehand::ksql::response::Framing;
use lakehand::lake::Limits;
use lakehand::source::ksql::rows::Rows;
use support::sets::{SETS, Set};
use support::{
    Counted, Kept, LakeSink, PIECE, alone, feed, lake, median, open, parquet_bytes, peak, pieces, read,
    read_file, resident, run,
};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate", set, rows, days, order, folder] => {
            generate(&named(set, rows, days, order), Path::new(folder));
            Ok(())
        }

        ["write", set, rows, days, order, folder, lake, threads] => write(
            &named(set, rows, days, order),
            Path::new(folder),
            Path::new(lake),
            threads.parse().unwrap(),
        ),
        ["soak", set, rows, days, order, lake, threads, mib] => {
            let [threads, mib] = [threads, mib].map(|n| n.parse().unwrap());
            soak(&named(set, rows, days, order), Path::new(lake), threads, mib)
        }
        _ => {
            let measured = std::env::args().any(|argument| argument == "--bench");
            let rows = std::env::var("ROWS").ok().and_then(|n| n.parse().ok());
            measure(rows.unwrap_or(if measured { 200_000 } else { 100 }), if measured { 5 } else { 1 })
        }
    }
}

fn named(name: &str, rows: &str, days: &str, order: &str) -> Set {
    Set::new(name, rows.parse().unwrap(), days.parse().unwrap(), order == "shuffled")
}

fn limits() -> Limits {
    Limits { min_free_bytes: 0, memory_bytes: 128 << 20, ..Limits::default() }
}

fn measure(rows: u64, times: usize) -> Result<()> {
    println!("{rows} rows a set; medians of {times} in CPU seconds of one thread, last column by the clock");
    println!("whole = framing, decoding, encoding, commit with its syncs");
    println!(
        "set         B/row  decode krow/s   MB/s  encode krow/s  whole krow/s  whole/(decode+encode)  MB out  whole krow/s by the clock"
    );
    let threads = std::env::var("THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let folder = tempfile::tempdir().unwrap();
    let sets = SETS.iter().map(|name| (name.to_string(), Set::new(name, rows, 30, false)));
    let shuffled = [("flat shuf".to_owned(), Set::new("flat", rows, 30, true))];
    for (name, set) in sets.chain(shuffled) {
        let answer = pieces(&set);
        let bytes: usize = answer.iter().map(bytes::Bytes::len).sum();
        let mut kept = Kept::default();
        read(&set, &answer, &mut kept, &alone())?;
        let (decode, _) = median(times, || {
            let mut counted = Counted::default();
            read(&set, &answer, &mut counted, &alone()).unwrap();
            assert_eq!(counted.0 as u64, rows);
        });
        let mut n = 0;
        let mut fresh = || {
            n += 1;
            folder.path().join(format!("{name} {n}"))
        };
        let (encode, _) = median(times, || {
            let lake = lake(&fresh(), threads);
            let mut dataset = open(&lake, &feed(Compression::Zstd(None)), limits()).unwrap();
            let mut sink = LakeSink::new(dataset.appender(&set.table_schema(), run("r")).unwrap());
            for batch in &kept.0 {
                lakehand::source::ksql::rows::Sink::batch(&mut sink, batch.clone()).unwrap();
            }
            sink.commit().unwrap();
        });
        let mut last = PathBuf::new();
        let (whole, clock) = median(times, || {
            last = fresh();
            let lake = lake(&last, threads);
            let mut dataset = open(&lake, &feed(Compression::Zstd(None)), limits()).unwrap();
            let mut sink = LakeSink::new(dataset.appender(&set.table_schema(), run("r")).unwrap());
            read(&set, &answer, &mut sink, lake.pool()).unwrap();
            sink.commit().unwrap();
        });
        let rate = |seconds: f64| rows as f64 / seconds / 1e3;
        println!(
            "{:10} {:6.0} {:14.0} {:6.0} {:14.0} {:13.0} {:22.2} {:7.1} {:25.0}",
            name,
            bytes as f64 / rows as f64,
            rate(decode),
            bytes as f64 / 1e6 / decode,
            rate(encode),
            rate(whole),
            whole / (decode + encode),
            parquet_bytes(&last) as f64 / 1e6,
            rate(clock)
        );
    }
    Ok(())
}

/// Rows in tenths, each committed, with a writer of so many MiB; prints the memory of the process after each.
fn soak(set: &Set, lake: &Path, threads: usize, mib: usize) -> Result<()> {
    let limits = Limits { memory_bytes: mib << 20, ..limits() };
    let lake = support::lake(lake, threads);
    let mut dataset = open(&lake, &feed(Compression::Zstd(None)), limits)?;
    let selection = set.selection();
    let mut rows = Rows::new(Framing::Stream, 128 << 20, &selection, lake.pool())?;
    let mut sink = LakeSink::new(dataset.appender(&set.table_schema(), run("r"))?);
    rows.push(&set.header().into(), &mut sink)?;
    let mut piece = Vec::new();
    for i in 0..set.rows {
        piece.extend_from_slice(set.framed(i).as_bytes());
        if piece.len() > PIECE || i + 1 == set.rows {
            rows.push(&std::mem::take(&mut piece).into(), &mut sink)?;
        }
        if (i + 1) % (set.rows / 10).max(1) == 0 {
            rows.push(&std::mem::take(&mut piece).into(), &mut sink)?;
            rows.flush(&mut sink)?;
            let held = sink.appender.stats();
            sink.commit()?;
            println!(
                "{:10} rows: peak {:4} MiB, now {:4} MiB; before the commit {} files open, {} closed, {} MiB reckoned",
                i + 1,
                peak() >> 20,
                resident() >> 20,
                held.open_files,
                held.closed_files,
                held.memory >> 20
            );
        }
    }
    Ok(())
}

fn generate(set: &Set, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let file = |name: &str| BufWriter::new(std::fs::File::create(folder.join(name)).unwrap());
    let (mut answer, mut objects) = (file("answer.bin"), file("rows.ndjson"));
    answer.write_all(set.header().as_bytes()).unwrap();
    for i in 0..set.rows {
        answer.write_all(set.framed(i).as_bytes()).unwrap();
        objects.write_all(set.object(i).as_bytes()).unwrap();
    }
    answer.write_all(Set::end().as_bytes()).unwrap();
}

fn write(set: &Set, folder: &Path, lake: &Path, threads: usize) -> Result<()> {
    let mut answer = std::fs::File::open(folder.join("answer.bin")).unwrap();
    let lake = support::lake(lake, threads);
    let mut dataset = open(&lake, &feed(Compression::Zstd(Some(1))), limits())?;
    let mut sink = LakeSink::new(dataset.appender(&set.table_schema(), run("r"))?);
    let rows = read_file(set, &mut answer, &mut sink, lake.pool())?;
    sink.commit()?;
    assert_eq!(rows, set.rows);
    println!("{rows}");
    Ok(())
}
