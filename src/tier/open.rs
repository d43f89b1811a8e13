//! From the configuration to a store: where it is, who we are there, how requests are sent.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum as S3Checksum};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector as _, ReqwestConnector};
use object_store::multipart::MultipartStore;
use object_store::path::Path as Key;
use object_store::signer::Url;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};

use super::class::{AzureService, S3Service, Service};
use super::folder::{Folder, FolderParts};
use crate::aws;
use crate::config::{Checksum, ColdConfig, ServerSideEncryption};
use crate::error::{Error, Kind, Result};

/// The slowest line on which a part still arrives in time, in bytes a second.
const SLOWEST: u64 = 128 * 1024;

/// A store and what belongs to it.
pub(super) struct Opened {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) parts: Arc<dyn MultipartStore>,
    pub(super) service: Service,
    pub(super) prefix: String,
}

pub(super) fn open(config: &ColdConfig, env: &dyn Fn(&str) -> Option<String>) -> Result<Opened> {
    if config.url.is_empty() {
        return Err(
            Error::new(Kind::Config, "there is no cold store").next("set tier.cold.url in lakehand.toml")
        );
    }
    let (scheme, rest) = config.url.split_once("://").unwrap_or(("", &config.url));
    let rest = rest.trim_end_matches('/');
    if scheme == "file" {
        let (folder, store) = Folder::open(std::path::Path::new(rest))?;
        let parts = Arc::new(FolderParts { folder: folder.clone() });
        return Ok(Opened { store, parts, service: Service::Folder(folder), prefix: String::new() });
    }
    let (root, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    Key::parse(prefix).map_err(|error| {
        Error::new(Kind::Config, format!("tier.cold.url has a path that no store has: {error}"))
    })?;
    // Without a provider of cryptography the client panics; installing it twice is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match scheme {
        "s3" => s3(config, root, prefix, env),
        "az" => azure(config, root, prefix, env),
        _ => Err(Error::new(Kind::Config, "tier.cold.url begins with neither s3://, az:// nor file://")),
    }
}

fn s3(
    config: &ColdConfig,
    bucket: &str,
    prefix: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Opened> {
    let (client, retry) = (client(config)?, retry());
    let wanted = aws::Wanted { region: config.region.clone(), profile: config.profile.clone() };
    let access = aws::access(&wanted, env, &client, &retry)?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&access.region)
        .with_credentials(access.credentials)
        .with_allow_http(config.allow_http)
        .with_client_options(client.clone())
        .with_retry(retry);
    if !config.endpoint.is_empty() {
        builder = builder.with_endpoint(&config.endpoint);
    }
    match config.checksum {
        Checksum::Sha256 => builder = builder.with_checksum_algorithm(S3Checksum::SHA256),
        Checksum::Crc64Nvme => builder = builder.with_checksum_algorithm(S3Checksum::CRC64NVME),
        Checksum::None => {}
    }
    let encryption = match config.sse {
        ServerSideEncryption::Bucket => None,
        ServerSideEncryption::Aes256 => Some("AES256"),
        ServerSideEncryption::Kms => Some("aws:kms"),
    };
    if let Some(encryption) = encryption {
        builder = builder.with_config(s3_key("aws_server_side_encryption")?, encryption);
        if let Some(key) = config.kms_key.as_deref().filter(|_| config.sse == ServerSideEncryption::Kms) {
            builder = builder.with_config(s3_key("aws_sse_kms_key_id")?, key);
        }
    }
    let store = Arc::new(builder.build().map_err(|error| unusable(&error))?);
    let service = S3Service {
        store: Arc::clone(&store),
        http: http(&client)?,
        bucket: bucket.to_owned(),
        encryption: encryption.map(|word| (word, config.kms_key.clone())),
    };
    Ok(Opened {
        store: Arc::clone(&store) as _,
        parts: store,
        service: Service::S3(service),
        prefix: prefix.to_owned(),
    })
}

fn s3_key(name: &str) -> Result<AmazonS3ConfigKey> {
    name.parse().map_err(|error| unusable(&error))
}

fn azure(
    config: &ColdConfig,
    container: &str,
    prefix: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Opened> {
    let client = client(config)?;
    let mut builder = MicrosoftAzureBuilder::from_env();
    if let Some(text) = env("AZURE_STORAGE_CONNECTION_STRING").filter(|text| !text.is_empty()) {
        for (key, value) in connection_string(&text)? {
            builder = builder.with_config(key, value);
        }
    }
    builder = builder
        .with_container_name(container)
        .with_client_options(client.clone())
        .with_allow_http(config.allow_http)
        .with_retry(retry());
    if !config.endpoint.is_empty() {
        builder = builder.with_endpoint(config.endpoint.clone());
    }
    let setting = |key: AzureConfigKey| builder.get_config_value(&key);
    let account = setting(AzureConfigKey::AccountName).unwrap_or_default();
    let endpoint = setting(AzureConfigKey::Endpoint)
        .unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
    if setting(AzureConfigKey::UseEmulator).as_deref() == Some("true") {
        return Err(Error::new(Kind::Config, "AZURE_STORAGE_USE_EMULATOR means nothing here")
            .next("set tier.cold.endpoint to http://127.0.0.1:10000/devstoreaccount1, and name and key of its account"));
    }
    let store = builder.build().map_err(|error| {
        unusable(&error).next(
            "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_KEY, AZURE_STORAGE_CONNECTION_STRING or the \
             variables of an identity",
        )
    })?;
    let store = Arc::new(store);
    let mut address = Url::parse(&endpoint).map_err(|error| {
        Error::new(Kind::Config, format!("the address of the Azure service is none: {error}"))
    })?;
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.pop_if_empty().push(container);
    }
    let service =
        AzureService { store: Arc::clone(&store), http: http(&client)?, account, container: address };
    let service = Service::Azure(service);
    Ok(Opened { store: Arc::clone(&store) as _, parts: store, service, prefix: prefix.to_owned() })
}

