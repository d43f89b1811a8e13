//! Which columns would profit from an order or from a Bloom filter, from what footers say already.
//!
//! | in the files | in their bounds | hint |
//! |---|---|---|
//! | values repeat | the bounds of most files overlap | `sort_by`: afterwards a filter on it skips most of a file |
//! | most values differ | the bounds of most files overlap | `bloom_filters`: no order, yet a look-up skips files |
//! | any | the bounds hardly overlap | none: files are skipped by them already |
//!
//! Whether values repeat is what the writer saw in its sample (`lakehand.encodings`: a dictionary, or not). Bounds are those of files or, in
//! a single file, of row groups. Numbers with fractions are seldom looked up, and get no hint; neither do ksqlDB's own columns. Pure;
//! `ops/compact/facts` gathers what is known.

use std::cmp::Ordering;

use serde_json::Value;

use crate::lake::ops::compact::ColumnFacts;

/// Part of the pairs whose bounds overlap, in percent, from which on values are spread over all, and up to which they are apart.
const SPREAD: usize = 50;
/// Columns that are named for an order.
const SORT_COLUMNS: usize = 3;
/// Pairs that say something.
const ENOUGH: usize = 3;
/// ksqlDB's own columns.
const OWN: [&str; 5] = ["ROWTIME", "ROWPARTITION", "ROWOFFSET", "WINDOWSTART", "WINDOWEND"];

/// Columns that would profit, in the order in which the dataset has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LayoutHint {
    /// From an order of the rows.
    pub sort_by: Vec<String>,
    /// From a Bloom filter.
    pub bloom_filters: Vec<String>,
}

impl LayoutHint {
    /// In words; none where nothing would profit.
    pub fn sentences(&self) -> Vec<String> {
        let mut told = Vec::new();
        if !self.sort_by.is_empty() {
            told.push(format!(
                "\"sort_by\": one of {} would let filters skip most of a file: values repeat, and are spread over all files",
                self.sort_by.join(", ")
            ));
        }
        if !self.bloom_filters.is_empty() {
            told.push(format!(
                "\"bloom_filters\": {} would let look-ups skip files: most values differ, and are spread over all files",
                self.bloom_filters.join(", ")
            ));
        }
        told
    }
}

/// What would profit. Pure.
pub fn layout_hint(columns: &[ColumnFacts]) -> LayoutHint {
    let mut hint = LayoutHint::default();
    for column in columns.iter().filter(|column| !OWN.contains(&column.name.as_str())) {
        let whole = |value: &Value| value.is_string() || value.is_i64() || value.is_u64();
        if !column.bounds.iter().all(|(min, max)| whole(min) && whole(max)) || !is_spread(&column.bounds) {
            continue;
        }
        match column.repeats {
            Some(true) if hint.sort_by.len() < SORT_COLUMNS => hint.sort_by.push(column.name.clone()),
            Some(false) => hint.bloom_filters.push(column.name.clone()),
            _ => {}
        }
    }
    hint
}

/// The bounds of most pairs overlap, and they are not all one value.
fn is_spread(bounds: &[(Value, Value)]) -> bool {
    let mut pairs = 0;
    let mut overlap = 0;
    for (n, (min, max)) in bounds.iter().enumerate() {
        for (other_min, other_max) in &bounds[n + 1..] {
            pairs += 1;
            let apart = is_less(max, other_min) || is_less(other_max, min);
            overlap += usize::from(!apart);
        }
    }
    let is_constant = bounds.iter().all(|(min, max)| min == max);
    pairs >= ENOUGH && !is_constant && overlap * 100 > pairs * SPREAD
}

fn is_less(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.as_bytes() < b.as_bytes(),
        _ => a.as_f64().partial_cmp(&b.as_f64()) == Some(Ordering::Less),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn column(name: &str, repeats: Option<bool>, bounds: &[(Value, Value)]) -> ColumnFacts {
        ColumnFacts { name: name.to_owned(), repeats, bounds: bounds.to_vec() }
    }

    #[test]
    fn what_is_spread_profits_and_what_is_apart_does_not() {
        let spread = [(json!("a"), json!("y")), (json!("b"), json!("z")), (json!("a"), json!("z"))];
        let apart = [(json!(1), json!(9)), (json!(10), json!(19)), (json!(20), json!(29))];
        let one = [(json!("EUR"), json!("EUR")), (json!("EUR"), json!("EUR")), (json!("EUR"), json!("EUR"))];
        let fractions = [(json!(0.5), json!(9.5)), (json!(0.5), json!(9.5)), (json!(0.5), json!(9.5))];
        let numbers = [(json!(1), json!(90)), (json!(2), json!(95)), (json!(-3), json!(91))];
        let hint = layout_hint(&[
            column("ROWOFFSET", Some(false), &numbers),
            column("CITY", Some(true), &spread),
            column("ID", Some(false), &spread),
            column("DAY", Some(true), &apart),
            column("CURRENCY", Some(true), &one),
            column("AMOUNT", Some(false), &fractions),
            column("CUSTOMER", Some(true), &numbers),
            column("UNKNOWN", None, &spread),
            column("FEW", Some(false), &spread[..2]),
        ]);
        assert_eq!(hint.sort_by, ["CITY", "CUSTOMER"]);
        assert_eq!(hint.bloom_filters, ["ID"]);
        assert_eq!(hint.sentences().len(), 2);
        assert!(layout_hint(&[]).sentences().is_empty());
    }

    #[test]
    fn a_few_columns_are_enough_for_an_order() {
        let bounds = [(json!(1), json!(90)), (json!(2), json!(95)), (json!(-3), json!(91))];
        let columns: Vec<ColumnFacts> =
            (0..9).map(|n| column(&format!("C{n}"), Some(true), &bounds)).collect();
        assert_eq!(layout_hint(&columns).sort_by, ["C0", "C1", "C2"]);
    }
}
