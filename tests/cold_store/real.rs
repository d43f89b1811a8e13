//! Real servers: s3s-fs, which checks signatures and checksums; moto, which has archives; Azurite. `.ci/cold` starts them and names
//! them in the environment, together with profiles of credentials; without them these tests fail.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use lakehand::Kind;
use lakehand::config::{Checksum, ColdConfig, ServerSideEncryption};
use lakehand::tier::{ColdStore, ObjectState, Put};

use super::{Case, kind, noise, quietly, read_back};

/// The smallest part that services take.
const PART: u64 = 5 << 20;

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: .ci/cold starts the servers"))
}

/// A store of S3 in a folder of its own; the profile has the server's name.
fn s3(server: &str, prefix: &str) -> ColdConfig {
    ColdConfig {
        url: format!("s3://cold/{prefix}"),
        endpoint: env(&format!("LAKEHAND_COLD_{}", server.to_uppercase())),
        profile: Some(server.to_owned()),
        allow_http: true,
        part_bytes: PART,
        ..ColdConfig::default()
    }
}

fn azure(prefix: &str) -> ColdConfig {
    // The second time with other credentials.
    let again = std::env::var("LAKEHAND_COLD_PREFIX").unwrap_or_default();
    ColdConfig {
        url: format!("az://cold/{again}{prefix}"),
        endpoint: env("LAKEHAND_COLD_AZURITE"),
        allow_http: true,
        part_bytes: PART,
        ..ColdConfig::default()
    }
}

fn open(config: &ColdConfig) -> ColdStore {
    ColdStore::open(config).unwrap()
}

fn large() -> Case {
    Case::new(noise(2 * PART + 4321, 4))
}

/// What holds for every store.
fn everything(config: &ColdConfig) {
    all_but_forgotten_uploads(config);
    // Given up, and then begun anew by somebody who still has the notes.
    let (store, long, key) = (open(config), large(), "given up/data.parquet");
    let stopping = ColdConfig { parallel: 1, ..config.clone() };
    let (stopped, _) = long.put_until(&open(&stopping), key, 1);
    assert_eq!(kind(stopped), Kind::Interrupted);
    let noted = std::fs::read(&long.resume).unwrap();
    store.abandon(&long.resume).unwrap();
    assert_eq!(store.state(key).unwrap(), ObjectState::Missing);
    std::fs::write(&long.resume, noted).unwrap();
    assert_eq!(long.put(&store, key).unwrap(), Put::Created);
    assert_eq!(read_back(&store, key).unwrap(), Some(long.wanted));
}

/// The same for servers that do not say so when they have forgotten an upload: moto has 500 for it.
fn all_but_forgotten_uploads(config: &ColdConfig) {
    let store = open(config);
    store.probe().unwrap();
    assert!(store.list("").unwrap().is_empty(), "the test has a folder of its own");
    let (small, long) = (Case::small(), large());
    // Names as partitions and readers have them, and some that need care in addresses.
    let keys = ["streams/a/year=2025/month=01/data_1.parquet", "streams/b/ü %25 '&+@=,.parquet"];
    for (case, key) in [(&small, keys[0]), (&long, keys[1])] {
        assert_eq!(store.state(key).unwrap(), ObjectState::Missing);
        assert_eq!(read_back(&store, key).unwrap(), None);
        assert_eq!(store.tail(key, 8).unwrap(), None);
        assert_eq!(case.put(&store, key).unwrap(), Put::Created);
        assert_eq!(case.put(&store, key).unwrap(), Put::AlreadyThere);
        let other = Case::new(noise(case.wanted.bytes + 1, 5));
        assert_eq!(kind(other.put(&store, key)), Kind::Refused, "another object is not written over");
        assert_eq!(read_back(&store, key).unwrap(), Some(case.wanted));
        assert_eq!(store.tail(key, 8).unwrap().unwrap(), case.bytes[case.bytes.len() - 8..]);
        assert!(store.tail(key, u64::MAX).unwrap().unwrap() == case.bytes);
        assert_eq!(store.state(key).unwrap(), ObjectState::Ready { bytes: case.wanted.bytes });
        let mut copy = Vec::new();
        quietly(|work| store.get(key, &mut copy, work)).unwrap();
        assert!(copy == case.bytes);
    }
    let listed: Vec<_> =
        store.list("").unwrap().into_iter().map(|(key, object)| (key, object.bytes)).collect();
    assert_eq!(listed, [(keys[0].to_owned(), small.wanted.bytes), (keys[1].to_owned(), long.wanted.bytes)]);
    assert_eq!(store.list("streams/b").unwrap().len(), 1);
    assert_eq!(store.list("streams/none").unwrap().len(), 0);

    // Stopped behind the first part, and gone on with by another process.
    let key = "stopped/data.parquet";
    let stopping = ColdConfig { parallel: 1, ..config.clone() };
    let (stopped, _) = long.put_until(&open(&stopping), key, 1);
    assert_eq!(kind(stopped), Kind::Interrupted);
    let noted = std::fs::read_to_string(&long.resume).unwrap();
    assert!(noted.lines().count() >= 2, "a part is noted: {noted}");
    assert_eq!(open(config).state(key).unwrap(), ObjectState::Missing);
    assert_eq!(long.put(&open(config), key).unwrap(), Put::Created);
    assert_eq!(read_back(&open(config), key).unwrap(), Some(long.wanted));

    // Given up.
    let (stopped, _) = long.put_until(&open(&stopping), "given up", 1);
    assert_eq!(kind(stopped), Kind::Interrupted);
    store.abandon(&long.resume).unwrap();
    assert_eq!(store.state("given up").unwrap(), ObjectState::Missing);

    // A file that is not what it was.
    let changed = large();
    let mut bytes = changed.bytes.clone();
    bytes[7] ^= 1;
    std::fs::write(&changed.local, bytes).unwrap();
    assert_eq!(kind(changed.put(&store, "changed")), Kind::Damaged);
    assert_eq!(store.state("changed").unwrap(), ObjectState::Missing);

    let mut all: Vec<_> = store.list("").unwrap().into_keys().collect();
    all.push("none".to_owned());
    store.remove(&all).unwrap();
    assert!(store.list("").unwrap().is_empty());

    // The bucket is not there: nothing is missing, all is an error.
    let (scheme, _) = config.url.split_once("://").unwrap();
    let nowhere = open(&ColdConfig { url: format!("{scheme}://no-such-bucket/x"), ..config.clone() });
    assert_eq!(kind(nowhere.probe()), Kind::Refused);
    assert_eq!(kind(nowhere.list("")), Kind::Refused);
    assert_eq!(kind(nowhere.state("a")), Kind::Refused);
    assert_eq!(kind(read_back(&nowhere, "a")), Kind::Refused);
    assert_eq!(kind(small.put(&nowhere, "a")), Kind::Refused);
    let words = nowhere.probe().unwrap_err().to_string();
    assert!(words.contains("bucket or container is not there") && words.contains("aws s3 mb"), "{words}");
}

