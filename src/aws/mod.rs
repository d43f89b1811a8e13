//! Who we are to Amazon's services: credentials and region, in the order in which Amazon's own tools look for them.
//!
//! ```text
//! environment ─▶ profile of ~/.aws ─▶ web identity (EKS, OIDC) ─▶ container (ECS, EKS pods) ─▶ the machine's role
//! AWS_ACCESS_KEY_ID   [name]            AWS_WEB_IDENTITY_TOKEN_FILE   AWS_CONTAINER_…            instance metadata
//! ```
//!
//! A profile that is named in lakehand's own configuration comes first. The files of a profile are read again for each request, so
//! that keys which another program renews are taken up. Nothing here connects to anything, and no text it makes holds a key.

pub mod profile;

use std::path::PathBuf;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::{ClientOptions, CredentialProvider, RetryConfig, StaticCredentialProvider};

use crate::error::{Error, Kind, Result};
use profile::{Files, Profile};

/// The region where nothing names one.
const DEFAULT_REGION: &str = "us-east-1";

/// What lakehand's configuration says.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The region, before every other place.
    pub region: Option<String>,
    /// The profile, before every other place.
    pub profile: Option<String>,
}

/// What was found.
#[derive(Clone)]
pub struct Access {
    /// Gives credentials for each request.
    pub credentials: AwsCredentialProvider,
    /// The region of requests.
    pub region: String,
    /// Where the credentials come from, in words, for reports: "the environment", "profile archive of /home/me/.aws/credentials".
    pub origin: String,
}

/// Finds credentials and region. `env` gives a variable of the environment; `retry` and `client` are for the services that hand out
/// temporary credentials. A default provider of rustls must be installed.
///
/// # Errors
/// [`Kind::Config`] when a profile is named that is not there, or asks for what is not supported.
pub fn access(
    wanted: &Wanted,
    env: &dyn Fn(&str) -> Option<String>,
    client: &ClientOptions,
    retry: &RetryConfig,
) -> Result<Access> {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    let files = Files::of(&env);
    let name = wanted.profile.clone().or_else(|| env("AWS_PROFILE")).or_else(|| env("AWS_DEFAULT_PROFILE"));
    // A profile that is named must be there; "default" need not.
    let profile = match &name {
        Some(name) => Some(files.profile(name)?.ok_or_else(|| files.missing(name))?),
        None => files.profile("default")?,
    };
    let region = wanted
        .region
        .clone()
        .or_else(|| env("AWS_REGION"))
        .or_else(|| env("AWS_DEFAULT_REGION"))
        .or_else(|| profile.as_ref().and_then(|profile| profile.region.clone()))
        .unwrap_or_else(|| DEFAULT_REGION.to_owned());
    let from_environment = if wanted.profile.is_some() { None } else { of_environment(&env)? };
    if let Some(credential) = from_environment {
        let credentials = Arc::new(StaticCredentialProvider::new(credential)) as _;
        return Ok(Access { credentials, region, origin: "the environment".to_owned() });
    }
    let mut web_identity = env("AWS_WEB_IDENTITY_TOKEN_FILE").zip(env("AWS_ROLE_ARN"));
    if let Some(profile) = profile {
        let explicit = name.is_some();
        if profile.keys()?.is_some() {
            let origin = format!("profile {} of {}", profile.name, profile.file.display());
            let credentials = Arc::new(OfProfile { files, name: profile.name }) as _;
            return Ok(Access { credentials, region, origin });
        }
        if let Some(identity) = profile.web_identity.clone() {
            web_identity = Some(identity);
        } else if explicit {
            profile.refuse_unsupported()?;
            return Err(Error::new(Kind::Config, "the profile has no credentials")
                .at("profile", profile.name)
                .next("give it aws_access_key_id and aws_secret_access_key"));
        } else if web_identity.is_none() {
            profile.refuse_unsupported()?;
        }
    }
    let (builder, origin) = of_service(web_identity, &env);
    let built = builder
        .with_bucket_name("unused")
        .with_region(&region)
        .with_client_options(client.clone())
        .with_retry(retry.clone())
        .build()
        .map_err(|error| Error::new(Kind::Config, format!("credentials for AWS cannot be had: {error}")))?;
    Ok(Access { credentials: Arc::clone(built.credentials()), region, origin })
}

