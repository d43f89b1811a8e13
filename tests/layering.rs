//! The layers of ARCHITECTURE.md, held: which module may use which, and which crate is at home where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Module -> modules of the crate that it may use.
const MAY_USE: [(&str, &[&str]); 21] = [
    ("error", &[]),
    ("cancel", &["error"]),
    ("hash", &[]),
    ("pool", &[]),
    ("log", &["error"]),
    ("feed", &["error", "log"]),
    ("config", &["error", "feed", "log"]),
    ("ksql", &["error", "log"]),
    ("reading", &["error", "feed", "log"]),
    ("format", &["error"]),
    ("lake", &["cancel", "error", "feed", "format", "hash", "log", "pool", "reading"]),
    ("aws", &["error"]),
    ("catalog", &["aws", "error"]),
    ("tier", &["aws", "cancel", "config", "error", "hash", "log"]),
    ("source", &["config", "error", "ksql", "pool"]),
    (
        "export",
        &["cancel", "catalog", "error", "feed", "hash", "ksql", "lake", "pool", "reading", "source", "tier"],
    ),
    ("demo", &["error", "ksql"]),
    ("watch", &["error", "feed", "log", "config"]),
    ("headless", &["cancel", "error", "export", "feed", "log", "watch", "config"]),
    ("app", &["config", "error", "export", "feed", "ksql", "lake", "log", "reading"]),
    ("ui", &["app", "error", "log"]),
];

/// Crate -> the only modules that may name it.
const AT_HOME: [(&str, &[&str]); 13] = [
    ("reqwest", &["ksql", "catalog"]),
    ("rustls", &["ksql", "catalog", "tier"]),
    ("object_store", &["aws", "catalog", "tier"]),
    ("rdkafka", &["source"]),
    ("parquet", &["lake"]),
    ("hyper", &["demo"]),
    ("clap", &["cli"]),
    ("indicatif", &["headless"]),
    (
        "tokio",
        &[
            "ksql", "source", "catalog", "export", "watch", "demo", "headless", "runtime", "cli", "doctor",
            "tier",
        ],
    ),
    ("ratatui", &["ui"]),
    ("crossterm", &["ui"]),
    ("notify", &["watch"]),
    ("jsonc_parser", &["feed"]),
];

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Every line of code outside of test modules, by top-level module.
fn code() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut modules: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for file in files {
        let below = file.strip_prefix(&src).unwrap();
        let module = below.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let lines = lines.map(|line| (file.clone(), line.to_owned()));
        modules.entry(module.to_owned()).or_default().extend(lines);
    }
    modules
}

/// Every path that begins with `crate::` in a text, groups spelled out: `use crate::{a::b, c}` is `a::b` and `c`.
fn crate_paths(text: &str) -> Vec<String> {
    fn expand(text: &str, before: &str, found: &mut Vec<String>) -> usize {
        let name: String =
            text.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '*').collect();
        let mut at = name.len();
        let path = if before.is_empty() { name } else { format!("{before}::{name}") };
        if !text[at..].starts_with("::") {
            found.push(path);
            return at;
        }
        at += 2;
        if !text[at..].starts_with('{') {
            return at + expand(&text[at..], &path, found);
        }
        at += 1 + group(&text[at + 1..], &path, found);
        at
    }
    /// From behind `{` to behind `}`.
    fn group(text: &str, path: &str, found: &mut Vec<String>) -> usize {
        let mut at = 0;
        while at < text.len() {
            match text.as_bytes()[at] {
                b'}' => return at + 1,
                b',' | b' ' | b'\n' => at += 1,
                b'{' => at += 1 + group(&text[at + 1..], path, found),
                _ => at += expand(&text[at..], path, found).max(1),
            }
        }
        at
    }
    let mut found = Vec::new();
    for (at, word) in text.match_indices("crate::") {
        let rest = &text[at + word.len()..];
        if let Some(inside) = rest.strip_prefix('{') {
            group(inside, "", &mut found);
        } else {
            expand(rest, "", &mut found);
        }
    }
    found
}

#[test]
fn groups_of_paths_are_spelled_out() {
    let text = "use crate::{Error, lake::{fs, txn::commit::{Move, Intent}}};\nlet x = crate::feed::Feed;";
    let wanted = ["Error", "lake::fs", "lake::txn::commit::Move", "lake::txn::commit::Intent", "feed::Feed"];
    assert_eq!(crate_paths(text), wanted);
}

