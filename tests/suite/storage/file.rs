//! The embedded file, beside what holds for every embedded database.

use std::time::Duration;

use cacheme::storage::FileStorage;
use cacheme::{Cacheme, Entry, Key, Storage};
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::embedded::{Embedded, clock, folder, get, put};

/// As the first version wrote it.
const ENTRIES: TableDefinition<&str, (u64, &[u8])> = TableDefinition::new("cacheme-v1");

#[tokio::test]
async fn a_file_that_is_open_is_not_opened_again() {
    let folder = folder();
    let path = folder.path().join("cache.redb");
    let file = FileStorage::open(&path).expect("the file can be opened");
    put(&file, "key", "value").await;
    let error = FileStorage::open(&path)
        .expect_err("it is open")
        .to_string();
    assert!(
        error.contains("cache.redb") && error.contains("open"),
        "{error}"
    );

    let url = format!("file:{}", path.display());
    let error = Cacheme::default()
        .register_storage("disk", url)
        .await
        .expect_err("it is open");
    assert!(error.is_storage());
    assert_eq!(
        get(&file, "key").await,
        Some("value".into()),
        "the first is undisturbed"
    );
}

#[tokio::test]
async fn a_file_of_the_first_version_is_read() {
    let folder = folder();
    let path = folder.path().join("cache.redb");
    {
        let database = Database::create(&path).expect("the file can be made");
        let transaction = database.begin_write().expect("it can be written");
        {
            let mut table = transaction.open_table(ENTRIES).expect("there is none yet");
            let entries = [("never", u64::MAX), ("past", 1), ("future", u64::MAX - 1)];
            for (key, expires) in entries {
                table
                    .insert(key, (expires, key.as_bytes()))
                    .expect("it fits");
            }
        }
        transaction.commit().expect("the disk has room");
    }
    let file = FileStorage::open(&path).expect("the file can be opened");
    assert_eq!(get(&file, "never").await, Some("never".into()));
    assert_eq!(get(&file, "past").await, None);
    assert_eq!(get(&file, "future").await, Some("future".into()));
}

/// The sweep goes round and round, whatever the keys are.
#[tokio::test]
async fn expired_entries_leave_the_file() {
    let (folder, clock) = (folder(), clock());
    let path = folder.path().join("cache.redb");
    let file = <FileStorage as Embedded>::open(&path, &clock);
    let put_all = async |name: &str, count, ttl| {
        let entry = |n| Entry::new(Key::new(format!("{name}:{n}")), "x").with_ttl(ttl);
        let entries: Vec<_> = (0..count).map(entry).collect();
        file.put_many(&entries).await.expect("put succeeds");
    };
    let minute = Duration::from_secs(60);
    put_all("b:short", 300, minute).await;
    put_all("b:long", 300, 2 * minute).await;
    clock.advance(minute);
    // Each of these looks at 18 entries, half of which are expired.
    for _ in 0..40 {
        put(&file, "a", "x").await;
        put(&file, "z", "x").await;
    }
    drop(file);
    let database = Database::open(&path).expect("the file is closed");
    let transaction = database.begin_read().expect("it can be read");
    let table = transaction.open_table(ENTRIES).expect("it is there");
    assert_eq!(table.len().expect("it can be read"), 302);
}

#[test]
fn debug_shows_the_path() {
    let folder = folder();
    let path = folder.path().join("cache.redb");
    let file = FileStorage::open(&path).expect("the file can be opened");
    assert!(format!("{file:?}").contains("cache.redb"));
}
