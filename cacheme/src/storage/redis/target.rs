//! What a URL of Redis names: one server, a cluster, or a master that sentinels watch.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::address::{Address, Endpoint};
use super::tracking::Tracking;
use crate::storage::driver::reach::Reach;
use crate::storage::url::{BadUrl, StorageUrl};

/// A URL, read.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) form: Form,
    pub(super) credentials: Credentials,
    pub(super) database: Option<u8>,
    pub(super) tls: bool,
    /// A PEM file of certificates to trust.
    pub(super) ca: Option<PathBuf>,
    pub(super) tracking: Tracking,
}

#[derive(Clone, Debug)]
pub(super) enum Form {
    Server(Endpoint),
    /// Some of its nodes.
    Cluster(Vec<Address>),
    Sentinel(Sentinels),
}

/// Who knows where the master is.
#[derive(Clone, Debug)]
pub(super) struct Sentinels {
    pub(super) addresses: Vec<Address>,
    /// The name of the master that they watch.
    pub(super) service: String,
    pub(super) credentials: Credentials,
}

#[derive(Clone, Default)]
pub(super) struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// What a scheme stands for, and its parameters beside those of every storage.
struct Scheme {
    kind: Kind,
    tls: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Server,
    Cluster,
    Sentinel,
    Unix,
}

impl Scheme {
    fn read(url: &str) -> Result<Self, BadUrl> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let (family, form) = scheme.split_at(scheme.find(['-', '+']).unwrap_or(scheme.len()));
        let tls = match family {
            "redis" | "valkey" => Some(false),
            "rediss" | "valkeys" => Some(true),
            _ => None,
        };
        let kind = match form {
            "" => Some(Kind::Server),
            "-cluster" => Some(Kind::Cluster),
            "-sentinel" => Some(Kind::Sentinel),
            "+unix" if tls == Some(false) => Some(Kind::Unix),
            _ => None,
        };
        match (kind, tls) {
            (Some(kind), Some(tls)) => Ok(Self { kind, tls }),
            _ => Err(BadUrl::new(
                "not the URL of Redis: one begins with `redis://`, `redis-cluster://`, \
                 `redis-sentinel://` or `redis+unix://`, or with `rediss` for TLS",
            )),
        }
    }

    /// Parameters that stand once.
    fn ours(&self) -> Vec<&'static str> {
        let mut names = Reach::PARAMETERS.to_vec();
        names.push("ca");
        match self.kind {
            Kind::Sentinel => names.extend(["service", "sentinel_user", "sentinel_password"]),
            Kind::Unix => names.push("database"),
            Kind::Server | Kind::Cluster => {}
        }
        names
    }

    /// Parameters that may stand more than once.
    fn repeatable(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Cluster => &["node"],
            Kind::Sentinel => &["node", "tracking"],
            Kind::Server | Kind::Unix => &["tracking"],
        }
    }

    /// Where the nodes that a URL names without a port listen.
    fn port(&self) -> u16 {
        match self.kind {
            Kind::Sentinel => 26_379,
            _ => 6379,
        }
    }
}

impl Target {
    /// Reads a URL, and what it says of `reach`.
    pub(super) fn read(url: &str, reach: &mut Reach) -> Result<Self, BadUrl> {
        let scheme = Scheme::read(url)?;
        let url = StorageUrl::parse(url, &scheme.ours(), scheme.repeatable())?;
        reach.read(&url)?;
        let (credentials, place) = credentials(url.rest())?;
        let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let (form, database) = match scheme.kind {
            Kind::Unix => (socket(authority, path)?, url.get("database")?),
            kind => {
                let form = hosts(authority, kind, scheme.port(), &url)?;
                (form, database(path, kind)?)
            }
        };
        let target = Self {
            form,
            credentials,
            database,
            tls: scheme.tls,
            ca: url.get::<String>("ca")?.map(PathBuf::from),
            tracking: Tracking::read(&url.all("tracking")?)?,
        };
        target.check(reach.pool)?;
        Ok(target)
    }

