//! The data itself: totals agree across the datasets, places are contiguous, the same seed gives the same bytes.

use std::collections::BTreeMap;

use lakehand::demo::{DemoOptions, DemoServer, ExpectedRows};
use serde_json::Value;

use crate::support::{End, legacy, query, rows, server};

/// An exact decimal of two digits, in cents.
fn cents(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap();
    assert_eq!(fraction.len(), 2, "{text} keeps its zeros");
    format!("{whole}{fraction}").parse().unwrap()
}

/// The sum of a decimal column at `at`, from the bytes: a float would lose digits.
fn sum(text: &str, at: usize) -> i128 {
    text.lines()
        .filter_map(|line| line.split_once("\"columns\":[")?.1.split(']').next())
        .map(|row| cents(row.split(',').nth(at).unwrap()))
        .sum()
}

fn key_totals(expected: &ExpectedRows, table: &str) -> BTreeMap<Vec<String>, u64> {
    expected.datasets[table].by_key.iter().map(|(key, totals)| (key.clone(), totals.count)).collect()
}

#[tokio::test]
async fn totals_agree_across_the_datasets() {
    let server = server(3_000).await;
    server.append(7);
    let expected = server.expected_rows();
    assert_eq!(expected.transactions, 3_007);
    for (name, totals) in &expected.datasets {
        let table = totals.end_offsets.is_empty();
        let answer = query(&server, &format!("SELECT * FROM {name};")).await;
        assert_eq!((answer.status, answer.end), (200, End::Clean), "{name}");
        assert_eq!(answer.rows().len() as u64, totals.rows, "{name}");
        assert!(table || totals.end_offsets.iter().sum::<u64>() == totals.rows, "{name}");
    }
    let all = &expected.datasets["TRANSACTION_STREAM"];
    let text = query(&server, "SELECT amount FROM transaction_stream;").await.text();
    assert_eq!(Some(sum(&text, 0)), all.amount);
    let text = query(&server, "SELECT amount, amount_eur FROM transaction_stream_anonymized;").await.text();
    assert_eq!(Some(sum(&text, 1)), expected.datasets["TRANSACTION_STREAM_ANONYMIZED"].amount_eur);
    let text = query(&server, "SELECT amount FROM transaction_stream_blacklisted;").await.text();
    assert_eq!(Some(sum(&text, 0)), expected.datasets["TRANSACTION_STREAM_BLACKLISTED"].amount);
    for (table, column) in [
        ("USER_TRANSACTION_SUMMARY", "total_amount"),
        ("PAYMENT_METHOD_TOTALS", "total_amount"),
        ("DAILY_TOTALS", "total_amount"),
        ("USER_TRANSACTION_SUMMARY_EUR", "total_eur"),
    ] {
        let answer = legacy(&server, &format!("SELECT {column}, tx_count FROM {table};")).await;
        let totals = &expected.datasets[table];
        assert_eq!(Some(sum(&answer.text(), 0)), totals.amount.or(totals.amount_eur), "{table}");
        let counted: u64 = answer.rows().iter().map(|row| row[1].as_u64().unwrap()).sum();
        assert_eq!(counted, 3_007, "{table}");
    }
    let purchases: u64 = key_totals(&expected, "PRODUCT_PURCHASE_COUNTS").values().sum();
    assert_eq!(purchases, expected.datasets["TRANSACTION_ITEMS"].rows);
    let amounts =
        [&expected.datasets["USER_TRANSACTION_SUMMARY"], &expected.datasets["PAYMENT_METHOD_TOTALS"]];
    assert!(amounts.iter().all(|totals| totals.amount == all.amount));
}

#[tokio::test]
async fn tables_are_what_a_count_of_the_stream_gives() {
    let server = server(2_000).await;
    let expected = server.expected_rows();
    let mut users = BTreeMap::new();
    let mut products = BTreeMap::new();
    for row in query(&server, "SELECT user_id, payment_method, items FROM transaction_stream;").await.rows() {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        *users.entry(vec![text(&row[0]), text(&row[1])]).or_insert(0) += 1;
        for item in row[2].as_array().unwrap() {
            *products.entry(vec![text(&item["PRODUCT_ID"])]).or_insert(0) += 1;
        }
    }
    assert_eq!(users, key_totals(&expected, "USER_TRANSACTION_SUMMARY"));
    assert_eq!(products, key_totals(&expected, "PRODUCT_PURCHASE_COUNTS"));
    let sql = "SELECT user_id, payment_method, tx_count FROM user_transaction_summary;";
    for row in query(&server, sql).await.rows() {
        let key = vec![row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned()];
        assert_eq!(row[2].as_u64(), users.get(&key).copied());
    }
}

