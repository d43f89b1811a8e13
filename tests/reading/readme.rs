//! README's "Read it" is what the command prints for the README's own stream.

use std::path::Path;

use lakehand::reading::{Days, Engine, Language, code};

use crate::golden::stream;

const BEGIN: &str = "<!-- lakehand read -->\n";
const END: &str = "<!-- end of lakehand read -->\n";

/// The block that README shows: what each engine is given, without the imports, its folder as README's lake has it.
fn block() -> String {
    let dataset =
        lakehand::reading::Dataset { folder: "data_lake/streams/payment_stream".into(), ..stream() };
    let mut text = String::from("```python\n");
    for (_, name, engine) in Engine::ALL {
        let body = code(&dataset, engine, Language::Python, Days::default()).unwrap().body;
        let (imports, lines): (Vec<_>, Vec<_>) =
            body.lines().filter(|line| !line.is_empty()).partition(|line| is_import(line));
        let imports = imports.join("; ");
        text += &format!("# {name}: {imports}\n{}\n", lines.join("\n"));
    }
    text + "```\n"
}

fn is_import(line: &str) -> bool {
    line.starts_with("import ") || line.starts_with("from ")
}

#[test]
fn readme_shows_what_the_command_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("README has the mark of its block");
    let (shown, after) = rest.split_once(END).expect("README has the mark of its block's end");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", block())).unwrap();
    } else {
        assert_eq!(shown, block(), "UPDATE=1 writes README's block anew");
    }
}
