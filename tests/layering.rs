//! The layers of ARCHITECTURE.md, held: which module may use which, and which crate is at home where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Module -> modules of the crate that it may use.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("error", &[]),
    ("cancel", &["error"]),
    ("pool", &[]),
    ("log", &["error"]),
    ("feed", &["error", "log"]),
    ("config", &["error", "feed", "log"]),
    ("ksql", &["error", "log"]),
    ("reading", &["error", "feed", "log"]),
    ("lake", &["cancel", "error", "feed", "log", "pool", "reading"]),
    ("export", &["cancel", "error", "feed", "ksql", "lake", "pool"]),
    ("demo", &["error", "ksql"]),
    ("watch", &["error", "feed", "log", "config"]),
    ("headless", &["cancel", "error", "export", "feed", "log", "watch", "config"]),
    ("app", &["config", "error", "export", "feed", "ksql", "lake", "log", "reading"]),
    ("ui", &["app", "error", "log"]),
];

/// Crate -> the only modules that may name it.
const AT_HOME: [(&str, &[&str]); 11] = [
    ("reqwest", &["ksql"]),
    ("rustls", &["ksql"]),
    ("parquet", &["lake"]),
    ("hyper", &["demo"]),
    ("clap", &["cli"]),
    ("indicatif", &["headless"]),
    ("tokio", &["ksql", "export", "watch", "demo", "headless", "runtime", "cli"]),
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

#[test]
fn modules_use_only_what_lies_below_them() {
    let modules = code();
    let known: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_USE {
        let lines = modules.get(module).unwrap_or_else(|| panic!("there is no module {module}"));
        for (file, line) in lines {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let used = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                if known.contains(used) && used != module && !allowed.contains(&used) {
                    wrong.push(format!("{}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "layers are crossed:\n{}", wrong.join("\n"));
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
