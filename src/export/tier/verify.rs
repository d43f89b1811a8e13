//! Is what went to the cold store still there?

use std::collections::BTreeSet;

use super::{Mover, wrong_with};
use crate::error::Result;
use crate::lake::verify::{Finding, FindingKind, Severity};
use crate::lake::{ColdFile, cold_files, tier_gone};
use crate::tier::{Content, ObjectState};

/// What a look at the cold store found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verified {
    /// What is wrong, or worth knowing.
    pub findings: Vec<Finding>,
    /// Objects that belong to days.
    pub objects: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Objects whose content was read and is right.
    pub read: u64,
    /// Objects that lie in an archive, whose content cannot be read.
    pub archived: u64,
}

impl Verified {
    /// Nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Damage)
    }
}

impl Mover<'_> {
    /// Compares the store with what the dataset knows to lie there: names and sizes by one listing; with `deep`, every content too.
    ///
    /// # Errors
    /// When the store cannot be listed or read: then nothing is known of the objects.
    pub fn verify(&self, deep: bool) -> Result<Verified> {
        let dir = self.dir()?;
        let files = cold_files(&dir)?;
        let mut verified = Verified::default();
        if files.is_empty() {
            return Ok(verified);
        }
        let folder = self.folder("")?;
        let there = self.store.list(&folder)?;
        let mut known = BTreeSet::new();
        for file in &files {
            self.cancel.check()?;
            let key = self.key_of(&file.url)?;
            verified.objects += 1;
            verified.bytes += file.bytes;
            let wrong = match there.get(&key) {
                None => Some("the object is not there".to_owned()),
                Some(found) if found.bytes != file.bytes => {
                    Some(format!("the object has {} bytes, and {} went there", found.bytes, file.bytes))
                }
                Some(_) if deep => self.content(&key, file, &mut verified)?,
                Some(_) => None,
            };
            if let Some(what) = wrong {
                let way = if file.has_copy {
                    "a local copy is there: `lakehand tier restore` keeps the day on it"
                } else {
                    "bring it back from a version of the bucket, or export the day again after `lakehand tier restore`"
                };
                self.find(
                    &mut verified,
                    FindingKind::ColdObject,
                    Severity::Damage,
                    file,
                    &format!("{what}; {way}"),
                );
            }
            known.insert(key);
        }
        if verified.archived > 0 {
            verified.findings.push(Finding {
                dataset: folder.trim_end_matches('/').to_owned(),
                kind: FindingKind::ArchivedObject,
                severity: Severity::Note,
                path: String::new(),
                what: format!(
                    "{} objects lie in an archive: they are there and have their sizes, and their contents were not read",
                    verified.archived
                ),
                repair: None,
            });
        }
        let gone = tier_gone(&dir, std::time::Duration::ZERO, chrono::DateTime::<chrono::Utc>::MAX_UTC)?;
        known.extend(gone.iter().filter_map(|gone| self.key_of(&gone.url).ok()));
        let strays = there.iter().filter(|(key, _)| !known.contains(*key));
        let (count, bytes) = strays.fold((0_u64, 0), |(n, sum), (_, object)| (n + 1, sum + object.bytes));
        if count > 0 {
            let what = format!(
                "{count} objects ({bytes} bytes) lie below {} that no day needs: copies of a run that was stopped, which the next one \
                 takes up, or what others put there",
                self.store.url_of(&folder)
            );
            let dataset = folder.trim_end_matches('/').to_owned();
            verified.findings.push(Finding {
                dataset,
                kind: FindingKind::StrayObject,
                severity: Severity::Note,
                path: String::new(),
                what,
                repair: None,
            });
        }
        Ok(verified)
    }

    /// What is wrong with the content of an object; nothing where it lies in an archive.
    fn content(&self, key: &str, file: &ColdFile, verified: &mut Verified) -> Result<Option<String>> {
        match self.store.state(key)? {
            ObjectState::Archived { .. } | ObjectState::Restoring { .. } => {
                verified.archived += 1;
                return Ok(None);
            }
            ObjectState::Missing => return Ok(Some("the object is not there".to_owned())),
            ObjectState::Ready { .. } => {}
        }
        let wanted = Content { bytes: file.bytes, hash: file.hash };
        let wrong = wrong_with(self.store, key, wanted, &self.work())?;
        verified.read += u64::from(wrong.is_none());
        Ok(wrong)
    }

    fn find(
        &self,
        verified: &mut Verified,
        kind: FindingKind,
        severity: Severity,
        file: &ColdFile,
        what: &str,
    ) {
        let dataset = self.folder("").unwrap_or_default().trim_end_matches('/').to_owned();
        verified.findings.push(Finding {
            dataset,
            kind,
            severity,
            path: format!("{}/{}", file.partition, file.name),
            what: format!("{what} ({})", file.url),
            repair: None,
        });
    }
}
