//! The one table of actions: what an operator can do, its key, where it works, and what it asks for first.
//!
//! The keymap, the help overlay, the command palette and the hints at the foot are all read from [`ACTIONS`], so that
//! none of them can say something else than the others.

use Context::{Detail, Everywhere, Exports, Feeds, Files, Grid, Lists, Logs, Partitions};

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// Into what is under the cursor.
    Open,
    /// Out of it again; closes, clears, unselects.
    Back,
    /// Mark a row.
    Select,
    /// Begin or end a range of marks.
    SelectRange,
    /// Mark all that is shown, or none.
    SelectAll,
    /// Show only what matches.
    Filter,
    /// Sort by the n-th column, from 1; again: the other way.
    Sort(u8),
    /// Sort by the next column.
    SortNext,
    /// The other way.
    SortReverse,

    /// Export.
    ExportNow,
    /// Export every enabled feed.
    ExportAll,
    /// Stop an export.
    Cancel,
    /// Export again what failed.
    Retry,
    /// Enable or disable.
    ToggleEnabled,
    /// Put aside.
    Archive,
    /// Take back from the archive.
    Restore,
    /// Make a feed.
    Add,
    /// Open the feed's file in the editor.
    Edit,
    /// Take the source's columns as they are.
    AcceptSchema,
    /// Put the dataset aside and begin anew.
    ResetFromStart,
    /// Go on in another log at the same offsets.
    ResetContinue,
    /// Show the partitions of the feed.
    ShowPartitions,
    /// Show the log of the feed.
    ShowLog,
    /// Take the last change back.
    Undo,
    /// Check the datasets of feeds.
    Check,
    /// Check every dataset.
    CheckAll,
    /// Export the day under the cursor again.
    ExportDay,
    /// Put back what the last new export of the day replaced.
    UndoDay,
    /// Make few files of the small ones of the day or the dataset.
    Compact,
    /// Move the day, or what is due of the feeds, to the cold tier.
    Tier,
    /// Bring the day home from the cold tier.
    TierRestore,
    /// All that is known of the day.
    ShowDay,
    /// The commits of the dataset.
    ShowHistory,

    /// Choose what to copy.
    Copy,
    /// Copy the feed's name.
    CopyName,
    /// Copy the path of its file.
    CopyPath,
    /// Copy the statement that reads it.
    CopyQuery,
    /// Copy why it failed.
    CopyError,
    /// Copy the shell command that does the same.
    CopyCommand,
    /// Copy the code that reads the dataset, for the engine chosen last.
    CopyCode,
    /// Choose for which engine, and copy it.
    ChooseEngine,

    /// Rows or bytes.
    ToggleUnit,
    /// Table or calendar.
    ToggleCalendar,
    /// Forget what is over.
    ClearFinished,

    /// Follow the log.
    Follow,
    /// Show less.
    LevelUp,
    /// Show more.
    LevelDown,
    /// Only the feed of this line, or all.
    ByFeed,
    /// The next match.
    SearchNext,
    /// The match before.
    SearchPrevious,
    /// Break long lines.
    Wrap,
    /// The month before.
    OlderMonth,
    /// The month after.
    NewerMonth,

    /// The tab after.
    NextTab,
    /// The tab before.
    PreviousTab,
    /// To the feeds.
    TabFeeds,
    /// To the partitions.
    TabPartitions,
    /// To the exports.
    TabExports,
    /// To the logs.
    TabLogs,
    /// All keys.
    Help,
    /// All commands.
    Palette,
    /// Read everything again.
    Refresh,
    /// Hold the screen.
    Freeze,
    /// The next theme.
    NextTheme,
    /// Take the mouse, or leave it.
    ToggleMouse,
    /// Draw all anew.
    Redraw,
    /// Stop the program for now.
    Suspend,
    /// End the program.
    Quit,
}

