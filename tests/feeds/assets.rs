//! The feeds, the example and the JSON schema that come with the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lakehand::feed::parse::{FIELDS, PARTITIONING_FIELDS, TYPES_FIELDS};
use lakehand::feed::{Catalog, FeedKind, FeedPaths, Place, StorageMode, Visibility, parse_feed};
use serde_json::{Value, json};

use super::parse;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_eight_feeds_are_those_of_the_contract() {
    use FeedKind::{Stream, Table};
    use Visibility::{Restricted, Shared};
    let expected = BTreeMap::from([
        ("transaction_stream", (Stream, StorageMode::Append, Restricted)),
        ("transaction_flattened", (Stream, StorageMode::Append, Restricted)),
        ("transaction_stream_anonymized", (Stream, StorageMode::Append, Shared)),
        ("transaction_stream_blacklisted", (Stream, StorageMode::Append, Restricted)),
        ("user_transaction_summary", (Table, StorageMode::Overwrite, Shared)),
        ("user_transaction_summary_eur", (Table, StorageMode::Overwrite, Shared)),
        ("payment_method_totals", (Table, StorageMode::Overwrite, Shared)),
        ("product_purchase_counts", (Table, StorageMode::Overwrite, Shared)),
    ]);
    let catalog = Catalog::load(&FeedPaths::below(&repository("feeds"))).unwrap();
    assert!(catalog.entries.iter().all(|entry| entry.place == Place::Active));
    let found: BTreeMap<_, _> = catalog
        .entries
        .iter()
        .map(|entry| {
            let feed = entry.feed().unwrap_or_else(|| panic!("{:?}", entry.problems()));
            assert_eq!((feed.dataset(), feed.enabled, feed.retention_days), (feed.name.clone(), true, None));
            (feed.name.as_str(), (feed.kind, feed.storage_mode, feed.visibility))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_example_is_valid() {
    let text = fs::read_to_string(repository("assets/feed.example.json")).unwrap();
    parse_feed(&text, "payment_feed").unwrap();
}

#[test]
fn the_json_schema_says_what_the_parser_does() {
    let text = fs::read_to_string(repository("assets/feed.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let names = |object: &Value| -> Vec<String> {
        let mut names: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let sorted = |fields: &[&str]| -> Vec<String> {
        let mut names: Vec<_> = fields.iter().map(ToString::to_string).collect();
        names.sort();
        names
    };
    let properties = &schema["properties"];
    assert_eq!(names(properties), sorted(&FIELDS));
    let date = &properties["partitioning"]["oneOf"][0]["properties"];
    assert_eq!(names(date), sorted(&PARTITIONING_FIELDS));
    assert_eq!(names(&properties["types"]["properties"]), sorted(&TYPES_FIELDS));

    // Required fields: without one of them, and only of them, the parser complains.
    for field in FIELDS {
        let mut feed = json!({"feed_name": "f", "feed_type": "stream", "ksqldb_source": "s"});
        feed.as_object_mut().unwrap().remove(field);
        let required = schema["required"].as_array().unwrap().iter().any(|name| name == field);
        assert_eq!(parse_feed(&feed.to_string(), "f").is_err(), required, "{field}");
    }

    let takes = |kind: &str, field: &str, value: &Value| {
        let mut feed = json!({"feed_name": "f", "feed_type": kind, "ksqldb_source": "s"});
        feed[field] = value.clone();
        parse_feed(&feed.to_string(), "f").is_ok()
    };
    for (field, rule) in properties.as_object().unwrap() {
        // A word of an enumeration is taken for one kind at least, and one that is not there for none.
        for word in rule["enum"].as_array().into_iter().flatten() {
            assert!(takes("stream", field, word) || takes("table", field, word), "{field}: {word}");
        }
        if rule["enum"].is_array() {
            assert!(!takes("stream", field, &json!("other")), "{field}");
        }
        // A default says what is meant without the field.
        if let Some(default) = rule.get("default") {
            let kind = if field == "keep_versions" || field == "shrink_limit" { "table" } else { "stream" };
            let plain = parse(kind, "");
            assert_eq!(parse(kind, &format!(", \"{field}\": {default}")), plain, "{field}");
        }
        // Null is legal exactly where the schema says so.
        let nullable = rule["type"].as_array().is_some_and(|types| types.iter().any(|t| t == "null"));
        assert_eq!(takes("stream", field, &Value::Null), nullable, "{field}");
        // The limits of numbers.
        if let (Some(min), Some(max)) = (rule["minimum"].as_i64(), rule["maximum"].as_i64()) {
            let kind = if field == "keep_versions" || field == "shrink_limit" { "table" } else { "stream" };
            let legal: Vec<_> = [min - 1, min, max, max + 1].map(|n| takes(kind, field, &json!(n))).into();
            assert_eq!(legal, [false, true, true, false], "{field}");
        }
    }
    for list in date["columns"]["enum"].as_array().unwrap() {
        assert!(takes("stream", "partitioning", &json!({"type": "date", "columns": list})), "{list}");
    }
    // What the schema keeps apart by kind, the parser does too.
    for (branch, kind) in [("then", "table"), ("else", "stream")] {
        for (field, rule) in schema[branch]["properties"].as_object().unwrap() {
            for word in rule["enum"].as_array().into_iter().flatten() {
                assert!(takes(kind, field, word), "{kind} {field} {word}");
            }
            if let Some(only) = rule.get("const") {
                assert!(takes(kind, field, only), "{kind} {field} {only}");
            }
        }
    }
    assert!(!takes("stream", "keep_versions", &json!(1)));
}
