//! The model's own texts through the same drawing: where keys lead, as an operator sees it.

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use lakehand::app::ThemeName;
use lakehand::ui::Theme;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::lake::Lake;
use super::lines;

/// The screens that are compared: a name, and the keys that lead there.
const PLACES: [(&str, &[&str]); 21] = [
    ("feeds", &[]),
    ("detail", &["j", "j", "j", "enter"]),
    ("datasets", &["f3"]),
    ("partitions", &["j", "j", "j", "P"]),
    ("calendar", &["j", "j", "j", "P", "v"]),
    ("day", &["j", "j", "j", "j", "j", "P", "j", "i"]),
    ("exportday", &["j", "j", "j", "j", "j", "P", "j", "e"]),
    ("undoday", &["j", "j", "j", "j", "j", "P", "j", "u"]),
    ("check", &["j", "j", "j", "j", "j", "C"]),
    ("repair", &["j", "j", "j", "j", "j", "C", "r"]),
    ("acceptloss", &["j", "j", "j", "j", "j", "C", "r", "y"]),
    ("repairing", &["j", "j", "j", "j", "j", "C", "r", "y", "y"]),
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

fn screen(keys: &[&str], size: (u16, u16), ascii: bool) -> Vec<String> {
    let mut lake = Lake::demo(size);
    lake.keys(keys);
    shown(&lake, size, ascii)
}

pub(super) fn shown(lake: &Lake, (width, height): (u16, u16), ascii: bool) -> Vec<String> {
    let theme = Theme::named(ThemeName::Dark).ascii(ascii);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| drop(lakehand::ui::draw(frame, &lake.app, &theme))).unwrap();
    lines(terminal.backend().buffer())
}

/// The server is gone: the exports in every state, on the views that tell of it.
fn outage(keys: &[&str], size: (u16, u16)) -> Vec<String> {
    let mut lake = Lake::demo(size);
    lake.outage();
    lake.keys(keys);
    shown(&lake, size, false)
}

#[test]
fn an_outage_looks_as_it_was_looked_at() {
    let places: [(&str, &[&str]); 2] = [("outagefeeds", &[]), ("outage", &["f4"])];
    super::golden::compare(places.into_iter().flat_map(|(name, keys)| {
        super::golden::SIZES
            .into_iter()
            .map(move |size| (format!("app_{name}_{}x{}", size.0, size.1), outage(keys, size)))
    }));
}

#[test]
fn days_in_two_tiers_look_as_they_were_looked_at() {
    let places: [(&str, &[&str]); 9] = [
        ("tierdatasets", &["f3"]),
        ("tierdetail", &["enter", "space"]),
        ("tierpartitions", &["P", "j"]),
        ("tiercalendar", &["P", "v"]),
        ("tierday", &["P", "j", "i"]),
        ("tierlate", &["P", "j", "j"]),
        ("tiermove", &["P", "G", "T"]),
        ("tierdue", &["T"]),
        ("tierhome", &["P", "j", "F"]),
    ];
    let sizes = [(40, 12), (80, 24), (120, 40), (160, 50)];
    super::golden::compare(places.into_iter().flat_map(|(name, keys)| {
        sizes.into_iter().flat_map(move |size| {
            // One size is enough to see that the ASCII form is of the same quality.
            let forms: &[bool] = if size == (80, 24) { &[false, true] } else { &[false] };
            forms.iter().map(move |ascii| {
                let mut lake = Lake::tiered(size);
                lake.keys(keys);
                let form = if *ascii { "_ascii" } else { "" };
                (format!("app_{name}_{}x{}{form}", size.0, size.1), shown(&lake, size, *ascii))
            })
        })
    }));
}

#[test]
fn another_log_looks_as_it_was_looked_at() {
    let places: [(&str, &[&str]); 3] = [
        ("otherlog", &["j", "j", "j", "enter", "space"]),
        ("resetfromstart", &["j", "j", "j", "enter", "B"]),
        ("resetcontinue", &["j", "j", "j", "enter", "O"]),
    ];
    super::golden::compare(places.into_iter().flat_map(|(name, keys)| {
        super::golden::SIZES.into_iter().map(move |size| {
            let mut lake = Lake::demo(size);
            lake.other_log();
            lake.keys(keys);
            (format!("app_{name}_{}x{}", size.0, size.1), shown(&lake, size, false))
        })
    }));
}

#[test]
fn the_model_looks_as_it_was_looked_at() {
    super::golden::compare(PLACES.iter().flat_map(|(name, keys)| {
        super::golden::SIZES
            .into_iter()
            .map(move |size| (format!("app_{name}_{}x{}", size.0, size.1), screen(keys, size, false)))
    }));
}

/// A screen of 80×24 on a lake, with a mouse.
struct Mouse {
    lake: Lake,
    lines: Vec<String>,
    hits: lakehand::ui::HitMap,
}

impl Mouse {
    fn new() -> Self {
        let mut mouse =
            Self { lake: Lake::demo((80, 24)), lines: Vec::new(), hits: lakehand::ui::HitMap::default() };
        mouse.look();
        mouse
    }

    fn look(&mut self) {
        let theme = Theme::named(self.lake.app.theme());
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| self.hits = lakehand::ui::draw(frame, &self.lake.app, &theme)).unwrap();
        self.lines = lines(terminal.backend().buffer());
    }

    /// Clicks on the first place that shows a text.
    fn click(&mut self, text: &str) {
        let found = self.lines.iter().enumerate().find_map(|(y, line)| Some((y, line.find(text)?)));
        let (y, byte) =
            found.unwrap_or_else(|| panic!("{text} is not on the screen:\n{}", self.lines.join("\n")));
        let x = unicode_width::UnicodeWidthStr::width(&self.lines[y][..byte]);
        self.press(u16::try_from(x).unwrap(), u16::try_from(y).unwrap());
    }

    fn press(&mut self, column: u16, row: u16) {
        let kind = MouseEventKind::Down(MouseButton::Left);
        self.event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    }

    fn event(&mut self, event: Event) {
        if let Some(message) = lakehand::ui::input::message(event, &self.hits) {
            self.lake.send(message);
        }
        self.look();
    }

    /// The line of the cursor.
    fn cursor(&self) -> &str {
        self.lines.iter().find(|line| line.starts_with('▌')).map_or("", String::as_str)
    }
}

#[test]
fn a_click_means_what_is_seen() {
    let mut mouse = Mouse::new();
    mouse.click("transaction_flattened");
    assert!(mouse.cursor().contains("transaction_flattened"), "{}", mouse.cursor());
    mouse.click("Size");
    assert!(mouse.lines[3].contains("▲Size") || mouse.lines[3].contains("▼Size"), "{}", mouse.lines[3]);
    mouse.click("Logs");
    assert!(mouse.lines[1].contains("[Logs]"), "{}", mouse.lines[1]);
    mouse.click("Feeds 8");
    mouse.click("n add");
    assert!(mouse.lines.iter().any(|line| line.contains("Add a feed")));
    mouse.press(0, 23);
    assert!(
        !mouse.lines.iter().any(|line| line.contains("Add a feed")),
        "a click beside an overlay closes it"
    );
}

#[test]
fn the_wheel_moves_the_cursor() {
    let mut mouse = Mouse::new();
    let before = mouse.cursor().to_owned();
    let kind = MouseEventKind::ScrollDown;
    mouse.event(Event::Mouse(MouseEvent { kind, column: 9, row: 9, modifiers: KeyModifiers::NONE }));
    assert_ne!(mouse.cursor(), before);
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
