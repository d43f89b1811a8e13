//! `doctor`: is everything there that an export needs?

use clap::Args;

use super::Start;
use crate::error::Result;
use crate::headless::Exit;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(_start: &Start, _args: &DoctorArgs) -> Result<Exit> {
    Ok(Exit::Done)
}
