//! The engine without a screen: asks for exports, shows what happens, ends with an exit code.
//!
//! ```text
//! run     submit, listen, stop on a signal         report   events -> JSON lines | plain lines | progress bars
//! exit    what the process ends with               record   events -> the export log
//! ```

mod bars;
mod exit;
mod json;
mod plain;
pub(crate) mod record;
mod run;
mod signal;

pub use exit::Exit;
pub use run::{Output, Totals, run};

use crate::export::Event;

/// Shows events. What is shown never decides what is done.
trait Report {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// Time has passed: live counters may have moved.
    fn tick(&mut self) {}
    /// Everything is over.
    fn end(&mut self, totals: &Totals, exit: Exit);
}