/// Where a key means something. An overlay has keys of its own, which cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// In every view.
    Everywhere,
    /// In every view that is a list.
    Lists,
    /// The feeds.
    Feeds,
    /// One feed.
    Detail,
    /// The datasets and their partitions.
    Partitions,
    /// The files of a partition.
    Files,
    /// The rows of a file.
    Grid,
    /// The exports.
    Exports,
    /// The log.
    Logs,
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 9] = [Everywhere, Lists, Feeds, Detail, Partitions, Files, Grid, Exports, Logs];

    /// The word in the keymap file and in the help.
    pub fn name(self) -> &'static str {
        match self {
            Everywhere => "everywhere",
            Lists => "lists",
            Feeds => "feeds",
            Detail => "detail",
            Partitions => "partitions",
            Files => "files",
            Grid => "grid",
            Exports => "exports",
            Logs => "logs",
        }
    }

    /// Whether both can hold at the same time, so that one key cannot mean two things.
    pub fn meets(self, other: Self) -> bool {
        self == other || matches!(self, Everywhere | Lists) || matches!(other, Everywhere | Lists)
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct ActionInfo {
    /// What it does.
    pub action: Action,
    /// The action's name in the palette and in the keymap file.
    pub name: &'static str,
    /// What it does, in words, for help and palette.
    pub text: &'static str,
    /// The word at the foot; empty where it is not hinted at.
    pub hint: &'static str,
    /// The action's keys by default.
    pub keys: &'static [&'static str],
    /// Where it works.
    pub contexts: &'static [Context],
    /// The action asks before it is done.
    pub dangerous: bool,
    /// The action changes feeds, lake or server: refused when read-only.
    pub changes: bool,
}

impl Action {
    /// The action's row of the table.
    pub fn info(self) -> &'static ActionInfo {
        // A test holds that every action has a row.
        ACTIONS.iter().find(|info| info.action == self).unwrap_or(&ACTIONS[0])
    }

    /// The action of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        ACTIONS.iter().find(|info| info.name == name).map(|info| info.action)
    }
}

const fn row(
    action: Action,
    name: &'static str,
    hint: &'static str,
    text: &'static str,
    keys: &'static [&'static str],
    contexts: &'static [Context],
) -> ActionInfo {
    ActionInfo { action, name, text, hint, keys, contexts, dangerous: false, changes: false }
}

/// The action changes something.
const fn changing(info: ActionInfo) -> ActionInfo {
    ActionInfo { changes: true, ..info }
}

/// The action changes something that is not easily had back, or much at once: it asks.
const fn dangerous(info: ActionInfo) -> ActionInfo {
    ActionInfo { changes: true, dangerous: true, ..info }
}

const OF_FEEDS: &[Context] = &[Feeds, Detail];
const OF_EXPORTS: &[Context] = &[Feeds, Detail, Exports];
const LISTED: &[Context] = &[Lists];
const ALWAYS: &[Context] = &[Everywhere];

