//! Type strings and header schemas: read, printed, read again.
#![no_main]

use lakehand::ksql::schema::{parse_columns, parse_type};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(sql_type) = parse_type(text) {
        let printed = sql_type.to_string();
        assert_eq!(parse_type(&printed).ok(), Some(sql_type), "{printed}");
    }
    let _ = parse_columns(text);
});
