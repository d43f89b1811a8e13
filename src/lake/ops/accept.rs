//! A change of the source's columns that readers cannot bridge, accepted by the operator.

use chrono::{DateTime, Utc};

use crate::Result;
use crate::lake::Dataset;
use crate::lake::manifest::schema::{self, TableSchema};
use crate::lake::write::columns;
use crate::lake::write::present::View;

impl Dataset {
    /// Takes the source's columns as they now are: `schema_version` rises to the next whole number. Gives the new one.
    /// Files of before keep their columns.
    pub fn accept_schema(&mut self, schema: &TableSchema, now: DateTime<Utc>) -> Result<String> {
        self.recover_if_needed()?;
        // Types of before hold no longer, nor does the way in which they were written.
        let view = View::new(&self.feed, &[], schema);
        let columns = columns::file_columns(view.schema(), &schema.columns_types);
        let mut note = self.note(now);
        let next = note.metadata();
        (next.columns, next.schema_version) = schema::accept(&next.schema_version, &columns, now);
        next.checked_at = next.checked_at.max(Some(now));
        note.commit()?;
        Ok(self.metadata.schema_version.clone())
    }
}
