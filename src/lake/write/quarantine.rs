//! Rows that could not be decoded, kept in the books: `quarantine/<yyyymmdd>_<commit>.jsonl`.
//!
//! One JSON object a row: where it came from, what is wrong, and the row as it came, cut at 64 KiB. The file is staged
//! and moved with the commit of its neighbours, so a row is neither lost nor there twice.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::lake::Quarantined;
use crate::lake::fs::{Fs, LakeFile};
use crate::{Error, Result};

/// Bytes of a row that are kept.
const RAW_CAP: usize = 64 << 10;

/// The quarantine file of one commit; made with its first row.
pub(crate) struct Quarantine {
    fs: Fs,
    staged: PathBuf,
    mode: u32,
    file: Option<BufWriter<LakeFile>>,
    rows: u64,
}

impl Quarantine {
    pub(crate) fn new(fs: Fs, staged: PathBuf, mode: u32) -> Self {
        Self { fs, staged, mode, file: None, rows: 0 }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn add(&mut self, bad: &Quarantined<'_>) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(self.fs.create(&self.staged, self.mode)?)),
        };
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
        put("time", json!(bad.time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)));
        put("partition", json!(bad.partition));
        put("offset", json!(bad.offset));
        put("path", json!(bad.path));
        put("reason", json!(bad.reason));
        let kept = &bad.raw[..bad.raw.len().min(RAW_CAP)];
        // A cut may fall into a character; such a row is text all the same.
        match std::str::from_utf8(kept) {
            Ok(text) => put("raw", json!(text)),
            Err(e) if e.error_len().is_none() && kept.len() < bad.raw.len() => {
                put("raw", json!(String::from_utf8_lossy(&kept[..e.valid_up_to()])))
            }
            Err(_) => put("raw_base64", json!(base64::engine::general_purpose::STANDARD.encode(kept))),
        };
        if kept.len() < bad.raw.len() {
            put("raw_cut_from_bytes", json!(bad.raw.len()));
        }
        writeln!(file, "{}", Value::Object(line)).map_err(|e| Error::io("write", &self.staged, e))?;
        self.rows += 1;
        Ok(())
    }

    /// Closes the file; gives where it is staged, its size and rows. `None` when there was no row.
    pub(crate) fn finish(self) -> Result<Option<(PathBuf, u64, u64)>> {
        let Some(mut file) = self.file else { return Ok(None) };
        file.flush().map_err(|e| Error::io("write", &self.staged, e))?;
        file.get_ref().sync()?;
        let bytes = crate::lake::fs::size_of(&self.staged)?.unwrap_or(0);
        Ok(Some((self.staged, bytes, self.rows)))
    }
}
