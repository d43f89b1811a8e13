//! A password or token: shown never. A file with one is read at the start, and again when the server refuses it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Config;

/// The longest secret that is read from a file, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// A text that does not show itself: both its formats print `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the header that carries it and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads a secret from a file without the line end after it; a warning when everybody may read the file.
    pub(super) fn read(path: &Path) -> io::Result<(Self, Option<String>)> {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(io::Error::other("it is longer than a secret can be"));
        }
        let secret = text.strip_suffix('\n').unwrap_or(&text);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        if secret.is_empty() {
            return Err(io::Error::other("it is empty"));
        }
        if secret.contains(['\n', '\r', '\0']) {
            return Err(io::Error::other("it holds more than one line"));
        }
        let open = (mode & 0o007 != 0).then(|| {
            let path = path.display();
            format!(
                "the secret in {path} is open to everybody on this machine (mode {:04o}): chmod 600 {path}",
                mode & 0o7777
            )
        });
        Ok((Self(secret.to_owned()), open))
    }
}

/// Reads a secret from a file that was read before: its mode was judged then.
pub fn read_secret(path: &Path) -> io::Result<Secret> {
    Secret::read(path).map(|(secret, _)| secret)
}

/// A secret that the configuration knows of: never in the file itself.
pub(super) struct SecretKey {
    /// `section.key`, as `config show` has it.
    pub(super) name: &'static str,
    /// The variable of the environment, which counts before the file.
    pub(super) variable: &'static str,
    /// The key that names its file.
    pub(super) file_key: &'static str,
    pub(super) file: fn(&Config) -> Option<&PathBuf>,
    pub(super) place: fn(&mut Config) -> &mut Option<Secret>,
}

macro_rules! secret {
    ($name:literal, $variable:literal, $file_key:literal, $section:ident . $secret:ident, $file:ident) => {
        SecretKey {
            name: $name,
            variable: $variable,
            file_key: $file_key,
            file: |c| c.$section.$file.as_ref(),
            place: |c| &mut c.$section.$secret,
        }
    };
}

/// Every secret.
pub(super) const SECRETS: &[SecretKey] = &[
    secret!("server.password", "LAKEHAND_PASSWORD", "server.password_file", server.password, password_file),
    secret!("server.token", "LAKEHAND_TOKEN", "server.token_file", server.token, token_file),
    secret!(
        "kafka.password",
        "LAKEHAND_KAFKA_PASSWORD",
        "kafka.password_file",
        kafka.password,
        password_file
    ),
    secret!("kafka.token", "LAKEHAND_KAFKA_TOKEN", "kafka.token_file", kafka.token, token_file),
    secret!(
        "schema_registry.password",
        "LAKEHAND_SCHEMA_REGISTRY_PASSWORD",
        "schema_registry.password_file",
        schema_registry.password,
        password_file
    ),
    secret!(
        "schema_registry.token",
        "LAKEHAND_SCHEMA_REGISTRY_TOKEN",
        "schema_registry.token_file",
        schema_registry.token,
        token_file
    ),
    SecretKey {
        name: "catalog.hive.password",
        variable: "LAKEHAND_CATALOG_HIVE_PASSWORD",
        file_key: "catalog.hive.password_file",
        file: |c| c.catalog.hive.password_file.as_ref(),
        place: |c| &mut c.catalog.hive.password,
    },
];

impl Config {
    /// The file from which a secret was read, by the secret's name (`server.token`); `None` where it came from the
    /// environment, or where there is none.
    pub fn secret_file(&self, name: &str) -> Option<&Path> {
        let secret = SECRETS.iter().find(|secret| secret.name == name)?;
        let file = (secret.file)(self).filter(|_| !self.origins.contains_key(secret.variable));
        file.map(PathBuf::as_path)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
