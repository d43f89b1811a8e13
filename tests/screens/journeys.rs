//! The model's own texts through the same drawing: where keys lead, as an operator sees it.

use lakehand::app::ThemeName;
use lakehand::ui::Theme;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::lake::Lake;
use super::lines;

/// The screens that are compared: a name, and the keys that lead there.
const PLACES: [(&str, &[&str]); 14] = [
    ("feeds", &[]),
    ("detail", &["j", "j", "j", "enter"]),
    ("datasets", &["f3"]),
    ("partitions", &["j", "j", "j", "P"]),
    ("calendar", &["j", "j", "j", "P", "v"]),
    ("files", &["j", "j", "j", "P", "enter"]),
    ("rows", &["j", "j", "j", "P", "enter", "enter"]),
    ("exports", &["f4"]),
    ("logs", &["f5"]),
    ("help", &["?"]),
    ("palette", &[":", "e", "x", "p"]),
    ("confirm", &["j", "j", "space", "j", "space", "a"]),
    ("copy", &["j", "j", "j", "y"]),
    ("add", &["n", "T", "R", "A"]),
];

fn screen(keys: &[&str], (width, height): (u16, u16), ascii: bool) -> Vec<String> {
    let mut lake = Lake::demo((width, height));
    lake.keys(keys);
    let theme = Theme::named(ThemeName::Dark).ascii(ascii);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| drop(lakehand::ui::draw(frame, &lake.app, &theme))).unwrap();
    lines(terminal.backend().buffer())
}

#[test]
fn the_model_looks_as_it_was_looked_at() {
    super::golden::compare(PLACES.iter().flat_map(|(name, keys)| {
        super::golden::SIZES
            .into_iter()
            .map(move |size| (format!("app_{name}_{}x{}", size.0, size.1), screen(keys, size, false)))
    }));
}

#[test]
fn every_size_of_every_place_can_be_drawn() {
    let theme = Theme::named(ThemeName::Mono).ascii(true);
    for (_, keys) in PLACES {
        let mut lake = Lake::demo((80, 24));
        lake.keys(keys);
        for (width, height) in
            [(1, 1), (2, 40), (39, 12), (40, 11), (40, 12), (41, 13), (79, 24), (120, 30), (200, 60)]
        {
            // Also before the model heard of the new size.
            for told in [false, true] {
                if told {
                    lake.send(lakehand::app::Message::Resize { width, height });
                }
                let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
                terminal.draw(|frame| drop(lakehand::ui::draw(frame, &lake.app, &theme))).unwrap();
                for line in lines(terminal.backend().buffer()) {
                    assert!(line.is_ascii(), "{keys:?} {width}x{height}: {line}");
                }
            }
        }
    }
}
