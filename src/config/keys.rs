//! Every key once: how it is written in the file, how it is set, how it is shown again.
//!
//! `set(get(x))` gives `x` for each of them, and a test holds that; the defaults live in the `Default` of each section.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{CompactAfter, Config, MetadataPlace, OnStart, Theme, catalog, kafka, tier, url};
use crate::feed::duration::{format_duration, parse_duration};
use crate::feed::{CatalogName, Encodings, Problem, Register, TableFormat, nearest};

/// How a value is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Whole,
    Decimal,
    Switch,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// `section.key`
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// The value as it would be written; empty when it is not set.
    pub(super) get: fn(&Config) -> String,
    /// The error continues the value: `is not …`.
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
}

impl Key {
    /// Whether it is the address of a server.
    pub(super) fn is_url(&self) -> bool {
        matches!(self.name.rsplit_once('.'), Some((_, "url" | "uri" | "endpoint")))
    }

    /// A refused value as it may be shown: an address may hold a password or a token.
    pub(super) fn seen(&self, value: &str) -> String {
        let may_hide = (self.is_url() && value.contains(['@', '?', '#']))
            || (self.name == "kafka.brokers" && value.contains('@'))
            || self.name == "kafka.properties";
        if may_hide {
            return "(not shown)".to_owned();
        }
        Problem::shorten(&format!("\"{value}\""))
    }
}

macro_rules! key {
    ($name:literal, $form:ident, $get:expr, $set:expr) => {
        Key { name: $name, form: Form::$form, get: $get, set: $set }
    };
    // A length of time between two others.
    ($name:literal, $section:ident . $field:ident, $min:literal ..= $max:literal) => {
        key!($name, Text, |c| format_duration(c.$section.$field), |c, v| put(
            &mut c.$section.$field,
            duration(v, $min, $max)
        ))
    };
    // A file that may be named.
    ($name:literal, file $($section:ident).+) => {
        key!(
            $name,
            Text,
            |c| c.$($section).+.as_deref().map_or_else(String::new, |p| shown(c, p)),
            |c, v| {
                let path = path(c, v)?;
                c.$($section).+ = Some(path);
                Ok(())
            }
        )
    };
    // What a GiB costs a month.
    ($name:literal, cost $($field:ident).+) => {
        key!($name, Decimal, |c| c.$($field).+.map_or_else(String::new, percent), |c, v| {
            c.$($field).+ = Some(decimal(v, 0.0, 1_000_000.0)?);
            Ok(())
        })
    };
    // A name of the service, which goes into its requests.
    ($name:literal, name $($field:ident).+) => {
        key!($name, Text, |c| c.$($field).+.clone().unwrap_or_default(), |c, v| {
            c.$($field).+ = Some(tier::name(v)?);
            Ok(())
        })
    };
    // A folder.
    ($name:literal, folder $field:ident) => {
        key!($name, Text, |c| shown(c, &c.paths.$field), |c, v| {
            let path = path(c, v)?;
            c.paths.$field = path;
            Ok(())
        })
    };
    // A size in MiB, kept in bytes.
    ($name:literal, mib $field:ident, $min:literal ..= $max:literal) => {
        key!($name, Whole, |c| (c.export.$field >> 20).to_string(), |c, v| put(
            &mut c.export.$field,
            whole(v, $min, $max)
                .and_then(|mib: u64| (mib << 20).try_into().map_err(|_| "is too much".to_owned()))
        ))
    };
    // A count.
    ($name:literal, count $field:ident, $min:literal ..= $max:literal) => {
        key!($name, Whole, |c| c.export.$field.to_string(), |c, v| put(
            &mut c.export.$field,
            whole(v, $min, $max)
        ))
    };
}

/// Where metadata and seals are.
const METADATA: &[(&str, MetadataPlace)] =
    &[("folder", MetadataPlace::Folder), ("apart", MetadataPlace::Apart)];

