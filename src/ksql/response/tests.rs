use proptest::prelude::*;

use super::*;

const STREAM: &str = "[{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` ARRAY<STRUCT<`B` INTEGER>>\"}},\n\
                      {\"row\":{\"columns\":[[{\"B\":1}]]}},\n\
                      {\"row\":{\"columns\":[[{\"B\":2},{\"B\":null}]]}},\n\
                      {\"row\":{\"columns\":[\"}]\\n\u{2028},\"],\"tombstone\":true}},\n\
                      {\"finalMessage\":\"Query Completed\"}]";
const TABLE: &str = "[{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` ARRAY<STRUCT<`B` INTEGER>> KEY\"}},\n\
                     {\"row\":{\"columns\":[[{\"B\":1}]]}},\n\
                     {\"row\":{\"columns\":[[{\"B\":2}]]},\"sourceHost\":\"h:1\"}]";

/// Reads `chunks` and tells the elements as text, or the error.
fn read<'a>(
    framing: Framing,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<String>, Completion)> {
    let mut frames = Frames::new(framing, 4096);
    let mut seen = Vec::new();
    for chunk in chunks {
        frames.push(chunk, &mut |element| {
            seen.push(match element {
                Element::Header { query_id, columns } => format!("{query_id} {}", columns.len()),
                Element::Row { values, tombstone } => {
                    format!("{} {tombstone}", String::from_utf8_lossy(values))
                }
            });
            Ok(())
        })?;
    }
    frames.end().map(|completion| (seen, completion))
}

fn fails(framing: Framing, text: &str) -> Error {
    read(framing, [text.as_bytes()]).expect_err(text)
}

#[test]
fn a_streams_answer() {
    let (seen, completion) = read(Framing::Stream, [STREAM.as_bytes()]).unwrap();
    assert_eq!(seen[..3], ["q 1", "[[{\"B\":1}]] false", "[[{\"B\":2},{\"B\":null}]] false"]);
    assert!(seen[3].ends_with("true"));
    assert_eq!(completion, Completion { mark: Mark::QueryCompleted, rows: 3 });
}

#[test]
fn a_tables_answer_hands_on_its_last_row_which_has_no_line_feed() {
    for framing in [Framing::Table, Framing::LegacyTable] {
        let (seen, completion) = read(framing, [TABLE.as_bytes()]).unwrap();
        assert_eq!(seen.len(), 3);
        assert_eq!(completion, Completion { mark: Mark::ArrayEnd, rows: 2 });
    }
}

#[test]
fn an_empty_table_is_a_header_and_the_end_mark() {
    let (_, completion) =
        read(Framing::Table, [&b"[{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` INTEGER\"}}]"[..]])
            .unwrap();
    assert_eq!(completion.rows, 0);
}

#[test]
fn heart_beats_are_for_legacy_only() {
    let text = STREAM.replacen(",\n", ",\n\n\n", 2) + "\n";
    assert!(read(Framing::LegacyStream, [text.as_bytes()]).is_ok());
    assert_eq!(fails(Framing::Stream, &text).kind(), Kind::Garbled);
}

#[test]
fn grammar_is_held() {
    let header = "[{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` INTEGER\"}},\n";
    for (body, words) in [
        ("", "before its header"),
        ("[]", "ended within a line"),
        ("[{\"row\":{\"columns\":[1]}},\n", "before the header"),
        ("{\"row\":{\"columns\":[1]}},\n", "does not begin"),
        (
            &format!("{header}{{\"header\":{{\"queryId\":\"q\",\"schema\":\"`A` INTEGER\"}}}},\n"),
            "second header",
        ),
        (&format!("{header}{{\"row\":{{\"columns\":[1]}}}}\n"), "neither `,` nor `]`"),
        (&format!("{header}{{\"row\":{{\"columns\":[1]}},\n"), "not an element"),
        (&format!("{header}{{\"row\":{{\"columns\":[1],\"x\":2}}}},\n"), "not an element"),
        (&format!("{header}{{\"row\":{{\"columns\":{{}}}}}},\n"), "not an element"),
        (&format!("{header}{{\"news\":1}},\n"), "not an element"),
        (
            &format!("{header}{{\"finalMessage\":\"Query Completed\"}},\n{{\"row\":{{\"columns\":[1]}}}},\n"),
            "after the final",
        ),
        (&format!("{header}{{\"finalMessage\":\"Query Completed\"}},\n"), "without its end mark"),
        (&format!("{header}{{\"finalMessage\":\"Query Completed\"}}]x"), "within a line"),
        (&format!("{header}{{\"finalMessage\":\"Query Completed\"}}]\n{header}"), "follow the end mark"),
        (&format!("{header}{{\"finalMessage\":\"Terminated\"}}]"), "is not known"),
        (&format!("{header}]"), "without its final message"),
        (header, "without its final message"),
        (&format!("{header}{{\"row\":{{\"columns\":[\"{}\"]}}}},\n", "x".repeat(5000)), "longer than"),
    ] {
        let error = fails(Framing::Stream, body);
        assert!(error.to_string().contains(words), "{body}\n{error}");
    }
}

