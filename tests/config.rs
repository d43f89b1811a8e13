//! The configuration: what wins, what is refused and where, and that secrets stay secret.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use lakehand::Kind;
use lakehand::config::{Config, DEFAULT_FILE, OnStart, Origin, Theme};
use proptest::prelude::*;

fn no_env(_: &str) -> Option<String> {
    None
}

fn root() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Loads with this file and nothing else.
fn load(root: &Path, text: &str) -> lakehand::Result<Config> {
    fs::write(root.join("lakehand.toml"), text).unwrap();
    Config::load(root, None, &no_env, &[])
}

#[track_caller]
fn problems(text: &str) -> String {
    let dir = root();
    let error = load(dir.path(), text).expect_err(text);
    assert_eq!(error.kind(), Kind::Config);
    let file = format!("{}: ", dir.path().join("lakehand.toml").display());
    error.what().replace(&file, "")
}

fn setting(config: &Config, key: &str) -> (String, Origin) {
    let found = config.settings().into_iter().find(|setting| setting.key == key).unwrap();
    (found.value, found.origin)
}

#[test]
fn the_annotated_file_is_the_default_and_lists_every_key() {
    let dir = root();
    let default = Config::load(dir.path(), None, &no_env, &[]).unwrap();
    let read = load(dir.path(), DEFAULT_FILE).unwrap();
    assert_eq!(
        (&read.root, &read.paths, &read.server, &read.kafka, &read.export, &read.watch, &read.screen),
        (
            &default.root,
            &default.paths,
            &default.server,
            &default.kafka,
            &default.export,
            &default.watch,
            &default.screen
        )
    );

    // Line by line: a key is there with its default, or with an example behind a # when there is none.
    let (mut section, mut listed) = (String::new(), Vec::new());
    for line in DEFAULT_FILE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
            listed.push(format!("{section}.{key}"));
        }
    }
    let is_secret = |key: &str| matches!(key.rsplit_once('.'), Some((_, "password" | "token")));
    let keys: Vec<_> = default.settings().into_iter().map(|s| s.key).filter(|key| !is_secret(key)).collect();
    assert_eq!(listed, keys);
    for setting in read.settings() {
        let is_set = matches!(setting.origin, Origin::File { .. });
        assert_eq!(is_set, setting.value != "(not set)" && setting.key != "paths.logs", "{}", setting.key);
    }
}

#[test]
fn the_examples_behind_a_hash_are_legal() {
    let dir = root();
    fs::create_dir(dir.path().join("secrets")).unwrap();
    fs::write(dir.path().join("secrets/password"), "p").unwrap();
    fs::write(dir.path().join("secrets/kafka-password"), "p").unwrap();
    fs::write(dir.path().join("secrets/registry-password"), "p").unwrap();
    fs::write(dir.path().join("secrets/hive-password"), "p").unwrap();
    let uncommented: String = DEFAULT_FILE
        .lines()
        .map(|line| {
            line.strip_prefix("# ").filter(|l| l.contains(" = ") && !l.contains("token")).unwrap_or(line)
        })
        .collect::<Vec<_>>()
        .join("\n");
    let config = load(dir.path(), &uncommented).unwrap();
    assert_eq!(config.server.username.as_deref(), Some("lakehand"));
    assert_eq!(config.paths.logs, dir.path().join("data_lake/logs"));
    assert_eq!(config.server.client_key_file, Some(dir.path().join("secrets/client.key")));
}

