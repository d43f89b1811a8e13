//! What an operator wants to keep although the feed's rules would let it go.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::lake::layout::{self, PartitionPath, is_inside};
use crate::lake::manifest::metadata::Metadata;

/// A version of a table, or a day of a stream, that retention, `keep_versions` and the purge of the bin leave alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The folder below the dataset: `version=v3`, `year=2025/month=01/day=15`.
    pub path: String,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Pin {
    /// What is pinned, as people say it: `v3`, `2025-01-15`, `year=2025/month=01`.
    pub fn target(&self) -> String {
        if let Some(version) = layout::version_of(&self.path) {
            return format!("v{version}");
        }
        let day = PartitionPath::parse(&self.path).filter(|path| path.day().is_some());
        day.and_then(PartitionPath::first_day).map_or_else(|| self.path.clone(), |day| day.to_string())
    }

    /// The target, with the name where there is one.
    pub fn sentence(&self) -> String {
        let name = self.name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
        format!("{}{name} is pinned since {}", self.target(), self.at.format("%Y-%m-%d %H:%M:%SZ"))
    }
}

impl Metadata {
    /// The pin that keeps the partition `path`.
    pub fn pin_of(&self, path: &str) -> Option<&Pin> {
        self.pins.iter().find(|pin| is_inside(path, &pin.path))
    }

    /// The partition `path` is kept by a pin.
    pub fn is_pinned(&self, path: &str) -> bool {
        self.pin_of(path).is_some()
    }
}
