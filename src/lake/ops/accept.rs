//! A change of the source's columns that readers cannot bridge, accepted by the operator.

use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::manifest::schema::{self, TableSchema};
use crate::lake::write::columns;
use crate::lake::write::present::View;
use crate::{Error, Kind, Result};

impl Dataset {
    /// Takes the source's columns as they now are: `schema_version` rises to the next whole number. Gives the new one.
    /// Files of before keep their columns.
    pub fn accept_schema(&mut self, schema: &TableSchema, now: DateTime<Utc>) -> Result<String> {
        self.recover_if_needed()?;
        // Types of before hold no longer, nor does the way in which they were written.
        let view = View::new(&self.feed, &[], schema);
        let columns = columns::file_columns(view.schema(), &schema.columns_types);
        self.refuse_other_types(&columns)?;
        let mut note = self.note(now);
        let next = note.metadata();
        (next.columns, next.schema_version) = schema::accept(&next.schema_version, &columns, now);
        next.checked_at = next.checked_at.max(Some(now));
        note.commit()?;
        Ok(self.metadata.schema_version.clone())
    }

    /// Files of one table have one type a column, and those of a stream stay.
    fn refuse_other_types(&self, columns: &[[String; 3]]) -> Result<()> {
        if self.feed.table_format.is_empty() || self.feed.kind == FeedKind::Table || !self.has_data() {
            return Ok(());
        }
        let other = columns.iter().find_map(|[name, _, now]| {
            let before = self.metadata.columns.iter().find(|column| column.name == *name)?;
            (before.arrow_type != *now).then_some((name, &before.arrow_type, now))
        });
        let Some((name, before, now)) = other else { return Ok(()) };
        Err(Error::new(
            Kind::Refused,
            format!("column {name} was {before} and is {now}: a table format cannot hold files of both"),
        )
        .at("feed", &self.feed.name)
        .next(format!(
            "`lakehand feeds disable-format {0} …` first, or `lakehand feeds reset {0} --from-start`",
            self.feed.name
        )))
    }
}
