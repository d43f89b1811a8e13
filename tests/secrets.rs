//! A planted password or token appears nowhere, whatever goes wrong; TLS is verified unless nothing but plain HTTP is asked for.

mod support;

use std::path::Path;
use std::sync::Arc;

use lakehand::demo::{Accept, DemoOptions, Io};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use support::{Project, Ran, Server};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

const PLANTED: &str = "PLANTED";
const SECRET: &str = "xPLANTEDx";

const COMMANDS: [&[&str]; 10] = [
    &["export", "--all"],
    &["export", "--all", "--json"],
    &["export", "--all", "--dry-run"],
    &["feeds", "list"],
    &["feeds", "show", "raw"],
    &["feeds", "prepare", "raw", "--yes"],
    &["feeds", "accept-schema", "raw"],
    &["feeds", "validate"],
    &["config", "show"],
    &["export", "--feed", "nope"],
];

/// Whether any file below `dir` holds the secret; those that were planted themselves are named so.
fn scan(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            scan(&path);
        } else if !name.starts_with("planted") && name != "lakehand.toml" {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(PLANTED.len()).any(|window| window == PLANTED.as_bytes());
            assert!(!found, "{} holds the secret", path.display());
        }
    }
}

fn run_all(what: &str, project: &Project, args: &[&str], env: &[(&str, &str)]) -> Vec<Ran> {
    let ran: Vec<Ran> = COMMANDS
        .iter()
        .map(|command| {
            let all: Vec<&str> = args.iter().chain(*command).copied().collect();
            let mut command = project.command(&all);
            command.envs(env.iter().copied()).env("RUST_BACKTRACE", "full");
            Ran::of(command.output().unwrap())
        })
        .collect();
    for (ran, command) in ran.iter().zip(COMMANDS) {
        assert!(!ran.out.contains(PLANTED), "{what}, {command:?}: {}", ran.out);
        assert!(!ran.err.contains(PLANTED), "{what}, {command:?}: {}", ran.err);
    }
    scan(project.path());
    ran
}

fn project(url: &str) -> Project {
    let project = Project::on(url).set("export.retries=1").set("server.connect_timeout=500ms");
    project.feed("raw", "stream", "transaction_stream", "").feed(
        "totals",
        "table",
        "payment_method_totals",
        "",
    );
    project
}

fn locked_server(password: &str) -> Server {
    let credentials = Some(("ops".to_owned(), password.to_owned()));
    Server::start(DemoOptions { rows: 50, credentials, ..DemoOptions::default() })
}

#[test]
fn a_password_is_shown_nowhere_when_all_goes_well() {
    let server = locked_server(SECRET);
    let by_env = project(&server.url()).set("server.username=ops");
    let ran = run_all("password by environment", &by_env, &[], &[("LAKEHAND_PASSWORD", SECRET)]);
    assert_eq!((ran[0].code, ran[8].code), (0, 0), "{}{}", ran[0].out, ran[0].err);
    let by_file = project(&server.url()).set("server.username=ops").set("server.password_file=planted.pw");
    std::fs::write(by_file.path().join("planted.pw"), format!("{SECRET}\n")).unwrap();
    let ran = run_all("password by file", &by_file, &[], &[]);
    assert_eq!(ran[0].code, 0, "{}{}", ran[0].out, ran[0].err);
}

