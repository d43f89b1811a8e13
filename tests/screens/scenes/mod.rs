//! Scenes with the texts that the model gives for a lake like the demo's, cut to the window as the model cuts them.

mod lists;
mod over;
mod shapes;

use lakehand::app::view::{
    Badge, FrameView, HealthState, HealthView, Hint, PromptView, TabView, TableView, ToastView, Tone,
};
use lakehand::app::{ACTIONS, Tab};
use lakehand::ui::layout::Layout;
use lakehand::ui::overlays::{Over, form, keys};
use lakehand::ui::scene::Scene;
use lakehand::ui::views::{Shape, calendar, detail, grid, logs, table};

use lists::{awkward, exports, feeds, partitions};
use over::{choices, new_feed, question, search};
use shapes::{a_feed, days, log, rows};

/// The scenes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Feeds,
    Empty,
    Awkward,
    Detail,
    Partitions,
    Calendar,
    Rows,
    Exports,
    Logs,
    Help,
    Palette,
    Confirm,
    Menu,
    Form,
    Prompt,
}

impl Name {
    pub(crate) const ALL: [Self; 15] = [
        Self::Feeds,
        Self::Empty,
        Self::Awkward,
        Self::Detail,
        Self::Partitions,
        Self::Calendar,
        Self::Rows,
        Self::Exports,
        Self::Logs,
        Self::Help,
        Self::Palette,
        Self::Confirm,
        Self::Menu,
        Self::Form,
        Self::Prompt,
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn tab(self) -> Tab {
        match self {
            Self::Partitions | Self::Calendar | Self::Rows => Tab::Partitions,
            Self::Exports => Tab::Exports,
            Self::Logs => Tab::Logs,
            _ => Tab::Feeds,
        }
    }
}

/// The scene of a name, on a screen divided so.
pub(crate) fn scene(name: Name, layout: &Layout) -> Scene {
    let (area, form) = (layout.view, layout.form);
    let height = table::rows(area, form);
    let shape = match name {
        Name::Detail => Shape::Detail(a_feed(detail::rows(area))),
        Name::Partitions => Shape::Table(partitions(height)),
        Name::Calendar => Shape::Calendar(days(calendar::weeks(area))),
        Name::Rows => Shape::Grid(rows(grid::window(area))),
        Name::Exports => Shape::Table(exports(height)),
        Name::Logs => Shape::Logs(log(logs::rows(area))),
        Name::Empty => Shape::Table(TableView {
            title: "Feeds".into(),
            empty:
                "No feeds yet. Press n to add one from the server's streams and tables, or put a file into \
                    feeds/active."
                    .into(),
            ..TableView::default()
        }),
        Name::Awkward => Shape::Table(awkward()),
        _ => Shape::Table(feeds(height)),
    };
    let over = match name {
        Name::Help => Some(Over::Help(search(keys::rows(area, form), "exp"))),
        Name::Palette => Some(Over::Palette(search(keys::rows(area, form), ""))),
        Name::Confirm => Some(Over::Confirm(question())),
        Name::Menu => Some(Over::Menu(choices())),
        Name::Form => Some(Over::Form(new_feed(form::offers(area)))),
        _ => None,
    };
    Scene { around: around(name), shape, over }
}

fn around(name: Name) -> FrameView {
    let tab = |tab: Tab, count: &str| TabView {
        tab,
        title: format!("{}{count}", tab.name()),
        active: tab == name.tab(),
    };
    let context = match name.tab() {
        Tab::Feeds => lakehand::app::Context::Feeds,
        Tab::Partitions => lakehand::app::Context::Partitions,
        Tab::Exports => lakehand::app::Context::Exports,
        Tab::Logs => lakehand::app::Context::Logs,
    };
    let meant = ACTIONS.iter().filter(|i| !i.hint.is_empty() && i.contexts.iter().any(|c| c.meets(context)));
    let hints =
        meant.map(|i| Hint { key: i.keys[0].to_owned(), text: i.hint, action: i.action }).collect::<Vec<_>>();
    let badge = |word, tone| Badge { word, tone };
    let (health, badges) = match name {
        Name::Logs => (
            HealthView {
                state: HealthState::Bad,
                url: "http://localhost:8088".into(),
                text: "no connection: connection refused".into(),
                last: "12:01:04, 2 min ago".into(),
            },
            vec![badge("frozen", Tone::Warn)],
        ),
        Name::Exports => (
            HealthView {
                state: HealthState::Stale,
                url: "http://localhost:8088".into(),
                text: "ksqlDB 7.6.1, RUNNING".into(),
                last: "12:01:04, 2 min ago".into(),
            },
            vec![badge("read-only", Tone::Warn), badge("mouse", Tone::Dim)],
        ),
        Name::Empty => (HealthView::default(), vec![]),
        _ => (
            HealthView {
                state: HealthState::Good,
                url: "http://localhost:8088".into(),
                text: "ksqlDB 7.6.1, RUNNING".into(),
                last: "12:03:04".into(),
            },
            vec![],
        ),
    };
    let toast = |text: &str, tone| ToastView { text: text.to_owned(), tone };
    FrameView {
        lake: "/srv/analytics/project/data_lake".into(),
        health,
        badges,
        work: if name == Name::Empty { String::new() } else { "2 running, 1 queued, 96,412 rows/s".into() },
        tabs: vec![
            tab(Tab::Feeds, " 8"),
            tab(Tab::Partitions, ""),
            tab(Tab::Exports, " 3"),
            tab(Tab::Logs, ""),
        ],
        hints,
        prompt: (name == Name::Prompt).then(|| PromptView {
            label: "filter",
            text: "kind:stream !anon".into(),
            cursor: 17,
            note: "3 of 8".into(),
        }),
        toasts: match name {
            Name::Feeds => vec![
                toast("payment_method_totals exported: version 4, 5 rows", Tone::Good),
                toast(
                    "transaction_stream_blacklisted failed: the server refused the query: line 1:15: Column \
                     `AMOUNT_USD` cannot be resolved. Look at its columns with DESCRIBE, then press r.",
                    Tone::Bad,
                ),
            ],
            _ => vec![],
        },
    }
}
