//! Whom the configuration names: the ksqlDB server, the brokers, the Schema Registry, the catalogues.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::Catalog;
use crate::catalog::glue::{Glue, GlueOptions};
use crate::catalog::hive::{Hive, HiveOptions};
use crate::config::{Config, Secret, read_secret};
use crate::error::{Error, Kind, Result};
use crate::export::log::LogSource;
use crate::export::publish::Registered;
use crate::feed::CatalogName;
use crate::ksql::client::{Auth, Client, ClientOptions, Renew};
use crate::ksql::registry::Registry;
use crate::source::kafka::{Kafka, KafkaOptions, SecretFiles};

/// The client that the configuration describes.
pub(super) fn client(config: &Config) -> Result<Client> {
    let server = &config.server;
    let options = Access {
        section: "server",
        url: &server.url,
        username: server.username.as_ref(),
        password: server.password.as_ref(),
        token: server.token.as_ref(),
        ca_file: server.ca_file.as_ref(),
        client_cert_file: server.client_cert_file.as_ref(),
        client_key_file: server.client_key_file.as_ref(),
    }
    .options(config)?;
    Client::new(ClientOptions {
        first_byte_timeout: server.first_byte_timeout,
        inactivity_timeout: server.inactivity_timeout,
        ..options
    })
}

/// Who reads topics themselves; `None` where no brokers are configured.
pub(super) fn logs(config: &Config) -> Result<Option<LogSource>> {
    if config.kafka.brokers.is_empty() {
        return Ok(None);
    }
    let options = KafkaOptions {
        config: config.kafka.clone(),
        connect_timeout: config.server.connect_timeout,
        max_record_bytes: config.export.max_row_bytes,
        inactivity: config.server.inactivity_timeout,
        secrets: SecretFiles {
            password: config.secret_file("kafka.password").map(Path::to_owned),
            token: config.secret_file("kafka.token").map(Path::to_owned),
        },
    };
    Ok(Some(Arc::new(Kafka::new(options, registry(config)?)?)))
}

/// The Schema Registry; `None` where none is configured.
pub(super) fn registry(config: &Config) -> Result<Option<Registry>> {
    let registry = &config.schema_registry;
    if registry.url.is_empty() {
        return Ok(None);
    }
    let options = Access {
        section: "schema_registry",
        url: &registry.url,
        username: registry.username.as_ref(),
        password: registry.password.as_ref(),
        token: registry.token.as_ref(),
        ca_file: registry.ca_file.as_ref(),
        client_cert_file: registry.client_cert_file.as_ref(),
        client_key_file: registry.client_key_file.as_ref(),
    }
    .options(config)?;
    // A schema is found by its number: what takes longer is an outage.
    let limit = Duration::from_secs(30).max(config.server.connect_timeout);
    let options = ClientOptions { first_byte_timeout: limit, inactivity_timeout: limit, ..options };
    Registry::new(options).map(Some)
}

/// The catalogues that are configured; none of them is asked anything yet.
pub(super) fn catalogs(config: &Config) -> Result<Vec<Registered>> {
    let configured = &config.catalog;
    let connect_timeout = config.server.connect_timeout;
    let register = |name: &CatalogName| -> Result<Registered> {
        let (catalog, register): (Arc<dyn Catalog>, _) = match name {
            CatalogName::Hive => {
                let hive = &configured.hive;
                let tls = match hive.ca_file.as_ref().filter(|_| hive.tls) {
                    None => None,
                    Some(path) => Some(std::fs::read(path).map_err(|e| {
                        let what = format!("cannot read catalog.hive.ca_file: {e}");
                        Error::new(Kind::Config, what).at("file", path.display()).because(e)
                    })?),
                };
                let password = hive.password.as_ref().map(|p| p.expose().to_owned()).unwrap_or_default();
                let options = HiveOptions {
                    addresses: hive.addresses(),
                    database: hive.database.clone(),
                    tls,
                    login: hive.username.clone().map(|user| (user, password)),
                    connect_timeout,
                    call_timeout: CATALOG_CALL,
                };
                (Arc::new(Hive::new(options)), hive.register)
            }
            CatalogName::Glue => {
                let glue = &configured.glue;
                let options = GlueOptions {
                    region: glue.region.clone(),
                    endpoint: Some(glue.endpoint.clone()).filter(|endpoint| !endpoint.is_empty()),
                    database: glue.database.clone(),
                    connect_timeout,
                    call_timeout: CATALOG_CALL,
                };
                (Arc::new(Glue::new(options)), glue.register)
            }
        };
        Ok(Registered { name: *name, catalog, register })
    };
    configured.configured().iter().map(register).collect()
}

/// How long a catalogue may take for an answer: a new column goes into every partition with one call.
const CATALOG_CALL: Duration = Duration::from_secs(120);

/// What a section says of a server that is reached by HTTP.
struct Access<'a> {
    section: &'static str,
    url: &'a str,
    username: Option<&'a String>,
    password: Option<&'a Secret>,
    token: Option<&'a Secret>,
    ca_file: Option<&'a PathBuf>,
    client_cert_file: Option<&'a PathBuf>,
    client_key_file: Option<&'a PathBuf>,
}

impl Access<'_> {
    fn options(&self, config: &Config) -> Result<ClientOptions> {
        let section = self.section;
        let read = |path: Option<&PathBuf>, key: &str| -> Result<Option<Vec<u8>>> {
            let Some(path) = path else { return Ok(None) };
            std::fs::read(path).map(Some).map_err(|e| {
                let what = format!("cannot read {section}.{key}: {e}");
                Error::new(Kind::Config, what).at("file", path.display()).because(e)
            })
        };
        let mut identity_pem = read(self.client_cert_file, "client_cert_file")?;
        if let (Some(pem), Some(key)) = (&mut identity_pem, read(self.client_key_file, "client_key_file")?) {
            pem.push(b'\n');
            pem.extend(key);
        }
        Ok(ClientOptions {
            auth: auth(self.username.map(String::as_str), self.password, self.token),
            renew: self.renew(config),
            ca_pem: read(self.ca_file, "ca_file")?,
            identity_pem,
            connect_timeout: config.server.connect_timeout,
            section,
            max_row_bytes: config.export.max_row_bytes,
            ..ClientOptions::new(self.url)
        })
    }

    /// Reads the secret's file again; `None` where it came from the environment.
    fn renew(&self, config: &Config) -> Option<Renew> {
        let is_token = self.token.is_some();
        let name = format!("{}.{}", self.section, if is_token { "token" } else { "password" });
        let path = config.secret_file(&name)?.to_owned();
        let username = self.username.cloned();
        Some(Renew::by(move || {
            let secret = read_secret(&path).map_err(|e| Error::io("read", &path, e))?;
            let (password, token) = if is_token { (None, Some(secret)) } else { (Some(secret), None) };
            Ok(auth(username.as_deref(), password.as_ref(), token.as_ref()))
        }))
    }
}

/// Who we are to the server.
fn auth(username: Option<&str>, password: Option<&Secret>, token: Option<&Secret>) -> Auth {
    match (token, username) {
        (Some(token), _) => Auth::Bearer(token.expose().to_owned()),
        (None, Some(username)) => Auth::Basic {
            username: username.to_owned(),
            password: password.map(|p| p.expose().to_owned()).unwrap_or_default(),
        },
        (None, None) => Auth::None,
    }
}
