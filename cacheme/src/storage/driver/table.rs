//! Where a database keeps entries, and how the place is looked after: what all databases take.

use std::fmt;
use std::time::Duration;

use crate::error::BoxError;
use crate::storage::url::{BadUrl, StorageUrl};

/// A table's name, whether it is made, and how often expired rows are swept.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Table {
    /// As the user gave it; [`quoted`](Self::quoted) for use in SQL.
    pub(in crate::storage) name: String,
    /// Whether a table that is missing is created.
    pub(in crate::storage) create: bool,
    /// How long it is between two sweeps; `None` is never.
    pub(in crate::storage) sweep: Option<Duration>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            name: "cacheme".to_owned(),
            create: true,
            sweep: Some(Duration::from_secs(60)),
        }
    }
}

impl Table {
    /// Its parameters in the URL of an SQL database.
    pub(in crate::storage) const PARAMETERS: [&str; 3] = ["table", "create", "sweep"];

    /// The longest name, in characters: a name of an index is made from it within the 63 of
    /// PostgreSQL.
    const LONGEST: usize = 48;

    /// Takes what a URL says; its parameter `name` is the table's name.
    pub(in crate::storage) fn read(&mut self, url: &StorageUrl, name: &str) -> Result<(), BadUrl> {
        url.read(name, &mut self.name)?;
        url.read("create", &mut self.create)?;
        url.read("sweep", &mut self.sweep)
    }

    /// Looks that every part of the name, of which there may be `parts` with dots between, is an
    /// identifier: letters, digits and underscores, a digit not first.
    pub(in crate::storage) fn check(&self, parts: usize) -> Result<(), BadUrl> {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        let identifier = |part: &str| {
            part.len() <= Self::LONGEST
                && part.starts_with(letter)
                && part.chars().all(|c| letter(c) || c.is_ascii_digit())
        };
        if self.name.split('.').count() <= parts && self.name.split('.').all(identifier) {
            return Ok(());
        }
        let schema = match parts {
            1 => "",
            _ => ", after a schema and a dot if need be",
        };
        Err(BadUrl::new(format_args!(
            "`{}` can't be the name of a table: one has up to {} letters, digits and underscores, \
             a digit not first{schema}",
            self.name,
            Self::LONGEST,
        )))
    }

    /// The name for SQL, each part between these quotes. To be [checked](Self::check) before.
    pub(in crate::storage) fn quoted(&self, quote: char) -> String {
        let parts = self.name.split('.');
        let quoted: Vec<_> = parts.map(|part| format!("{quote}{part}{quote}")).collect();
        quoted.join(".")
    }

    /// That the table is missing and isn't to be created.
    pub(in crate::storage) fn missing(&self) -> BoxError {
        format!(
            "there is no table `{}`, and `create` is off: create it as the storage's docs say",
            self.name
        )
        .into()
    }

    /// Refuses a table whose columns aren't ours. Each is a name and a type, in any order.
    pub(in crate::storage) fn refuse_other<C: fmt::Display>(
        &self,
        expected: &[&str],
        found: &[C],
    ) -> Result<(), BoxError> {
        let mut found: Vec<_> = found.iter().map(ToString::to_string).collect();
        found.sort();
        let mut sorted = expected.to_vec();
        sorted.sort_unstable();
        if found == sorted {
            return Ok(());
        }
        Err(format!(
            "the table `{}` isn't cacheme's: it has the columns ({}) instead of ({}); it was left \
             as it is: give another name by `table`",
            self.name,
            found.join(", "),
            expected.join(", "),
        )
        .into())
    }
}

/// The setters of a builder that has a `table`, or what a database calls one, and no sweeps of its
/// own.
macro_rules! place_setters {
    ($table:ident) => {
        #[doc = concat!("Sets the ", stringify!($table), "'s name, `cacheme` by default.")]
        #[must_use]
        pub fn $table(mut self, name: impl Into<String>) -> Self {
            self.table.name = name.into();
            self
        }

        #[doc = concat!(
                                    "Leaves the schema alone: a ", stringify!($table),
                                    " that is missing is an error instead of being created.",
                                )]
        #[must_use]
        pub fn without_create(mut self) -> Self {
            self.table.create = false;
            self
        }
    };
}

/// The setters of a builder that has a `table`, or what a database calls one.
macro_rules! table_setters {
    ($table:ident) => {
        $crate::storage::driver::table::place_setters!($table);

        /// Sets how long it is between two sweeps of what is expired, 1 min by default; `None`
        /// leaves it to others. What is expired is never returned, swept or not.
        #[must_use]
        pub fn sweep(mut self, every: Option<Duration>) -> Self {
            self.table.sweep = every;
            self
        }
    };
}

pub(in crate::storage) use {place_setters, table_setters};

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Table {
        Table {
            name: name.to_owned(),
            ..Table::default()
        }
    }

    #[test]
    fn names_are_checked_and_quoted() {
        assert_eq!(named("cache_2").check(1), Ok(()));
        assert_eq!(named("shop.cache").check(2), Ok(()));
        assert_eq!(named("shop.cache").quoted('"'), "\"shop\".\"cache\"");
        let long = "x".repeat(49);
        for name in ["", "2nd", "a b", "a;b", "a\"b", "a.b", "ключ", ".", &long] {
            let error = named(name).check(1).expect_err("it is no name").to_string();
            assert!(error.contains(&format!("`{name}` can't be")), "{error}");
        }
        assert!(named("a.b.c").check(2).is_err());
        assert!(named("a.").check(2).is_err());
    }

    #[test]
    fn other_tables_are_refused() {
        let table = Table::default();
        let ours = ["key bytea", "value bytea"];
        assert!(
            table
                .refuse_other(&ours, &["value bytea", "key bytea"])
                .is_ok()
        );
        let error = table.refuse_other(&ours, &["id integer"]);
        let error = error.expect_err("another table").to_string();
        assert!(
            error.contains("(id integer) instead of (key bytea, value bytea)"),
            "{error}"
        );
    }
}
