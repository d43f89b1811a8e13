//! Record batches become committed files.
//!
//! ```text
//! layout     paths and names                     writer    one open file per folder, one memory budget, rolled by size
//! commit     staging -> intent -> rename -> metadata; recovery      metadata  `_metadata.json`
//! lock       one program per dataset              quarantine  rows that could not be decoded
//! retention  by the date in the path              usage     sizes for the screen
//! ```
//!
//! The only user of parquet. Blocking code: no tokio, no network. Time is passed in.