/// An archive: objects are read back before they go there, and asked for afterwards.
fn archived(config: &ColdConfig, case: &Case, key: &str) {
    let store = open(config);
    assert_eq!(case.put(&store, key).unwrap(), Put::Created);
    assert_eq!(read_back(&store, key).unwrap(), Some(case.wanted), "it can be verified");
    let bytes = case.wanted.bytes;
    assert_eq!(store.state(key).unwrap(), ObjectState::Ready { bytes });
    store.settle(key).unwrap();
    assert_eq!(store.state(key).unwrap(), ObjectState::Archived { bytes });
    store.settle(key).unwrap();
    assert_eq!(kind(read_back(&store, key)), Kind::Refused);
    assert_eq!(kind(store.tail(key, 8)), Kind::Refused);
    assert_eq!(case.put(&store, key).unwrap(), Put::AlreadyThere);
    store.request_restore(key, 3).unwrap();
    assert_ne!(store.state(key).unwrap(), ObjectState::Archived { bytes });
}

#[test]
#[ignore = "needs s3s-fs: .ci/cold"]
fn s3s() {
    everything(&s3("s3s", "everything"));
    everything(&ColdConfig { checksum: Checksum::Crc64Nvme, ..s3("s3s", "crc") });
    everything(&ColdConfig { checksum: Checksum::None, ..s3("s3s", "none") });
    let refused = open(&s3("s3s", "restore")).request_restore("a", 1).unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused, "{refused}");
    // It has no archive. It checks the signatures of our own requests before it says so.
    let glacier = ColdConfig { storage_class: Some("GLACIER".to_owned()), ..s3("s3s", "class") };
    let (store, case) = (open(&glacier), Case::small());
    case.put(&store, "ü %.parquet").unwrap();
    let refused = store.settle("ü %.parquet").unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused, "{refused}");
    assert_eq!(read_back(&store, "ü %.parquet").unwrap(), Some(case.wanted), "it can be read as before");
    let unknown = ColdConfig { storage_class: Some("NO_SUCH_CLASS".to_owned()), ..s3("s3s", "class") };
    let refused = case.put(&open(&unknown), "a").unwrap_err();
    assert!(refused.to_string().contains("tier.cold.storage_class"), "{refused}");
}