/// Keys of before, each with the one that took its place and what to write there.
pub(super) const REPLACED: &[(&str, &str, &str)] = &[(
    "export.classic_encodings",
    "export.encodings",
    "\"portable\" is what true was, and now the default; \"compact\" is what false was",
)];

/// Every key, section by section.
pub(super) const KEYS: &[Key] = &[
    key!("paths.lake", folder lake),
    key!("paths.feeds", folder feeds),
    key!("paths.logs", folder logs),
    key!("lake.metadata", Text, |c| word(METADATA, c.lake.metadata), |c, v| put(
        &mut c.lake.metadata,
        choice(v, METADATA)
    )),
    key!("lake.table_format", Text, |c| formats(&c.lake.table_format), |c, v| put(
        &mut c.lake.table_format,
        TableFormat::list(v)
    )),
    key!("lake.catalog", Text, |c| catalogs(&c.lake.catalog), |c, v| put(
        &mut c.lake.catalog,
        CatalogName::list(v)
    )),
    key!("server.url", Text, |c| c.server.url.clone(), |c, v| put(&mut c.server.url, url::parse(v))),
    key!("server.username", Text, |c| c.server.username.clone().unwrap_or_default(), |c, v| {
        c.server.username = Some(username(v)?);
        Ok(())
    }),
    key!("server.password_file", file server.password_file),
    key!("server.token_file", file server.token_file),
    key!("server.ca_file", file server.ca_file),
    key!("server.client_cert_file", file server.client_cert_file),
    key!("server.client_key_file", file server.client_key_file),
    key!("server.connect_timeout", server.connect_timeout, "10ms"..="1h"),
    key!("server.first_byte_timeout", server.first_byte_timeout, "10ms"..="1d"),
    key!("server.inactivity_timeout", server.inactivity_timeout, "10ms"..="1d"),
    key!("kafka.brokers", Text, |c| c.kafka.brokers.clone(), |c, v| put(
        &mut c.kafka.brokers,
        kafka::brokers(v)
    )),
    key!("kafka.security", Text, |c| word(kafka::SECURITIES, c.kafka.security), |c, v| put(
        &mut c.kafka.security,
        choice(v, kafka::SECURITIES)
    )),
    key!("kafka.mechanism", Text, |c| word(kafka::MECHANISMS, c.kafka.mechanism), |c, v| put(
        &mut c.kafka.mechanism,
        choice(v, kafka::MECHANISMS)
    )),
    key!("kafka.username", Text, |c| c.kafka.username.clone().unwrap_or_default(), |c, v| {
        c.kafka.username = Some(username(v)?);
        Ok(())
    }),
    key!("kafka.password_file", file kafka.password_file),
    key!("kafka.token_file", file kafka.token_file),
    key!("kafka.ca_file", file kafka.ca_file),
    key!("kafka.client_cert_file", file kafka.client_cert_file),
    key!("kafka.client_key_file", file kafka.client_key_file),
    key!("kafka.isolation", Text, |c| word(kafka::ISOLATIONS, c.kafka.isolation), |c, v| put(
        &mut c.kafka.isolation,
        choice(v, kafka::ISOLATIONS)
    )),
    key!("kafka.properties", Text, |c| kafka::properties_text(&c.kafka.properties), |c, v| put(
        &mut c.kafka.properties,
        kafka::properties(v)
    )),
    key!("schema_registry.url", Text, |c| c.schema_registry.url.clone(), |c, v| put(
        &mut c.schema_registry.url,
        url::parse(v)
    )),
    key!(
        "schema_registry.username",
        Text,
        |c| c.schema_registry.username.clone().unwrap_or_default(),
        |c, v| {
            c.schema_registry.username = Some(username(v)?);
            Ok(())
        }
    ),
    key!("schema_registry.password_file", file schema_registry.password_file),
    key!("schema_registry.token_file", file schema_registry.token_file),
    key!("schema_registry.ca_file", file schema_registry.ca_file),
    key!("schema_registry.client_cert_file", file schema_registry.client_cert_file),
    key!("schema_registry.client_key_file", file schema_registry.client_key_file),
    key!("export.memory_mb", mib memory_bytes, 16..=1_048_576),
    key!("export.min_free_mb", mib min_free_bytes, 0..=1_073_741_824),
    key!("export.target_file_mb", mib target_file_bytes, 1..=65_536),
    key!("export.concurrency", count concurrency, 1..=64),
    key!("export.threads", count threads, 0..=64),
    key!("export.commit_every", export.commit_every, "10ms"..="1d"),
    key!("export.retries", count retries, 0..=1000),
    key!("export.retry_base", export.retry_base, "1ms"..="1h"),
    key!("export.retry_max", export.retry_max, "1ms"..="1d"),
    key!("export.outage_wait", export.outage_wait, "0s"..="7d"),
    key!("export.quiet", export.quiet, "100ms"..="1h"),
    key!("export.quarantine_limit", Decimal, |c| percent(c.export.quarantine_limit), |c, v| put(
        &mut c.export.quarantine_limit,
        decimal(v, 0.0, 100.0)
    )),
    key!("export.quarantine_rows", count quarantine_rows, 0..=1_000_000),
    key!("export.max_row_mb", mib max_row_bytes, 1..=2047),
    key!("export.zstd_level", count zstd_level, 1..=22),
    key!("export.encodings", Text, |c| c.export.encodings.to_string(), |c, v| put(
        &mut c.export.encodings,
        choice(v, Encodings::KEYWORDS)
    )),
    key!(
        "export.seal_after",
        Text,
        |c| c.export.seal_after.map_or("never".to_owned(), format_duration),
        |c, v| {
            c.export.seal_after = if v == "never" { None } else { Some(duration(v, "0s", "365d")?) };
            Ok(())
        }
    ),
    key!("export.shrink_limit", count shrink_limit, 1..=100),
    key!("compact.after", Text, |c| word(COMPACT_AFTER, c.compact.after), |c, v| put(
        &mut c.compact.after,
        choice(v, COMPACT_AFTER)
    )),
    key!("compact.min_files", Whole, |c| c.compact.min_files.to_string(), |c, v| put(
        &mut c.compact.min_files,
        whole(v, 2, 1_000_000)
    )),
    key!("compact.memory_mb", Whole, |c| (c.compact.memory_bytes >> 20).to_string(), |c, v| put(
        &mut c.compact.memory_bytes,
        whole(v, 32, 1_048_576).map(|mib: usize| mib << 20)
    )),
    key!("compact.threads", Whole, |c| c.compact.threads.to_string(), |c, v| put(
        &mut c.compact.threads,
        whole(v, 0, 64)
    )),
    key!("compact.max_time", compact.max_time, "1s"..="7d"),
    key!("catalog.hive.uri", Text, |c| c.catalog.hive.uri.clone(), |c, v| put(
        &mut c.catalog.hive.uri,
        catalog::uris(v)
    )),
    key!("catalog.hive.database", Text, |c| c.catalog.hive.database.clone(), |c, v| put(
        &mut c.catalog.hive.database,
        catalog::database(v)
    )),
    key!("catalog.hive.register", Text, |c| word(Register::KEYWORDS, c.catalog.hive.register), |c, v| put(
        &mut c.catalog.hive.register,
        choice(v, Register::KEYWORDS)
    )),
    key!("catalog.hive.tls", Switch, |c| c.catalog.hive.tls.to_string(), |c, v| put(
        &mut c.catalog.hive.tls,
        switch(v)
    )),
    key!("catalog.hive.ca_file", file catalog.hive.ca_file),
    key!("catalog.hive.username", Text, |c| c.catalog.hive.username.clone().unwrap_or_default(), |c, v| {
        c.catalog.hive.username = Some(username(v)?);
        Ok(())
    }),
    key!("catalog.hive.password_file", file catalog.hive.password_file),
    key!("catalog.glue.region", Text, |c| c.catalog.glue.region.clone(), |c, v| put(
        &mut c.catalog.glue.region,
        catalog::region(v)
    )),
    key!("catalog.glue.endpoint", Text, |c| c.catalog.glue.endpoint.clone(), |c, v| put(
        &mut c.catalog.glue.endpoint,
        url::parse(v)
    )),
    key!("catalog.glue.database", Text, |c| c.catalog.glue.database.clone(), |c, v| put(
        &mut c.catalog.glue.database,
        catalog::database(v)
    )),
    key!("catalog.glue.register", Text, |c| word(Register::KEYWORDS, c.catalog.glue.register), |c, v| put(
        &mut c.catalog.glue.register,
        choice(v, Register::KEYWORDS)
    )),
    key!("retention.grace", retention.grace, "0s"..="3650d"),
    key!("retention.max_share", Whole, |c| c.retention.max_share.to_string(), |c, v| put(
        &mut c.retention.max_share,
        whole(v, 1, 100)
    )),
    key!("tier.grace", tier.grace, "0s"..="3650d"),
    key!("tier.hot_cost_per_gib_month", cost tier.hot_cost_per_gib_month),
    key!("tier.cold.url", Text, |c| c.tier.cold.url.clone(), |c, v| put(&mut c.tier.cold.url, tier::url(v))),
    key!("tier.cold.endpoint", Text, |c| c.tier.cold.endpoint.clone(), |c, v| put(
        &mut c.tier.cold.endpoint,
        url::parse(v)
    )),
    key!("tier.cold.region", name tier.cold.region),
    key!("tier.cold.profile", name tier.cold.profile),
    key!("tier.cold.allow_http", Switch, |c| c.tier.cold.allow_http.to_string(), |c, v| put(
        &mut c.tier.cold.allow_http,
        switch(v)
    )),
    key!("tier.cold.storage_class", name tier.cold.storage_class),
    key!("tier.cold.sse", Text, |c| word(tier::ENCRYPTIONS, c.tier.cold.sse), |c, v| put(
        &mut c.tier.cold.sse,
        choice(v, tier::ENCRYPTIONS)
    )),
    key!("tier.cold.kms_key", name tier.cold.kms_key),
    key!("tier.cold.checksum", Text, |c| word(tier::CHECKSUMS, c.tier.cold.checksum), |c, v| put(
        &mut c.tier.cold.checksum,
        choice(v, tier::CHECKSUMS)
    )),
    key!("tier.cold.parallel", Whole, |c| c.tier.cold.parallel.to_string(), |c, v| put(
        &mut c.tier.cold.parallel,
        whole(v, 1, 64)
    )),
    // Services take no smaller part than 5 MiB.
    key!("tier.cold.part_mb", Whole, |c| (c.tier.cold.part_bytes >> 20).to_string(), |c, v| put(
        &mut c.tier.cold.part_bytes,
        whole(v, 5, 1024).map(|mib: u64| mib << 20)
    )),
    key!("tier.cold.memory_mb", Whole, |c| (c.tier.cold.memory_bytes >> 20).to_string(), |c, v| put(
        &mut c.tier.cold.memory_bytes,
        whole(v, 5, 65_536).map(|mib: u64| mib << 20)
    )),
    key!(
        "tier.cold.max_mb_per_second",
        Whole,
        |c| (c.tier.cold.max_bytes_per_second >> 20).to_string(),
        |c, v| put(&mut c.tier.cold.max_bytes_per_second, whole(v, 0, 1_048_576).map(|mib: u64| mib << 20))
    ),
    key!("tier.cold.restore_days", Whole, |c| c.tier.cold.restore_days.to_string(), |c, v| put(
        &mut c.tier.cold.restore_days,
        whole(v, 1, 365)
    )),
    key!("tier.cold.cost_per_gib_month", cost tier.cold.cost_per_gib_month),
    key!(
        "tier.cold.ca_file",
        Text,
        |c| c.tier.cold.ca_file.as_deref().map_or_else(String::new, |p| shown(c, p)),
        |c, v| {
            let path = path(c, v)?;
            c.tier.cold.ca_file = Some(path);
            Ok(())
        }
    ),
    key!("watch.on_start", Text, |c| word(ON_START, c.watch.on_start), |c, v| put(
        &mut c.watch.on_start,
        choice(v, ON_START)
    )),
    key!("watch.rescan", watch.rescan, "1s"..="1d"),
    key!("watch.debounce", watch.debounce, "10ms"..="1m"),
    key!("watch.poll", Switch, |c| c.watch.poll.to_string(), |c, v| put(&mut c.watch.poll, switch(v))),
    key!("screen.theme", Text, |c| word(THEMES, c.screen.theme), |c, v| put(
        &mut c.screen.theme,
        choice(v, THEMES)
    )),
    key!("screen.ascii", Switch, |c| c.screen.ascii.to_string(), |c, v| put(&mut c.screen.ascii, switch(v))),
    key!("screen.mouse", Switch, |c| c.screen.mouse.to_string(), |c, v| put(&mut c.screen.mouse, switch(v))),
    key!("screen.health", screen.health, "100ms"..="1h"),
];

