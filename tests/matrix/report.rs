//! docs/faults.md: the matrix as a table, made from what came out.

use std::fmt::Write as _;
use std::path::Path;

use crate::bytes::Cuts;
use crate::cases::{Case, Lasts, Read};
use crate::outcome::{Outcome, Totals};

pub(crate) fn text(cases: &[Case], outcomes: &[Outcome], cuts: &[Cuts], totals: Totals) -> String {
    let mut text = String::from(
        "# What lakehand does when the server lies\n\n\
         Made by `UPDATE=1 cargo test --test matrix` from what the real program did to a real lake; the test fails when the\n\
         two differ. *Once* is a fault that the first query meets and the next attempt does not; *stays* is one that meets\n\
         every attempt until the program gives up (here after one retry). After each of them the export was run again\n\
         without the fault, and every row was there once.\n",
    );
    for (read, title) in [
        (Read::Stream, "Streams, read by offset"),
        (Read::Table, "Tables, by the legacy endpoint"),
        (Read::NewTable, "Tables of a server that refuses the legacy endpoint"),
    ] {
        let _ = write!(
            text,
            "\n## {title}\n\n| fault | how long | exit | the lake after | the operator reads |\n|---|---|---|---|---|\n"
        );
        for (case, outcome) in cases.iter().zip(outcomes).filter(|(case, _)| case.read == read) {
            let lasts = if case.lasts == Lasts::Once { "once" } else { "stays" };
            let told = if case.told.is_empty() {
                "nothing: nothing is wrong".into()
            } else {
                format!("… {} …", case.told)
            };
            let _ = writeln!(text, "| {} | {lasts} | {} | {} | {told} |", case.name, case.exit, outcome.held);
        }
    }
    text += "\n## Cut at every byte\n\n| answer | bytes at which it was cut | complete only with |\n|---|---|---|\n";
    for cut in cuts {
        let _ = writeln!(text, "| {} | {} | {} |", cut.name, cut.totals.tried, cut.complete_with);
    }
    let _ = write!(
        text,
        "\nThe client speaks HTTP/1.1 only; the bytes within an answer are the same over HTTP/2. The\n\
         delimited and the array format, whose ends cannot be trusted, are never asked for.\n\n\
         ## Counts\n\nFaults tried: {} · lost rows: {} · doubled rows: {} · wrong claims: {}\n\n\
         A claim is an exit code 0, `done`, `caught_up` or `complete_through`; it is wrong when a row is missing.\n",
        totals.tried, totals.lost, totals.doubled, totals.claims
    );
    text
}

/// The file in the repository says the same.
pub(crate) fn check(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(held == text, "docs/faults.md is not what came out: UPDATE=1 cargo test --test matrix");
}
