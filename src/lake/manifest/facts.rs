//! What a reader must know of a dataset, taken out of its metadata.

use std::collections::BTreeSet;
use std::path::Path;

use super::metadata::Metadata;
use crate::feed::{Feed, FeedKind};
use crate::lake::fs;
use crate::lake::layout::{self, Places};
use crate::reading::{Column, Dataset, MetadataPlace, Tiers};
use crate::{Error, Kind, Result};

impl Metadata {
    /// The facts of the dataset in `folder`, for [`crate::reading`]. `folder` is best absolute: it is what the code names.
    ///
    /// # Errors
    ///
    /// `Kind::Feed` when there is nothing to read yet, or the folder's name is not UTF-8, which no code can name.
    pub fn facts(&self, feed: &Feed, folder: &Path) -> Result<Dataset> {
        let empty =
            self.partitions.is_empty() || (feed.kind == FeedKind::Table && self.current_version.is_none());
        if empty {
            return Err(nothing_yet(feed, folder));
        }
        let text = folder.to_str().ok_or_else(|| {
            Error::new(Kind::Feed, "the name of the dataset's folder is not UTF-8, so no code can name it")
                .at("folder", folder.display())
                .next("move the lake to a folder with another name")
        })?;
        let columns = self.columns.iter().map(|column| Column {
            name: column.name.clone(),
            arrow_type: column.arrow_type.clone(),
            since: column.since.clone(),
            gone_since: column.gone_since.clone(),
        });
        // Metadata of an early version does not name the folders: the feed does.
        let partition_columns = if self.partition_columns.is_empty() {
            layout::partition_columns(&feed.partitioning)
        } else {
            self.partition_columns.clone()
        };
        let is_stream = feed.kind == FeedKind::Stream;
        let apart = Places::find(folder)?.is_apart();
        let ends = self.partitions.first().zip(self.partitions.last()).filter(|_| is_stream);
        Ok(Dataset {
            feed: feed.name.clone(),
            name: feed.dataset(),
            kind: feed.kind,
            folder: text.trim_end_matches('/').to_owned(),
            partition_columns,
            columns: columns.collect(),
            current_version: self.current_version.filter(|_| !is_stream),
            metadata: if apart { MetadataPlace::Apart } else { MetadataPlace::InFolder },
            rows: self.total_records,
            span: ends.map(|(first, last)| (first.path.clone(), last.path.clone())),
            schema_version: self.schema_version.clone(),
            tiers: self.tiers(folder)?,
            days: self
                .timezone
                .clone()
                .filter(|_| is_stream)
                .map(|zone| (zone, self.timestamp_column.clone())),
        })
    }
}

impl Metadata {
    /// What lies in the cold tier, and which files lie here; `None` where nothing is cold.
    fn tiers(&self, folder: &Path) -> Result<Option<Tiers>> {
        let cold = self.partitions.iter().filter_map(|known| Some((known, known.cold.as_ref()?)));
        let Some(root) =
            cold.clone().find_map(|(known, cold)| cold.url.strip_suffix(&known.path)?.strip_suffix('/'))
        else {
            return Ok(None);
        };
        let objects: Vec<String> = cold
            .clone()
            .flat_map(|(known, cold)| cold.objects.iter().map(|name| layout::join(&known.path, name)))
            .collect();
        let known: BTreeSet<&String> = objects.iter().collect();
        let mut late = Vec::new();
        for (partition, _) in cold.clone().filter(|(partition, _)| !partition.is_cold_alone()) {
            for file in fs::list(&layout::inside(folder, &partition.path)?)? {
                let path = layout::join(&partition.path, &file.name);
                if layout::is_ours(&file.name) && !known.contains(&path) {
                    late.push(path);
                }
            }
        }
        let has_hot = self.partitions.iter().any(|partition| partition.cold.is_none() && partition.files > 0);
        Ok(Some(Tiers { root: root.to_owned(), objects, late, has_hot, endpoint: None, region: None }))
    }
}

/// Nothing of the feed is in the lake.
pub fn nothing_yet(feed: &Feed, folder: &Path) -> Error {
    Error::new(Kind::Feed, format!("nothing of feed {} is in the lake yet", feed.name))
        .at("folder", folder.display())
        .next(format!("`lakehand export --feed {}` fills it", feed.name))
}
