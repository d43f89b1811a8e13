//! Standard output: the one place that prints there, and remembers when it could not.
//!
//! What is printed never stops what is done. A run whose output was lost does not end with 0 all the same: who reads
//! `--json` must not take half a list for the whole.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use super::Exit;

/// Why a line could not be printed, the first time. The process has one standard output, and so one such fact.
static LOST: OnceLock<String> = OnceLock::new();

/// Prints a line that people read. A reader that has gone (`| head`) has read what it wanted.
pub(crate) fn print_line(line: &str) {
    print(line, false);
}

/// Prints a line that a machine reads: each one counts.
pub(crate) fn print_record(line: &str) {
    print(line, true);
}

fn print(line: &str, counts: bool) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush())
        && (counts || error.kind() != ErrorKind::BrokenPipe)
    {
        // Only the first is kept: the others follow from it.
        let _ = LOST.set(error.to_string());
    }
}

/// The code of a run that would end with `exit`, if nothing of its output was lost.
pub(crate) fn or_lost(exit: Exit) -> Exit {
    if exit == Exit::Done && LOST.get().is_some() { Exit::Failed } else { exit }
}

/// Why output was lost, for standard error.
pub(crate) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}
