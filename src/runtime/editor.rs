//! The operator's own editor, on the terminal that the screen gave away.

use std::path::Path;
use std::process::Command;

use crate::error::{Error, Kind, Result};
use crate::feed::{Problem, parse_feed};

/// Opens the file in `$VISUAL`, `$EDITOR` or `vi`, and waits until it is left. The words of the variable are those of a
/// shell: `code --wait` works.
pub(super) fn edit(path: &Path) -> Result<()> {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let failed = |what: String| {
        Error::new(Kind::Config, what)
            .at("editor", &editor)
            .next("set VISUAL or EDITOR to an editor that is there")
    };
    let status = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "lakehand"])
        .arg(path)
        .status()
        .map_err(|e| failed(format!("the editor cannot be started: {e}")))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(126 | 127) => Err(failed("the editor cannot be started".to_owned())),
        _ => Err(failed(format!("the editor ended with {status}"))),
    }
}

/// What is wrong with the file as it is now.
pub(super) fn validate(path: &Path) -> Result<Vec<Problem>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read the feed", path, e))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(parse_feed(&text, &stem).err().unwrap_or_default())
}
