//! `doctor`: is everything there that an export needs?

use chrono::Utc;
use clap::Args;
use serde_json::json;

use super::{Start, client, runtime, say, say_json};
use crate::doctor::{Level, Line, Lines, Terminal, Told, examine};
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
    let mut levels = Vec::new();
    let mut tell = |told: Told| match told {
        Told::Line(line) => {
            levels.push(line.level);
            show(&line, args.json);
        }
        // Of a wait only people need to know.
        Told::Waits(topic, what) if !args.json => say(&format!("{:<5} {topic:<9} {what}", "...")),
        Told::Waits(..) => {}
    };
    let mut lines = Lines::new(&mut tell);
    let runtime = runtime(1)?;
    let (client, logs, registry) = (client(&config), super::logs(&config), super::registry(&config));
    let catalogs = super::catalogs(&config);
    runtime.block_on(examine(&config, client, logs, registry, catalogs, &terminal, Utc::now(), &mut lines));
    // A question to the brokers that nobody waits for any longer does not hold up the end.
    runtime.shutdown_background();
    let count = |level| levels.iter().filter(|known| **known == level).count();
    let (ok, warn, fail) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
    if args.json {
        say_json(&json!({ "event": "summary", "ok": ok, "warn": warn, "fail": fail }));
    } else {
        say(&format!("{ok} ok, {warn} warnings, {fail} failures"));
    }
    Ok(if fail > 0 { Exit::Failed } else { Exit::Done })
}

fn show(line: &Line, json: bool) {
    let Line { topic, level, what, next } = line;
    if json {
        let level = level.name();
        return say_json(
            &json!({ "event": "doctor", "topic": topic, "level": level, "what": what, "next": next }),
        );
    }
    say(&format!("{:<5} {topic:<9} {what}", level.name()));
    if let Some(next) = next {
        say(&format!("{:<15} {next}", ""));
    }
}
