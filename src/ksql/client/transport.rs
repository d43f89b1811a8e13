//! The reqwest clients, bounded bodies, and what errors of the transport mean.

use std::net::IpAddr;
use std::time::Instant;

use reqwest::{Certificate, Identity, Url};

use super::ClientOptions;
use crate::error::{Error, Kind, Result};
use crate::ksql::inactivity::Inactivity;

/// For small requests: connections are kept for a moment.
pub(super) fn plain(options: &ClientOptions, base: &Url) -> Result<reqwest::Client> {
    let builder = builder(options, base)?.pool_idle_timeout(std::time::Duration::from_secs(15));
    built(builder, options)
}

/// For streamed answers: every query has a connection of its own, closed with it, which ends the query on the server.
pub(super) fn streaming(options: &ClientOptions, base: &Url) -> Result<reqwest::Client> {
    built(builder(options, base)?.pool_max_idle_per_host(0), options)
}

fn builder(options: &ClientOptions, base: &Url) -> Result<reqwest::ClientBuilder> {
    // reqwest takes the provider of cryptography from the process; installing it twice is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(std::time::Duration::from_secs(30))
        .referer(false)
        .user_agent(concat!("lakehand/", env!("CARGO_PKG_VERSION")));
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    let section = options.section;
    if let Some(pem) = &options.ca_pem {
        let certificates = Certificate::from_pem_bundle(pem)
            .map_err(|error| unusable("the CA certificate", &error, &format!("{section}.ca_file")))?;
        if certificates.is_empty() {
            return Err(Error::new(Kind::Config, "the CA file holds no certificate")
                .next(format!("name a PEM file in {section}.ca_file")));
        }
        builder = builder.tls_certs_only(certificates);
    } else if base.scheme() == "http" {
        // The system's certificates need not even be there.
        builder = builder.tls_certs_only([]);
    }
    if let Some(pem) = &options.identity_pem {
        let identity = Identity::from_pem(pem).map_err(|error| {
            let keys = format!("{section}.client_cert_file and {section}.client_key_file");
            unusable("the client certificate", &error, &keys)
        })?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

fn built(builder: reqwest::ClientBuilder, options: &ClientOptions) -> Result<reqwest::Client> {
    let section = options.section;
    builder.build().map_err(|error| {
        unusable("the TLS set-up", &error, &format!("{section}.ca_file and {section}.client_cert_file"))
    })
}

fn unusable(what: &str, error: &reqwest::Error, setting: &str) -> Error {
    Error::new(Kind::Config, format!("{what} cannot be used: {}", causes(error)))
        .next(format!("check {setting}"))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A request that brought no head.
pub(super) fn failed(error: reqwest::Error, options: &ClientOptions) -> Error {
    let error = error.without_url();
    let (server, section, who) = (options.shown_url(), options.section, options.who());
    if error.is_builder() {
        return Error::new(Kind::Config, format!("the request cannot be made: {}", causes(&error)))
            .next(format!("check {section}.url and the credentials"));
    }
    let text = causes(&error);
    let advice = if text.to_lowercase().contains("certificate") {
        format!(
            "name the CA that signed the server's certificate in {section}.ca_file, and reach the server by a host name that is in it"
        )
    } else if error.is_connect() || error.is_timeout() {
        format!("start {who}, or set {section}.url")
    } else {
        "look at the server's log; a server that speaks TLS only needs an https address".to_owned()
    };
    Error::new(Kind::Unreachable, format!("{who} cannot be reached: {text}"))
        .at("server", server)
        .next(advice)
}

/// An answer's body was cut.
pub(super) fn cut(error: reqwest::Error, after: u64) -> Error {
    let error = error.without_url();
    Error::new(Kind::Incomplete, format!("the connection was cut after {after} bytes: {}", causes(&error)))
        .next("it is read again")
}

/// A whole body of at most `max` bytes. Silence and white space are no progress, and end it after the limit.
pub(super) async fn body(
    mut response: reqwest::Response,
    options: &ClientOptions,
    max: usize,
    endpoint: &str,
) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let limit = options.inactivity_timeout;
    let mut inactivity = Inactivity::new(limit, Instant::now());
    let mut said = 0;
    let silent = || {
        let what = format!("{} said nothing for {limit:?} within an answer", options.who());
        Error::new(Kind::Incomplete, what).at("endpoint", endpoint)
    };
    loop {
        let chunk = tokio::time::timeout(inactivity.left(Instant::now()), response.chunk())
            .await
            .map_err(|_| silent())?;
        match chunk.map_err(|error| cut(error, body.len() as u64).at("endpoint", endpoint))? {
            None => return Ok(body),
            Some(bytes) if body.len() + bytes.len() > max => {
                return Err(Error::new(Kind::Garbled, format!("an answer is longer than {max} bytes"))
                    .at("endpoint", endpoint));
            }
            Some(bytes) => {
                said += bytes.iter().filter(|byte| !byte.is_ascii_whitespace()).count() as u64;
                if !inactivity.note(said, Instant::now()) && inactivity.is_over(Instant::now()) {
                    return Err(silent());
                }
                body.extend_from_slice(&bytes);
            }
        }
    }
}

/// An error and what caused it, each once: reqwest's own text says little.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text.chars().take(400).collect()
}
