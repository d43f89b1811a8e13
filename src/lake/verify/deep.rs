//! The content itself: every page of every column is decoded, ROWPARTITION and ROWOFFSET are compared with what the footer
//! says of them, and the hash of the file with that of when it was written.

use super::scan::{DataFile, Scan};
use crate::cancel::Cancel;
use crate::hash::ContentHash;
use crate::lake::file::footer::FooterRead;
use crate::lake::file::rows::{Columns, Rows, read_rows};
use crate::lake::fs;
use crate::lake::layout::places::original_name;
use crate::{Error, Kind};

/// Reads every file that has a footer, those put aside too. A file whose rows cannot be read becomes one that cannot be
/// read; an error of the file system leaves it unknown. `Kind::Interrupted` when somebody asks to stop.
pub(super) fn read(scan: &mut Scan) -> crate::Result<()> {
    let cancel = scan.cancel.clone();
    let Scan { files, replaced, journal, .. } = scan;
    let index = journal.by_name();
    for file in files.iter_mut().chain(replaced) {
        // What lies in the cold tier alone is read back from there, by `tier verify`.
        if file.is_cold_alone() {
            continue;
        }
        let Some(commit) = file.sound().and_then(|footer| footer.commit.clone()) else { continue };
        let written = index.get(&(original_name(&file.name), commit.as_str())).and_then(|record| record.hash);
        let read = content(file, written, &cancel);
        // A file that was not read to its end is not one that cannot be read.
        cancel.check()?;
        if let Err(e) = read {
            file.footer = match e.kind() {
                Kind::Damaged => FooterRead::Damaged(e.what().to_owned()),
                _ => FooterRead::Unknown(e),
            };
        }
    }
    Ok(())
}

fn content(file: &mut DataFile, written: Option<ContentHash>, cancel: &Cancel) -> Result<(), Error> {
    let rows = read_rows(&file.path, Columns::All, cancel)?;
    let changed = match written {
        Some(written) => fs::hash_file(&file.path)? != written,
        None => false,
    };
    compare(file, rows);
    if changed {
        file.change = Some("its content is not what was written: values may be others".to_owned());
    }
    Ok(())
}

fn compare(file: &mut DataFile, rows: Rows) {
    let FooterRead::Sound(footer) = &mut file.footer else { return };
    if rows.count != footer.rows {
        file.lie = Some(format!("{} rows are in it, and its footer counts {}", rows.count, footer.rows));
        return;
    }
    let offsets = match rows.offsets {
        Err(doubled) => {
            file.lie = Some(doubled);
            return;
        }
        Ok(offsets) if offsets.is_empty() => return,
        Ok(offsets) => offsets,
    };
    let same = offsets.partitions().len() == footer.offsets.partitions().len()
        && offsets.partitions().iter().all(|(partition, found)| {
            footer.offsets.of(*partition).is_some_and(|told| {
                told.rows == found.rows
                    && (told.runs == found.runs || (told.hull && told.hull_range() == found.hull_range()))
            })
        });
    // From here on the offsets are those that were read: a hull becomes exact.
    footer.offsets = offsets;
    if !same {
        file.lie = Some("its rows have other offsets than its footer tells".to_owned());
    }
}
