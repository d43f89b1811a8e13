//! What stays of a data file that lies in the cold tier: where it is, and its footer.
//!
//! ```text
//! <hash> {"url":"s3://lake/streams/payments/year=2024/…/data_….parquet","bytes":1572864,"hash":"…","since":"…","local_until":"…"}
//! the last bytes of the file: its Parquet footer, the footer's length, PAR1
//! ```
//!
//! The hash is that of all that follows it. With the footer at hand, whatever is asked of a file (its rows, offsets, columns,
//! bounds of values) is answered without a request to the store, so a check, a rebuild or the calendar know a cold day as
//! well as any other.

use std::fmt::Write as _;
use std::path::Path;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::hash::ContentHash;
use crate::lake::fs;
use crate::lake::manifest::data_file::Stub;
use crate::{Error, Kind, Result};

/// Largest stub that is read; a footer of a hundred thousand columns is smaller.
const CAP: u64 = 256 << 20;
/// Length of a hash as text.
const HASH: usize = 32;
/// Bytes behind a Parquet footer: its length, and PAR1.
const END: usize = 8;

impl Stub {
    /// The stub's content; `tail` begins with the footer of the file ([`footer_bytes`]).
    pub(crate) fn text(&self, tail: &[u8]) -> Result<Vec<u8>> {
        let line = serde_json::to_string(self)
            .map_err(|e| Error::new(Kind::Bug, format!("a stub cannot be written: {e}")))?;
        let mut body = Vec::with_capacity(line.len() + tail.len() + 1);
        body.extend_from_slice(line.as_bytes());
        body.push(b'\n');
        body.extend_from_slice(tail);
        let mut head = String::with_capacity(HASH + 1);
        let _ = write!(head, "{} ", ContentHash::of(&body));
        let mut text = head.into_bytes();
        text.extend(body);
        Ok(text)
    }

    /// The stub at `path`, without its footer.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Ok(Self::read_whole(path)?.0)
    }

    /// The stub at `path`, and what Parquet says of the file. `Kind::Damaged` when it is not as it was written.
    pub(crate) fn read_whole(path: &Path) -> Result<(Self, ParquetMetaData)> {
        let damaged = |what: String| {
            Error::new(Kind::Damaged, format!("the record of a file in the cold tier cannot be used: {what}"))
                .at("file", path.display())
                .next("bring it back from a backup; the file itself is where its folder in the cold tier is")
        };
        let bytes = fs::read_capped(path, CAP)?.ok_or_else(|| damaged("it is not there".to_owned()))?;
        let told = bytes.get(..HASH).and_then(|hash| std::str::from_utf8(hash).ok()?.parse().ok());
        let body = bytes.get(HASH + 1..).unwrap_or_default();
        if told != Some(ContentHash::of(body)) {
            return Err(damaged("it was changed".to_owned()));
        }
        let at = memchr::memchr(b'\n', body).ok_or_else(|| damaged("it has no line".to_owned()))?;
        let (line, tail) = body.split_at(at);
        let stub = serde_json::from_slice(line).map_err(|e| damaged(e.to_string()))?;
        let footer = tail.get(1..tail.len().saturating_sub(END)).unwrap_or_default();
        let footer = ParquetMetaDataReader::decode_metadata(footer).map_err(|e| damaged(e.to_string()))?;
        Ok((stub, footer))
    }
}

/// How many of the last bytes of a Parquet file its footer takes, by its last eight bytes; `None` where they are not those of a
/// Parquet file.
pub(crate) fn footer_bytes(end: [u8; END]) -> Option<u64> {
    let [a, b, c, d, magic @ ..] = end;
    (magic == *b"PAR1").then(|| u64::from(u32::from_le_bytes([a, b, c, d])) + END as u64)
}

/// The last bytes of the local Parquet file at `path`, from its footer on.
pub(crate) fn tail_of(path: &Path) -> Result<Vec<u8>> {
    let damaged = || Error::new(Kind::Damaged, "it is no Parquet file").at("file", path.display());
    let size = fs::size_of(path)?.unwrap_or(0);
    let end = fs::read_from(path, size.saturating_sub(END as u64))?.unwrap_or_default();
    let length = <[u8; END]>::try_from(end).ok().and_then(footer_bytes).ok_or_else(damaged)?;
    let from = size.checked_sub(length).ok_or_else(damaged)?;
    fs::read_from(path, from)?.ok_or_else(damaged)
}
