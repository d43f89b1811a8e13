//! TLS with an own CA and a client certificate, on loopback.

use std::sync::Arc;

use lakehand::Kind;
use lakehand::ksql::client::{Client, ClientOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

const INFO: &str = r#"{"KsqlServerInfo":{"version":"7.4.15","kafkaClusterId":"c","ksqlServiceId":"s","serverStatus":"RUNNING"}}"#;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn signed(issuer: &Issuer) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, issuer).unwrap();
    (certificate, key)
}

/// A server that knows only clients with a certificate of `issuer`.
async fn start(issuer: &Issuer) -> String {
    let (certificate, key) = signed(issuer);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(issuer.der().to_vec())).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else { return };
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match socket.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => return,
                    }
                }
                assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                let reply = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{INFO}",
                    INFO.len()
                );
                let _ = socket.write_all(reply.as_bytes()).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    format!("https://localhost:{port}")
}

fn identity(issuer: &Issuer) -> Vec<u8> {
    let (certificate, key) = signed(issuer);
    format!("{}{}", certificate.pem(), key.serialize_pem()).into_bytes()
}

#[tokio::test]
async fn an_own_ca_and_a_client_certificate() {
    let ours = issuer();
    let mut options = ClientOptions::new(start(&ours).await);
    options.ca_pem = Some(ours.pem().into_bytes());
    options.identity_pem = Some(identity(&ours));
    let info = Client::new(options).unwrap().info().await.unwrap();
    assert_eq!(info.version.text, "7.4.15");
}

#[tokio::test]
async fn a_server_of_another_ca_is_not_trusted() {
    let (ours, theirs) = (issuer(), issuer());
    let mut options = ClientOptions::new(start(&theirs).await);
    options.ca_pem = Some(ours.pem().into_bytes());
    options.identity_pem = Some(identity(&theirs));
    let error = Client::new(options).unwrap().info().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.advice().unwrap().contains("server.ca_file"), "{error}");
}

#[tokio::test]
async fn without_the_certificate_that_the_server_asks_for() {
    let ours = issuer();
    let mut options = ClientOptions::new(start(&ours).await);
    options.ca_pem = Some(ours.pem().into_bytes());
    let error = Client::new(options).unwrap().info().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{error}");
}

#[test]
fn certificates_that_are_none_are_a_matter_of_configuration() {
    for change in [
        (|options: &mut ClientOptions| options.ca_pem = Some(b"no PEM".to_vec())) as fn(&mut ClientOptions),
        |options| options.identity_pem = Some(b"-----BEGIN PRIVATE KEY-----\ns3cret\n".to_vec()),
    ] {
        let mut options = ClientOptions::new("https://localhost:1");
        change(&mut options);
        let error = Client::new(options).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
