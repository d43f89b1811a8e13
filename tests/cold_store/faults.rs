//! Every call of the store fails in every way: nothing is claimed that is not so, nothing of others is written over, and the next
//! attempt succeeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lakehand::Kind;
use lakehand::config::ColdConfig;
use lakehand::tier::{Cancel, ColdStore, Content, ObjectState, Put, Work};

use super::faulty::{Fault, Faulty};
use super::{Case, PART, config, kind, noise, quietly, read_back};

const KEY: &str = "streams/a/year=2025/day=01/data.parquet";

fn open(faulty: &Faulty) -> ColdStore {
    // One after another, so that the number of a call says what it is.
    let config = ColdConfig { parallel: 1, ..config() };
    ColdStore::with_store(Arc::new(faulty.clone()), "memory://", &config).unwrap()
}

/// The calls of a put that nothing disturbs.
fn calls_of(case: &Case) -> usize {
    let faulty = Faulty::default();
    assert_eq!(case.put(&open(&faulty), KEY).unwrap(), Put::Created);
    assert!(faulty.object(KEY).as_ref() == Some(&case.bytes));
    assert!(!case.resume.exists());
    faulty.calls().len()
}

/// Puts with a fault at each call, then without: what is there afterwards is the file and nothing else.
fn put_matrix(case: &Case, kinds: &[Fault]) {
    let calls = calls_of(case);
    let mut failed = 0;
    for fault in kinds {
        for at in 0..calls {
            let faulty = Faulty::default();
            faulty.with_fault(at, fault.clone());
            let first = case.put(&open(&faulty), KEY);
            let there = faulty.object(KEY);
            let whole = there.as_ref() == Some(&case.bytes);
            assert!(there.is_none() || whole, "{fault:?} at {at}: an object that is not the file");
            match &first {
                Ok(_) => assert!(whole, "{fault:?} at {at}: claimed and not there"),
                Err(_) => failed += 1,
            }
            faulty.healthy();
            let again = case.put(&open(&faulty), KEY).unwrap_or_else(|e| panic!("{fault:?} at {at}: {e}"));
            assert_eq!(again == Put::AlreadyThere, whole, "{fault:?} at {at}");
            assert!(faulty.object(KEY).as_ref() == Some(&case.bytes), "{fault:?} at {at}");
            assert!(!case.resume.exists(), "{fault:?} at {at}: notes of an upload that has ended");
            assert_eq!(read_back(&open(&faulty), KEY).unwrap(), Some(case.wanted), "{fault:?} at {at}");
            let all: Vec<_> = open(&faulty).list("").unwrap().into_keys().collect();
            assert_eq!(all, [KEY], "{fault:?} at {at}");
        }
    }
    assert!(failed > calls, "the faults did not come through: {failed}");
}

#[test]
fn a_put_that_fails_anywhere_leaves_the_file_or_nothing() {
    let faults = [Fault::Before, Fault::After, Fault::NoBucket, Fault::Denied];
    put_matrix(&Case::small(), &faults);
    put_matrix(&Case::large(), &faults);
}

#[test]
fn a_put_that_is_killed_at_any_call_goes_on() {
    let faults = [Fault::KilledBefore, Fault::KilledAfter];
    put_matrix(&Case::small(), &faults);
    put_matrix(&Case::large(), &faults);
}

#[test]
fn parts_that_arrived_are_not_sent_again() {
    let case = Case::large();
    let calls = calls_of(&case);
    let mut resumed = 0;
    for at in 0..calls {
        let faulty = Faulty::default();
        faulty.with_fault(at, Fault::KilledAfter);
        let _ = case.put(&open(&faulty), KEY);
        // The one whose answer was lost is sent again.
        let noted =
            faulty.count("part").saturating_sub(usize::from(faulty.calls().last().unwrap() == "part"));
        faulty.healthy();
        case.put(&open(&faulty), KEY).unwrap();
        let sent = faulty.count("part");
        let done = faulty.count("complete") == 0 && sent == 0;
        assert!(done || sent + noted == 4, "killed at {at}: {noted} parts were noted, {sent} sent again");
        resumed += usize::from(noted > 0 && sent < 4);
        // An upload whose name was never told is the only one that can be left.
        assert!(faulty.open_uploads() <= usize::from(sent == 4), "killed at {at}");
    }
    assert!(resumed >= 4, "{resumed}");
}

