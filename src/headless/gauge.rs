//! A progress bar beside work that says how far it is, for a terminal.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;

use super::bars::gauge;
use crate::log::escape_controls;

/// What a gauge counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Rows.
    Rows,
    /// Bytes: with their rate, and the time that is left.
    Bytes,
}

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(100);

/// Does `work`; a bar on standard error shows how much of `total` is `done`, where that is a terminal.
pub(crate) fn with_gauge<T>(
    label: &str,
    (total, counted): (u64, Counted),
    done: impl Fn() -> u64 + Sync,
    work: impl FnOnce() -> T,
) -> T {
    if !std::io::stderr().is_terminal() || total == 0 {
        return work();
    }
    let bar =
        ProgressBar::new(total).with_style(gauge(counted)).with_prefix(escape_controls(label).into_owned());
    let over = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        let shown = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                bar.set_position(done());
                std::thread::park_timeout(TICK);
            }
        });
        // Also when the work panics: the scope waits for the thread.
        let _over = Over(&over, shown.thread());
        work()
    });
    bar.finish_and_clear();
    result
}

/// Ends the bar's thread.
struct Over<'a>(&'a AtomicBool, &'a std::thread::Thread);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.unpark();
    }
}
