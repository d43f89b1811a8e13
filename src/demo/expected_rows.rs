//! What the served data really is: counts and sums that an export must arrive at.

use std::collections::BTreeMap;

/// What every dataset holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpectedRows {
    /// Transactions that exist.
    pub transactions: u64,
    /// By source name, in upper case as ksqlDB knows it. `USER_SESSIONS` is left out: nobody can scan it.
    pub datasets: BTreeMap<String, Totals>,
}

/// What one dataset holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Records of a stream, rows of a table.
    pub rows: u64,
    /// Streams: per partition the offset after the last record. Empty for tables.
    pub end_offsets: Vec<u64>,
    /// Sum of AMOUNT or TOTAL_AMOUNT, in cents.
    pub amount: Option<i128>,
    /// Sum of AMOUNT_EUR or TOTAL_EUR, in cents.
    pub amount_eur: Option<i128>,
    /// Tables: per key, its members in the order of the key columns (WINDOWSTART last).
    pub by_key: BTreeMap<Vec<String>, KeyTotals>,
}

/// What a table says of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyTotals {
    /// TX_COUNT or PURCHASES
    pub count: u64,
    /// TOTAL_AMOUNT or TOTAL_EUR in cents, or UNITS
    pub total: i128,
}
