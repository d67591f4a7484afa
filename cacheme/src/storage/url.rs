//! URLs of storages, and the parameters in their queries.
//!
//! A parameter is either ours, and read here, or the driver's, and handed on to it. Any other is
//! refused by name, with a list of those that there are. No error contains more of a URL than the
//! parameter that it speaks of, since the rest may hold a password.

use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadUrl(String);

impl BadUrl {
    pub(super) fn new(problem: impl fmt::Display) -> Self {
        Self(problem.to_string())
    }
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadUrl {}

/// The URL of a storage, its query taken apart.
#[derive(Clone)]
pub(super) struct StorageUrl {
    /// What stands before the query, the scheme included.
    front: String,
    /// Names as they stand, values as they stand.
    parameters: Vec<(String, String)>,
}

impl StorageUrl {
    /// Takes a URL apart. Its parameters have to be among `ours`, each at most once, or among the
    /// driver's, `theirs`.
    pub(super) fn parse(url: &str, ours: &[&str], theirs: &[&str]) -> Result<Self, BadUrl> {
        let (_, rest) = url.split_once("://").unwrap_or(("", ""));
        let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if host > 0 && rest[host..].contains('@') {
            // A part of a password would be taken for a host, and shown as one.
            return Err(BadUrl::new(
                "a `/`, `?`, `#` or `@` in a user or a password is to be written as `%2F`, `%3F`, \
                 `%23` or `%40`",
            ));
        }
        let (front, query) = url.split_once('?').unwrap_or((url, ""));
        let mut parameters: Vec<(String, String)> = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if ours.contains(&name) {
                if parameters.iter().any(|(other, _)| other == name) {
                    return Err(BadUrl::new(format_args!("`{name}` is given twice")));
                }
            } else if !theirs.contains(&name) {
                let there = list(ours.iter().chain(theirs));
                let problem = format_args!("unknown parameter `{name}`: there {there}");
                return Err(BadUrl::new(problem));
            }
            parameters.push((name.to_owned(), value.to_owned()));
        }
        let front = front.to_owned();
        Ok(Self { front, parameters })
    }

    /// What stands between the scheme's colon and the query, as it stands.
    pub(super) fn rest(&self) -> &str {
        self.front
            .split_once(':')
            .map_or(&*self.front, |(_, rest)| rest)
    }

    /// The path of a URL such as `file:cache.redb` or `file:///var/cache.redb`, without its
    /// percent-encoding. `extension` is for an example in an error.
    pub(super) fn path(&self, extension: &str) -> Result<String, BadUrl> {
        let scheme = self.front.split(':').next().unwrap_or_default();
        let rest = self.rest();
        let path = match rest.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            Some(_) => {
                return Err(BadUrl::new(format_args!(
                    "a {scheme} URL is `{scheme}:relative/path` or `{scheme}:/absolute/path`"
                )));
            }
            None => rest,
        };
        if path.is_empty() {
            return Err(BadUrl::new(format_args!(
                "a {scheme} URL names a path, such as `{scheme}:cache.{extension}`"
            )));
        }
        decoded(path).ok_or_else(|| BadUrl::new("its path isn't UTF-8"))
    }

    /// The URL for the driver: without our parameters.
    pub(super) fn without(&self, ours: &[&str]) -> String {
        let mut url = self.front.clone();
        let mut separator = '?';
        for (name, value) in &self.parameters {
            if !ours.contains(&&**name) {
                url.extend([&*separator.to_string(), name, "=", value]);
                separator = '&';
            }
        }
        url
    }

    /// The parameter of this name, if it is there.
    pub(super) fn get<T: Parameter>(&self, name: &str) -> Result<Option<T>, BadUrl> {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(other, _)| other == name);
        found.map(|(_, value)| typed(name, value)).transpose()
    }

    /// The parameters of this name, which is one of `theirs`, since those may be repeated.
    pub(super) fn all<T: Parameter>(&self, name: &str) -> Result<Vec<T>, BadUrl> {
        let parameters = self.parameters.iter();
        let of_name = parameters.filter(|(other, _)| other == name);
        of_name.map(|(_, value)| typed(name, value)).collect()
    }

    /// Reads the parameter of this name into `place`, and leaves that alone where there is none.
    pub(super) fn read<T: Parameter>(&self, name: &str, place: &mut T) -> Result<(), BadUrl> {
        if let Some(read) = self.get(name)? {
            *place = read;
        }
        Ok(())
    }
}

/// Reads the value of a parameter.
fn typed<T: Parameter>(name: &str, value: &str) -> Result<T, BadUrl> {
    let read = decoded(value).and_then(|value| T::read(&value));
    read.ok_or_else(|| {
        // Anything else could be a part of a password.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        let value = if value.is_empty() || T::IS_SHOWN && value.chars().all(plain) {
            format!("={value}")
        } else {
            String::new()
        };
        BadUrl::new(format_args!("`{name}{value}` is not {}", T::KIND))
    })
}

