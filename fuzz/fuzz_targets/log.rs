//! Log lines: what is understood is written the same again, on one line without control characters.
#![no_main]

use lakehand::log::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(record) = Record::parse(text) else { return };
    let line = record.to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert_eq!(Record::parse(&line), Some(record), "{line:?}");
});
