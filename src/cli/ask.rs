//! A question at the terminal before something that cannot be taken for granted.

use std::io::{IsTerminal, Write};

use crate::error::{Error, Kind, Result};
use crate::log::escape_controls;

/// Asks, and reads the answer: anything but `y` or `yes` is No. `None` where nobody is there to answer.
///
/// # Errors
/// [`Kind::Io`] when the answer cannot be read.
pub(super) fn ask(question: &str) -> Result<Option<bool>> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    eprint!("{} [y/N] ", escape_controls(question));
    // A question that cannot be shown is answered with No, or not at all.
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| Error::new(Kind::Io, format!("cannot read the answer: {e}")).because(e))?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
}
