//! `[catalog.hive]` and `[catalog.glue]`: catalogues in which datasets are tables.

use std::path::PathBuf;

use super::Secret;
use crate::feed::{CatalogName, Register};

/// The catalogues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogConfig {
    /// Hive Metastore.
    pub hive: HiveConfig,
    /// AWS Glue.
    pub glue: GlueConfig,
}

/// Hive Metastore; there is none when `uri` is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiveConfig {
    /// `thrift://host:9083`, with commas between several of one metastore.
    pub uri: String,
    /// The database in which the tables are.
    pub database: String,
    /// As what datasets are registered.
    pub register: Register,
    /// The connection is encrypted.
    pub tls: bool,
    /// Certificates (PEM) that are trusted.
    pub ca_file: Option<PathBuf>,
    /// For SASL PLAIN.
    pub username: Option<String>,
    /// The file of the password.
    pub password_file: Option<PathBuf>,
    /// From `LAKEHAND_CATALOG_HIVE_PASSWORD` or the file.
    pub password: Option<Secret>,
}

impl Default for HiveConfig {
    fn default() -> Self {
        Self {
            uri: String::new(),
            database: DATABASE.to_owned(),
            register: Register::Auto,
            tls: false,
            ca_file: None,
            username: None,
            password_file: None,
            password: None,
        }
    }
}

/// AWS Glue; there is none when `region` is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlueConfig {
    /// `eu-central-1`
    pub region: String,
    /// Another address than that of the region.
    pub endpoint: String,
    /// The database in which the tables are.
    pub database: String,
    /// As what datasets are registered.
    pub register: Register,
}

impl Default for GlueConfig {
    fn default() -> Self {
        Self {
            region: String::new(),
            endpoint: String::new(),
            database: DATABASE.to_owned(),
            register: Register::Auto,
        }
    }
}

/// The database where none is named.
const DATABASE: &str = "lakehand";

/// `thrift://host:port` with commas; the port of metastores where none is named.
pub(super) fn uris(text: &str) -> Result<String, String> {
    addresses(text)?;
    Ok(text.split(',').map(str::trim).filter(|uri| !uri.is_empty()).collect::<Vec<_>>().join(","))
}

/// `host:port` of each.
fn addresses(text: &str) -> Result<Vec<String>, String> {
    let uris = text.split(',').map(str::trim).filter(|uri| !uri.is_empty());
    let read = |uri: &str| {
        let rest = uri.strip_prefix("thrift://").filter(|rest| !rest.contains(['/', '@', '?', '#', ' ']));
        let rest = rest
            .filter(|rest| !rest.is_empty())
            .ok_or("is not thrift://host:port, with commas between several")?;
        let has_port = rest
            .rsplit_once(':')
            .is_some_and(|(host, _)| !host.ends_with(':') && (!host.contains(':') || host.ends_with(']')));
        if !has_port {
            return Ok(format!("{rest}:9083"));
        }
        let port = rest.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        port.filter(|port| *port > 0)
            .map(|_| rest.to_owned())
            .ok_or_else(|| "names a port that is none".to_owned())
    };
    uris.map(read).collect()
}

/// The name of a database, as both catalogues take it.
pub(super) fn database(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("is not a name of lower-case letters, digits and _".to_owned())
    }
}

/// The name of an AWS region.
pub(super) fn region(text: &str) -> Result<String, String> {
    let is_name =
        text.len() <= 64 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_name { Ok(text.to_owned()) } else { Err("is not a region like eu-central-1".to_owned()) }
}

impl HiveConfig {
    /// `host:port` of each address.
    pub fn addresses(&self) -> Vec<String> {
        addresses(&self.uri).unwrap_or_default()
    }
}

impl CatalogConfig {
    /// Those that are configured.
    pub fn configured(&self) -> Vec<CatalogName> {
        let hive = (!self.hive.uri.is_empty()).then_some(CatalogName::Hive);
        let glue = (!self.glue.region.is_empty()).then_some(CatalogName::Glue);
        hive.into_iter().chain(glue).collect()
    }

    /// What belongs together, and what cannot be together.
    pub(super) fn combine(&self, problems: &mut Vec<String>, warnings: &mut Vec<String>) {
        let hive = &self.hive;
        if hive.tls && hive.ca_file.is_none() {
            problems.push(
                "catalog.hive.tls needs catalog.hive.ca_file, the certificates that are trusted".to_owned(),
            );
        }
        match (hive.username.is_some(), hive.password.is_some()) {
            (true, false) => warnings.push(
                "catalog.hive.username is set without a password; set LAKEHAND_CATALOG_HIVE_PASSWORD or catalog.hive.password_file"
                    .to_owned(),
            ),
            (false, true) => {
                warnings.push("a password is set without catalog.hive.username, and is not used".to_owned());
            }
            (true, true) if !hive.tls => warnings.push(
                "catalog.hive.tls is off: the password of the metastore crosses the network unencrypted".to_owned(),
            ),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_port() {
        assert_eq!(addresses("thrift://a:1, thrift://b").unwrap(), ["a:1", "b:9083"]);
        assert_eq!(addresses("thrift://[::1]:9,thrift://[::1]").unwrap(), ["[::1]:9", "[::1]:9083"]);
        assert_eq!(addresses("").unwrap(), [""; 0]);
        for wrong in [
            "a:1",
            "http://a:1",
            "thrift://",
            "thrift://a:0",
            "thrift://a:x",
            "thrift://u@a:1",
            "thrift://a:1/x",
        ] {
            assert!(addresses(wrong).is_err(), "{wrong}");
        }
    }
}
