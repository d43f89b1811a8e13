//! Every view and overlay at three sizes.

use std::path::Path;

use lakehand::app::ThemeName;
use lakehand::ui::Theme;

use super::scenes::Name;
use super::{drawn, lines};

pub(crate) const SIZES: [(u16, u16); 3] = [(40, 12), (80, 24), (160, 50)];

/// Compares frames with their files, or writes the files.
pub(crate) fn compare(frames: impl Iterator<Item = (String, Vec<String>)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens/golden");
    let update = std::env::var_os("UPDATE").is_some();
    let mut differing = Vec::new();
    for (name, lines) in frames {
        let file = folder.join(format!("{name}.txt"));
        let text = lines.join("\n") + "\n";
        if update {
            std::fs::write(&file, &text).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            differing.push(format!("{}:\n{text}", file.display()));
        }
    }
    assert!(differing.is_empty(), "UPDATE=1 writes them anew\n{}", differing.join("\n"));
}

#[test]
fn frames_are_as_they_were_looked_at() {
    let frame = |name: Name, (width, height): (u16, u16), ascii: bool| {
        let theme = Theme::named(ThemeName::Dark).ascii(ascii);
        let form = if ascii { "_ascii" } else { "" };
        let file = format!("{}_{width}x{height}{form}", name.name());
        (file, lines(&drawn(name, width, height, &theme).0))
    };
    compare(Name::ALL.into_iter().flat_map(|name| {
        // One size is enough to see that the ASCII form is of the same quality.
        let ascii = std::iter::once(frame(name, (80, 24), true));
        SIZES.into_iter().map(move |size| frame(name, size, false)).chain(ascii)
    }));
}