    /// Looks that what doesn't go together isn't there together, with so many connections to a server.
    pub(super) fn check(&self, pool: usize) -> Result<(), BadUrl> {
        if self.tracking.is_on() && pool > 1 {
            let problem = "`tracking` takes one connection, which carries many commands at once: leave `pool` out";
            return Err(BadUrl::new(problem));
        }
        if self.tracking.is_on() && matches!(self.form, Form::Cluster(_)) {
            let problem = "a cluster has no `tracking`: leave it out, or use a server or sentinels";
            return Err(BadUrl::new(problem));
        }
        if self.ca.is_some() && !self.tls {
            let problem = "`ca` is for TLS: begin the URL with `rediss`";
            return Err(BadUrl::new(problem));
        }
        Ok(())
    }
}

/// The user and the password before an `@`, and what comes after it.
fn credentials(rest: &str) -> Result<(Credentials, &str), BadUrl> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let Some((before, _)) = authority.rsplit_once('@') else {
        return Ok((Credentials::default(), rest));
    };
    let (user, password) = before.split_once(':').unwrap_or((before, ""));
    let part = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok((!text.is_empty()).then(|| text.into_owned())),
        Err(_) => Err(BadUrl::new("its user or password isn't UTF-8")),
    };
    let credentials = Credentials {
        user: part(user)?,
        password: part(password)?,
    };
    if credentials.user.is_some() && credentials.password.is_none() {
        return Err(BadUrl::new(
            "a user is given without a password: write `user:password@host`, or `:password@host`",
        ));
    }
    Ok((credentials, &rest[before.len() + 1..]))
}

fn socket(authority: &str, path: &str) -> Result<Form, BadUrl> {
    if !matches!(authority, "" | "localhost") || path.len() < 2 {
        return Err(BadUrl::new(
            "a socket's URL is `redis+unix:///path/to/redis.sock`, or with `user:password@` before \
             the path",
        ));
    }
    let path = percent_decode_str(path).decode_utf8();
    let path = path.map_err(|_| BadUrl::new("its path isn't UTF-8"))?;
    Ok(Form::Server(Endpoint::Unix(PathBuf::from(&*path))))
}

fn hosts(authority: &str, kind: Kind, port: u16, url: &StorageUrl) -> Result<Form, BadUrl> {
    let first = Address::parse(authority, port)?;
    if kind == Kind::Server {
        return Ok(Form::Server(Endpoint::Tcp(first)));
    }
    let mut addresses = vec![first];
    for node in url.all::<String>("node")? {
        let address = Address::parse(&node, port);
        addresses.push(address.map_err(|problem| BadUrl::new(format!("`node`: {problem}")))?);
    }
    if kind == Kind::Cluster {
        return Ok(Form::Cluster(addresses));
    }
    let service = url.get("service")?.ok_or_else(|| {
        BadUrl::new("no `service` is given: the name of the master that the sentinels watch")
    })?;
    let credentials = Credentials {
        user: url.get("sentinel_user")?,
        password: url.get("sentinel_password")?,
    };
    Ok(Form::Sentinel(Sentinels {
        addresses,
        service,
        credentials,
    }))
}

