//! What lies over a view.

use lakehand::app::overlays::{Confirm, Menu, MenuItem};
use lakehand::app::view::{FieldView, FormView, KeyRow, SearchView};
use lakehand::app::{ACTIONS, Action, Effect};

pub(super) fn search(height: usize, typed: &str) -> SearchView {
    let all = ACTIONS.iter().filter(|info| info.text.contains(typed));
    let rows: Vec<KeyRow> = all
        .enumerate()
        .map(|(n, info)| KeyRow {
            action: info.action,
            keys: info.keys.join(", "),
            name: info.name,
            text: info.text,
            context: info.contexts[0].name(),
            cursor: n == 1,
            off: info.action == Action::Cancel || info.action == Action::Undo,
        })
        .collect();
    let shown = rows.len();
    SearchView {
        search: typed.into(),
        at: typed.len(),
        rows: rows.into_iter().take(height).collect(),
        first: 0,
        shown,
    }
}

pub(super) fn question() -> Confirm {
    Confirm {
        question: "Archive 12 feeds?".into(),
        consequence:
            "Their files move to feeds/archived and nothing exports them any more. Their data stays, and \
                      u takes it back."
                .into(),
        targets: (1..=12).map(|n| format!("transaction_stream_{n:02}")).collect(),
        yes: false,
        effects: vec![],
        behind: None,
    }
}

pub(super) fn choices() -> Menu {
    let item = |key, text, preview: &str| MenuItem {
        key,
        text,
        preview: preview.into(),
        effect: (!preview.is_empty()).then(|| Effect::Copy(preview.into())),
        engine: None,
    };
    Menu {
        title: "Copy".into(),
        items: vec![
            item('n', "name", "transaction_stream"),
            item('p', "path", "/srv/analytics/project/feeds/active/transaction_stream.json"),
            item(
                'q',
                "query",
                "SELECT ROWTIME, ROWPARTITION, ROWOFFSET, `TRANSACTION_ID` FROM `TRANSACTION_STREAM`",
            ),
            item('e', "error", ""),
            item('c', "command", "lakehand export --feed transaction_stream"),
        ],
        at: 2,
    }
}

pub(super) fn new_feed(offers: usize) -> FormView {
    let field = |label, text: &str, cursor, problem: &str| FieldView {
        label,
        text: text.into(),
        cursor,
        problem: problem.into(),
    };
    let all = [
        "TRANSACTION_STREAM  stream  JSON",
        "TRANSACTION_STREAM_ANONYMIZED  stream  JSON",
        "USER_TRANSACTION_SUMMARY  table  AVRO",
    ];
    FormView {
        fields: vec![
            field("source", "TRANS", Some(5), ""),
            field("name", "transaction_stream", None, "there is a feed of this name"),
            field("kind", "stream", None, ""),
            field("table format", "as lakehand.toml says", None, ""),
            field("description", "", None, ""),
        ],
        offers: all.iter().enumerate().take(offers).map(|(n, o)| ((*o).to_owned(), n == 1)).collect(),
        note: "3 of 9 streams and tables of http://localhost:8088".into(),
        ready: false,
    }
}