/// Every action. Within a context the order is that of the hints and of the help.
pub const ACTIONS: &[ActionInfo] = &[
    row(
        Action::Open,
        "open",
        "open",
        "open what is under the cursor",
        &["enter"],
        &[Feeds, Partitions, Files, Exports],
    ),
    changing(row(Action::ExportNow, "export-now", "export", "export the feeds now", &["e"], OF_FEEDS)),
    dangerous(row(
        Action::Cancel,
        "cancel",
        "cancel",
        "stop the export at the next safe point",
        &["c"],
        OF_EXPORTS,
    )),
    changing(row(Action::Retry, "retry", "retry", "export again what failed", &["r"], OF_EXPORTS)),
    changing(row(
        Action::ToggleEnabled,
        "toggle-enabled",
        "on/off",
        "enable or disable the feeds",
        &["x"],
        OF_FEEDS,
    )),
    changing(row(Action::Add, "add", "add", "add a feed", &["n"], &[Feeds])),
    changing(row(Action::Edit, "edit", "edit", "edit the feed's file in $EDITOR", &["o"], OF_FEEDS)),
    dangerous(row(
        Action::Archive,
        "archive",
        "archive",
        "put the feeds aside; their data stays",
        &["a"],
        OF_FEEDS,
    )),
    changing(row(
        Action::Restore,
        "restore",
        "restore",
        "take the feeds back from the archive",
        &["A"],
        OF_FEEDS,
    )),
    changing(row(Action::Undo, "undo", "undo", "take the last change of a feed back", &["u"], OF_FEEDS)),
    dangerous(row(Action::ExportAll, "export-all", "", "export every enabled feed", &["E"], &[Feeds])),
    dangerous(row(
        Action::AcceptSchema,
        "accept-schema",
        "",
        "take the source's columns as they are now",
        &["S"],
        &[Detail],
    )),
    dangerous(row(
        Action::ResetFromStart,
        "reset-from-start",
        "",
        "put the dataset aside under another name, and read the stream from its first offset",
        &["B"],
        &[Detail],
    )),
    dangerous(row(
        Action::ResetContinue,
        "reset-continue",
        "",
        "go on at the same offsets of the other log that the stream is over now",
        &["O"],
        &[Detail],
    )),
    row(
        Action::ShowDay,
        "show-day",
        "day",
        "all that is known of the day: offsets, gaps, seal",
        &["i"],
        &[Partitions],
    ),
    dangerous(row(
        Action::ExportDay,
        "export-day",
        "again",
        "export the day again and swap its files",
        &["e"],
        &[Partitions],
    )),
    dangerous(row(
        Action::UndoDay,
        "undo-day",
        "undo",
        "put back what a new export of the day replaced",
        &["u"],
        &[Partitions],
    )),
    dangerous(row(
        Action::Compact,
        "compact",
        "",
        "make few files of the small ones of the day or the dataset",
        &["z"],
        &[Partitions],
    )),
    dangerous(row(
        Action::Tier,
        "tier",
        "tier",
        "move the day, or what is due of the feeds, to the cold tier",
        &["T"],
        &[Feeds, Detail, Partitions],
    )),
    dangerous(row(
        Action::TierRestore,
        "tier-restore",
        "home",
        "bring the day home from the cold tier",
        &["F"],
        &[Partitions],
    )),
    row(
        Action::Check,
        "check",
        "check",
        "check what the lake holds of the feeds, and repair it",
        &["C"],
        &[Feeds, Detail, Partitions],
    ),
    row(
        Action::CheckAll,
        "check-all",
        "",
        "check every dataset of the lake",
        &["K"],
        &[Feeds, Detail, Partitions],
    ),
    row(
        Action::ShowHistory,
        "show-history",
        "history",
        "every commit of the dataset: compare, pin, roll back",
        &["H"],
        &[Feeds, Detail, Partitions],
    ),
    row(Action::ShowPartitions, "show-partitions", "", "show the partitions of the feed", &["P"], OF_EXPORTS),
    row(Action::ShowLog, "show-log", "log", "show the log of the feed", &["L"], OF_EXPORTS),
    row(
        Action::Copy,
        "copy",
        "copy",
        "copy name, path, query, error or command",
        &["y"],
        &[Feeds, Detail, Exports, Files, Grid],
    ),
    row(Action::CopyName, "copy-name", "", "copy the feed's name", &[], OF_EXPORTS),
    row(
        Action::CopyPath,
        "copy-path",
        "",
        "copy the path of the file",
        &[],
        &[Feeds, Detail, Exports, Files, Grid],
    ),
    row(Action::CopyQuery, "copy-query", "", "copy the statement that reads the source", &[], OF_EXPORTS),
    row(Action::CopyError, "copy-error", "", "copy why it failed", &[], OF_EXPORTS),
    row(
        Action::CopyCommand,
        "copy-command",
        "",
        "copy the shell command that does the same",
        &[],
        OF_EXPORTS,
    ),
    row(
        Action::CopyCode,
        "copy-code",
        "",
        "copy the code that reads the dataset, for the engine chosen last",
        &["Y"],
        &[Feeds, Detail, Partitions],
    ),
    row(
        Action::ChooseEngine,
        "choose-engine",
        "",
        "choose the engine for which code is copied: DuckDB, Polars, Spark …",
        &["W"],
        &[Feeds, Detail, Partitions],
    ),
    row(
        Action::ClearFinished,
        "clear-finished",
        "clear",
        "forget the exports that are over",
        &["C"],
        &[Exports],
    ),
    row(Action::ToggleCalendar, "toggle-calendar", "calendar", "table or calendar", &["v"], &[Partitions]),
    row(Action::ToggleUnit, "toggle-unit", "rows/bytes", "count rows or bytes", &["b"], &[Partitions]),
    row(Action::Follow, "follow", "follow", "follow the log", &["f"], &[Logs]),
    row(Action::LevelUp, "level-up", "level", "show only what matters more", &["+"], &[Logs]),
    row(Action::LevelDown, "level-down", "", "show also what matters less", &["-"], &[Logs]),
    row(Action::ByFeed, "by-feed", "by feed", "only the feed of this line, or all", &["i"], &[Logs]),
    row(Action::SearchNext, "search-next", "next", "go to the next match", &["n"], &[Logs]),
    row(Action::SearchPrevious, "search-previous", "", "go to the match before", &["N"], &[Logs]),
    row(Action::Wrap, "wrap", "wrap", "break long lines", &["w"], &[Logs]),
    row(Action::OlderMonth, "older-month", "months", "show the month before", &["<"], &[Logs]),
    row(Action::NewerMonth, "newer-month", "", "show the month after", &[">"], &[Logs]),
    row(Action::Filter, "filter", "filter", "show only what matches; in the log: search", &["/"], LISTED),
    row(Action::Up, "up", "", "one row up", &["k", "up"], LISTED),
    row(Action::Down, "down", "", "one row down", &["j", "down"], LISTED),
    row(Action::PageUp, "page-up", "", "one page up", &["pageup", "ctrl-b", "ctrl-u"], LISTED),
    row(Action::PageDown, "page-down", "", "one page down", &["pagedown", "ctrl-f", "ctrl-d"], LISTED),
    row(Action::Top, "top", "", "to the first row", &["g", "home"], LISTED),
    row(Action::Bottom, "bottom", "", "to the last row", &["G", "end"], LISTED),
    row(Action::Left, "left", "", "to the left", &["h", "left"], LISTED),
    row(Action::Right, "right", "", "to the right", &["l", "right"], LISTED),
    row(Action::Select, "select", "mark", "mark the row", &["space"], &[Feeds]),
    row(Action::SelectRange, "select-range", "", "mark from here to the cursor", &["V"], &[Feeds]),
    row(Action::SelectAll, "select-all", "", "mark all that is shown, or none", &["*"], &[Feeds]),
    row(Action::Sort(1), "sort-1", "", "sort by the first column", &["1"], LISTED),
    row(Action::Sort(2), "sort-2", "", "sort by the second column", &["2"], LISTED),
    row(Action::Sort(3), "sort-3", "", "sort by the third column", &["3"], LISTED),
    row(Action::Sort(4), "sort-4", "", "sort by the fourth column", &["4"], LISTED),
    row(Action::Sort(5), "sort-5", "", "sort by the fifth column", &["5"], LISTED),
    row(Action::Sort(6), "sort-6", "", "sort by the sixth column", &["6"], LISTED),
    row(Action::Sort(7), "sort-7", "", "sort by the seventh column", &["7"], LISTED),
    row(Action::Sort(8), "sort-8", "", "sort by the eighth column", &["8"], LISTED),
    row(Action::SortNext, "sort-next", "sort", "sort by the next column", &["s"], LISTED),
    row(Action::SortReverse, "sort-reverse", "", "sort the other way", &["R"], LISTED),
    row(Action::Help, "help", "help", "all keys of this view", &["?", "f1"], ALWAYS),
    row(Action::Palette, "palette", "commands", "all commands", &[":"], ALWAYS),
    row(Action::NextTab, "next-tab", "next tab", "the next tab", &["tab", "]"], ALWAYS),
    row(Action::PreviousTab, "previous-tab", "", "the tab before", &["shift-tab", "["], ALWAYS),
    row(Action::TabFeeds, "tab-feeds", "", "show the feeds", &["f2", "alt-1"], ALWAYS),
    row(Action::TabPartitions, "tab-partitions", "", "show the partitions", &["f3", "alt-2"], ALWAYS),
    row(Action::TabExports, "tab-exports", "", "show the exports", &["f4", "alt-3"], ALWAYS),
    row(Action::TabLogs, "tab-logs", "", "show the log", &["f5", "alt-4"], ALWAYS),
    row(Action::Back, "back", "", "back; clears marks, filter and range", &["esc"], ALWAYS),
    row(Action::Refresh, "refresh", "", "read feeds, lake and server again", &["ctrl-r"], ALWAYS),
    row(Action::Freeze, "freeze", "freeze", "hold the screen; exports go on", &["p"], ALWAYS),
    row(Action::NextTheme, "next-theme", "", "the next theme", &["t"], ALWAYS),
    row(
        Action::ToggleMouse,
        "toggle-mouse",
        "",
        "use the mouse, or leave it to the terminal",
        &["m"],
        ALWAYS,
    ),
    row(Action::Redraw, "redraw", "", "draw the screen anew", &["ctrl-l"], ALWAYS),
    row(Action::Suspend, "suspend", "", "suspend; fg brings it back", &["ctrl-z"], ALWAYS),
    row(Action::Quit, "quit", "quit", "end the program", &["q", "ctrl-c"], ALWAYS),
];