const COMPACT_AFTER: &[(&str, CompactAfter)] =
    &[("never", CompactAfter::Never), ("sealed", CompactAfter::Sealed)];
const ON_START: &[(&str, OnStart)] = &[("new", OnStart::New), ("all", OnStart::All), ("none", OnStart::None)];
const THEMES: &[(&str, Theme)] = &[
    ("dark", Theme::Dark),
    ("light", Theme::Light),
    ("colour-blind", Theme::ColourBlind),
    ("mono", Theme::Mono),
];

fn catalogs(catalogs: &[CatalogName]) -> String {
    catalogs.iter().map(|catalog| catalog.keyword()).collect::<Vec<_>>().join(", ")
}

fn formats(formats: &[TableFormat]) -> String {
    formats.iter().map(|format| format.keyword()).collect::<Vec<_>>().join(", ")
}

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

fn duration(text: &str, min: &str, max: &str) -> Result<Duration, String> {
    let limits = parse_duration(min).zip(parse_duration(max));
    match parse_duration(text) {
        None => Err("is not a length of time like 250ms, 10s, 5m or 2h".to_owned()),
        Some(length) if limits.is_some_and(|(min, max)| (min..=max).contains(&length)) => Ok(length),
        Some(_) => Err(format!("is not between {min} and {max}")),
    }
}