#[test]
fn secrets_come_from_the_environment_or_a_file_and_are_never_shown() {
    for section in ["server", "kafka", "schema_registry"] {
        let variable = if section == "server" {
            "LAKEHAND_PASSWORD".to_owned()
        } else {
            format!("LAKEHAND_{}_PASSWORD", section.to_uppercase())
        };
        let dir = root();
        fs::write(dir.path().join("secret"), "hunter2\n").unwrap();
        let text = format!("[{section}]\nusername = \"me\"\npassword_file = \"secret\"\n");
        let shown = |config: &Config| {
            let settings = config.settings();
            let wanted = format!("{section}.password");
            settings.into_iter().find(|setting| setting.key == wanted).unwrap().value
        };
        let config = load(dir.path(), &text).unwrap();
        assert_eq!(shown(&config), format!("(set, from {section}.password_file)"));
        assert_eq!(config.secret_file(&format!("{section}.password")), Some(&*dir.path().join("secret")));
        assert!(!format!("{config:?}").contains("hunter2"));
        let env = |name: &str| (name == variable).then(|| "hunter2".to_owned());
        let config = Config::load(dir.path(), None, &env, &[]).unwrap();
        assert_eq!(shown(&config), format!("(set, from {variable})"));
        assert_eq!(config.secret_file(&format!("{section}.password")), None);
        let error =
            load(dir.path(), &format!("[{section}]\npassword = \"hunter2\"\n")).unwrap_err().to_string();
        assert!(error.contains(&variable) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let dir = root();
    let config = Config::load(dir.path(), None, &no_env, &[]).unwrap();
    assert_eq!(config.paths.lake, dir.path().join("data_lake"));
    assert_eq!(config.paths.feeds, dir.path().join("feeds"));
    assert_eq!(config.paths.logs, dir.path().join("data_lake/logs"));
    let export = &config.export;
    let sizes = (export.memory_bytes, export.min_free_bytes, export.target_file_bytes, export.max_row_bytes);
    assert_eq!(sizes, (268_435_456, 1_073_741_824, 134_217_728, 134_217_728));
    assert!((export.quarantine_limit - 1.0).abs() < f64::EPSILON);
    assert_eq!((export.commit_every, export.quiet), (Duration::from_secs(300), Duration::from_secs(5)));
    assert_eq!((config.watch.on_start, config.screen.theme), (OnStart::New, Theme::Dark));
    assert!(config.warnings().is_empty());
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let dir = root();
    let text =
        "[export]\nretries = 1\nconcurrency = 3\n\n[paths]\nlake = \"/elsewhere\"\nfeeds = \"lake/feeds\"\n";
    fs::write(dir.path().join("lakehand.toml"), text).unwrap();
    let env = |name: &str| match name {
        "LAKEHAND_EXPORT_RETRIES" => Some("2".to_owned()),
        "LAKEHAND_SCREEN_ASCII" => Some("true".to_owned()),
        "LAKEHAND_SERVER_URL" => Some(String::new()),
        "LAKEHAND_EXPORT_QUIET" => Some("250ms".to_owned()),
        _ => None,
    };
    let flags = [("export.quiet", "2s".to_owned())];
    let config = Config::load(dir.path(), None, &env, &flags).unwrap();
    assert_eq!((config.export.concurrency, config.export.retries), (3, 2));
    assert_eq!((config.screen.ascii, config.export.quiet), (true, Duration::from_secs(2)));
    assert_eq!(config.paths.lake, Path::new("/elsewhere"));
    assert_eq!(config.paths.logs, Path::new("/elsewhere/logs"), "the log follows the lake");
    assert_eq!(config.paths.feeds, dir.path().join("lake/feeds"));

    let path = dir.path().join("lakehand.toml");
    assert_eq!(setting(&config, "export.concurrency"), ("3".into(), Origin::File { path, line: 3 }));
    assert_eq!(
        setting(&config, "export.retries"),
        ("2".into(), Origin::Env("LAKEHAND_EXPORT_RETRIES".into()))
    );
    assert_eq!(setting(&config, "export.quiet"), ("2s".into(), Origin::Flag));
    assert_eq!(setting(&config, "server.url"), ("http://localhost:8088".into(), Origin::Default));
    assert_eq!(setting(&config, "paths.feeds").0, "lake/feeds");
    assert_eq!(setting(&config, "server.ca_file"), ("(not set)".into(), Origin::Default));
}

#[test]
fn all_problems_come_at_once_each_with_its_place() {
    let text = "\
[export]
memroy_mb = 1
retries = \"4\"
é = 1
quiet = \"5\"
zstd_level = 23

[server]
password = \"hunter2\"

[scren]
[watch]
on_start = \"knew\"
";
    // A key of before names the one that took its place.
    let old = problems("[export]\nclassic_encodings = true\n");
    assert!(
        old.contains(
            "line 2, column 1: export.classic_encodings: is a key of before; export.encodings took its place"
        ) && old.contains("\"portable\" is what true was"),
        "{old}"
    );
    let env = |name: &str| (name == "LAKEHAND_EXPORT_CLASSIC_ENCODINGS").then(|| "true".to_owned());
    let error = Config::load(root().path(), None, &env, &[]).unwrap_err();
    assert!(error.what().contains("LAKEHAND_EXPORT_ENCODINGS"), "{error}");
    assert_eq!(
        problems(text),
        "the configuration has 8 problems:
  line 2, column 1: export.memroy_mb: is not a key of the configuration; did you mean \"export.memory_mb\"?
  line 3, column 11: export.retries: \"4\" is not a whole number without quotes
  line 4, column 1: is not TOML: invalid unquoted key, expected letters, numbers, `-`, `_`
  line 5, column 9: export.quiet: \"5\" is not a length of time like 250ms, 10s, 5m or 2h
  line 6, column 14: export.zstd_level: \"23\" is not a whole number from 1 to 22
  line 9, column 1: server.password: is a secret, and not kept here; set LAKEHAND_PASSWORD or server.password_file
  line 11, column 2: scren: is not a section of the configuration; did you mean \"screen\"?
  line 13, column 12: watch.on_start: \"knew\" is not one of new, all, none; did you mean \"new\"?
 "
    );
}

#[test]
fn single_problems_say_what_to_do() {
    let one = |text: &str, expected: &str| {
        assert_eq!(problems(text), format!("the configuration has a problem: {expected}"), "{text}");
    };
    one(
        "quiet = \"5s\"",
        "line 1, column 1: quiet: is not a section of the configuration; did you mean \"export.quiet\"?",
    );
    one("export = 1", "line 1, column 1: export: is a section: [export]");
    one(
        "[screen]\nmouse = \"yes\"",
        "line 2, column 9: screen.mouse: \"yes\" is not true or false without quotes",
    );
    one(
        "[export]\nquarantine_limit = nan",
        "line 2, column 20: export.quarantine_limit: \"nan\" is not a number from 0 to 100",
    );
    one("[export]\nretry_base = \"2m\"", "export.retry_base is longer than export.retry_max");
    one(
        "[server]\nclient_cert_file = \"x\"",
        "server.client_cert_file and server.client_key_file: one needs the other",
    );
    one(
        "[server]\nurl = \"localhost\"",
        "line 2, column 7: server.url: \"localhost\" does not begin with http:// or https://",
    );
    assert!(problems("[server]\npassword_file = \"none\"").contains("server.password_file: "));

    let dir = root();
    let flags = [("server.uri", "x".to_owned()), ("export.retries", "many".to_owned())];
    let env = |name: &str| (name == "LAKEHAND_SCREEN_THEME").then(|| "pink\u{1b}[2J".to_owned());
    let error = Config::load(dir.path(), None, &env, &flags).unwrap_err();
    for part in [
        "flag server.uri: is not a key of the configuration; did you mean server.url?",
        "flag export.retries: \"many\" is not a whole number from 0 to 1000",
        "LAKEHAND_SCREEN_THEME: \"pink\\u{1b}[2J\" is not one of dark, light, colour-blind, mono",
    ] {
        assert!(error.what().contains(part), "{error}");
    }
    let missing = Config::load(dir.path(), Some(&dir.path().join("none.toml")), &no_env, &[]).unwrap_err();
    assert!(missing.what().contains("none.toml: cannot be read"), "{missing}");
}

#[test]
fn secrets_are_read_and_never_shown() {
    let dir = root();
    let path = dir.path().join("password");
    fs::write(&path, "hunter2\r\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let text = "[server]\nusername = \"u\"\npassword_file = \"password\"\n";
    let config = load(dir.path(), text).unwrap();
    assert_eq!(config.server.password.as_ref().unwrap().expose(), "hunter2");
    assert!(config.warnings().is_empty());
    let (value, origin) = setting(&config, "server.password");
    assert_eq!(value, "(set, from server.password_file)");
    assert!(matches!(origin, Origin::File { line: 3, .. }));

    let env = |name: &str| (name == "LAKEHAND_PASSWORD").then(|| "hunter3".to_owned());
    let other = Config::load(dir.path(), None, &env, &[]).unwrap();
    assert_eq!(other.server.password.as_ref().unwrap().expose(), "hunter3");
    let from = Origin::Env("LAKEHAND_PASSWORD".into());
    assert_eq!(setting(&other, "server.password"), ("(set, from LAKEHAND_PASSWORD)".into(), from));
    for config in [&config, &other] {
        let shown =
            format!("{config:?} {:?} {}", config.settings(), config.server.password.as_ref().unwrap());
        assert!(!shown.contains("hunter"), "{shown}");
    }

    for mode in [0o604, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let config = load(dir.path(), text).unwrap();
        assert!(config.warnings()[0].contains("chmod 600"), "{:?}", config.warnings());
    }
}

#[test]
fn credentials_stay_out_of_the_address_and_of_clear_text() {
    let dir = root();
    let token = |name: &str| (name == "LAKEHAND_TOKEN").then(|| "t0ken".to_owned());
    for value in ["http://u:hunter2@host:8088", "https://hunter2@host"] {
        let file = problems(&format!("[server]\nurl = \"{value}\""));
        let flag = Config::load(dir.path(), None, &no_env, &[("server.url", value.into())]).unwrap_err();
        let env = |name: &str| (name == "LAKEHAND_SERVER_URL").then(|| value.to_owned());
        let env = Config::load(dir.path(), None, &env, &[]).unwrap_err();
        for text in [file, flag.to_string(), env.to_string()] {
            assert!(text.contains("holds credentials") && !text.contains("hunter2"), "{text}");
        }
    }
    let open = Config::load(dir.path(), None, &token, &[("server.url", "http://ksql:8088".into())]).unwrap();
    assert!(open.warnings()[0].contains("unencrypted"));
    let both = Config::load(dir.path(), None, &token, &[("server.username", "u".into())]).unwrap_err();
    assert!(both.what().contains("choose basic or bearer"), "{both}");
}

#[test]
fn what_is_shown_can_be_set_again() {
    let dir = root();
    let text = "[export]\nmemory_mb = 0x20\nquarantine_limit = 2\nretry_base = \"1500ms\"\n[watch]\non_start = \"all\"\n\
                [server]\nurl = \"https://ksql.example:443/\"\nusername = \"u\"\n[screen]\ntheme = \"mono\"\nmouse = true\n";
    let config = load(dir.path(), text).unwrap();
    assert_eq!(config.export.memory_bytes, 32 << 20);
    let settings = config.settings();
    let flags: Vec<_> = settings
        .iter()
        .filter(|setting| !setting.value.starts_with('('))
        .map(|setting| (setting.key.as_str(), setting.value.clone()))
        .collect();
    fs::remove_file(dir.path().join("lakehand.toml")).unwrap();
    let again = Config::load(dir.path(), None, &no_env, &flags).unwrap();
    let values =
        |config: &Config| config.settings().into_iter().map(|s| (s.key, s.value)).collect::<Vec<_>>();
    assert_eq!(values(&again), values(&config));
    assert_eq!(again.export, config.export);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_file_and_any_value_is_taken_or_refused(
        text in prop_oneof![any::<String>(), "(\\[(export|server)\\]\n)?[a-z_.]{1,9} ?= ?[\"0-9a-z\\[{.]{0,9}\n?"],
        at in any::<prop::sample::Index>(), value in any::<String>(),
    ) {
        let dir = root();
        let _ = load(dir.path(), &text);
        let keys: Vec<_> = Config::load(dir.path(), Some(Path::new("/dev/null")), &no_env, &[]).unwrap().settings();
        let key = &at.get(&keys).key;
        if let Err(error) = Config::load(dir.path(), Some(Path::new("/dev/null")), &no_env, &[(key, value)]) {
            prop_assert!(!error.what().replace('\n', "").contains(char::is_control));
        }
    }
}
