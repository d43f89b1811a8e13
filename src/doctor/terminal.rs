//! What the screen will have to work with.

use super::{Line, Lines};

/// The terminal, as the process sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Standard output is one.
    pub is_one: bool,
    /// `TERM`
    pub term: Option<String>,
    /// Columns and rows.
    pub size: Option<(u16, u16)>,
    /// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set.
    pub locale: Option<String>,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `COLORTERM`
    pub colorterm: Option<String>,
}

impl Terminal {
    /// That of this process; `env` gives a variable of the environment.
    pub fn of_process(env: &dyn Fn(&str) -> Option<String>) -> Self {
        use std::io::IsTerminal;
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
        Self {
            is_one: std::io::stdout().is_terminal(),
            term: env("TERM"),
            size: size.map(|size| (size.ws_col, size.ws_row)),
            locale: ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(env),
            no_color: env("NO_COLOR").is_some(),
            colorterm: env("COLORTERM"),
        }
    }

    pub(super) fn look(&self, lines: &mut Lines<'_>) {
        if !self.is_one {
            lines.push(Line::ok(
                "terminal",
                "there is none here: `lakehand export` and `lakehand watch` need none",
            ));
            return;
        }
        lines.push(match self.term.as_deref() {
            None | Some("dumb") => {
                Line::warn("terminal", "TERM is not set, or dumb", "set TERM, for example to xterm-256color")
            }
            Some(term) => Line::ok("terminal", format!("TERM is {term}")),
        });
        lines.push(match self.size {
            Some((columns, rows)) if columns < 80 || rows < 24 => Line::warn(
                "terminal",
                format!("it has {columns} columns and {rows} rows"),
                "80 by 24 show everything; on less, parts are left out",
            ),
            Some((columns, rows)) => {
                Line::ok("terminal", format!("it has {columns} columns and {rows} rows"))
            }
            None => {
                Line::warn("terminal", "it does not tell its size", "use another terminal for the screen")
            }
        });
        let utf8 = self.locale.as_deref().is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        lines.push(if utf8 {
            Line::ok("terminal", "the locale is UTF-8")
        } else {
            Line::warn(
                "terminal",
                "the locale is not UTF-8",
                "set LANG, for example to C.UTF-8, or screen.ascii = true",
            )
        });
        let colours = match (self.no_color, self.colorterm.as_deref(), self.term.as_deref()) {
            (true, _, _) => "no colours, as NO_COLOR asks",
            (_, Some("truecolor" | "24bit"), _) => "16 million colours",
            (_, _, Some(term)) if term.contains("256color") => "256 colours",
            _ => "16 colours",
        };
        lines.push(Line::ok("terminal", colours));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Level, Told};
    use super::*;

    fn levels(terminal: &Terminal) -> Vec<Level> {
        let mut levels = Vec::new();
        let mut tell = |told| match told {
            Told::Line(line) => levels.push(line.level),
            Told::Waits(topic, what) => panic!("{topic}: {what}"),
        };
        terminal.look(&mut Lines::new(&mut tell));
        levels
    }

    #[test]
    fn each_lack_is_told() {
        let good = Terminal {
            is_one: true,
            term: Some("xterm-256color".into()),
            size: Some((80, 24)),
            locale: Some("C.UTF-8".into()),
            ..Terminal::default()
        };
        assert_eq!(levels(&good), [Level::Ok; 4]);
        assert_eq!(levels(&Terminal { size: Some((79, 24)), ..good.clone() })[1], Level::Warn);
        assert_eq!(levels(&Terminal { locale: Some("C".into()), ..good.clone() })[2], Level::Warn);
        assert_eq!(levels(&Terminal { term: Some("dumb".into()), ..good.clone() })[0], Level::Warn);
        assert_eq!(levels(&Terminal::default()), [Level::Ok], "without a terminal nothing is wrong");
    }
}