#[test]
#[ignore = "needs s3s-fs: .ci/cold"]
fn wrong_credentials_are_told() {
    let wrong = ColdConfig { profile: Some("wrong".to_owned()), ..s3("s3s", "wrong") };
    let store = open(&wrong);
    for error in [
        store.probe().unwrap_err(),
        store.list("").unwrap_err(),
        store.state("a").unwrap_err(),
        Case::small().put(&store, "a").unwrap_err(),
        large().put(&store, "a").unwrap_err(),
        store.remove(&["a".to_owned()]).unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::Auth, "{error}");
        let words = format!("{error} {error:?}");
        assert!(words.contains("credentials") && !words.contains("not-the-secret"), "{words}");
    }
    let nobody = ColdConfig { endpoint: "http://127.0.0.1:1".to_owned(), ..s3("s3s", "nobody") };
    let error = open(&nobody).state("a").unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{error}");
}

/// Bytes that change on their way are refused by the server, and nothing of them stays.
#[test]
#[ignore = "needs s3s-fs: .ci/cold"]
fn what_changes_on_its_way_is_refused() {
    let real = s3("s3s", "tampered");
    let (address, changed) = tampering(real.endpoint.trim_start_matches("http://").to_owned());
    let through = ColdConfig { endpoint: format!("http://{address}"), ..real.clone() };
    for length in [100_000, 2 * PART + 1] {
        let case = Case::new(vec![b'Z'; usize::try_from(length).unwrap()]);
        let before = changed.load(Ordering::SeqCst);
        let error = case.put(&open(&through), "a").unwrap_err();
        assert!(changed.load(Ordering::SeqCst) > before, "nothing was changed");
        // s3s-fs calls it an internal error.
        assert!(matches!(error.kind(), Kind::Garbled | Kind::Auth | Kind::Busy), "{error:?}");
        assert_eq!(open(&real).state("a").unwrap(), ObjectState::Missing);
        open(&real).abandon(&case.resume).unwrap();
    }
}

/// A relay that changes a byte of everything that is sent through it. The address, and how often it did.
fn tampering(to: String) -> (std::net::SocketAddr, &'static AtomicUsize) {
    static CHANGED: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(&to) else { break };
            let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || drop(std::io::copy(&mut answers, &mut back)));
            std::thread::spawn(move || {
                let (mut client, mut server) = (client, server);
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = client.read(&mut buffer) {
                    let sent = &mut buffer[..length];
                    if let Some(at) = sent.windows(64).position(|bytes| bytes == [b'Z'; 64]) {
                        sent[at] = b'Y';
                        CHANGED.fetch_add(1, Ordering::SeqCst);
                    }
                    if server.write_all(sent).is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, &CHANGED)
}

#[test]
#[ignore = "needs moto: .ci/cold"]
fn moto() {
    all_but_forgotten_uploads(&s3("moto", "everything"));
    all_but_forgotten_uploads(&ColdConfig { sse: ServerSideEncryption::Aes256, ..s3("moto", "sse") });
}

#[test]
#[ignore = "needs moto: .ci/cold"]
fn glacier() {
    for class in ["GLACIER", "DEEP_ARCHIVE"] {
        let config = ColdConfig {
            storage_class: Some(class.to_owned()),
            sse: ServerSideEncryption::Aes256,
            ..s3("moto", class)
        };
        for (case, key) in [(Case::small(), "a/year=2025/ü.parquet"), (large(), "a/long.parquet")] {
            archived(&config, &case, key);
            let store = open(&config);
            store.request_restore(key, 3).unwrap();
            assert_eq!(store.state(key).unwrap(), ObjectState::Ready { bytes: case.wanted.bytes });
            assert_eq!(read_back(&store, key).unwrap(), Some(case.wanted), "it is back");
        }
    }
    // A class that can be read at once is given when the object is made.
    let config = ColdConfig { storage_class: Some("STANDARD_IA".to_owned()), ..s3("moto", "ia") };
    let (store, case) = (open(&config), large());
    case.put(&store, "a").unwrap();
    store.settle("a").unwrap();
    assert_eq!(store.state("a").unwrap(), ObjectState::Ready { bytes: case.wanted.bytes });
    assert_eq!(read_back(&store, "a").unwrap(), Some(case.wanted));
    let error = store.request_restore("a", 1).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    assert_eq!(kind(store.request_restore("none", 1)), Kind::Refused);
}

#[test]
#[ignore = "needs Azurite: .ci/cold"]
fn azurite() {
    everything(&azure("everything"));
    for (tier, key) in [("Cool", "cool"), ("Hot", "hot")] {
        let config = ColdConfig { storage_class: Some(tier.to_owned()), ..azure("tiers") };
        let (store, case) = (open(&config), large());
        case.put(&store, key).unwrap();
        store.settle(key).unwrap();
        store.settle(key).unwrap();
        assert_eq!(read_back(&store, key).unwrap(), Some(case.wanted));
    }
}

#[test]
#[ignore = "needs Azurite: .ci/cold"]
fn azure_archive() {
    let config = ColdConfig { storage_class: Some("Archive".to_owned()), ..azure("archive") };
    archived(&config, &Case::small(), "a/year=2025/ü.parquet");
    archived(&config, &large(), "a/long.parquet");
}
