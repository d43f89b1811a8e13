//! Colours and signs by role: a view names what a text is, a theme says how that looks.
//!
//! The four built-in themes are the files of `assets/themes/`; an operator's own file has the same form:
//!
//! ```toml
//! [selected]            # a role
//! fg = "black"          # a name, a number of the 256 (as text), or "#rrggbb"
//! bg = "74"
//! bold = true           # also dim, italic, underline, reverse
//! ```
//!
//! A role that a file leaves out looks like plain text. `mono` names no colour at all: with NO_COLOR set, the terminal
//! library would send empty colour codes, which reset the reverse video by which the selection is seen.

use std::collections::BTreeMap;
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::glyphs::{ASCII, Glyphs, UNICODE};
use crate::app::ThemeName;
use crate::app::view::Tone;
use crate::{Error, Kind, Result};

/// What a text is.
///
/// The states of [`Tone`] are among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Role {
    /// Plain text.
    Text,
    /// Text of less weight.
    Dim,
    /// The program's name, titles of boxes.
    Title,
    /// Heads of columns, labels.
    Head,
    /// Lines of boxes, tracks.
    Border,
    /// The row of the cursor.
    Selected,
    /// A row that is marked.
    Marked,
    /// The tab that is open.
    Tab,
    /// A key in a hint.
    Key,
    /// Being typed.
    Input,
    /// What a search found.
    Match,
    /// All well.
    Good,
    /// Failed.
    Bad,
    /// Wants attention.
    Warn,
    /// At work.
    Running,
    /// A mode that the operator must not overlook.
    Badge,
    /// Bars, gauges and sparklines.
    Bar,
    /// The heat map's levels, lowest first.
    Heat1,
    /// Second level.
    Heat2,
    /// Third level.
    Heat3,
    /// Highest level.
    Heat4,
    /// A day without data between days with data.
    Missing,
}

impl From<Tone> for Role {
    fn from(tone: Tone) -> Self {
        match tone {
            Tone::Plain => Self::Text,
            Tone::Dim => Self::Dim,
            Tone::Good => Self::Good,
            Tone::Live => Self::Running,
            Tone::Warn => Self::Warn,
            Tone::Bad => Self::Bad,
            Tone::Strong => Self::Title,
        }
    }
}

const NAMES: [&str; 22] = [
    "text", "dim", "title", "head", "border", "selected", "marked", "tab", "key", "input", "match", "good",
    "bad", "warn", "running", "badge", "bar", "heat1", "heat2", "heat3", "heat4", "missing",
];

/// The file of a built-in theme.
const fn file(name: ThemeName) -> &'static str {
    match name {
        ThemeName::Dark => include_str!("../../assets/themes/dark.toml"),
        ThemeName::Light => include_str!("../../assets/themes/light.toml"),
        ThemeName::ColourBlind => include_str!("../../assets/themes/colour-blind.toml"),
        ThemeName::Mono => include_str!("../../assets/themes/mono.toml"),
    }
}

/// How everything looks.
#[derive(Debug, Clone)]
pub struct Theme {
    styles: [Style; NAMES.len()],
    glyphs: &'static Glyphs,
    ascii: bool,
}

// One switch each in the file, as terminals have them.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Look {
    fg: Option<String>,
    bg: Option<String>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

impl Theme {
    /// A built-in theme.
    pub fn named(name: ThemeName) -> Self {
        // The built-in files are parsed by a test; plain text is the answer to a broken one all the same.
        Self::parse(file(name)).unwrap_or(Self {
            styles: [Style::new(); NAMES.len()],
            glyphs: &UNICODE,
            ascii: false,
        })
    }

    /// Reads a theme file.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(Kind::Config, format!("theme: {what}"));
        let looks: BTreeMap<String, Look> = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let mut styles = [Style::new(); NAMES.len()];
        for (name, look) in looks {
            let role = NAMES.iter().position(|n| *n == name);
            let role = role
                .ok_or_else(|| wrong(format!("no role is called {name:?}; roles: {}", NAMES.join(", "))))?;
            styles[role] = look.style().map_err(|colour| {
                wrong(format!("{name}: {colour:?} is no colour; a name such as \"red\", \"0\" to \"255\", or \"#rrggbb\""))
            })?;
        }
        Ok(Self { styles, glyphs: &UNICODE, ascii: false })
    }

    /// The same theme within ASCII, or not.
    #[must_use]
    pub fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self.glyphs = if ascii { &ASCII } else { &UNICODE };
        self
    }

    /// How a role looks.
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// The signs.
    pub fn glyphs(&self) -> &'static Glyphs {
        self.glyphs
    }

    /// Whether only ASCII may be drawn.
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }
}

impl Look {
    /// The style, or the text that is no colour.
    fn style(self) -> std::result::Result<Style, String> {
        let colour = |text: Option<String>| text.map(|t| Color::from_str(&t).map_err(|_| t)).transpose();
        let mut style = Style { fg: colour(self.fg)?, bg: colour(self.bg)?, ..Style::new() };
        for (on, modifier) in [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.reverse, Modifier::REVERSED),
        ] {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        Ok(style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_themes_parse_and_mono_has_no_colour() {
        for name in ThemeName::ALL {
            let theme = Theme::parse(file(name)).unwrap_or_else(|e| panic!("{name:?}: {e}"));
            let coloured = theme.styles.iter().any(|s| s.fg.is_some() || s.bg.is_some());
            assert_eq!(coloured, name != ThemeName::Mono, "{name:?}");
        }
    }

    #[test]
    fn what_matters_stands_out_in_every_theme() {
        for name in ThemeName::ALL {
            let theme = Theme::named(name);
            for role in [
                Role::Selected,
                Role::Marked,
                Role::Tab,
                Role::Key,
                Role::Match,
                Role::Badge,
                Role::Missing,
                Role::Bad,
            ] {
                assert_ne!(theme.style(role), theme.style(Role::Text), "{name:?}: {role:?}");
            }
            assert_ne!(theme.style(Role::Selected), theme.style(Role::Marked), "{name:?}");
        }
    }

    #[test]
    fn a_wrong_file_says_what_is_wrong() {
        let fault = |text: &str| Theme::parse(text).unwrap_err().to_string();
        assert!(fault("[selectd]\nbold = true").contains("selectd"));
        assert!(fault("[bad]\nfg = \"reddish\"").contains("\"reddish\" is no colour"));
        assert!(fault("[bad]\nblink = true").contains("blink"));
        let own = Theme::parse("[bad]\nfg = \"#ff0000\"\nbold = true").unwrap();
        assert_eq!(own.style(Role::Bad), Style::new().fg(Color::Rgb(255, 0, 0)).add_modifier(Modifier::BOLD));
    }
}