#[test]
fn an_upload_that_the_store_forgot_is_begun_anew() {
    let case = Case::large();
    let faulty = Faulty::default();
    let (stopped, _) = case.put_until(&open(&faulty), KEY, PART);
    assert_eq!(kind(stopped), Kind::Interrupted);
    assert!(case.resume.exists());
    // The same objects, and no memory of uploads: the store in memory is another one.
    let forgetful = Faulty::default();
    assert_eq!(case.put(&open(&forgetful), KEY).unwrap(), Put::Created);
    assert!(forgetful.object(KEY).as_ref() == Some(&case.bytes));
    assert_eq!(forgetful.open_uploads(), 0);
}

#[test]
fn an_upload_that_is_given_up_is_ended() {
    let case = Case::large();
    let faulty = Faulty::default();
    let (stopped, gone) = case.put_until(&open(&faulty), KEY, PART);
    assert_eq!(kind(stopped), Kind::Interrupted);
    assert!((PART..4 * PART).contains(&gone), "{gone}");
    assert_eq!(faulty.open_uploads(), 1);
    faulty.with_fault(0, Fault::Before);
    assert_eq!(kind(open(&faulty).abandon(&case.resume)), Kind::Incomplete);
    assert!(case.resume.exists(), "what was not ended is still known");
    faulty.healthy();
    open(&faulty).abandon(&case.resume).unwrap();
    assert_eq!((faulty.open_uploads(), case.resume.exists()), (0, false));
    open(&faulty).abandon(&case.resume).unwrap();
    assert_eq!(faulty.object(KEY), None);

    // The notes of another file's upload: it is ended, and this one begun.
    let (stopped, _) = case.put_until(&open(&faulty), KEY, PART);
    assert_eq!(kind(stopped), Kind::Interrupted);
    let other = Case::new(noise(2 * PART, 9));
    let put = quietly(|work| open(&faulty).put("other", &other.local, &other.wanted, &case.resume, work));
    assert_eq!(put.unwrap(), Put::Created);
    assert_eq!(faulty.open_uploads(), 0);
    assert!(faulty.object("other").as_ref() == Some(&other.bytes));
}

#[test]
fn a_file_that_is_not_what_it_was_is_not_moved() {
    for case in [Case::small(), Case::large()] {
        let faulty = Faulty::default();
        let mut changed = case.bytes.clone();
        changed[70_000] ^= 4;
        std::fs::write(&case.local, &changed).unwrap();
        assert_eq!(kind(case.put(&open(&faulty), KEY)), Kind::Damaged);
        std::fs::write(&case.local, &case.bytes[1..]).unwrap();
        assert_eq!(kind(case.put(&open(&faulty), KEY)), Kind::Damaged);
        assert_eq!((faulty.object(KEY), faulty.open_uploads(), case.resume.exists()), (None, 0, false));
    }
}

#[test]
fn a_part_that_was_sent_wrong_before_a_stop_is_sent_again() {
    let case = Case::large();
    let faulty = Faulty::default();
    let mut changed = case.bytes.clone();
    changed[5] ^= 1;
    std::fs::write(&case.local, &changed).unwrap();
    let (stopped, _) = case.put_until(&open(&faulty), KEY, 2 * PART);
    assert_eq!(kind(stopped), Kind::Interrupted);
    // The disk reads right now.
    std::fs::write(&case.local, &case.bytes).unwrap();
    assert_eq!(case.put(&open(&faulty), KEY).unwrap(), Put::Created);
    assert!(faulty.object(KEY).as_ref() == Some(&case.bytes));
}

#[test]
fn nothing_of_others_is_written_over() {
    for case in [Case::small(), Case::large()] {
        let calls = calls_of(&case);
        for at in 0..calls {
            // Another size: refused, and it stays. Parts know of it before they become an object, not while they do.
            for other in [b"not ours".to_vec(), case.bytes.iter().map(|byte| !byte).collect()] {
                let same_size = other.len() == case.bytes.len();
                let faulty = Faulty::default();
                faulty.with_fault(at, Fault::Race(other.clone()));
                let result = case.put(&open(&faulty), KEY);
                let calls = faulty.calls();
                if [at, at + 1].iter().any(|at| calls.get(*at).is_some_and(|call| call == "complete")) {
                    // Parts become an object by an operation that takes no condition: the last look was just before.
                    continue;
                }
                assert!(faulty.object(KEY) == Some(other), "written over at {at}: {calls:?}");
                if same_size {
                    assert_eq!(result.unwrap(), Put::AlreadyThere, "at {at}");
                    assert_ne!(
                        read_back(&open(&faulty), KEY).unwrap(),
                        Some(case.wanted),
                        "its content is told"
                    );
                } else {
                    assert_eq!(kind(result), Kind::Refused, "at {at}");
                }
                open(&faulty).abandon(&case.resume).unwrap();
                assert_eq!(faulty.open_uploads(), 0, "at {at}");
            }
        }
    }
}