#[test]
fn a_secret_is_shown_nowhere_when_the_server_refuses_it_or_is_gone() {
    let server = locked_server("another");
    for url in [
        server.url(),
        "http://127.0.0.1:1".to_owned(),
        "https://127.0.0.1:1".to_owned(),
        server.url().replace("http:", "https:"),
    ] {
        let basic = project(&url).set("server.username=ops");
        let ran = run_all("wrong password", &basic, &[], &[("LAKEHAND_PASSWORD", SECRET)]);
        assert!(ran[0].code == 1 || ran[0].code == 3, "{url}: {}", ran[0].code);
        let ran = run_all("wrong token", &project(&url), &[], &[("LAKEHAND_TOKEN", SECRET)]);
        assert!(ran[0].code == 1 || ran[0].code == 3, "{url}: {}", ran[0].code);
        let by_file = project(&url).set("server.token_file=planted.token");
        std::fs::write(by_file.path().join("planted.token"), SECRET).unwrap();
        run_all("token by file", &by_file, &[], &[]);
        std::fs::write(by_file.path().join("planted.token"), format!("{SECRET}\n{SECRET}\n")).unwrap();
        let ran = run_all("token of two lines", &by_file, &[], &[]);
        assert_eq!(ran[0].code, 2, "{}", ran[0].err);
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let host = "127.0.0.1:1";
    for url in [
        format!("http://ops:{SECRET}@{host}"),
        format!("http://{SECRET}@{host}/"),
        format!("https://{host}/?token={SECRET}"),
        format!("https://{host}/#{SECRET}"),
        format!("ops:{SECRET}@{host}"),
    ] {
        let at_flag = project(&url);
        let ran = run_all("address by flag", &at_flag, &[], &[]);
        assert_eq!(ran[0].code, 2, "{}", ran[0].err);
        let at_set = project("http://127.0.0.1:1").set(&format!("server.url={url}"));
        run_all("address by --set", &at_set, &[], &[]);
        run_all(
            "address by environment",
            &project("http://127.0.0.1:1"),
            &[],
            &[("LAKEHAND_SERVER_URL", &url)],
        );
        let by_file = project("http://127.0.0.1:1");
        std::fs::write(by_file.path().join("lakehand.toml"), format!("[server]\nurl = \"{url}\"\n")).unwrap();
        let ran = run_all("address by file", &by_file, &[], &[]);
        assert_eq!(ran[0].code, 2, "{}", ran[0].err);
    }
    for text in [
        format!("[server]\npassword = \"{SECRET}\"\n"),
        format!("[server]\ntoken = \"{SECRET}\"\n"),
        format!("[server]\npassword = \"{SECRET}\n"),
        format!("[server]\npassword: {SECRET}\n"),
        format!("[server]\npassword = {{ a = \"{SECRET}\" }}\n"),
        format!("server.password = '{SECRET}'\n"),
        format!("[server]\nurl = [\"http://ops:{SECRET}@h\"]\n"),
    ] {
        let by_file = project("http://127.0.0.1:1");
        std::fs::write(by_file.path().join("lakehand.toml"), &text).unwrap();
        let ran = run_all(&text, &by_file, &[], &[]);
        assert_eq!(ran[0].code, 2, "{text}: {}", ran[0].err);
    }
    let ran = run_all(
        "key by --set",
        &project("http://127.0.0.1:1").set(&format!("server.password={SECRET}")),
        &[],
        &[],
    );
    assert_eq!(ran[0].code, 2, "{}", ran[0].err);
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn signed(issuer: &Issuer, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    (CertificateParams::new(vec![name.into()]).unwrap().signed_by(&key, issuer).unwrap(), key)
}

/// A server with a certificate for `name`; with `clients`, it knows only those with a certificate of `issuer`.
fn tls_server(issuer: &Issuer, name: &str, clients: bool) -> Server {
    let (certificate, key) = signed(issuer, name);
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if clients {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(issuer.der().to_vec())).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let accept: Accept = Arc::new(move |stream| {
        let acceptor = acceptor.clone();
        Box::pin(async move { Ok(Box::new(acceptor.accept(stream).await?) as Box<dyn Io>) })
    });
    Server::start(DemoOptions { rows: 50, accept: Some(("https", accept)), ..DemoOptions::default() })
}

#[test]
fn certificates_are_verified_unless_told_whom_to_trust() {
    let ours = issuer();
    let server = tls_server(&ours, "127.0.0.1", false);
    let refused = project(&server.url()).run(&["export", "--all"]);
    assert_eq!(refused.code, 3, "{}{}", refused.out, refused.err);
    assert!(refused.err.to_lowercase().contains("certificate"), "{}", refused.err);
    assert!(refused.err.contains("ca_file"), "says which setting names whom to trust: {}", refused.err);

    let trusting = project(&server.url()).set("server.ca_file=ca.pem");
    std::fs::write(trusting.path().join("ca.pem"), ours.pem()).unwrap();
    trusting.ok(&["export", "--all"]);
    support::assert_each_offset_once(&trusting.stream("transaction_stream"), 50);

    // The right issuer, the wrong host.
    let elsewhere = tls_server(&ours, "ksql.example", false);
    let wrong = project(&elsewhere.url()).set("server.ca_file=ca.pem");
    std::fs::write(wrong.path().join("ca.pem"), ours.pem()).unwrap();
    let ran = wrong.run(&["export", "--all"]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(ran.err.to_lowercase().contains("certificate"), "{}", ran.err);
}

#[test]
fn a_client_certificate_is_shown_to_the_server_and_to_nobody_else() {
    let ours = issuer();
    let server = tls_server(&ours, "127.0.0.1", true);
    let without = project(&server.url()).set("server.ca_file=ca.pem");
    std::fs::write(without.path().join("ca.pem"), ours.pem()).unwrap();
    assert_eq!(without.run(&["export", "--all"]).code, 3);

    let with = project(&server.url())
        .set("server.ca_file=ca.pem")
        .set("server.client_cert_file=client.pem")
        .set("server.client_key_file=client.key");
    let (certificate, key) = signed(&ours, "client");
    std::fs::write(with.path().join("ca.pem"), ours.pem()).unwrap();
    std::fs::write(with.path().join("client.pem"), certificate.pem()).unwrap();
    std::fs::write(with.path().join("client.key"), key.serialize_pem()).unwrap();
    let ran = with.ok(&["export", "--all"]);
    let line = key.serialize_pem().lines().nth(1).unwrap().to_owned();
    assert!(!(ran.out + &ran.err + &with.log()).contains(&line));
}
