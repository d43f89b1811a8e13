//! Where things lie: a dataset's folder holds data and metadata alone; a lake of before is migrated, whatever stops it;
//! metadata goes apart and comes back; whoever lists a table's folder finds one version.

#[path = "../lake_support/mod.rs"]
mod lake_support;

mod apart;
mod before;
mod before_intent;
mod exchange;

use std::collections::BTreeSet;
use std::path::Path;

/// Everything below a folder, by its path.
pub(crate) fn names(dir: &Path) -> BTreeSet<String> {
    fn walk(dir: &Path, base: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            found.insert(entry.path().strip_prefix(base).unwrap().to_str().unwrap().to_owned());
            if entry.path().is_dir() {
                walk(&entry.path(), base, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(dir, dir, &mut found);
    found
}

/// What lies at the top of a dataset's folder, partitions left out.
pub(crate) fn beside_data(dir: &Path) -> Vec<String> {
    let top = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut top: Vec<_> = top.filter(|name| !name.contains('=')).collect();
    top.sort();
    top
}
