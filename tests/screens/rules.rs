//! What holds for every view, whatever it shows.

use lakehand::app::{Target, ThemeName};
use lakehand::ui::Theme;
use ratatui::style::{Color, Modifier};

use super::scenes::Name;
use super::{drawn, lines};

#[test]
fn under_ascii_every_cell_is_ascii() {
    let theme = Theme::named(ThemeName::Dark).ascii(true);
    for name in Name::ALL {
        for (width, height) in [(40, 12), (80, 24), (160, 50)] {
            for line in lines(&drawn(name, width, height, &theme).0) {
                assert!(line.is_ascii(), "{name:?} {width}x{height}: {line}");
            }
        }
    }
}

#[test]
fn no_control_character_reaches_a_cell() {
    let theme = Theme::named(ThemeName::Dark);
    for name in Name::ALL {
        for cell in drawn(name, 120, 40, &theme).0.content() {
            assert!(
                !cell.symbol().contains(lakehand::log::escape::is_control),
                "{name:?}: {:?}",
                cell.symbol()
            );
        }
    }
}

#[test]
fn mono_colours_no_cell() {
    for ascii in [false, true] {
        let theme = Theme::named(ThemeName::Mono).ascii(ascii);
        for name in Name::ALL {
            for cell in drawn(name, 160, 50, &theme).0.content() {
                assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name:?}: {}", cell.symbol());
            }
        }
    }
}

#[test]
fn any_size_can_be_drawn() {
    let themes = [Theme::named(ThemeName::Dark), Theme::named(ThemeName::Mono).ascii(true)];
    let steps = || (1..=14u16).chain((15..=60).step_by(5));
    for name in Name::ALL {
        for height in steps() {
            for width in steps().chain((61..=200).step_by(13)) {
                for theme in &themes {
                    // Also below the size from which the program draws views at all.
                    drawn(name, width, height, theme);
                }
            }
        }
    }
}

#[test]
fn the_row_of_the_cursor_looks_different_in_every_theme() {
    for theme in ThemeName::ALL {
        let theme = Theme::named(theme);
        for name in
            [Name::Feeds, Name::Partitions, Name::Rows, Name::Exports, Name::Logs, Name::Help, Name::Menu]
        {
            let (buffer, _) = drawn(name, 80, 24, &theme);
            let selected = theme.style(lakehand::ui::theme::Role::Selected);
            let is = |cell: &ratatui::buffer::Cell| {
                selected.bg.is_none_or(|bg| cell.bg == bg)
                    && cell.modifier.contains(selected.add_modifier & (Modifier::REVERSED | Modifier::BOLD))
            };
            let longest = buffer.content().chunks(80).map(|line| line.iter().filter(|c| is(c)).count()).max();
            assert!(longest >= Some(40), "{name:?}: {longest:?} cells look selected");
        }
    }
}

#[test]
fn a_click_finds_what_is_drawn() {
    let theme = Theme::named(ThemeName::Dark);
    let (buffer, hits) = drawn(Name::Feeds, 80, 24, &theme);
    let text = lines(&buffer);
    let find = |what: &str| {
        let y = text.iter().position(|line| line.contains(what)).unwrap();
        let x = text[y].chars().collect::<String>().find(what).unwrap();
        let x = text[y][..x].chars().count();
        hits.at(u16::try_from(x).unwrap(), u16::try_from(y).unwrap())
    };
    assert_eq!(find("Exports 3"), Some(Target::Tab(lakehand::app::Tab::Exports)));
    assert_eq!(find("STATE"), Some(Target::Column(1)));
    assert_eq!(find("product_"), Some(Target::Row(1)));
    assert_eq!(find("export  "), Some(Target::Hint(lakehand::app::Action::ExportNow)));

    let (_, hits) = drawn(Name::Confirm, 80, 24, &theme);
    assert_eq!(hits.at(0, 0), Some(Target::Outside));
    assert_eq!(hits.at(40, 10), None, "beside the buttons of a question nothing is hit");
}
