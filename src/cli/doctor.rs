//! `doctor`: is everything there that an export needs?

use chrono::Utc;
use clap::Args;
use serde_json::json;

use super::{Start, client, runtime, say, say_json};
use crate::doctor::{Level, Terminal, examine};
use crate::error::Result;
use crate::headless::Exit;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

pub(super) fn run(start: &Start, args: &DoctorArgs) -> Result<Exit> {
    let config = start.config()?;
    let terminal = Terminal::of_process(&|name| std::env::var(name).ok());
    let (logs, registry) = (super::logs(&config), super::registry(&config));
    let lines =
        runtime(1)?.block_on(examine(&config, client(&config), logs, registry, &terminal, Utc::now()));
    let count = |level| lines.iter().filter(|line| line.level == level).count();
    for line in &lines {
        if args.json {
            say_json(&json!({
                "event": "doctor", "topic": line.topic, "level": line.level.name(), "what": line.what, "next": line.next,
            }));
            continue;
        }
        say(&format!("{:<5} {:<9} {}", line.level.name(), line.topic, line.what));
        if let Some(next) = &line.next {
            say(&format!("{:<15} {next}", ""));
        }
    }
    let (ok, warn, fail) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
    if args.json {
        say_json(&json!({ "event": "summary", "ok": ok, "warn": warn, "fail": fail }));
    } else {
        say(&format!("{ok} ok, {warn} warnings, {fail} failures"));
    }
    Ok(if fail > 0 { Exit::Failed } else { Exit::Done })
}
