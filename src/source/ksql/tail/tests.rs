//! Tests of the tail: no time passes in them.

use super::*;
use crate::source::Span;

const LIMIT: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(5);

/// A read of partition 0 up to offset 10 and of partition 1 up to 4, and its clock.
struct Read {
    begun: Instant,
    tail: Tail,
    positions: Positions,
    has_id: bool,
    probe: Option<(u64, bool)>,
}

impl Read {
    fn new(end: End) -> Self {
        let begun = Instant::now();
        let spans = match end {
            End::Offsets => BTreeMap::from(
                [(0, (10, 0)), (1, (4, 0))].map(|(p, (until, next))| (p, Span { next, until: Some(until) })),
            ),
            _ => BTreeMap::new(),
        };
        let mut tail = Tail::new(end, LIMIT, begun);
        tail.opened(begun);
        Self { begun, tail, positions: Positions::new(spans, end != End::Offsets), has_id: true, probe: None }
    }

    fn at(&self, seconds: f64) -> Instant {
        self.begun + Duration::from_secs_f64(seconds)
    }

    fn row(&mut self, seconds: f64, partition: i32, offset: i64) {
        self.positions.observe(partition, offset).unwrap();
        self.tail.bytes(self.at(seconds));
    }

    fn judge(&mut self, seconds: f64) -> Verdict {
        let now = self.at(seconds);
        let seen = Seen { positions: &self.positions, has_id: self.has_id, probe: self.probe };
        self.tail.judge(seen, now)
    }

    /// The server tells how far it has committed and polled in partitions 0 and 1.
    fn told(&mut self, seconds: f64, at: [(i64, i64); 2]) {
        let now = self.at(seconds);
        let progress = (0..).zip(at.map(|(committed, polled)| QueryProgress { polled, committed })).collect();
        self.tail.told_progress(Some(&progress), &self.positions, now).unwrap();
    }

    fn told_ends(&mut self, seconds: f64, consumer: i64) {
        let now = self.at(seconds);
        let partitions = [(0, 10, 10), (1, 4, consumer)]
            .map(|(p, log_end, consumer)| (p, PartitionOffsets { log_start: 0, log_end, consumer }));
        let ends = EndOffsets { via: "X".into(), partitions: partitions.into() };
        self.tail.told_ends(Some(ends), &self.positions, now);
    }
}

const ASK: Verdict = Verdict::Ask(Question::Progress);

#[test]
fn the_last_offset_of_each_partition_is_the_end() {
    let mut read = Read::new(End::Offsets);
    read.row(0.1, 0, 9);
    assert_eq!(read.judge(0.2), Verdict::Wait);
    read.row(0.3, 1, 3);
    assert_eq!(read.judge(0.3), Verdict::Done);
}

#[test]
fn a_tail_without_rows_is_processed_stays_empty_and_is_asked_for_once_more() {
    let mut read = Read::new(End::Offsets);
    read.row(0.1, 0, 9);
    assert_eq!(read.judge(1.0), Verdict::Wait, "the socket is not empty for long enough");
    assert_eq!(read.judge(1.2), ASK);
    assert_eq!(read.judge(1.3), Verdict::Wait, "the answer is on its way");
    read.told(1.4, [(10, 9), (3, 2)]);
    assert_eq!(read.judge(1.5), Verdict::Wait, "one is not enough for the server");
    assert_eq!(read.judge(2.3), ASK);
    read.told(2.4, [(10, 9), (4, 3)]);
    assert_eq!(read.judge(3.3), Verdict::Wait);
    assert_eq!(read.judge(3.5), Verdict::LookAgain);
    // The second query brings nothing either.
    read.tail.looks_again(&read.positions);
    read.tail.opened(read.at(4.0));
    assert_eq!(read.judge(5.1), ASK);
    read.told(5.2, [(10, 9), (4, 3)]);
    assert_eq!(read.judge(6.3), Verdict::Done);
}

#[test]
fn a_second_query_that_brings_rows_is_followed_by_a_third() {
    let mut read = Read::new(End::Offsets);
    read.row(0.0, 0, 9);
    for at in [2.0, 6.0] {
        assert_eq!(read.judge(at), ASK);
        read.told(at, [(10, 9), (4, 3)]);
        assert_eq!(read.judge(at + 1.0), Verdict::LookAgain);
        read.tail.looks_again(&read.positions);
        read.tail.opened(read.at(at + 1.0));
        if at < 3.0 {
            read.row(at + 1.1, 1, 1);
        }
    }
    assert_eq!(read.judge(9.0), ASK);
    read.told(9.0, [(10, 9), (4, 3)]);
    assert_eq!(read.judge(10.0), Verdict::Done);
}

#[test]
fn bytes_after_the_server_was_done_begin_the_wait_anew() {
    let mut read = Read::new(End::Offsets);
    assert_eq!(read.judge(1.0), ASK);
    read.told(1.0, [(10, 9), (4, 3)]);
    read.row(1.5, 0, 9);
    assert_eq!(read.judge(2.4), Verdict::Wait);
    assert_eq!(read.judge(2.5), ASK);
}

#[test]
fn a_query_without_an_id_is_not_asked_for() {
    let mut read = Read::new(End::Offsets);
    read.has_id = false;
    assert_eq!(read.judge(3.0), Verdict::Wait);
    assert_eq!(read.judge(60.0), Verdict::Dead(LIMIT));
}

