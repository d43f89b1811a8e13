//! What shells and `man` want: both made from the same definitions as the parser.

use std::io::Write;

use clap::CommandFactory;

use super::Cli;
use crate::error::{Error, Kind, Result};
use crate::headless::Exit;

pub(super) fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lakehand", &mut script);
    print(&script)
}

pub(super) fn man() -> Result<Exit> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|e| Error::new(Kind::Bug, format!("cannot make the manual page: {e}")).because(e))?;
    print(&page)
}

fn print(bytes: &[u8]) -> Result<Exit> {
    std::io::stdout()
        .lock()
        .write_all(bytes)
        .map_err(|e| Error::new(Kind::Io, format!("cannot write to standard output: {e}")).because(e))?;
    Ok(Exit::Done)
}
