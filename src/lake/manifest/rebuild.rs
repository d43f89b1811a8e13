//! `_metadata.json` made anew from the footers of the files.
//!
//! Every file says which offsets it holds, under which columns it was written and by which commit; what no footer knows
//! (the runs, when the source was last looked at) begins anew.

use std::collections::BTreeMap;

use crate::lake::file::footer::{Footer, read_footer};
use crate::lake::fs;
use crate::lake::layout::{self, Places, Room};
use crate::lake::manifest::metadata::{FileFacts, Metadata};
use crate::lake::manifest::schema;
use crate::{Error, Kind, Result};

/// Fills `metadata`, that of an empty dataset, from the files of the dataset. `Kind::Damaged` names the files that say too
/// little to go on from.
pub(crate) fn rebuild(places: &Places, metadata: Metadata) -> Result<Metadata> {
    let mut footers = Vec::new();
    let mut wrong = Vec::new();
    for leaf in layout::leaves(&places.data)? {
        for file in leaf.files {
            if !layout::has_parquet_ending(&file.name) {
                continue;
            }
            match read_footer(&file.path) {
                Ok(footer) => match complaint(&metadata, &footer) {
                    None => footers.push((leaf.path.clone(), file.bytes, footer)),
                    Some(why) => wrong.push(format!("{}/{} {why}", leaf.path, file.name)),
                },
                Err(e) if e.kind() == Kind::Damaged => {
                    wrong.push(format!("{}/{}: {}", leaf.path, file.name, e.what()));
                }
                Err(e) => return Err(e),
            }
        }
    }
    if !wrong.is_empty() {
        let number = wrong.len();
        wrong.truncate(5);
        return Err(Error::new(
            Kind::Damaged,
            format!(
                "the metadata is lost, and {number} files do not say what they hold: {}",
                wrong.join("; ")
            ),
        )
        .at("dataset", places.data.display())
        .next(
            "bring _metadata.json back from a backup, or move these files out of the lake, then export again",
        ));
    }
    assemble(places, metadata, footers)
}

/// The same from footers that were read already: folder, size of the file, what it says.
pub(crate) fn assemble(
    places: &Places,
    mut metadata: Metadata,
    mut footers: Vec<(String, u64, Footer)>,
) -> Result<Metadata> {
    footers.sort_by_key(|(_, _, footer)| footer.commit.as_deref().and_then(layout::commit_seq));
    let mut positions: BTreeMap<i32, i64> = BTreeMap::new();
    for (path, bytes, footer) in &footers {
        metadata.add_file(
            path,
            &FileFacts {
                rows: footer.rows,
                bytes: *bytes,
                rowtime: footer.rowtime,
                offsets: footer.offsets.hulls().collect(),
            },
        );
        let next = footer.offsets.hulls().map(|(partition, [_, last])| (partition, last.saturating_add(1)));
        for (partition, next) in next.chain(footer.positions.iter().map(|(p, next)| (*p, *next))) {
            let known = positions.entry(partition).or_insert(next);
            *known = next.max(*known);
        }
        let seq = footer.commit.as_deref().and_then(layout::commit_seq).unwrap_or(0);
        metadata.commit_seq = metadata.commit_seq.max(seq);
        let started = footer.started.as_deref().and_then(|text| text.parse().ok());
        metadata.last_export = metadata.last_export.max(started);
        metadata.created_at = started.map_or(metadata.created_at, |started| metadata.created_at.min(started));
    }
    metadata.positions = positions;
    metadata.current_version = metadata.partitions.iter().filter_map(|p| layout::version_of(&p.path)).max();
    columns(&mut metadata, footers.iter().map(|(_, _, footer)| footer));
    for entry in fs::list(&places.room(Room::Quarantine))? {
        let bytes = fs::read_capped(&entry.path, 1 << 30)?.unwrap_or_default();
        metadata.quarantined_records += memchr::memchr_iter(b'\n', &bytes).count() as u64;
    }
    metadata.total();
    Ok(metadata)
}

/// Why a file cannot be counted.
fn complaint(metadata: &Metadata, footer: &Footer) -> Option<&'static str> {
    if footer.commit.is_none() {
        Some("was not written by lakehand")
    } else if metadata.kind == "stream" && footer.rows > 0 && footer.offsets.partitions().is_empty() {
        Some("does not say which offsets it holds")
    } else {
        None
    }
}

/// Columns and schema version, oldest version first.
pub(crate) fn columns<'a>(metadata: &mut Metadata, footers: impl Iterator<Item = &'a Footer>) {
    let mut by_version = BTreeMap::new();
    for footer in footers {
        let Some(version) = footer.schema_version.as_deref() else { continue };
        let started = footer.started.as_deref().and_then(|text| text.parse().ok());
        // The run that brought the version is the first of those that wrote under it.
        let entry =
            by_version.entry(schema::parse_version(version)).or_insert((version, started, Vec::new()));
        entry.1 = entry.1.into_iter().chain(started).min();
        entry.2.clone_from(&footer.columns);
    }
    let mut major = None;
    for ((number, _), (version, started, seen)) in by_version {
        // A new whole number was accepted as a new beginning when it was made, whatever had changed.
        let known = if major.replace(number) == Some(number) { &metadata.columns[..] } else { &[] };
        metadata.columns = match schema::evolve(known, version, &seen, started) {
            Ok((columns, _)) => columns,
            Err(_) => seen.iter().map(|column| schema::info(column, version, started)).collect(),
        };
        for column in &mut metadata.columns {
            // `evolve` names the version after `version` for a column that came with it.
            if schema::parse_version(&column.since) > schema::parse_version(version) {
                version.clone_into(&mut column.since);
            }
            if let Some(gone) = &mut column.gone_since
                && schema::parse_version(gone) > schema::parse_version(version)
            {
                version.clone_into(gone);
            }
        }
        version.clone_into(&mut metadata.schema_version);
    }
}
