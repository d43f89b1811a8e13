//! A lying server: every misbehaviour of the embedded one, once and for good, against the real binary and the real lake.
//!
//! For each: what the lake holds after, what the operator is told, the exit code. Whatever the fault, no row may be lost or
//! doubled, and nothing may be claimed that is not so: an export that says `done`, ends with 0 or writes `caught_up` must
//! hold every row (rows in quarantine are counted, and told). `docs/faults.md` is made from what came out:
//! `UPDATE=1 cargo test --test matrix` writes it.

mod bytes;
mod cases;
#[path = "../support/engine.rs"]
mod engine;
mod outcome;
mod report;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use outcome::{Outcome, Totals};

#[test]
fn the_matrix() {
    let cases = cases::all();
    let outcomes: Mutex<Vec<Option<Outcome>>> = Mutex::new((0..cases.len()).map(|_| None).collect());
    let next = AtomicUsize::new(0);
    // Most of the time is waiting for what does not come.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((at, case)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(at).map(|case| (at, case))
                } {
                    let outcome = outcome::of(case);
                    outcomes.lock().unwrap()[at] = Some(outcome);
                }
            });
        }
    });
    let outcomes: Vec<Outcome> =
        outcomes.into_inner().unwrap().into_iter().map(|o| o.expect("a case ended early")).collect();
    let cuts = bytes::all();
    let mut totals = Totals::default();
    outcomes.iter().map(|o| o.totals).chain(cuts.iter().map(|c| c.totals)).for_each(|t| totals.add(t));

    let wrong: Vec<String> = cases
        .iter()
        .zip(&outcomes)
        .flat_map(|(case, outcome)| outcome.complaints.iter().map(move |c| format!("{}: {c}", case.title())))
        .chain(cuts.iter().flat_map(|cut| cut.complaints.clone()))
        .collect();
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((totals.lost, totals.doubled, totals.claims), (0, 0, 0));
    report::check(&report::text(&cases, &outcomes, &cuts, totals));
}
