//! Requests to AWS Glue: JSON over HTTP, signed.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::{ClientOptions, RetryConfig};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HOST, HeaderValue};
use serde_json::Value;

use super::GlueOptions;
use crate::aws::{Wanted, access};
use crate::error::{Error, Kind, Result};

/// Attempts at a request that Glue puts off or that the network breaks.
const ATTEMPTS: u32 = 4;
/// The largest answer, bytes.
const MAX_BYTES: usize = 64 << 20;

/// Who asks.
pub(super) struct Requests {
    http: reqwest::Client,
    url: Url,
    region: String,
    credentials: AwsCredentialProvider,
    /// Requests of one catalogue follow one another.
    runtime: Mutex<tokio::runtime::Runtime>,
}

/// A refusal of Glue.
#[derive(Debug)]
pub(super) struct Refusal {
    /// `EntityNotFoundException`
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }
}

/// Who we are to AWS, as Amazon's own tools find it.
fn credentials(region: &str) -> Result<AwsCredentialProvider> {
    let wanted = Wanted { region: Some(region.to_owned()), profile: None };
    let env = |name: &str| std::env::var(name).ok();
    Ok(access(&wanted, &env, &ClientOptions::new(), &RetryConfig::default())?.credentials)
}

impl Requests {
    pub(super) fn new(options: &GlueOptions) -> Result<Self> {
        // reqwest takes the provider of cryptography from the process; installing it twice is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = options.endpoint();
        let unusable = |what: String| {
            Error::new(Kind::Config, what).next("look at catalog.glue.endpoint and catalog.glue.region")
        };
        let url = Url::parse(&endpoint).map_err(|e| unusable(format!("the address of Glue is none: {e}")))?;
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(options.connect_timeout)
            .timeout(options.call_timeout)
            .user_agent(concat!("lakehand/", env!("CARGO_PKG_VERSION")));
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
            builder = builder.no_proxy();
        }
        if url.scheme() == "http" {
            // The system's certificates need not even be there.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|e| unusable(format!("the TLS set-up cannot be used: {e}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|e| Error::new(Kind::Io, format!("cannot start the runtime: {e}")).because(e))?;
        let credentials = credentials(&options.region)?;
        Ok(Self { http, url, region: options.region.clone(), credentials, runtime: Mutex::new(runtime) })
    }

    /// Asks; what is put off is asked again.
    pub(super) fn ask(&self, operation: &str, body: &Value) -> Result<std::result::Result<Value, Refusal>> {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        for attempt in 1.. {
            let wait = match runtime.block_on(self.send(operation, body.to_string())) {
                Ok(Err(refusal)) if attempt < ATTEMPTS && is_passing(&refusal) => {
                    Duration::from_millis(200) * 2u32.pow(attempt)
                }
                Err(error) if attempt < ATTEMPTS && error.kind() == Kind::Busy => {
                    Duration::from_millis(200) * 2u32.pow(attempt)
                }
                done => return done.map_err(|e| e.at("call", operation).at("glue", &self.url)),
            };
            std::thread::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0));
        }
        Err(Error::new(Kind::Bug, "attempts without an end"))
    }

    /// Asks, where a refusal is an error.
    pub(super) fn must(&self, operation: &str, body: &Value) -> Result<Value> {
        self.ask(operation, body)?.map_err(|refusal| refused(operation, &refusal))
    }

    async fn send(&self, operation: &str, body: String) -> Result<std::result::Result<Value, Refusal>> {
        let mut request = HttpRequest::new(HttpRequestBody::from(body.clone()));
        *request.method_mut() = reqwest::Method::POST;
        *request.uri_mut() =
            self.url.as_str().parse().map_err(|e| Error::new(Kind::Config, format!("{e}")))?;
        let header = |text: &str| {
            HeaderValue::from_str(text).map_err(|e| Error::new(Kind::Bug, format!("no header: {e}")))
        };
        let headers = request.headers_mut();
        headers.insert("x-amz-target", header(&format!("AWSGlue.{operation}"))?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        let credential = self.credentials.get_credential().await.map_err(|e| {
            Error::new(Kind::Auth, format!("there are no AWS credentials: {e}"))
                .next("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role")
        })?;
        AwsAuthorizer::new(&credential, "glue", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|e| Error::new(Kind::Auth, format!("the request cannot be signed: {e}")))?;
        let mut headers = request.headers().clone();
        // The client writes it, from the same address.
        headers.remove(HOST);
        let unreachable = |e: reqwest::Error| {
            let e = e.without_url();
            Error::new(Kind::Unreachable, format!("Glue does not answer: {e}"))
                .next("look at catalog.glue.endpoint, and at the way to it")
                .because(e)
        };
        let sent = self.http.post(self.url.clone()).headers(headers).body(body).send().await;
        let mut response = sent.map_err(unreachable)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_BYTES {
                return Err(Error::new(Kind::Garbled, "the answer of Glue is too large"));
            }
        }
        let value: Value = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or(Value::Null)
        };
        if status.is_success() {
            return if value.is_object() {
                Ok(Ok(value))
            } else {
                Err(Error::new(Kind::Garbled, "the answer of Glue is no JSON object"))
            };
        }
        if status.is_server_error() && value.get("__type").is_none() {
            return Err(Error::new(Kind::Busy, format!("Glue answers with {status}")));
        }
        let text = |names: [&str; 2]| {
            names.iter().find_map(|name| value.get(name)?.as_str()).unwrap_or_default().to_owned()
        };
        let code = text(["__type", "code"]);
        let code = code.rsplit('#').next().unwrap_or_default().to_owned();
        let code = if code.is_empty() { status.to_string() } else { code };
        Ok(Err(Refusal { code, message: text(["message", "Message"]) }))
    }
}

fn is_passing(refusal: &Refusal) -> bool {
    let passing = [
        "Throttling",
        "TooManyRequests",
        "InternalService",
        "OperationTimeout",
        "ConcurrentModification",
        "ServiceUnavailable",
    ];
    passing.iter().any(|word| refusal.code.starts_with(word))
}

/// A refusal as an error.
pub(super) fn refused(operation: &str, refusal: &Refusal) -> Error {
    let auth =
        ["AccessDenied", "UnrecognizedClient", "InvalidSignature", "ExpiredToken", "InvalidClientTokenId"];
    let is_auth = auth.iter().any(|word| refusal.code.starts_with(word));
    let (kind, advice) = if is_auth {
        (Kind::Auth, "look at the AWS credentials, and whether they may use Glue")
    } else if is_passing(refusal) {
        (Kind::Busy, "it is tried again later")
    } else {
        (Kind::Refused, "the message is that of AWS Glue")
    };
    Error::new(kind, format!("Glue refused: {}: {}", refusal.code, refusal.message))
        .at("call", operation)
        .next(advice)
}
