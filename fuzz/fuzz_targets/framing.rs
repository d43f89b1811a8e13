//! Framing: what counts as complete does not depend on where chunks are cut, and complete means that the mark was there.
#![no_main]

use lakehand::ksql::response::{Element, Frames, Framing, Mark};
use libfuzzer_sys::fuzz_target;

/// Rows, whether complete, and the error's kind.
type Verdict = (Vec<Vec<u8>>, Option<Mark>, Option<lakehand::Kind>);

fn read(framing: Framing, chunks: &[&[u8]]) -> Verdict {
    let mut frames = Frames::new(framing, 1 << 16);
    let mut rows = Vec::new();
    for chunk in chunks {
        let pushed = frames.push(chunk, &mut |element| {
            if let Element::Row { values, .. } = element {
                // What stands between the brackets of a row is for the decoder to check.
                serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(values)
                    .map_err(|e| lakehand::Error::new(lakehand::Kind::Garbled, e.to_string()))?;
                rows.push(values.to_vec());
            }
            Ok(())
        });
        if let Err(error) = pushed {
            return (rows, None, Some(error.kind()));
        }
    }
    match frames.end() {
        Ok(completion) => (rows, Some(completion.mark), None),
        Err(error) => (rows, None, Some(error.kind())),
    }
}

fuzz_target!(|data: &[u8]| {
    let [kind, cut, step, body @ ..] = data else { return };
    let framing = [Framing::Stream, Framing::Table, Framing::LegacyTable, Framing::LegacyStream]
        [usize::from(*kind) % 4];
    let whole = read(framing, &[body]);
    let at = usize::from(*cut).min(body.len());
    let (head, tail) = body.split_at(at);
    let mut chunks = vec![head];
    chunks.extend(tail.chunks(usize::from(*step).max(1)));
    let cut = read(framing, &chunks);
    // An answer that fails may be told to be cut or to be garbled, as a cut after a bracket decides; it fails in any case.
    assert_eq!(cut.1, whole.1);
    if whole.1.is_some() {
        assert_eq!(cut, whole);
    }
    if whole.1.is_some() {
        assert!(body.trim_ascii_end().ends_with(b"]"));
    }
});