#[tokio::test]
async fn the_anonymized_stream_is_the_flattened_one_masked() {
    let server = server(500).await;
    let plain = "SELECT transaction_id, user_id, card_number, iban, customer_name, amount, currency, customer_city FROM \
                 transaction_flattened;";
    let masked = "SELECT transaction_id, user_masked, card_masked, iban_masked, name_masked, amount_eur, email_masked, \
                  city FROM transaction_stream_anonymized;";
    let by_id = |rows: Vec<Vec<Value>>| -> BTreeMap<String, Vec<Value>> {
        rows.into_iter().map(|row| (row[0].as_str().unwrap().to_owned(), row)).collect()
    };
    let (plain, masked) =
        (by_id(query(&server, plain).await.rows()), by_id(query(&server, masked).await.rows()));
    assert_eq!(plain.len(), 500);
    let (mut cards, mut ibans) = (0, 0);
    for (id, plain) in &plain {
        let masked = &masked[id];
        let user = plain[1].as_str().unwrap();
        assert_eq!(masked[1], format!("{}nn", &user[..3]));
        assert_eq!(masked[2].is_null(), plain[2].is_null());
        if let Some(card) = plain[2].as_str() {
            cards += 1;
            assert_eq!(
                (card.len(), masked[2].as_str()),
                (16, Some(&*format!("nnnnnnnnnnnn{}", &card[12..])))
            );
        }
        if let Some(iban) = plain[3].as_str() {
            ibans += 1;
            assert_eq!(masked[3], format!("{}{}", &iban[..4], "n".repeat(iban.len() - 4)));
        }
        let name: String = plain[4]
            .as_str()
            .unwrap()
            .chars()
            .map(|c| {
                if c.is_uppercase() {
                    'X'
                } else if c.is_lowercase() {
                    'x'
                } else {
                    '-'
                }
            })
            .collect();
        assert_eq!(masked[4], name);
        let factor = match plain[6].as_str().unwrap() {
            "EUR" => 100,
            "USD" => 92,
            "GBP" => 117,
            _ => 10,
        };
        let eur = (cents(&format!("{:.2}", plain[5].as_f64().unwrap())) * factor + 50) / 100;
        assert_eq!(cents(&format!("{:.2}", masked[5].as_f64().unwrap())), eur);
        assert_eq!(masked[6], "xxxx@example.org");
        assert_eq!(masked[7], plain[7]);
    }
    assert!(cards > 50 && ibans > 50, "{cards} cards, {ibans} accounts");
}

#[tokio::test]
async fn offsets_are_contiguous_in_every_partition_and_their_ends_are_true() {
    let server = server(1_000).await;
    let expected = server.expected_rows();
    for stream in ["transaction_stream", "transaction_stream_blacklisted", "transaction_items"] {
        let totals = &expected.datasets[&stream.to_uppercase()];
        let sql = format!(
            "SELECT ROWPARTITION, ROWOFFSET, ROWTIME, transaction_id FROM {stream} EMIT CHANGES LIMIT {};",
            totals.rows
        );
        let mut next = vec![0; totals.end_offsets.len()];
        for row in query(&server, &sql).await.rows() {
            let partition = usize::try_from(row[0].as_u64().unwrap()).unwrap();
            assert_eq!(row[1].as_u64(), Some(next[partition]), "{stream}");
            next[partition] += 1;
        }
        assert_eq!(next, totals.end_offsets, "{stream}");
    }
}

#[tokio::test]
async fn values_are_encoded_as_outside_and_inside_a_struct() {
    let server = server(400).await;
    let text =
        query(&server, "SELECT transaction_id, item, item->unit_price FROM transaction_items;").await.text();
    let mut trimmed = 0;
    for line in text.lines().filter(|line| line.contains("\"row\"")) {
        let inside = line.split("\"UNIT_PRICE\":").nth(1).unwrap().split('}').next().unwrap();
        let outside = line.split("},").nth(1).unwrap().split(']').next().unwrap();
        assert_eq!(inside.parse::<f64>().unwrap().to_bits(), outside.parse::<f64>().unwrap().to_bits());
        assert_eq!(outside.split_once('.').unwrap().1.len(), 2, "{outside}");
        trimmed += usize::from(inside.len() < outside.len());
    }
    assert!(trimmed > 10, "a double drops the zeros that a decimal keeps");
    assert!(text.contains("\\uD83E\\uDDF8"), "characters beyond the basic plane are escaped");
    let times = query(
        &server,
        "SELECT event_time, UNIX_TIMESTAMP(event_time) AS t, ROWTIME FROM transaction_stream;",
    );
    for row in times.await.rows() {
        assert_eq!(row[1], row[2]);
        let shown = chrono::DateTime::from_timestamp_millis(row[1].as_i64().unwrap()).unwrap();
        assert_eq!(row[0], shown.format("%Y-%m-%dT%H:%M:%S%.3f").to_string());
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let options = |seed| DemoOptions { rows: 200, seed, ..DemoOptions::default() };
    let mut texts = Vec::new();
    for seed in [5, 5, 6] {
        let server = DemoServer::start(options(seed)).await.unwrap();
        texts.push(rows(&query(&server, "SELECT * FROM transaction_stream;").await.text()));
    }
    assert_eq!(texts[0], texts[1]);
    assert_ne!(texts[0], texts[2]);
}

/// Prints how fast rows are made and sent: `cargo test --release --test demo_server -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn rows_per_second() {
    for (row_per_chunk, stream) in
        [(true, "transaction_stream"), (false, "transaction_stream"), (false, "transaction_flattened")]
    {
        let count = 1_000_000;
        let options = DemoOptions { rows: count, row_per_chunk, ..DemoOptions::default() };
        let server = DemoServer::start(options).await.unwrap();
        let since = std::time::Instant::now();
        let body = serde_json::json!({"sql": format!("SELECT * FROM {stream};")}).to_string();
        let mut response = crate::support::client()
            .build()
            .unwrap()
            .post(format!("{}/query-stream", server.url()))
            .header("Accept", crate::support::V1)
            .body(body)
            .send()
            .await
            .unwrap();
        let (mut bytes, mut lines) = (0, 0);
        while let Some(chunk) = response.chunk().await.unwrap() {
            bytes += chunk.len();
            lines += memchr::memchr_iter(b'\n', &chunk).count() as u64;
        }
        assert_eq!(lines, count + 1);
        let seconds = since.elapsed().as_secs_f64();
        println!(
            "{stream}, row per chunk {row_per_chunk}: {:.0} rows/s, {:.0} MB/s",
            count as f64 / seconds,
            bytes as f64 / seconds / 1e6
        );
    }
}