#[test]
fn what_is_read_back_is_what_lies_there_or_an_error() {
    for case in [Case::small(), Case::large(), Case::new(Vec::new())] {
        let faulty = Faulty::default();
        case.put(&open(&faulty), KEY).unwrap();
        faulty.healthy();
        assert_eq!(read_back(&open(&faulty), KEY).unwrap(), Some(case.wanted));
        let calls = faulty.calls();
        for (at, call) in calls.iter().enumerate() {
            for fault in [
                Fault::Before,
                Fault::After,
                Fault::NoBucket,
                Fault::Denied,
                Fault::Truncated,
                Fault::Corrupted,
                Fault::KilledBefore,
            ] {
                faulty.with_fault(at, fault.clone());
                let result = read_back(&open(&faulty), KEY);
                match (&fault, result) {
                    // Nothing can be cut off or changed in an answer without bytes.
                    (Fault::Truncated | Fault::Corrupted, Ok(found))
                        if call == "head" || case.bytes.is_empty() =>
                    {
                        assert_eq!(found, Some(case.wanted));
                    }
                    (Fault::Corrupted, Ok(Some(found))) => {
                        assert_eq!(found.bytes, case.wanted.bytes);
                        assert_ne!(found.hash, case.wanted.hash);
                    }
                    (Fault::NoBucket, Err(error)) => assert_eq!(error.kind(), Kind::Refused),
                    (Fault::Denied, Err(error)) => assert_eq!(error.kind(), Kind::Auth),
                    (_, Err(error)) => assert_eq!(error.kind(), Kind::Incomplete),
                    (fault, Ok(found)) => panic!("{fault:?} at {at}: {found:?}"),
                }
            }
        }
    }
}

#[test]
fn only_the_stores_word_makes_an_object_missing() {
    let case = Case::small();
    let faulty = Faulty::default();
    assert_eq!(read_back(&open(&faulty), KEY).unwrap(), None);
    assert_eq!(open(&faulty).tail(KEY, 8).unwrap(), None);
    assert_eq!(open(&faulty).state(KEY).unwrap(), ObjectState::Missing);
    assert!(open(&faulty).list("").unwrap().is_empty());
    for there in [false, true] {
        if there {
            faulty.healthy();
            case.put(&open(&faulty), KEY).unwrap();
        }
        for at in 0..2 {
            for fault in [Fault::Before, Fault::NoBucket, Fault::Denied] {
                let failing = |what: &dyn Fn(&ColdStore) -> lakehand::Result<()>| {
                    faulty.with_fault(at, fault.clone());
                    let result = what(&open(&faulty));
                    assert_eq!(result.is_err(), faulty.calls().len() > at, "{fault:?} at {at}: {result:?}");
                };
                failing(&|store| store.state(KEY).map(drop));
                failing(&|store| store.tail(KEY, 8).map(drop));
                failing(&|store| read_back(store, KEY).map(drop));
                failing(&|store| store.list("streams").map(drop));
                failing(&|store| store.probe());
            }
        }
    }
}

#[test]
fn ends_lists_and_removals_are_exact() {
    let case = Case::small();
    let faulty = Faulty::default();
    let store = open(&faulty);
    case.put(&store, KEY).unwrap();
    case.put(&store, "streams/ab/x").unwrap();
    let strange = "streams/a/day=02/ü %25 '&+#?.parquet";
    case.put(&store, strange).unwrap();
    assert_eq!(store.tail(KEY, 8).unwrap().unwrap(), case.bytes[case.bytes.len() - 8..]);
    assert!(store.tail(KEY, u64::MAX).unwrap().unwrap() == case.bytes);
    assert_eq!(store.tail(KEY, 0).unwrap().unwrap(), b"");
    assert_eq!(store.state(strange).unwrap(), ObjectState::Ready { bytes: 100_000 });
    let keys = |prefix: &str| store.list(prefix).unwrap().into_keys().collect::<Vec<_>>();
    assert_eq!(keys("streams/a"), [strange, KEY], "a prefix is a folder");
    assert_eq!(keys("").len(), 3);
    assert_eq!(store.list("streams/a").unwrap()[KEY].bytes, 100_000);
    assert_eq!(store.url_of("a/b"), "memory:/a/b");
    let mut copy = Vec::new();
    let content = quietly(|work| store.get(strange, &mut copy, work)).unwrap();
    assert!(content == Some(case.wanted) && copy == case.bytes);

    store.remove(&[KEY.to_owned(), "streams/none".to_owned(), strange.to_owned()]).unwrap();
    assert_eq!(keys(""), ["streams/ab/x"]);
    faulty.with_fault(1, Fault::Before);
    let both = ["streams/none".to_owned(), "streams/ab/x".to_owned()];
    assert_eq!(kind(open(&faulty).remove(&both)), Kind::Incomplete);
    assert_eq!(kind(store.request_restore(KEY, 3)), Kind::Refused);
    for key in ["", "/a", "a/", "a//b", "../a"] {
        assert!(store.state(key).is_err(), "{key}");
    }
}