/// The parts of a connection string that say who we are and where the service is.
fn connection_string(text: &str) -> Result<Vec<(AzureConfigKey, String)>> {
    let mut found = Vec::new();
    let (mut account, mut protocol, mut suffix, mut endpoint) = (None, "https", "core.windows.net", None);
    for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
        // A key ends in "=" signs, so only the first one parts.
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Error::new(Kind::Config, "AZURE_STORAGE_CONNECTION_STRING is not like AccountName=…;AccountKey=…")
        })?;
        let value = value.trim();
        match name.trim() {
            "AccountName" => account = Some(value),
            "AccountKey" => found.push((AzureConfigKey::AccessKey, value.to_owned())),
            "SharedAccessSignature" => {
                found.push((AzureConfigKey::SasKey, value.trim_start_matches('?').to_owned()));
            }
            "BlobEndpoint" => endpoint = Some(value.trim_end_matches('/').to_owned()),
            "DefaultEndpointsProtocol" => protocol = value,
            "EndpointSuffix" => suffix = value,
            _ => {}
        }
    }
    // An address with a signature names the account in its host.
    let of_host = endpoint
        .as_deref()
        .and_then(|url| url.split_once("://"))
        .and_then(|(_, rest)| rest.split(['.', '/']).next());
    let Some(account) = account.or(of_host).map(str::to_owned) else {
        return Err(Error::new(Kind::Config, "AZURE_STORAGE_CONNECTION_STRING has no AccountName"));
    };
    let endpoint = endpoint.unwrap_or_else(|| format!("{protocol}://{account}.blob.{suffix}"));
    found.push((AzureConfigKey::AccountName, account));
    found.push((AzureConfigKey::Endpoint, endpoint));
    Ok(found)
}

/// How requests are sent.
fn client(config: &ColdConfig) -> Result<ClientOptions> {
    // A request lasts as long as a part on a slow line, and as long as others may use up the bandwidth before it.
    let queue = config.memory_bytes.checked_div(config.max_bytes_per_second).unwrap_or(0);
    let longest = 60 + config.part_bytes / SLOWEST + 2 * queue;
    let mut options = ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(10))
        .with_timeout(Duration::from_secs(longest))
        .with_allow_http(config.allow_http);
    if config.endpoint.starts_with("http://") {
        // The system's certificates need not even be there.
        options = options.with_no_system_certificates(true);
    }
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path)
            .map_err(|e| Error::io("read the certificates of tier.cold.ca_file", path, e))?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .map_err(|error| unusable(&error).at("file", path.display()))?;
        if certificates.is_empty() {
            return Err(
                Error::new(Kind::Config, "tier.cold.ca_file holds no certificate").at("file", path.display())
            );
        }
        for certificate in certificates {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

/// How often a request is sent anew: credentials and signatures stay valid for that long.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
            base: 2.,
        },
        max_retries: 5,
        retry_timeout: Duration::from_secs(90),
    }
}

/// For requests that the store has no word for.
fn http(client: &ClientOptions) -> Result<HttpClient> {
    ReqwestConnector::default().connect(client).map_err(|error| unusable(&error))
}

/// The texts of these errors name keys and addresses of the configuration, and no secrets.
fn unusable(error: &object_store::Error) -> Error {
    Error::new(Kind::Config, format!("the cold store cannot be opened: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_say_who_and_where() {
        let text =
            "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5==;EndpointSuffix=core.example";
        let found = connection_string(text).unwrap();
        let get = |key: AzureConfigKey| {
            found.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
        };
        assert_eq!(get(AzureConfigKey::AccessKey), Some("a2V5=="));
        assert_eq!(get(AzureConfigKey::Endpoint), Some("https://acct.blob.core.example"));
        let found = connection_string(
            "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x",
        )
        .unwrap();
        let get = |key: AzureConfigKey| {
            found.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
        };
        assert_eq!(get(AzureConfigKey::AccountName), Some("acct"));
        assert_eq!(get(AzureConfigKey::SasKey), Some("sv=1&sig=x"));
        assert!(connection_string("AccountKey").is_err() && connection_string("AccountKey=x").is_err());
    }

    #[test]
    fn a_store_that_is_not_configured_or_not_mounted_is_told() {
        let env = |_: &str| None;
        let opened = |url: &str| open(&ColdConfig { url: url.to_owned(), ..ColdConfig::default() }, &env);
        let refused = |url: &str| match opened(url) {
            Ok(_) => panic!("{url} was opened"),
            Err(error) => error,
        };
        assert_eq!(refused("").kind(), Kind::Config);
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let error = refused(&url);
        assert_eq!(error.kind(), Kind::Unreachable);
        assert!(error.to_string().contains("touch "), "{error}");
        std::fs::write(folder.path().join(super::super::folder::MARK), "").unwrap();
        assert!(opened(&url).is_ok());
        assert_eq!(refused("gs://b").kind(), Kind::Config);
        assert!(opened("s3://bucket/a%b").is_ok(), "opening does not connect");
    }
}
