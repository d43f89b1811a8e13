//! A version of a table taken back: it comes out of the bin and is current again; what is newer goes into the bin.
//!
//! One commit, as any other. A reader sees the version of before or the one that came back.

use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::file::footer::read_footer;
use crate::lake::layout;
use crate::lake::manifest::metadata::FileFacts;
use crate::lake::ops::replaced::{commits, is_data};
use crate::lake::ops::undo::{Bundle, Undone};
use crate::lake::txn::commit::Move;
use crate::{Error, Kind, Result};

impl Dataset {
    /// Makes `version` current again. `Kind::Usage` when it is not in the bin.
    pub fn undo_version(&mut self, version: u32, now: DateTime<Utc>) -> Result<Undone> {
        if self.feed.kind != FeedKind::Table {
            return Err(
                Error::new(Kind::Usage, "a stream has days and no versions").next("name a day with --day")
            );
        }
        self.recover_if_needed()?;
        self.check_ready()?;
        let folder = layout::version_folder(version);
        let mut found = None;
        let mut there = Vec::new();
        for commit in commits(self.dir())?.into_iter().filter(|entry| entry.is_dir) {
            for leaf in layout::leaves(&commit.path)? {
                there.extend(layout::version_of(&leaf.path).map(|version| format!("v{version}")));
                if leaf.path == folder {
                    found = Some((commit.name.clone(), leaf));
                }
            }
        }
        let (commit, leaf) = found.ok_or_else(|| {
            let error = Error::new(Kind::Usage, format!("version v{version} is not in the bin"));
            if there.is_empty() { error } else { error.next(format!("there is {}", there.join(", "))) }
        })?;
        let mut next = self.metadata.clone();
        next.commit_seq += 1;
        let id = format!("{:06}-{}", next.commit_seq, layout::retained_word(now));
        let mut done = Undone { commit, partition: folder.clone(), id: id.clone(), ..Undone::default() };
        let mut moves = Vec::new();
        for newer in self.metadata.partitions.iter().filter(|p| layout::version_of(&p.path) > Some(version)) {
            let to = format!("{}/{id}/{}", layout::REPLACED, newer.path);
            moves.push(Move { from: newer.path.clone(), to, bytes: newer.bytes, rows: newer.records });
            done.aside.add(newer.files, newer.records, newer.bytes);
            next.partitions.retain(|known| known.path != newer.path);
        }
        for file in leaf.files.iter().filter(|file| is_data(file)) {
            // What cannot be read does not come back: the error says whether it is damaged or out of reach.
            let footer = read_footer(&file.path)?;
            done.back.add(1, footer.rows, file.bytes);
            let facts = FileFacts {
                rows: footer.rows,
                bytes: file.bytes,
                rowtime: footer.rowtime,
                offsets: footer.offsets.hulls().collect(),
            };
            next.add_file(&folder, &facts);
        }
        let from = format!("{}/{}/{folder}", layout::REPLACED, done.commit);
        moves.push(Move { from, to: folder, bytes: done.back.bytes, rows: done.back.rows });
        next.current_version = Some(version);
        next.total();
        self.commit(&id, moves, next)?;
        self.tidy_replaced();
        Ok(done)
    }
}

impl Bundle {
    fn add(&mut self, files: u64, rows: u64, bytes: u64) {
        self.files += files;
        self.rows = self.rows.saturating_add(rows);
        self.bytes += bytes;
    }
}
