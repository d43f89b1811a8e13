//! Helper streams on the server: what `feeds prepare` would make, said as SQL before it is done.

use std::collections::BTreeMap;

use super::plan::find_source;
use crate::error::{Error, Kind, Result};
use crate::feed::{Feed, FeedKind};
use crate::ksql::client::Client;
use crate::ksql::describe::CommandState;
use crate::ksql::statement;

/// What there is to prepare for a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preparation {
    /// The statement to run, and what it is for.
    Needed {
        /// One CREATE statement.
        sql: String,
        /// In words.
        purpose: String,
    },
    /// Nothing, and why.
    NotNeeded(String),
}

/// Looks at the server and says what a feed needs.
pub async fn examine(client: &Client, feed: &Feed, raw: bool) -> Result<Preparation> {
    let source = find_source(client, feed).await?;
    if feed.kind == FeedKind::Table {
        return Ok(Preparation::NotNeeded("tables are scanned as they are".into()));
    }
    if raw {
        // Refused before a statement is shown that would not help.
        super::raw::layout(&source, &feed.exclude_columns, &feed.rename)?;
        let name = statement::raw_name(&source.name);
        return Ok(match client.describe(&name).await {
            Ok(_) => Preparation::NotNeeded(format!("{name} is there already")),
            Err(error) if error.kind() == Kind::Refused => Preparation::Needed {
                sql: statement::raw_ddl(&source),
                purpose: "a stream that declares the topic as bytes; it reads, writes and copies nothing, and the server passes \
                          over old records of it several times faster"
                    .into(),
            },
            Err(error) => return Err(error),
        });
    }
    Ok(match client.end_offsets(&source).await? {
        Some(ends) => Preparation::NotNeeded(format!("{} tells where the log ends", ends.via)),
        None => Preparation::Needed {
            sql: statement::end_helper_ddl(&source)?,
            purpose: "a stream that never holds a row; the query behind it tells where the log ends".into(),
        },
    })
}

/// Runs the statement.
pub async fn perform(client: &Client, sql: &str) -> Result<String> {
    let earliest = BTreeMap::from([("ksql.streams.auto.offset.reset".to_owned(), "earliest".into())]);
    let outcome = client.execute(sql, &earliest).await?;
    match outcome.state {
        CommandState::Success => Ok(outcome.message),
        state => Err(Error::new(
            Kind::Refused,
            format!("the server did not make it: {} ({state:?})", outcome.message),
        )),
    }
}