/// The services that hand out temporary credentials: object_store knows them.
fn of_service(
    web_identity: Option<(String, String)>,
    env: &dyn Fn(&str) -> Option<String>,
) -> (AmazonS3Builder, String) {
    use AmazonS3ConfigKey::{
        ContainerAuthorizationTokenFile, ContainerCredentialsFullUri, ContainerCredentialsRelativeUri,
        ImdsV1Fallback, MetadataEndpoint, RoleArn, RoleSessionName, StsEndpoint, WebIdentityTokenFile,
    };
    let mut builder = AmazonS3Builder::new();
    if let Some((file, role)) = web_identity {
        let origin = format!("the web identity of {role}");
        builder = builder.with_config(WebIdentityTokenFile, file).with_config(RoleArn, role);
        for (variable, key) in
            [("AWS_ROLE_SESSION_NAME", RoleSessionName), ("AWS_ENDPOINT_URL_STS", StsEndpoint)]
        {
            if let Some(value) = env(variable) {
                builder = builder.with_config(key, value);
            }
        }
        return (builder, origin);
    }
    for (variable, key) in [
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ContainerCredentialsRelativeUri),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", ContainerCredentialsFullUri),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ContainerAuthorizationTokenFile),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", MetadataEndpoint),
        ("AWS_IMDSV1_FALLBACK", ImdsV1Fallback),
    ] {
        if let Some(value) = env(variable) {
            builder = builder.with_config(key, value);
        }
    }
    let in_container = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    let origin = if in_container.iter().any(|name| env(name).is_some()) {
        "the container's role"
    } else {
        "the machine's role (no key in the environment, no profile)"
    };
    (builder, origin.to_owned())
}

/// The keys of the environment: both or none.
fn of_environment(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<AwsCredential>> {
    match (env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")) {
        (Some(key_id), Some(secret_key)) => {
            Ok(Some(AwsCredential { key_id, secret_key, token: env("AWS_SESSION_TOKEN") }))
        }
        (None, None) => Ok(None),
        (found, _) => {
            let (there, missing) = if found.is_some() {
                ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
            } else {
                ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")
            };
            Err(Error::new(Kind::Config, format!("{there} is set, and {missing} is not"))
                .next("set both, or neither"))
        }
    }
}

/// The keys of a profile, read for each request.
#[derive(Debug)]
struct OfProfile {
    files: Files,
    name: String,
}

#[async_trait::async_trait]
impl CredentialProvider for OfProfile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let failed = |error: Error| object_store::Error::Generic { store: "AWS", source: Box::new(error) };
        let profile = self.files.profile(&self.name).map_err(failed)?;
        let profile = profile.ok_or_else(|| failed(self.files.missing(&self.name)))?;
        let keys = profile.keys().map_err(failed)?;
        keys.map(Arc::new).ok_or_else(|| {
            failed(Error::new(Kind::Config, "the profile has no keys any more").at("profile", &self.name))
        })
    }
}

impl Profile {
    /// The key pair, where there is one.
    fn keys(&self) -> Result<Option<AwsCredential>> {
        match (&self.key_id, &self.secret) {
            (Some(key_id), Some(secret)) => Ok(Some(AwsCredential {
                key_id: key_id.clone(),
                secret_key: secret.clone(),
                token: self.token.clone(),
            })),
            (None, None) => Ok(None),
            _ => Err(Error::new(Kind::Config, "a profile has one half of a key pair")
                .at("profile", &self.name)
                .at("file", self.file.display())
                .next("write aws_access_key_id and aws_secret_access_key")),
        }
    }
}

