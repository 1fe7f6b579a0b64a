//! What the store promises when sled fails, hangs or left something behind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::faults::{Fault, Op};
use super::{Store, StoreError, View, Waits, recipe};

fn short_waits() -> Waits {
    let millis = Duration::from_millis;
    Waits { open: millis(400), read: millis(1_000), write: millis(2_000) }
}

fn store(dir: &Path) -> Store {
    Store::with_waits(&dir.join("sled"), short_waits())
}

fn put(store: &Store, key: &'static str, value: &'static str) -> Result<(), StoreError> {
    store.db()?.write(move |view| {
        view.table("t")?.put(key.as_bytes(), value.as_bytes())?;
        view.sync()
    })
}

fn get(store: &Store, key: &'static str) -> Result<Option<String>, StoreError> {
    let bytes = store
        .db()?
        .read(move |view| Ok(view.table("t")?.get(key.as_bytes())?.map(|value| value.to_vec())))?;
    Ok(bytes.map(|bytes| String::from_utf8(bytes).unwrap()))
}

fn folders(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_synced_is_there_after_closing_and_opening() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(dir.path());
    put(&first, "a", "1").unwrap();
    first.close();
    assert_eq!(get(&first, "a").unwrap().as_deref(), Some("1"), "the same handle opens again");
    first.close();
    assert_eq!(get(&store(dir.path()), "a").unwrap().as_deref(), Some("1"));
}

#[test]
fn a_half_made_snapshot_does_not_keep_it_from_opening() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(dir.path());
    put(&first, "a", "1").unwrap();
    first.close();
    let leave = || fs::write(dir.path().join("sled/db-0/snap.00000000000000FF.generating"), b"half").unwrap();
    leave();
    assert_eq!(get(&store(dir.path()), "a").unwrap().as_deref(), Some("1"));
    assert_eq!(folders(dir.path()), ["sled"], "nothing was set aside");
}

#[test]
fn sled_itself_does_not_open_with_a_half_made_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    drop(recipe::open(dir.path()).unwrap());
    fs::write(dir.path().join("snap.00000000000000FF.generating"), b"half").unwrap();
    let opened = std::panic::catch_unwind(|| sled::Config::new().path(dir.path()).open().is_ok());
    assert!(!matches!(opened, Ok(true)), "then the recipe need not remove it");
}

#[test]
fn after_an_error_a_panic_or_a_hang_it_is_dead_set_aside_and_made_anew() {
    for fault in [Fault::Error, Fault::Panic, Fault::Hang] {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        put(&store, "a", "1").unwrap();
        let old = store.db().unwrap();
        store.faults().arm(Op::Get, fault, 0, 1);
        let began = Instant::now();
        let expected = match fault {
            Fault::Error => StoreError::Sled("injected".to_owned()),
            Fault::Panic => StoreError::Panicked,
            Fault::Hang | Fault::Flip => StoreError::Hung,
        };
        assert_eq!(get(&store, "a"), Err(expected), "{fault:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "the wait is bounded");
        assert!(matches!(old.read(|_| Ok(())), Err(StoreError::Dead(_))));
        assert_eq!(get(&store, "a").unwrap(), None, "a new, empty database");
        put(&store, "b", "2").unwrap();
        store.faults().clear();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(get(&store, "b").unwrap().as_deref(), Some("2"), "the one that hung does not disturb it");
        assert_eq!(folders(dir.path()), ["sled", "sled.bad-1"]);
        assert_eq!(folders(&dir.path().join("sled")), ["db-1"]);
    }
}

#[test]
fn opening_that_hangs_is_given_up_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    store.faults().arm(Op::Open, Fault::Hang, 0, 1);
    let began = Instant::now();
    assert_eq!(store.db().err(), Some(StoreError::Hung));
    assert!(began.elapsed() < Duration::from_secs(1));
    put(&store, "a", "1").unwrap();
    store.faults().clear();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(get(&store, "a").unwrap().as_deref(), Some("1"));
}

#[test]
fn after_three_failures_there_is_no_fourth_database_and_two_folders_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for _ in 0..3 {
        put(&store, "a", "1").unwrap();
        store.db().unwrap().give_up("test");
    }
    assert_eq!(store.db().err(), Some(StoreError::GivenUp("test".to_owned())));
    assert_eq!(folders(dir.path()), ["sled.bad-2", "sled.bad-3"]);
    assert!(get(&super::tests::store(dir.path()), "a").unwrap().is_none(), "the next start begins anew");
}

#[test]
fn a_value_that_is_too_long_is_refused_and_nothing_else_happens() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let db = store.db().unwrap();
    let refused = db.write(|view| view.table("t")?.put(b"k", &[0; 4097]));
    assert_eq!(refused, Err(StoreError::ValueTooLong(4097)));
    assert_eq!(db.write(View::sync), Ok(()));
}
