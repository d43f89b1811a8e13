//! A log that is missing or behind is brought to what the dataset holds, by one entry.

use super::log;
use super::publish::LogEntry;
use crate::format::delta::{self, Entry};
use crate::hash::ContentHash;
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::LOG;
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::txn::table::changes::{listed, unlisted};
use crate::lake::txn::table::{Links, columns_of};
use crate::{Error, Kind, Result};

impl Dataset {
    /// Brings the log to what the dataset holds, where it is not known to be there. `Kind::Refused` when somebody else's table
    /// lies in the folder, `Kind::Damaged` when the log cannot be read.
    pub(in crate::lake::txn::table) fn sync_delta(&mut self) -> Result<()> {
        let known = self.metadata.delta.as_ref();
        if !self.is_delta() || known.is_some_and(|table| self.log_ends_at(table.version)) {
            return Ok(());
        }
        let state = log::read(&self.dir().join(LOG))?;
        if self.metadata.partitions.is_empty() && state.is_none() {
            // The first commit makes the table, as it knows the columns.
            return Ok(());
        }
        let columns = columns_of(&self.metadata)?;
        let schema = delta::schema_string(&columns).map_err(|e| e.at("feed", &self.feed.name))?;
        self.check_links()?;
        self.check_types()?;
        let now = self.now();
        let hash = ContentHash::of(schema.as_bytes());
        let mut table = self.new_table(now.timestamp_millis(), hash);
        if let Some(state) = &state {
            let identity = self.identity(&table);
            match (state.dataset(), state.identity()) {
                (Some(dataset), Some((id, created))) if dataset == identity.dataset => {
                    (table.id, table.created) = (id.to_owned(), created);
                }
                _ => return Err(self.not_ours()),
            }
        }
        let (held, wanted) =
            (state.as_ref().map(delta::state::State::files).transpose()?, self.table_files()?);
        let held = held.unwrap_or_default();
        let is_held = |file: &DataFile| held.get(&Links::DELTA.name(&file.path)) == Some(&file.bytes);
        let added: Vec<&DataFile> = wanted.values().filter(|file| !is_held(file)).collect();
        // Files whose record is all there is: a link that is gone is made again.
        self.committer.link(Links::DELTA, wanted.keys().map(String::as_str))?;
        let first_name = |path| Links::DELTA.first_name(path);
        let gone =
            held.iter().filter(|(path, _)| first_name(path).is_none_or(|first| !wanted.contains_key(first)));
        let removed: Vec<_> = gone
            .filter_map(|(path, bytes)| {
                unlisted(first_name(path).unwrap_or(path), *bytes, path.clone(), &columns)
            })
            .collect();
        let added: Vec<_> =
            added.into_iter().filter_map(|f| listed(f, Links::DELTA.name(&f.path), &columns)).collect();
        let is_new = state.is_none();
        let changed = state.as_ref().and_then(|state| state.schema_string()) != Some(schema.as_str());
        let mut version = state.as_ref().and_then(|state| state.version);
        if is_new || changed || !added.is_empty() || !removed.is_empty() {
            let seq = self.metadata.commit_seq;
            // Two of them may have one number: the time tells them apart.
            let commit = format!("{seq:06}-sync{}", now.timestamp_millis());
            let identity = self.identity(&table);
            let entry = Entry {
                commit: &commit,
                seq,
                at: now.timestamp_millis(),
                positions: self.metadata.positions.clone(),
                is_new,
                schema: changed.then_some((&identity, &columns)),
                added,
                removed,
                is_rewrite: false,
            };
            let text = entry.text(&columns)?;
            let entry = LogEntry { commit, after: version, links: Vec::new(), text };
            version = Some(self.committer.publish(&entry)?);
        }
        table.version = version;
        table.checkpoint = self.metadata.delta.as_ref().and_then(|table| table.checkpoint);
        let next = Metadata { delta: Some(table), ..self.metadata.clone() };
        self.committer.write_metadata(&next.text()?)?;
        self.metadata = next;
        Ok(())
    }

    fn not_ours(&self) -> Error {
        Error::new(Kind::Refused, "a Delta table that this program did not make lies in the dataset's folder")
            .at("folder", self.dir().join(LOG).display())
            .next("move it away, then try again; or take \"table_format\" out of the feed")
    }

    /// The log ends where the metadata says, or behind it. Where that cannot be told, it is compared with the files.
    pub(super) fn log_ends_at(&self, version: Option<u64>) -> bool {
        let at = |version| self.dir().join(LOG).join(delta::file_of_version(version));
        version.is_some_and(|version| fs::size_of(&at(version)).is_ok_and(|size| size.is_some()))
    }
}