fn whole<T: TryFrom<u64>>(text: &str, min: u64, max: u64) -> Result<T, String> {
    let digits = Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok()).filter(|number| (min..=max).contains(number));
    let number = number.and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("is not a whole number from {min} to {max}"))
}

fn decimal(text: &str, min: f64, max: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("is not a number from {min} to {max}"))
}

/// With a point, as a TOML number that is no integer wants it.
fn percent(value: f64) -> String {
    format!("{value:?}")
}

fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "is neither true nor false".to_owned())
}

fn choice<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let hint = nearest(text, names.iter().copied());
    let hint = hint.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
    Err(format!("is not one of {}{hint}", names.join(", ")))
}

fn word<T: PartialEq + Copy>(words: &[(&str, T)], value: T) -> String {
    words.iter().find(|(_, v)| *v == value).map_or_else(String::new, |(word, _)| (*word).to_owned())
}

/// A user name that can stand in a basic authentication header: without a colon.
fn username(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|c: char| c == ':' || c.is_control()) {
        return Err("is empty, or holds a colon or a control character".to_owned());
    }
    Ok(text.to_owned())
}

/// A path below the root folder, or an absolute one.
fn path(config: &Config, text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("is not a path".to_owned());
    }
    Ok(config.root.join(text))
}

/// A path as it would be written: below the root folder without that folder.
fn shown(config: &Config, path: &Path) -> String {
    let below = path.strip_prefix(&config.root).ok().filter(|below| !below.as_os_str().is_empty());
    below.unwrap_or(path).to_string_lossy().into_owned()
}
