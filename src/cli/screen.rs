//! `lakehand` without a command: the screen on the lake of the folder.

use std::path::Path;

use clap::Args;

use super::export::{patient, setup};
use super::{Start, client, runtime};
use crate::app::{Keymap, ThemeName};
use crate::config::{Config, Origin};
use crate::error::{Error, Kind, Result};
use crate::headless::Exit;
use crate::runtime::{self as screen, Setup};
use crate::ui::terminal::is_terminal;

/// The file with own keys, in the root folder.
const KEYMAP: &str = "keymap.toml";

/// How the screen looks and what it may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(super) struct ScreenArgs {
    /// Show only: nothing is changed and nothing is exported
    #[arg(long)]
    read_only: bool,
    /// No characters beyond ASCII
    #[arg(long)]
    ascii: bool,
    /// dark, light, colour-blind or mono
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
    /// Take the mouse; without it the terminal's own selection works
    #[arg(long)]
    mouse: bool,
}

impl ScreenArgs {
    /// As values of the configuration, for which flags are the last word.
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        let switches = [("screen.ascii", self.ascii), ("screen.mouse", self.mouse)];
        let switches =
            switches.iter().filter(|(_, on)| *on).map(|(key, _)| ((*key).to_owned(), "true".to_owned()));
        let theme = self.theme.iter().map(|name| ("screen.theme".to_owned(), name.clone()));
        switches.chain(theme).collect()
    }

    /// For commands that have no screen.
    pub(super) fn refuse(&self) -> Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        Err(Error::new(Kind::Usage, "--read-only, --ascii, --theme and --mouse are for the screen")
            .next("leave them out, or leave the command out"))
    }
}

pub(super) fn run(start: Start, args: &ScreenArgs) -> Result<Exit> {
    if !is_terminal() {
        return Err(Error::new(Kind::Usage, "the screen needs a terminal, and there is none").next(
            "`lakehand watch` follows the feeds without one, `lakehand export --all` exports them and ends",
        ));
    }
    let mut start = start;
    start.flags.extend(args.flags());
    let config = start.config()?;
    let runtime = in_the_background(|| runtime(1))??;
    let exit = runtime.block_on(Box::pin(open(&config, args, program(&start))));
    // A disk that hangs may hold a thread for ever; nothing waits for it.
    runtime.shutdown_background();
    exit
}

/// Shows the screen until it is left.
pub(super) async fn open(config: &Config, args: &ScreenArgs, program: String) -> Result<Exit> {
    let client = client(config)?;
    // Both futures hold the whole setup; on the heap they are moved by a pointer.
    Box::pin(screen::run(Setup {
        engine: patient(in_the_background(|| setup(config, client.clone(), false, "lakehand"))??, config),
        keymap: keymap(&config.root)?,
        theme: theme(config),
        ascii: config.screen.ascii,
        mouse: config.screen.mouse,
        read_only: args.read_only,
        config: config.clone(),
        client,
        program,
    }))
    .await
}

/// How far what works in the background steps back, as nice(1) counts.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Makes what starts threads, so that they give way to the screen: a key is answered at once although exports take all
/// cores. On Linux a thread has a priority of its own, and those that it starts inherit it; elsewhere nothing changes.
pub(super) fn in_the_background<T: Send>(make: impl FnOnce() -> T + Send) -> Result<T> {
    let make = || {
        // Refused, it is a matter of comfort only.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(NICE);
        make()
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("background".to_owned()).spawn_scoped(scope, make);
        let thread = thread.map_err(|e| Error::new(Kind::Io, format!("cannot start a thread: {e}")))?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// No colours where the environment asks for none, unless a theme was chosen.
fn theme(config: &Config) -> ThemeName {
    let is_chosen = config.settings().iter().any(|s| s.key == "screen.theme" && s.origin != Origin::Default);
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if no_colour && !is_chosen { ThemeName::Mono } else { ThemeName::from(config.screen.theme) }
}

fn keymap(root: &Path) -> Result<Keymap> {
    let path = root.join(KEYMAP);
    match std::fs::read_to_string(&path) {
        Ok(text) => Keymap::parse(&text).map_err(|e| e.at("file", path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Keymap::default()),
        Err(e) => Err(Error::io("read the keymap", &path, e)),
    }
}

/// The program with the options that lead to this lake, as a shell takes them.
fn program(start: &Start) -> String {
    let mut words = vec!["lakehand".to_owned()];
    if start.root != Path::new(".") {
        words.extend(["-C".to_owned(), quoted(&start.root.to_string_lossy())]);
    }
    if let Some(file) = &start.file {
        words.extend(["--config".to_owned(), quoted(&file.to_string_lossy())]);
    }
    for (key, value) in start.flags.iter().filter(|(key, _)| !key.starts_with("screen.")) {
        words.extend(["--set".to_owned(), quoted(&format!("{key}={value}"))]);
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        let start = Start {
            root: "/lakes/it's".into(),
            file: None,
            flags: vec![
                ("server.url".into(), "http://h:8088".into()),
                ("screen.theme".into(), "mono".into()),
            ],
        };
        assert_eq!(program(&start), r"lakehand -C '/lakes/it'\''s' --set server.url=http://h:8088");
    }
}