/// The home folder, as Amazon's tools take it.
fn home(env: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    PathBuf::from(env("HOME").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks with a home folder that holds `credentials` and `config`, and these variables.
    fn ask(credentials: &str, config: &str, variables: &[(&str, &str)], wanted: &Wanted) -> Result<Access> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
        std::fs::write(home.path().join(".aws/config"), config).unwrap();
        let folder = home.path().to_str().unwrap().to_owned();
        let env = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned()).or_else(|| (name == "HOME").then(|| folder.clone()))
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let access = access(wanted, &env, &ClientOptions::new(), &RetryConfig::default())?;
        // The files are read when they are asked for, so they must still be there.
        Ok(match key(&access) {
            Some(credential) => {
                Access { credentials: Arc::new(StaticCredentialProvider::new(credential)), ..access }
            }
            None => access,
        })
    }

    /// The credential, where it needs no service.
    fn key(access: &Access) -> Option<AwsCredential> {
        if access.origin.starts_with("the machine") || access.origin.starts_with("the web") {
            return None;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let credential = runtime.block_on(access.credentials.get_credential()).unwrap();
        let (key_id, secret_key) = (credential.key_id.clone(), credential.secret_key.clone());
        Some(AwsCredential { key_id, secret_key, token: credential.token.clone() })
    }

    const FILE: &str = "[default]\naws_access_key_id = D\naws_secret_access_key = d\n\n[other]\naws_access_key_id=O\n\
                        aws_secret_access_key=o=with/signs\naws_session_token = t\n";

    #[test]
    fn the_order_is_that_of_amazons_tools() {
        let none = Wanted::default();
        let both = [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "e"), ("AWS_SESSION_TOKEN", "s")];
        let found = ask(FILE, "", &both, &none).unwrap();
        let credential = key(&found).unwrap();
        assert_eq!((credential.key_id.as_str(), credential.token.as_deref()), ("E", Some("s")));
        assert_eq!((found.origin.as_str(), found.region.as_str()), ("the environment", "us-east-1"));

        // A profile of lakehand's configuration beats the environment; one of the environment does not beat keys there.
        let other = Wanted { profile: Some("other".to_owned()), ..Wanted::default() };
        let credential = key(&ask(FILE, "", &both, &other).unwrap()).unwrap();
        assert_eq!((credential.key_id.as_str(), credential.secret_key.as_str()), ("O", "o=with/signs"));
        assert_eq!(credential.token.as_deref(), Some("t"));
        let credential = key(&ask(FILE, "", &[("AWS_PROFILE", "other")], &none).unwrap()).unwrap();
        assert_eq!(credential.key_id, "O");
        assert_eq!(key(&ask(FILE, "", &[], &none).unwrap()).unwrap().key_id, "D");
        let found = ask("", "", &[], &none).unwrap();
        assert!(found.origin.starts_with("the machine's role"), "{}", found.origin);
        let identity = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "arn:x")];
        assert_eq!(ask("", "", &identity, &none).unwrap().origin, "the web identity of arn:x");
    }

    #[test]
    fn the_region_comes_from_the_nearest_place() {
        let config = "[default]\nregion = of-default\n[profile other]\nregion=of-other\n";
        let region = |variables: &[(&str, &str)], wanted: &Wanted| {
            ask(FILE, config, variables, wanted).unwrap().region
        };
        let none = Wanted::default();
        assert_eq!(region(&[], &none), "of-default");
        assert_eq!(region(&[("AWS_PROFILE", "other")], &none), "of-other");
        assert_eq!(region(&[("AWS_DEFAULT_REGION", "d")], &none), "d");
        assert_eq!(region(&[("AWS_REGION", "r"), ("AWS_DEFAULT_REGION", "d")], &none), "r");
        assert_eq!(region(&[("AWS_REGION", "r")], &Wanted { region: Some("w".to_owned()), ..none }), "w");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_words() {
        let none = Wanted::default();
        let refused = |credentials: &str, config: &str, variables: &[(&str, &str)]| {
            let Err(error) = ask(credentials, config, variables, &none) else { panic!("it was taken") };
            assert_eq!(error.kind(), Kind::Config);
            error.to_string()
        };
        let text = refused("", "", &[("AWS_ACCESS_KEY_ID", "E")]);
        assert!(text.contains("AWS_SECRET_ACCESS_KEY is not"), "{text}");
        let text = refused(FILE, "", &[("AWS_PROFILE", "othr")]);
        assert!(text.contains("there is no such profile") && text.contains("othr"), "{text}");
        let text = refused("[default]\naws_access_key_id = D\n", "", &[]);
        assert!(text.contains("one half of a key pair"), "{text}");
        for (key, word) in [
            ("credential_process = /bin/x", "credential_process"),
            ("sso_session = corp", "sso_session"),
            ("role_arn = a\nsource_profile = b", "source_profile"),
        ] {
            let text = refused("", &format!("[default]\n{key}\n"), &[]);
            assert!(text.contains(word), "{text}");
        }
        let text = refused("[default\n", "", &[]);
        assert!(text.contains("line 1"), "{text}");
        let nothing = refused("", "[profile p]\nregion = r\n", &[("AWS_PROFILE", "p")]);
        assert!(nothing.contains("has no credentials"), "{nothing}");
    }

    #[test]
    fn a_profile_may_have_a_web_identity() {
        let config = "[profile w]\nrole_arn = arn:role\nweb_identity_token_file = /token\n";
        let found = ask("", config, &[("AWS_PROFILE", "w")], &Wanted::default()).unwrap();
        assert_eq!(found.origin, "the web identity of arn:role");
    }
}
