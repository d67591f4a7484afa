//! Where a MongoDB URL leads: to the driver's connection string, a database and a collection.

use mongodb::options::{Acknowledgment, ConnectionString};

use crate::storage::driver::reach::Reach;
use crate::storage::driver::table::Table;
use crate::storage::url::{BadUrl, StorageUrl};

/// Our parameters, beside those of [`Reach`].
const OURS: [&str; 4] = ["collection", "database", "create", "sweep"];

/// The driver's, but for those that ours replace and those of features that aren't built in.
const THEIRS: [&str; 27] = [
    "appName",
    "authMechanism",
    "authSource",
    "directConnection",
    "heartbeatFrequencyMS",
    "journal",
    "loadBalanced",
    "localThresholdMS",
    "maxIdleTimeMS",
    "maxStalenessSeconds",
    "readConcernLevel",
    "readPreference",
    "readPreferenceTags",
    "replicaSet",
    "retryReads",
    "retryWrites",
    "serverMonitoringMode",
    "srvMaxHosts",
    "srvServiceName",
    "ssl",
    "tls",
    "tlsAllowInvalidCertificates",
    "tlsCAFile",
    "tlsCertificateKeyFile",
    "tlsInsecure",
    "w",
    "wtimeoutMS",
];

/// Takes a URL apart: what is ours goes into `reach`, `table` and `database`.
pub(super) fn read(
    url: &str,
    reach: &mut Reach,
    table: &mut Table,
    database: &mut String,
) -> Result<ConnectionString, BadUrl> {
    let ours = [&Reach::PARAMETERS[..], &OURS].concat();
    let url = StorageUrl::parse(url, &ours, &THEIRS)?;
    reach.read(&url)?;
    table.read(&url, "collection")?;
    // The driver would quote what it can't read, which may be a part of a password, and panics where a `%` has a
    // character of several bytes behind it.
    let front = url.without(&[&ours[..], &THEIRS].concat());
    if !is_encoded(&front) || ConnectionString::parse(front).is_err() {
        return Err(BadUrl::new(
            "a MongoDB URL is `mongodb://[user:password@]host[:port][,host[:port]...][/database]` \
             or `mongodb+srv://[user:password@]host[/database]`, with what is special in a name \
             or a password percent-encoded",
        ));
    }
    let string = ConnectionString::parse(url.without(&ours));
    let string = string.map_err(|error| BadUrl::new(&error.kind))?;
    let concern = string.write_concern.as_ref();
    if concern.is_some_and(|concern| concern.w == Some(Acknowledgment::Nodes(0))) {
        let problem = "`w=0` would leave it unknown whether a write fails: `w` is at least 1";
        return Err(BadUrl::new(problem));
    }
    if let Some(path) = &string.default_database {
        database.clone_from(path);
    }
    url.read("database", database)?;
    Ok(string)
}

/// Whether two hexadecimal digits follow each `%`.
fn is_encoded(text: &str) -> bool {
    let mut behind = text.split('%').skip(1).map(str::as_bytes);
    behind.all(
        |behind| matches!(behind, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()),
    )
}

/// Looks that the names are such as MongoDB takes.
pub(super) fn check(database: &str, collection: &str) -> Result<(), BadUrl> {
    let odd = [
        '/', '\\', '.', ' ', '"', '$', '*', '<', '>', ':', '|', '?', '\0',
    ];
    if database.is_empty() || database.len() > 63 || database.contains(odd) {
        return Err(BadUrl::new(format_args!(
            "`{database}` can't be the name of a database: one has up to 63 bytes, without spaces \
             and any of `/\\.\"$*<>:|?`"
        )));
    }
    let odd = ['$', '\0'];
    let reserved = collection.starts_with("system.") || collection.contains(odd);
    let dots = collection.starts_with('.') || collection.ends_with('.');
    if collection.is_empty() || collection.len() > 120 || reserved || dots {
        return Err(BadUrl::new(format_args!(
            "`{collection}` can't be the name of a collection: one has up to 120 bytes, without \
             `$`, without a dot at either end, and doesn't begin with `system.`"
        )));
    }
    Ok(())
}