#[test]
fn a_tables_answer_has_no_final_message() {
    assert_eq!(fails(Framing::Table, STREAM).kind(), Kind::Garbled);
}

#[test]
fn an_error_object_keeps_the_servers_words_and_its_class() {
    let text = STREAM.replace(
        "{\"finalMessage\":\"Query Completed\"}]",
        "{\"errorMessage\":{\"@type\":\"generic_error\",\"error_code\":50000,\"message\":\"store closed\"}},\n]",
    );
    let error = fails(Framing::Stream, &text);
    assert_eq!(error.kind(), Kind::Incomplete);
    assert_eq!(
        error.to_string(),
        "the server reported an error: store closed (line 5, byte 199, code 50000)"
    );
    assert_eq!(fails(Framing::Stream, &text.replace("50000", "42900")).kind(), Kind::Busy);
}

#[test]
fn invalid_utf8_outside_of_a_rows_values_is_garbled() {
    for at in ["queryId", "A` AR", "row\":"] {
        let mut bytes = STREAM.as_bytes().to_vec();
        let position = STREAM.find(at).unwrap();
        bytes[position] = 0xff;
        let error = read(Framing::Stream, [&bytes[..]]).unwrap_err();
        assert_eq!(error.kind(), Kind::Garbled, "{error}");
    }
}

#[test]
fn after_an_error_nothing_counts() {
    let mut frames = Frames::new(Framing::Table, 4096);
    assert!(frames.push(b"x\n", &mut |_| Ok(())).is_err());
    let _ = frames.push(TABLE.as_bytes(), &mut |_| Ok(()));
    assert_eq!(frames.end().unwrap_err().kind(), Kind::Incomplete);
}

#[test]
fn an_error_of_the_receiver_is_handed_back() {
    let mut frames = Frames::new(Framing::Table, 4096);
    let error = frames.push(TABLE.as_bytes(), &mut |_| Err(Error::new(Kind::DiskFull, "full"))).unwrap_err();
    assert_eq!(error.kind(), Kind::DiskFull);
}

#[test]
fn no_part_of_an_answer_is_complete() {
    for (framing, text) in [
        (Framing::Stream, STREAM),
        (Framing::LegacyStream, STREAM),
        (Framing::Table, TABLE),
        (Framing::LegacyTable, TABLE),
    ] {
        for end in 0..text.len() {
            let part = &text.as_bytes()[..end];
            let error = read(framing, [part]).expect_err("a part passed for the whole");
            assert_eq!(error.kind(), Kind::Incomplete, "{end} bytes: {error}");
        }
    }
}

#[test]
fn one_byte_at_a_time() {
    for (framing, text) in [(Framing::Stream, STREAM), (Framing::Table, TABLE)] {
        assert_eq!(
            read(framing, text.as_bytes().chunks(1)).unwrap(),
            read(framing, [text.as_bytes()]).unwrap()
        );
    }
}

fn any_row() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Into::into),
        any::<bool>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into)
    ];
    leaf.prop_recursive(4, 16, 4, |inner: BoxedStrategy<serde_json::Value>| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn cuts_change_nothing(rows in prop::collection::vec(any_row(), 0..6), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12), table: bool) {
        let mut lines = vec!["{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` STRING\"}}".to_owned()];
        lines.extend(rows.iter().map(|row| format!("{{\"row\":{{\"columns\":[{row}]}}}}")));
        if !table {
            lines.push("{\"finalMessage\":\"Limit Reached\"}".to_owned());
        }
        let text = format!("[{}]", lines.join(",\n"));
        let framing = if table { Framing::Table } else { Framing::Stream };
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let chunks = at.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]);
        let whole = read(framing, [text.as_bytes()]).unwrap();
        prop_assert_eq!(whole.1.rows, rows.len() as u64);
        prop_assert_eq!(read(framing, chunks).unwrap(), whole);
    }

    #[test]
    fn any_bytes_are_a_verdict_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), tail in 0..STREAM.len()) {
        let mut text = STREAM.as_bytes()[..tail].to_vec();
        text.extend_from_slice(&bytes);
        let _ = read(Framing::Stream, text.chunks(7));
        let _ = read(Framing::LegacyTable, [&text[..]]);
    }
}
