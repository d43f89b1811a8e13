//! One value of the configuration file, changed by the program; everything else in the file stays as it is.

use std::io::Write;
use std::path::Path;

use super::file;
use crate::{Error, Kind, Result};

/// Writes `section.key = "value"` into the file at `path`, which is made where it is not there. The file is replaced
/// whole or not at all.
///
/// # Errors
/// [`Kind::Config`] when the file is written in a way that this cannot change, with what to write by hand.
pub fn write_key(path: &Path, name: &str, value: &str) -> Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (before, mode) = match file::read(&path) {
        Ok(text) => (text, std::fs::metadata(&path).ok().map(|found| found.permissions())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => (String::new(), None),
        Err(e) => return Err(Error::io("read the configuration file", &path, e)),
    };
    let after = changed(&before, name, value).ok_or_else(|| {
        let (section, key) = name.split_once('.').unwrap_or(("", name));
        Error::new(Kind::Config, format!("{name} cannot be changed in the file as it is written"))
            .at("file", path.display())
            .next(format!("write {key} = \"{value}\" below [{section}] by hand, then run this again"))
    })?;
    if after == before {
        return Ok(());
    }
    let failed = |e| Error::io("write the configuration file", &path, e);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(after.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let mode = mode.unwrap_or_else(|| std::os::unix::fs::PermissionsExt::from_mode(0o644));
    file.as_file().set_permissions(mode).map_err(failed)?;
    file.persist(&path).map(|_| ()).map_err(|e| failed(e.error))
}

/// The text with the new value; `None` when it would not say so.
fn changed(text: &str, name: &str, value: &str) -> Option<String> {
    let (section, key) = name.split_once('.')?;
    let header = format!("[{section}]");
    let new = format!("{key} = \"{value}\"");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let written = file::parse(text).0.into_iter().find(|written| written.key.name == name);
    if let Some(written) = written {
        let line = lines.get_mut(written.line.checked_sub(1)?)?;
        let (before, _) = line.split_once('=')?;
        *line = format!("{}= \"{value}\"", before.trim_end().to_owned() + " ");
    } else if let Some(at) = lines.iter().position(|line| line.trim() == header) {
        lines.insert(at + 1, new);
    } else {
        lines.extend([String::new(), header, new].into_iter().skip(usize::from(text.is_empty())));
    }
    let after = lines.join("\n") + "\n";
    let (written, problems) = file::parse(&after);
    let (_, problems_before) = file::parse(text);
    let says = written.iter().any(|written| written.key.name == name && written.text == value);
    (says && problems.len() <= problems_before.len()).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn one_line_changes_and_the_others_stay() {
        let set = |text: &str| changed(text, "lake.metadata", "apart");
        let wanted = "[lake]\nmetadata = \"apart\"\n";
        assert_eq!(set("").as_deref(), Some(wanted));
        assert_eq!(set("[lake]\nmetadata = \"folder\"\n").as_deref(), Some(wanted));
        assert_eq!(set(wanted).as_deref(), Some(wanted));
        assert_eq!(set("# mine\n[lake]\n").as_deref(), Some("# mine\n[lake]\nmetadata = \"apart\"\n"));
        assert_eq!(
            set("[watch]\npoll = true\n").as_deref(),
            Some(&*format!("[watch]\npoll = true\n\n{wanted}"))
        );
        assert_eq!(set("lake.metadata = \"folder\"\n").as_deref(), Some("lake.metadata = \"apart\"\n"));
        assert_eq!(set("lake = { metadata = \"folder\" }\n"), None, "written by hand, changed by hand");
    }

    #[test]
    fn the_default_file_can_be_changed() {
        let text = changed(super::super::DEFAULT_FILE, "lake.metadata", "apart").unwrap();
        assert_eq!(text.lines().count(), super::super::DEFAULT_FILE.lines().count());
    }
}