/// Without percent-encoding, where that is UTF-8.
fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Words such as "are `a`, `b` and `c`".
fn list<'a>(names: impl Iterator<Item = &'a &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "are none".to_owned(),
        [only] => format!("is {only}"),
        [names @ .., last] => format!("are {} and {last}", names.join(", ")),
    }
}

/// A type that a parameter may have.
pub(super) trait Parameter: Sized {
    /// What the value has to be, to go on after "is not".
    const KIND: &'static str;

    /// Whether an error may show the value.
    const IS_SHOWN: bool = true;

    fn read(value: &str) -> Option<Self>;
}

impl Parameter for String {
    const KIND: &'static str = "a name";
    const IS_SHOWN: bool = false;

    fn read(value: &str) -> Option<Self> {
        (!value.is_empty()).then(|| value.to_owned())
    }
}

impl Parameter for usize {
    const KIND: &'static str = "a whole number";

    fn read(value: &str) -> Option<Self> {
        value.parse().ok()
    }
}

impl Parameter for u8 {
    const KIND: &'static str = "a number from 0 to 255";

    fn read(value: &str) -> Option<Self> {
        value.parse().ok()
    }
}

impl Parameter for bool {
    const KIND: &'static str = "`true` or `false`";

    fn read(value: &str) -> Option<Self> {
        value.parse().ok()
    }
}

impl Parameter for Duration {
    const KIND: &'static str = "a duration such as `500ms`, `2s` or `1m`";

    fn read(value: &str) -> Option<Self> {
        let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
        let digits = value.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = value.split_at(digits);
        let (_, millis) = units.iter().find(|(name, _)| *name == unit)?;
        let millis = number.parse::<u64>().ok()?.checked_mul(*millis)?;
        (millis > 0).then(|| Self::from_millis(millis))
    }
}

/// `None` is `off`.
impl Parameter for Option<Duration> {
    const KIND: &'static str = "`off` or a duration such as `500ms`, `2s` or `1m`";

    fn read(value: &str) -> Option<Self> {
        match value {
            "off" => Some(None),
            _ => Duration::read(value).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<StorageUrl, BadUrl> {
        StorageUrl::parse(url, &["pool", "table", "deadline"], &["sslmode"])
    }

    #[test]
    fn takes_our_parameters_out() {
        let url =
            parse("db://u:p@host/x?pool=3&sslmode=require&table=a%20b&sslmode=b").expect("right");
        let (mut pool, mut table, mut deadline) = (1_usize, String::new(), Duration::ZERO);
        url.read("pool", &mut pool).expect("a number");
        url.read("table", &mut table).expect("a name");
        url.read("deadline", &mut deadline).expect("it isn't there");
        assert_eq!((pool, &*table, deadline), (3, "a b", Duration::ZERO));
        let theirs = url.without(&["pool", "table"]);
        assert_eq!(theirs, "db://u:p@host/x?sslmode=require&sslmode=b");
        assert_eq!(url.rest(), "//u:p@host/x");
        let modes = url.all::<String>("sslmode");
        assert_eq!(modes, Ok(vec!["require".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn names_what_is_wrong_and_never_the_password() {
        let unknown = parse("db://u:secret@host?tabel=x").err();
        let there = "there are `pool`, `table`, `deadline` and `sslmode`";
        assert_eq!(
            unknown,
            Some(BadUrl(format!("unknown parameter `tabel`: {there}")))
        );
        let cut = parse("db://u:sec?ret@host?pool=1").err();
        assert!(cut.is_some_and(|error| error.0.contains("`%3F`") && !error.0.contains("ret")));
        let split = parse("db://u:se?cret@host").err();
        assert!(split.is_some_and(|error| !error.0.contains("cret")));
        let twice = parse("db://u:secret@host?pool=1&pool=2").err();
        assert_eq!(twice, Some(BadUrl("`pool` is given twice".to_owned())));
        let url = parse("db://u:secret@host?pool=many").expect("the name is right");
        let wrong = url.read("pool", &mut 0_usize);
        assert_eq!(
            wrong,
            Err(BadUrl("`pool=many` is not a whole number".to_owned()))
        );
    }

    #[test]
    fn reads_durations() {
        let cases = [
            ("500ms", 500),
            ("2s", 2000),
            ("1m", 60_000),
            ("3h", 10_800_000),
        ];
        for (text, millis) in cases {
            assert_eq!(
                Duration::read(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "5",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "1d",
            "99999999999999999999s",
            "9999999999999999h",
            "1 s",
        ] {
            assert_eq!(Duration::read(text), None, "{text}");
        }
        assert_eq!(Option::<Duration>::read("off"), Some(None));
    }
}
