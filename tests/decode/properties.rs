//! Over random schemas, values and bytes: decoding undoes printing, agrees with a second decoder, and a bad row leaves
//! no trace.

use fastrand::Rng;
use lakehand::ksql::decode::{Decoder, leading_integers};
use lakehand::ksql::schema::SqlType;
use proptest::prelude::*;

use crate::columns::{column, decoder};
use crate::oracle::{self, Verdict};
use crate::random;
use crate::value::{Value, rows};

/// A schema of a few columns, and rows for it with their texts.
struct Case {
    types: Vec<SqlType>,
    rows: Vec<(Vec<Value>, String)>,
}

impl Case {
    fn new(rng: &mut Rng) -> Self {
        let types: Vec<_> = (0..rng.usize(1..6)).map(|_| random::sql_type(rng, false, 3)).collect();
        let rows = (0..rng.usize(1..12))
            .map(|_| {
                let values: Vec<_> = types.iter().map(|ty| random::value(rng, ty, false)).collect();
                let text = random::print_row(rng, &values, &types);
                (values, text)
            })
            .collect();
        Self { types, rows }
    }

    fn decoder(&self) -> Decoder {
        let columns: Vec<_> =
            self.types.iter().enumerate().map(|(i, ty)| column(&format!("C{i}"), ty.clone())).collect();
        Decoder::new(&columns).unwrap()
    }
}

/// A row with one thing wrong, or with bytes changed that may or may not matter.
fn spoil(rng: &mut Rng, row: &str) -> Vec<u8> {
    let mut bytes = row.as_bytes().to_vec();
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..bytes.len().max(1));
        match rng.u8(..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.choice(*b"[]{},:\"\\0e.-n \x01\xff9").unwrap()),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] = rng.choice(*b"[]{},:\"\\019e.-ntf+ \xc3\xa9").unwrap(),
            4 => {
                let end = rng.usize(at..=bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.extend_from_slice(b",1]"),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_undoes_printing(seed: u64) {
        let case = Case::new(&mut Rng::with_seed(seed));
        let mut decoder = case.decoder();
        for (values, text) in &case.rows {
            prop_assert_eq!(decoder.push_row(text.as_bytes()), Ok(()), "{}", text);
            prop_assert_eq!(oracle::decode(text.as_bytes(), &case.types), Verdict::Row(values.clone()), "{}", text);
        }
        let wanted: Vec<_> = case.rows.iter().map(|(values, _)| values.clone()).collect();
        prop_assert_eq!(decoder.len(), wanted.len());
        prop_assert_eq!(rows(&decoder.finish().unwrap()), wanted.clone());
        prop_assert!(decoder.is_empty());
        prop_assert_eq!(decoder.memory(), 0);
        // The next batch knows nothing of the one before.
        for (_, text) in case.rows.iter().rev() {
            prop_assert_eq!(decoder.push_row(text.as_bytes()), Ok(()));
        }
        let again: Vec<_> = wanted.into_iter().rev().collect();
        prop_assert_eq!(rows(&decoder.finish().unwrap()), again);
    }

    #[test]
    fn a_bad_row_leaves_no_trace(seed: u64) {
        let rng = &mut Rng::with_seed(seed);
        let case = Case::new(rng);
        let (mut mixed, mut good) = (case.decoder(), case.decoder());
        for (_, text) in &case.rows {
            for _ in 0..4 {
                let spoilt = spoil(rng, text);
                let shown = String::from_utf8_lossy(&spoilt);
                let memory = mixed.memory();
                let result = mixed.push_row(&spoilt);
                match oracle::decode(&spoilt, &case.types) {
                    Verdict::Row(_) => {
                        prop_assert_eq!(&result, &Ok(()), "{}", shown);
                        good.push_row(&spoilt).unwrap();
                    }
                    Verdict::Bad => {
                        prop_assert!(result.is_err(), "{}", shown);
                        // Bits that say which values are null may have come to be kept.
                        prop_assert!(mixed.memory() >= memory);
                    }
                    Verdict::Unsure if result.is_ok() => good.push_row(&spoilt).unwrap(),
                    Verdict::Unsure => {}
                }
                if let Err(bad) = result {
                    prop_assert!(bad.offset <= spoilt.len() && bad.path.starts_with('$') && !bad.reason.is_empty());
                    let values = serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(&spoilt);
                    if let Ok(values) = values {
                        prop_assert_eq!(bad.arity, values.len() != case.types.len(), "{}", shown);
                        prop_assert!(!bad.syntax, "{}", shown);
                    }
                }
            }
            mixed.push_row(text.as_bytes()).unwrap();
            good.push_row(text.as_bytes()).unwrap();
        }
        prop_assert_eq!(mixed.len(), good.len());
        prop_assert_eq!(rows(&mixed.finish().unwrap()), rows(&good.finish().unwrap()));
    }

    #[test]
    fn any_bytes_are_survived(row in prop::collection::vec(any::<u8>(), 0..200), n in 0_usize..5) {
        let mut decoder = decoder("`A` STRING, `B` ARRAY<STRUCT<`C` DOUBLE, `D` MAP<INTEGER, BYTES>>>");
        prop_assert!(decoder.push_row(&row).is_err());
        prop_assert!(decoder.is_empty());
        let _ = leading_integers(&row, n);
    }

    #[test]
    fn bytes_like_json_are_survived(row in "[\\[\\]{}\":,0-9a-u.\\\\ -]{0,80}", n in 0_usize..5) {
        let mut decoder = decoder("`A` DECIMAL(40, 2), `B` STRUCT<`a` TIMESTAMP, `b` MAP<STRING, DATE>>");
        let accepted = decoder.push_row(row.as_bytes()).is_ok();
        prop_assert_eq!(decoder.len(), usize::from(accepted));
        let _ = leading_integers(row.as_bytes(), n);
    }
}
