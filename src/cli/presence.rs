//! Is there a lake at all? A file system that is not mounted must not look like a lake in which all is well.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::Config;
use crate::error::{Error, Kind, Result};

/// What makes a folder a lake: the first commit of any dataset makes one of these.
const SIGNS: [&str; 3] = ["streams", "tables", "_lakehand"];

/// Whether a lake stands where the configuration says.
///
/// # Errors
/// [`Kind::Io`]: that could not be told.
pub(super) fn lake_is_there(config: &Config) -> Result<bool> {
    for sign in SIGNS {
        if is_folder(&config.paths.lake.join(sign))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Fails when there is no lake: who asks whether all is well must not be told yes.
pub(super) fn require_lake(config: &Config) -> Result<()> {
    if lake_is_there(config)? { Ok(()) } else { Err(no_lake(config)) }
}

/// The error of a lake that is not there.
pub(super) fn no_lake(config: &Config) -> Error {
    Error::new(Kind::Io, "there is no lake: neither streams/ nor tables/ is in its folder")
        .at("folder", config.paths.lake.display())
        .next(
            "a file system that is not mounted looks like this; paths.lake names the folder, and the first `lakehand export` \
             makes the lake",
        )
}

fn is_folder(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(Error::io("look for the lake", path, e)),
    }
}