fn database(path: &str, kind: Kind) -> Result<Option<u8>, BadUrl> {
    match (path.trim_start_matches('/'), kind) {
        ("", _) => Ok(None),
        (_, Kind::Cluster) => Err(BadUrl::new(
            "a cluster has one database: leave the path out",
        )),
        (number, _) => match number.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(BadUrl::new(
                "its path is not a database number from 0 to 255",
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Target, BadUrl> {
        Target::read(url, &mut Reach::new(1))
    }

    fn right(url: &str) -> Target {
        read(url).unwrap_or_else(|problem| panic!("{url}: {problem}"))
    }

    #[test]
    fn reads_a_server() {
        let target = right("rediss://user:p%40s%3As@[::1]:7000/3?ca=/etc/ca.pem&pool=2");
        assert!(
            matches!(&target.form, Form::Server(Endpoint::Tcp(address)) if *address == Address::new("::1", 7000))
        );
        assert_eq!(target.credentials.user.as_deref(), Some("user"));
        assert_eq!(target.credentials.password.as_deref(), Some("p@s:s"));
        assert_eq!((target.database, target.tls), (Some(3), true));
        assert_eq!(target.ca, Some("/etc/ca.pem".into()));

        let target = right("valkey://:secret@host");
        assert!(
            matches!(&target.form, Form::Server(Endpoint::Tcp(address)) if *address == Address::new("host", 6379))
        );
        assert_eq!((target.credentials.user, target.tls), (None, false));
    }

    #[test]
    fn reads_a_socket() {
        let target = right("redis+unix://u:p@/run/a%20b/redis.sock?database=2");
        assert!(
            matches!(&target.form, Form::Server(Endpoint::Unix(path)) if path.as_os_str() == "/run/a b/redis.sock")
        );
        assert_eq!(target.database, Some(2));
        assert_eq!(target.credentials.password.as_deref(), Some("p"));
    }

    #[test]
    fn reads_nodes_and_sentinels() {
        let nodes = ["a", "b", "c"].map(|host| Address::new(host, 6379));
        let target = right("redis-cluster://a?node=b&node=c:6379");
        assert!(matches!(&target.form, Form::Cluster(found) if *found == nodes));

        let url = "rediss-sentinel://:p@a/1?node=b:5&service=main&sentinel_password=q";
        let Form::Sentinel(sentinels) = right(url).form else {
            panic!("the form is told by the scheme");
        };
        let addresses = [Address::new("a", 26_379), Address::new("b", 5)];
        assert_eq!(sentinels.addresses, addresses);
        assert_eq!(sentinels.service, "main");
        assert_eq!(sentinels.credentials.password.as_deref(), Some("q"));
    }

    #[test]
    fn says_what_is_wrong_and_never_the_password() {
        let cases = [
            ("redis:", "one begins with `redis://`"),
            ("redis:/host", "one begins with `redis://`"),
            ("redis://", "no host is given"),
            ("redis://:hunter2@", "no host is given"),
            ("redis://hunter2@host", "a user is given without a password"),
            ("redis://:hunter2@host:port", "port is not a number from 1"),
            ("redis://:hunter2@host:70000", "port is not a number from 1"),
            ("redis://:hunter2@host:0", "port is not a number from 1"),
            ("redis://:hunter2@[::1", "a `]` is missing"),
            ("redis://:hunter2@[::1]6379", "port is not a number from 1"),
            ("redis://:hunter2@host/database", "not a database number"),
            ("redis://:hunter2@host/256", "not a database number"),
            ("redis://:hunter2@host/1/2", "not a database number"),
            ("redis://:hunter2@host?pool=0", "leaves no connection"),
            ("redis://:hunter2@host?ca=x", "`ca` is for TLS"),
            (
                "redis://:hunter2@host?node=x",
                "unknown parameter `node`: there are `deadline`",
            ),
            (
                "redis-cluster://:hunter2@host/1",
                "a cluster has one database",
            ),
            (
                "redis-cluster://:hunter2@host?node=:1",
                "`node`: no host is given",
            ),
            (
                "redis-cluster://:hunter2@host?service=x",
                "`pool`, `ca` and `node`",
            ),
            ("redis-sentinel://:hunter2@host", "no `service` is given"),
            (
                "redis-sentinel://:hunter2@host?service=",
                "`service=` is not a name",
            ),
            ("redis://:hunter2@host?tracking=x", "write `tracking=x*`"),
            (
                "redis://:hunter2@host?tracking=x*&pool=2",
                "`tracking` takes one connection",
            ),
            (
                "redis-cluster://:hunter2@host?tracking=*",
                "unknown parameter `tracking`",
            ),
            ("redis+unix://:hunter2@", "a socket's URL is"),
            ("redis+unix://:hunter2@host/x", "a socket's URL is"),
            (
                "redis+unix://:hunter2@/x?database=no",
                "`database=no` is not a number from 0",
            ),
        ];
        for (url, expected) in cases {
            let problem = read(url).err().map(|problem| problem.to_string());
            let problem = problem.unwrap_or_else(|| panic!("{url} is wrong"));
            assert!(problem.contains(expected), "{url}: {problem}");
            assert!(!problem.contains("hunter2"), "{url}: {problem}");
        }
    }
}