#[test]
fn a_server_that_works_is_alive_and_one_that_stands_still_is_not() {
    let mut read = Read::new(End::Offsets);
    for (at, polled) in [(30, 1), (60, 2), (90, 3)] {
        let at = f64::from(at);
        assert_eq!(read.judge(at), ASK);
        read.told(at, [(1, polled), (1, 0)]);
    }
    assert_eq!(read.judge(149.0), ASK);
    read.told(149.0, [(1, 3), (1, 0)]);
    assert_eq!(read.judge(149.9), Verdict::Wait);
    assert_eq!(read.judge(150.0), ASK);
    assert_eq!(read.judge(150.0), Verdict::Dead(LIMIT));
    // What others write behind the end is not ours.
    let mut read = Read::new(End::Offsets);
    for at in [20, 40, 59] {
        assert_eq!(read.judge(f64::from(at)), ASK);
        read.told(f64::from(at), [(3, 1_000_000 + i64::from(at)), (1, 0)]);
    }
    assert_eq!(read.judge(80.0), ASK);
    assert_eq!(read.judge(80.0), Verdict::Dead(LIMIT));
}

#[test]
fn a_query_that_the_server_forgot_ends_the_read() {
    let mut read = Read::new(End::Offsets);
    let now = read.at(1.0);
    let error = read.tail.told_progress(None, &read.positions, now).unwrap_err();
    assert_eq!(error.kind(), Kind::Incomplete);
}

#[test]
fn a_partition_of_markers_alone_is_known_by_readers_that_stay_before_its_end() {
    let mut read = Read::new(End::Offsets);
    read.row(0.0, 0, 9);
    let untouched = [(10, 9), (-1, -1)];
    for at in [1.0, 3.0] {
        assert_eq!(read.judge(at), ASK);
        read.told(at, untouched);
        assert_eq!(read.judge(at), Verdict::Wait, "the query may not have begun there");
    }
    assert_eq!(read.judge(6.0), ASK);
    read.told(6.0, untouched);
    assert_eq!(read.judge(6.1), Verdict::Ask(Question::Ends));
    read.told_ends(6.2, 2);
    assert_eq!(read.judge(6.5), Verdict::Wait);
    assert_eq!(read.judge(7.2), Verdict::Ask(Question::Ends));
    read.told_ends(7.3, 3);
    assert_eq!(read.judge(8.2), ASK, "the reader moved: there are records");
    read.told(8.2, untouched);
    assert_eq!(read.judge(8.3), Verdict::Ask(Question::Ends));
    read.told_ends(8.3, 3);
    assert_eq!(read.judge(9.3), Verdict::Ask(Question::Ends));
    read.told_ends(9.3, 3);
    assert_eq!(read.judge(10.3), Verdict::LookAgain);
}

#[test]
fn rows_that_came_before_are_no_progress_but_may_be_all_that_was_wanted() {
    let mut read = Read::new(End::Offsets);
    read.row(0.0, 0, 3);
    for (at, stale) in [(1.0, false), (29.0, false), (31.5, true)] {
        read.row(at, 0, 3);
        let (now, seen) = (read.at(at), Seen { positions: &read.positions, has_id: true, probe: None });
        assert_eq!(read.tail.is_stale(seen, now), stale, "{at}");
    }
    let judge = |read: &mut Read, at| {
        let (now, seen) = (read.at(at), Seen { positions: &read.positions, has_id: true, probe: None });
        read.tail.judge_bytes(seen, now)
    };
    assert_eq!(judge(&mut read, 31.5), Verdict::Wait);
    assert_eq!(judge(&mut read, 61.0), Verdict::Dead(LIMIT));
    read.row(62.0, 0, 9);
    read.row(62.0, 1, 3);
    assert_eq!(judge(&mut read, 62.0), Verdict::Done);
}

#[test]
fn quiet_is_the_end_only_behind_the_end_of_the_pull() {
    let mut read = Read::new(End::Quiet(QUIET));
    read.row(1.0, 0, 7);
    read.probe = Some((8, false));
    assert_eq!(read.judge(20.0), Verdict::Wait);
    read.probe = Some((8, true));
    assert_eq!(read.judge(20.0), Verdict::Done);
    read.row(21.0, 0, 8);
    assert_eq!(read.judge(25.9), Verdict::Wait);
    assert_eq!(read.judge(26.0), Verdict::Done);
}

#[test]
fn a_server_that_drops_old_rows_is_at_work_without_an_end_too() {
    let mut read = Read::new(End::Quiet(QUIET));
    read.probe = Some((0, false));
    assert_eq!(read.judge(29.0), Verdict::Wait, "it is not asked before half of the limit");
    for at in (30..600).step_by(30) {
        assert_eq!(read.judge(f64::from(at)), ASK);
        read.told(f64::from(at), [(-1, i64::from(at)), (-1, -1)]);
    }
    // It stands still.
    for at in [600.0, 620.0] {
        assert_eq!(read.judge(at), ASK);
        read.told(at, [(-1, 570), (-1, -1)]);
    }
    assert_eq!(read.judge(620.5), Verdict::Wait);
    assert_eq!(read.judge(630.0), ASK);
    assert_eq!(read.judge(630.0), Verdict::Dead(LIMIT));
}

#[test]
fn a_server_that_cannot_tell_gets_far_more_time() {
    let mut read = Read::new(End::Quiet(QUIET));
    for at in [30.0, 60.0, 599.0] {
        assert_eq!(read.judge(at), ASK);
        let now = read.at(at);
        read.tail.told_progress(None, &read.positions, now).unwrap();
    }
    assert_eq!(read.judge(599.5), Verdict::Wait);
    assert_eq!(read.judge(600.0), ASK);
    assert_eq!(read.judge(600.0), Verdict::Dead(LIMIT * 10));
}

#[test]
fn a_read_that_is_not_to_end_waits_for_ever() {
    let mut read = Read::new(End::Never);
    assert_eq!(read.judge(1e6), Verdict::Wait);
}
