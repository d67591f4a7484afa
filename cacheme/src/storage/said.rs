//! What drivers say of a URL that nobody opens, for the fuzz target of URLs.

/// What is wrong with a URL, and what is shown of who would open it, by each driver that there is.
#[must_use]
pub(crate) fn said(url: &str) -> Vec<String> {
    let mut said = Vec::new();
    #[cfg(feature = "local")]
    // Any other URL is a driver's, as where one is opened.
    if url.starts_with("local:") {
        said.push(format!("{:?}", super::LocalStorage::parse(url)));
    }
    #[cfg(feature = "file")]
    said.push(format!("{:?}", super::file::FileStorageBuilder::read(url)));
    #[cfg(feature = "sqlite")]
    said.push(format!(
        "{:?}",
        super::sqlite::SqliteStorageBuilder::read(url)
    ));
    #[cfg(feature = "mongodb")]
    {
        let builder = super::MongodbStorage::builder(url);
        said.push(format!("{builder:?} {:?}", builder.url.as_ref().err()));
    }
    #[cfg(feature = "mysql")]
    {
        let builder = super::MysqlStorage::builder(url);
        said.push(format!("{builder:?} {:?}", builder.opts.as_ref().err()));
    }
    #[cfg(feature = "postgres")]
    {
        let builder = super::PostgresStorage::builder(url);
        said.push(format!("{builder:?} {:?}", builder.config.as_ref().err()));
    }
    #[cfg(feature = "redis")]
    {
        let builder = super::RedisStorage::builder(url);
        said.push(format!("{builder:?} {:?}", builder.problem()));
    }
    said
}
