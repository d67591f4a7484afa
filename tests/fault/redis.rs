//! What Redis itself does: it is full, read only, busy, empty, or has what others wrote.

use std::time::Duration;

use cacheme_tests::proxy::Flow;
use cacheme_tests::redis::{Connection, RedisCluster, RedisSentinel, RedisServer, Reply};
use cacheme_tests::server::Server;

use crate::fault::{Fault, HOLD};
use crate::scene::{Pair, Proxied};

/// Between two things that are done to a server.
const STEP: Duration = Duration::from_millis(100);

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        astray(),
        full(),
        read_only(),
        busy(),
        asleep(),
        again("redis: ended connections", |at| {
            at.command(&["CLIENT", "KILL", "TYPE", "normal"]).integer()
        }),
        again("redis: emptied", |at| {
            let entries = at.command(&["DBSIZE"]).integer();
            at.command(&["FLUSHALL"]);
            entries
        }),
        again("redis: keys of another type", |at| each_key(at, other_type)),
        again("redis: foreign bytes", |at| each_key(at, foreign)),
        again("redis: truncated entries", |at| each_key(at, cut)),
        again("redis: entries of other keys", entries_of_others),
        cluster(),
        sentinels(),
    ]
}

/// Done again and again, over a connection of its own. Each time says how often it was done.
fn again(name: &str, step: impl Fn(&mut Connection) -> i64 + 'static) -> Fault {
    Fault::new(
        name,
        RedisServer::start,
        async move |at: &mut RedisServer, _: &_| {
            let mut injected = 0;
            for _ in 0..20 {
                injected += u64::try_from(step(&mut at.connection())).unwrap_or_default();
                tokio::time::sleep(STEP).await;
            }
            injected
        },
    )
}

/// Does something to each key, also to the marks of tags.
fn each_key(at: &mut Connection, act: fn(&mut Connection, &str)) -> i64 {
    let keys = at.command(&["KEYS", "*"]).array();
    let keys = keys.iter().filter_map(Reply::text);
    keys.map(|key| act(at, key)).map(|()| 1).sum()
}

fn other_type(at: &mut Connection, key: &str) {
    at.command(&["DEL", key]);
    // It may be there again by now.
    at.command(&[
        "EVAL",
        "return redis.pcall('RPUSH', KEYS[1], 'x') and 1",
        "1",
        key,
    ]);
}

fn foreign(at: &mut Connection, key: &str) {
    at.command(&[
        "SET",
        key,
        "what somebody else keeps under this key, longer than a header of an entry",
    ]);
}

fn cut(at: &mut Connection, key: &str) {
    const CUT: &str = "return redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, -9))";
    at.command(&["EVAL", CUT, "1", key]);
}

/// Each key has what stood under the one behind it, by name: so nothing comes back to where it was long ago.
fn entries_of_others(at: &mut Connection) -> i64 {
    let keys = at.command(&["KEYS", "*"]).array();
    let mut keys: Vec<_> = keys.iter().filter_map(Reply::text).collect();
    keys.sort_unstable();
    let pairs = keys.iter().zip(keys.iter().skip(1));
    pairs
        .map(|(to, from)| at.command(&["COPY", *from, *to, "REPLACE"]).integer())
        .sum()
}

/// How many commands were refused with this code.
fn refused(at: &RedisServer, code: &str) -> u64 {
    let info = at.command(&["INFO", "errorstats"]);
    info.figure(&format!("errorstat_{code}.count"))
        .unwrap_or_default()
}

/// Each command would get the answer to the next one, for ever.
fn astray() -> Fault {
    let strike = async |at: &mut Proxied<RedisServer>, _: &_| at.flows(Flow::Omit, HOLD).await;
    Fault::new("redis: answers gone astray", Proxied::start, strike)
}

fn full() -> Fault {
    Fault::new(
        "redis: out of memory",
        RedisServer::start,
        async |at: &mut RedisServer, _: &_| {
            at.command(&["CONFIG", "SET", "maxmemory", "1"]);
            tokio::time::sleep(HOLD).await;
            at.command(&["CONFIG", "SET", "maxmemory", "0"]);
            refused(at, "OOM")
        },
    )
}

/// It becomes the replica of an empty master, and a master again.
fn read_only() -> Fault {
    let strike = async |at: &mut Pair<RedisServer>, _: &_| {
        let master = at.other.port().to_string();
        at.first.command(&["REPLICAOF", "127.0.0.1", &master]);
        tokio::time::sleep(HOLD).await;
        at.first.command(&["REPLICAOF", "NO", "ONE"]);
        refused(&at.first, "READONLY")
    };
    Fault::new("redis: read-only replica", Pair::start, strike)
}

/// A script for some time, during which others are refused. What was given up before may still be done.
fn busy() -> Fault {
    const SCRIPT: &str = "local function now() local time = redis.call('TIME') return time[1] * 1000 + time[2] / 1000 end \
                          local begun = now() while now() - begun < 1200 do end return 1";
    let start =
        || RedisServer::start_with(|_| vec!["--busy-reply-threshold".to_owned(), "50".to_owned()]);
    let strike = async |at: &mut RedisServer, _: &_| {
        for _ in 0..2 {
            let mut connection = at.connection();
            let script =
                tokio::task::spawn_blocking(move || connection.command(&["EVAL", SCRIPT, "0"]));
            script.await.expect("it ends");
        }
        refused(at, "BUSY")
    };
    Fault::new("redis: busy with a script", start, strike).removals_may_be_undone()
}

/// What was given up meanwhile may be done afterwards.
fn asleep() -> Fault {
    let start =
        || RedisServer::start_with(|_| vec!["--enable-debug-command".to_owned(), "yes".to_owned()]);
    let strike = async |at: &mut RedisServer, _: &_| {
        let mut connection = at.connection();
        let sleep =
            tokio::task::spawn_blocking(move || connection.command(&["DEBUG", "SLEEP", "2"]));
        sleep.await.expect("it ends");
        1
    };
    Fault::new("redis: asleep", start, strike).removals_may_be_undone()
}

/// A replica takes over, which may not have heard of the last removals.
fn cluster() -> Fault {
    let strike = async |at: &mut RedisCluster, _: &_| {
        at.kill_node(0);
        1
    };
    Fault::new(
        "redis cluster: a master killed",
        RedisCluster::start,
        strike,
    )
    .removals_may_be_undone()
}

/// As of a cluster.
fn sentinels() -> Fault {
    let strike = async |at: &mut RedisSentinel, _: &_| {
        at.kill_first();
        1
    };
    Fault::new(
        "redis sentinel: the master killed",
        RedisSentinel::start,
        strike,
    )
    .removals_may_be_undone()
}