#[test]
fn whoever_asks_to_stop_is_heard_while_the_store_hangs() {
    let case = Case::large();
    let calls = calls_of(&case);
    for at in 0..calls {
        let faulty = Faulty::default();
        let cancel = Cancel::new();
        faulty.with_fault(at, Fault::Hangs(cancel.clone()));
        let work = Work { cancel: &cancel, advance: &|_| {} };
        let result = open(&faulty).put(KEY, &case.local, &case.wanted, &case.resume, &work);
        assert_eq!(kind(result), Kind::Interrupted, "at {at}");
        faulty.healthy();
        case.put(&open(&faulty), KEY).unwrap();
        assert!(faulty.object(KEY).as_ref() == Some(&case.bytes));
    }
    let faulty = Faulty::default();
    case.put(&open(&faulty), KEY).unwrap();
    let cancel = Cancel::new();
    faulty.with_fault(2, Fault::Hangs(cancel.clone()));
    let work = Work { cancel: &cancel, advance: &|_| {} };
    assert_eq!(kind(open(&faulty).read_back(KEY, &work)), Kind::Interrupted);
}

#[test]
fn threads_share_a_store_and_its_limits() {
    let faulty = Faulty::default();
    // Memory for one part and a bit: all would wait for ever if one held memory while it waits for more.
    let config = ColdConfig { parallel: 4, memory_bytes: PART + (64 << 10), ..config() };
    let store = ColdStore::with_store(Arc::new(faulty.clone()), "memory://", &config).unwrap();
    let told = AtomicU64::new(0);
    let advance = |bytes| {
        told.fetch_add(bytes, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, advance) = (store.clone(), &advance);
            scope.spawn(move || {
                let case = Case::new(noise(2 * PART + 7, thread));
                let (key, cancel) = (format!("file {thread}"), Cancel::new());
                let work = Work { cancel: &cancel, advance };
                store.put(&key, &case.local, &case.wanted, &case.resume, &work).unwrap();
                assert_eq!(store.read_back(&key, &work).unwrap(), Some(case.wanted));
            });
        }
    });
    assert_eq!(told.into_inner(), 2 * 4 * (2 * PART + 7), "sent and read back");
    assert_eq!(store.list("").unwrap().len(), 4);
}

#[test]
fn an_object_that_changes_while_it_is_read_is_no_content() {
    let case = Case::large();
    let faulty = Faulty::default();
    case.put(&open(&faulty), KEY).unwrap();
    // Behind the first range another object of the same size takes its place.
    faulty.with_fault(2, Fault::Race(noise(case.wanted.bytes, 77)));
    let result: lakehand::Result<Option<Content>> = read_back(&open(&faulty), KEY);
    assert_eq!(kind(result), Kind::Refused);
}

#[test]
fn a_store_that_cannot_hold_what_it_is_given_is_no_store() {
    let faulty = Faulty::default();
    open(&faulty).probe().unwrap();
    assert!(faulty.calls().len() == 4, "{:?}", faulty.calls());
    for at in 0..4 {
        for fault in [Fault::Before, Fault::Denied, Fault::NoBucket] {
            faulty.with_fault(at, fault);
            assert!(open(&faulty).probe().is_err(), "at {at}");
        }
    }
    faulty.with_fault(2, Fault::Corrupted);
    assert_eq!(kind(open(&faulty).probe()), Kind::Damaged);
    let outside = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = open(&faulty);
    faulty.healthy();
    let (other, task) = (store.clone(), |store: ColdStore| store.probe().map_err(|e| e.to_string()));
    let probed = outside.block_on(async { tokio::task::spawn_blocking(move || task(other)).await.unwrap() });
    assert_eq!(probed, Ok(()), "a runtime's threads for blocking work may call it");
    outside.block_on(async { drop(store) });
}
