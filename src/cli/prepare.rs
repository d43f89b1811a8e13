//! `feeds prepare`: the helper streams of a stream.

use super::ask::ask;
use super::{client, runtime, say};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::export::prepare::{self, Preparation};
use crate::feed::Feed;
use crate::headless::Exit;

/// Shows the statement, and runs it with the operator's consent.
pub(super) fn prepare(config: &Config, feed: &Feed, raw: bool, yes: bool) -> Result<Exit> {
    let client = client(config)?;
    let runtime = runtime(1)?;
    let (sql, purpose) = match runtime.block_on(prepare::examine(&client, feed, raw))? {
        Preparation::NotNeeded(why) => {
            say(&format!("nothing to prepare: {why}"));
            return Ok(Exit::Done);
        }
        Preparation::Needed { sql, purpose } => (sql, purpose),
    };
    say(&format!("This statement would make {purpose}:\n\n{sql}\n\n"));
    if !yes {
        let answer = ask("Run it on the server?")?.ok_or_else(|| {
            Error::new(Kind::Usage, "there is no terminal to ask on").next("give consent with --yes")
        })?;
        if !answer {
            say("nothing was made");
            return Ok(Exit::Done);
        }
    }
    let message = runtime.block_on(prepare::perform(&client, &sql))?;
    say(&format!("made: {message}"));
    Ok(Exit::Done)
}
