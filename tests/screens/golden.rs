//! Every view and overlay at three sizes.

use std::path::Path;

use lakehand::app::ThemeName;
use lakehand::ui::Theme;

use super::scenes::Name;
use super::{drawn, lines};

const SIZES: [(u16, u16); 3] = [(40, 12), (80, 24), (160, 50)];

#[test]
fn frames_are_as_they_were_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens/golden");
    let update = std::env::var_os("UPDATE").is_some();
    let mut differing = Vec::new();
    for name in Name::ALL {
        for (width, height) in SIZES {
            for ascii in [false, true] {
                // One size is enough to see that the ASCII form is of the same quality.
                if ascii && width != 80 {
                    continue;
                }
                let theme = Theme::named(ThemeName::Dark).ascii(ascii);
                let text = lines(&drawn(name, width, height, &theme).0).join("\n") + "\n";
                let form = if ascii { "_ascii" } else { "" };
                let file = folder.join(format!("{}_{width}x{height}{form}.txt", name.word()));
                if update {
                    std::fs::write(&file, &text).unwrap();
                } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
                    differing.push(format!("{}:\n{text}", file.display()));
                }
            }
        }
    }
    assert!(differing.is_empty(), "UPDATE=1 writes them anew\n{}", differing.join("\n"));
}
