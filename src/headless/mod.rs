//! The engine without a screen: asks for exports, shows what happens, ends with an exit code.
//!
//! ```text
//! run     submit, listen, stop on a signal         report   events -> JSON lines | plain lines | progress bars
//! watch   until a signal comes: feeds that change, schedules
//! exit    what the process ends with               record   events -> the export log
//! signal  SIGINT and SIGTERM                       note     what is said beside events
//! stdout  what is printed, and whether it could be       gauge  a progress bar beside other work
//! ```

mod bars;
mod exit;
mod gauge;
mod json;
mod note;
mod plain;
pub(crate) mod record;
mod run;
mod signal;
pub(crate) mod stdout;
pub(crate) mod watch;

pub use exit::Exit;
pub(crate) use gauge::{Counted, with_gauge};
pub use json::print_json;
pub(crate) use plain::size;
pub use run::{Asked, Output, Totals, run};
pub(crate) use signal::cancel_on_signal;
pub use watch::{Greeting, Watching, watch};

use chrono::{DateTime, Utc};

use crate::export::Event;
use note::Note;

/// Shows events. What is shown never decides what is done.
trait Report {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// The program has something to say beside events.
    fn note(&mut self, note: &Note, now: DateTime<Utc>);
    /// Time has passed: live counters may have moved.
    fn tick(&mut self) {}
    /// Everything is over.
    fn end(&mut self, totals: &Totals, exit: Exit);
}
