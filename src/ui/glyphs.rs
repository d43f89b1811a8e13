//! The signs of the screen: one set in Unicode, one within ASCII for `--ascii`.
//!
//! All are one column wide except the ellipsis of ASCII. A state is always a sign and a word, never a colour alone.

use crate::app::view::Sign;

/// The order in which a set lists the signs of states.
const SIGNS: [Sign; 21] = [
    Sign::Running,
    Sign::Queued,
    Sign::Waiting,
    Sign::Good,
    Sign::Idle,
    Sign::Failed,
    Sign::Cancelled,
    Sign::Off,
    Sign::Archived,
    Sign::Invalid,
    Sign::Locked,
    Sign::Current,
    Sign::Small,
    Sign::Missing,
    Sign::Damaged,
    Sign::Gap,
    Sign::Reopened,
    Sign::Hot,
    Sign::Cold,
    Sign::Both,
    Sign::Late,
];

/// A set of signs.
#[derive(Debug)]
pub struct Glyphs {
    /// Stands for what was cut off.
    pub ellipsis: &'static str,
    /// A bar's filled column.
    pub full: char,
    /// A bar's last, part-filled column, from an eighth up; empty where only whole columns exist.
    pub eighths: &'static [char],
    /// A gauge's empty column.
    pub trough: char,
    /// A sparkline's levels, lowest first.
    pub spark: &'static [char],
    /// A heat map's levels, lowest first.
    pub heat: [char; 4],
    /// A day that should have data and has none.
    pub missing: char,
    /// A day outside of the data.
    pub blank: char,
    /// Borders: horizontal, vertical, and the corners from the upper left, clockwise.
    pub border: [char; 6],
    /// Beside the row of the cursor.
    pub cursor: char,
    /// Beside a row that is marked.
    pub mark: char,
    /// Beside the column that sorts: ascending, descending.
    pub sort: [char; 2],
    /// The thumb of a scroll indicator, and its track.
    pub scroll: [char; 2],
    /// The signs of states, in the order of [`SIGNS`].
    signs: [char; SIGNS.len()],
}

/// Block elements, lines and signs that every UTF-8 terminal font of the last twenty years has.
pub static UNICODE: Glyphs = Glyphs {
    ellipsis: "…",
    full: '█',
    eighths: &['▏', '▎', '▍', '▌', '▋', '▊', '▉'],
    trough: '░',
    spark: &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    heat: ['░', '▒', '▓', '█'],
    missing: '×',
    blank: '·',
    border: ['─', '│', '┌', '┐', '┘', '└'],
    cursor: '▌',
    mark: '●',
    sort: ['▲', '▼'],
    scroll: ['█', '│'],
    signs: [
        '►', '◌', '↻', '✓', '○', '✗', '⊘', '–', '▫', '!', '■', '◆', '▾', '×', '▲', '?', '◊', '☼', '*', '↕',
        '+',
    ],
};

/// Within ASCII.
pub static ASCII: Glyphs = Glyphs {
    ellipsis: "..",
    full: '#',
    eighths: &[],
    trough: '.',
    spark: &['_', '.', '-', '=', '+', '*', '#'],
    heat: ['-', '+', '*', '#'],
    missing: 'x',
    blank: '.',
    border: ['-', '|', '+', '+', '+', '+'],
    cursor: '>',
    mark: '*',
    sort: ['^', 'v'],
    scroll: ['#', '|'],
    signs: [
        '>', '~', '@', '+', 'o', 'X', '/', '-', '=', '!', '#', '*', '.', 'x', '%', '?', '&', 'h', 'c', 'b',
        'l',
    ],
};

impl Glyphs {
    /// The sign of a state.
    pub fn sign(&self, sign: Sign) -> char {
        SIGNS.iter().position(|s| *s == sign).map_or(' ', |i| self.signs[i])
    }
}

/// A character of any text on a terminal that shows ASCII alone: the nearest sign, or `?`.
pub fn to_ascii(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        '…' => '~',
        '–' | '—' | '·' | '−' | '─' => '-',
        '→' | '►' | '›' | '≥' => '>',
        '←' | '≤' => '<',
        '↑' | '▲' => '^',
        '↓' | '▼' => 'v',
        '×' => 'x',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        '\u{a0}' => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthChar;

    use super::*;

    fn all(g: &Glyphs) -> Vec<char> {
        let mut all = vec![g.full, g.trough, g.missing, g.blank, g.cursor, g.mark];
        all.extend(
            g.eighths.iter().chain(g.spark).chain(&g.heat).chain(&g.border).chain(&g.sort).chain(&g.scroll),
        );
        all.extend(g.signs);
        all.extend(g.ellipsis.chars());
        all
    }

    #[test]
    fn every_sign_takes_one_column_and_ascii_is_ascii() {
        assert!(all(&UNICODE).into_iter().chain(all(&ASCII)).all(|c| c.width() == Some(1)));
        assert!(all(&ASCII).iter().all(char::is_ascii));
    }

    #[test]
    fn states_differ_by_sign() {
        for g in [&UNICODE, &ASCII] {
            let mut seen = g.signs.to_vec();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), SIGNS.len());
        }
    }
}
