//! The export log: one event a line.
//!
//! ```text
//! Record ──Display──▶ 2025-01-15T14:30:00.123Z INFO  payment_feed exported rows=5000 files=3
//!    │                      └──Record::parse──▶ the same Record
//!    ├──LogFile::write──▶ export_logs_2025_01.log   one append a line
//!    ├──Ring::push──────▶ the last records, for a screen
//!    └──Tail::read──────▶ those that came since, whoever wrote them
//! ```
//!
//! Time comes with the record; nothing here asks a clock, and nothing here knows what an export is.

pub mod escape;
pub mod file;
pub mod record;
pub mod ring;
pub mod tail;

pub use escape::{escape_controls, is_control};
pub use file::{LogFile, Month, MonthLog, months, read_month, read_month_from};
pub use record::{Level, Record};
pub use ring::Ring;
pub use tail::Tail;