/// The files of a module as one text each.
fn texts(lines: &[(PathBuf, String)]) -> BTreeMap<&Path, String> {
    let mut texts: BTreeMap<&Path, String> = BTreeMap::new();
    for (file, line) in lines {
        let text = texts.entry(file).or_default();
        text.push_str(line.trim_start());
        text.push('\n');
    }
    texts
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let modules = code();
    let known: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_USE {
        let lines = modules.get(module).unwrap_or_else(|| panic!("there is no module {module}"));
        for (file, text) in texts(lines) {
            for path in crate_paths(&text) {
                let used = path.split("::").next().unwrap();
                if known.contains(used) && used != module && !allowed.contains(&used) {
                    wrong.push(format!("{}: {path}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "layers are crossed:\n{}", wrong.join("\n"));
}

/// Room of src/lake -> rooms that it may use. What lies in `src/lake` itself (the lake's values, what it says of its work)
/// may be used by all.
const ROOMS: [(&str, &[&str]); 10] = [
    ("fs", &[]),
    ("layout", &["fs"]),
    ("manifest", &["fs", "layout"]),
    ("file", &["fs", "layout", "manifest"]),
    ("write", &["file", "fs", "layout", "manifest"]),
    ("txn", &["file", "fs", "layout", "manifest"]),
    ("ops", &["file", "fs", "layout", "manifest", "txn", "write"]),
    ("history", &["file", "fs", "layout", "manifest", "ops", "txn"]),
    ("verify", &["file", "fs", "layout", "manifest", "ops", "txn", "write"]),
    ("stats", &["fs", "layout", "manifest", "ops", "verify"]),
];

#[test]
fn the_rooms_of_the_lake_use_only_what_lies_below_them() {
    let modules = code();
    let lake = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lake");
    let rooms: BTreeSet<String> = std::fs::read_dir(&lake)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let named: BTreeSet<String> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, named, "each room of src/lake is in the table");
    let mut wrong = Vec::new();
    for (file, text) in texts(&modules["lake"]) {
        let below = file.strip_prefix(&lake).unwrap();
        let room = below.components().next().unwrap().as_os_str().to_str().unwrap();
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else { continue };
        for path in crate_paths(&text) {
            let Some(used) = path.strip_prefix("lake::").and_then(|rest| rest.split("::").next()) else {
                continue;
            };
            if used != room && named.contains(used) && !allowed.contains(&used) {
                wrong.push(format!("{}: {path}", file.display()));
            }
        }
        // Tests beside the code may make files of their own.
        let is_test = below.to_str().unwrap().ends_with("_tests.rs");
        if room != "fs" && !is_test {
            let opens = text.lines().filter(|line| line.contains("std::fs") || line.contains("rustix::fs"));
            wrong
                .extend(opens.map(|line| format!("{}: {line}: only lake/fs opens the disk", file.display())));
        }
    }
    assert!(wrong.is_empty(), "rooms of the lake are crossed:\n{}", wrong.join("\n"));
}

/// What readers see changes by a `Transaction` alone: moves, intents and metadata are written in `lake/txn`.
#[test]
fn only_transactions_change_what_readers_see() {
    let txn = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lake/txn");
    let inner = ["Move { ", "Swap { ", ".decide(", "write_metadata(", "write_commit(", "stage_metadata("];
    let mut wrong = Vec::new();
    for (file, line) in code().into_values().flatten().filter(|(file, _)| !file.starts_with(&txn)) {
        if inner.iter().any(|word| line.contains(word)) {
            wrong.push(format!("{}: {}", file.display(), line.trim()));
        }
    }
    assert!(wrong.is_empty(), "changes past the transaction:\n{}", wrong.join("\n"));
}

/// The folders of partitions are read and written by `PartitionPath` alone. The demo knows nothing of lakes.
#[test]
fn partition_paths_have_one_parser_and_one_printer() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/feed/partition_path.rs");
    let spelt = ["year={", "year=%", "\"year=", "month={", "version=v{", "\"version=", "strip_prefix(\"year"];
    let mut wrong = Vec::new();
    for (file, line) in code().into_values().flatten().filter(|(file, _)| *file != home) {
        let code = line.split("//").next().unwrap_or_default();
        if spelt.iter().any(|word| code.contains(word)) {
            wrong.push(format!("{}: {}", file.display(), line.trim()));
        }
    }
    assert!(wrong.is_empty(), "spelt by hand:\n{}", wrong.join("\n"));
}

/// Feeds are read with what the configuration says for all of them; whoever names their folders alone forgets that.
#[test]
fn the_folders_of_feeds_come_from_the_configuration() {
    let mut wrong = Vec::new();
    for (module, lines) in code() {
        for (file, line) in lines {
            // The screen's state has something in the place before it is told.
            let may = ["config", "feed"].contains(&module.as_str()) || file.ends_with("app/state.rs");
            let is_test = file.to_str().unwrap().ends_with("_tests.rs");
            if !may && !is_test && line.contains("FeedPaths::below(") {
                wrong.push(format!("{}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "past Config::feed_paths:\n{}", wrong.join("\n"));
}

#[test]
fn crates_are_used_where_they_are_at_home() {
    let mut wrong = Vec::new();
    for (module, lines) in code() {
        for (name, homes) in AT_HOME {
            if homes.contains(&module.as_str()) {
                continue;
            }
            let path = format!("{name}::");
            for (file, line) in &lines {
                let used = line.match_indices(&path).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if used {
                    wrong.push(format!("{}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "crates away from home:\n{}", wrong.join("\n"));
}

/// A query that is made by hand begins at the end of its source unless it is told otherwise: what it writes then lacks rows.
#[test]
fn who_is_told_to_derive_something_is_told_where_it_begins() {
    let mut found = 0;
    let mut wrong = Vec::new();
    for (module, lines) in code() {
        if module == "demo" {
            continue;
        }
        for (file, text) in texts(&lines) {
            if file.ends_with("tests.rs") {
                continue;
            }
            let lines: Vec<_> = text.lines().collect();
            for (at, line) in lines.iter().enumerate() {
                let derives = ["AS SELECT", "erive", "a stream over"].iter().any(|word| line.contains(word));
                if !derives || !line.contains(['"', '…']) || line.starts_with("#[") {
                    continue;
                }
                found += 1;
                let around = lines[at.saturating_sub(1)..(at + 2).min(lines.len())].join(" ");
                let told = ["earliest", "FROM_THE_BEGINNING"].iter().any(|word| around.contains(word));
                // The helper for ends never has a row; what looks at statements makes none.
                let harmless =
                    ["ROWTIME < 0", ".contains(", "so no"].iter().any(|word| around.contains(word));
                if !told && !harmless {
                    wrong.push(format!("{}: {line}", file.display()));
                }
            }
        }
    }
    assert!(found > 5, "{found}");
    assert!(wrong.is_empty(), "statements whose rows would be too few:\n{}", wrong.join("\n"));
}
