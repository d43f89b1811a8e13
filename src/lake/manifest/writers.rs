//! Queries that write the source and do not run: what they have not written is not in the source.

use serde::{Deserialize, Serialize};

/// A query that writes the source and does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedQuery {
    /// `CSAS_X_1`
    pub query: String,
    /// `PAUSED`, `ERROR`, …: the server's word.
    pub state: String,
}

impl StoppedQuery {
    /// `the query CSAS_X_1, which writes the source, is PAUSED: …`
    pub fn sentence(&self) -> String {
        let Self { query, state } = self;
        let next = match state.as_str() {
            "PAUSED" => format!("`RESUME {query};` on the server lets it go on"),
            _ => "the server's log and `SHOW QUERIES EXTENDED;` say why".to_owned(),
        };
        format!(
            "the query {query}, which writes the source, is {state}: rows may be missing, so nothing is claimed to be complete \
             and nothing is sealed on the ground of this read; {next}"
        )
    }
}
