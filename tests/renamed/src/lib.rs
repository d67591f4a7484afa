//! Nodes and functions of a crate that knows cacheme by other names: `cache`, and what `crate::vendored`
//! hands on. Were one word of the generated code to name `cacheme`, this wouldn't compile.

use cache::{Load, LoadContext, LoadResult};

/// As a framework does that has cacheme inside.
pub mod vendored {
    pub use cache::*;
}

/// A node by the attribute alone.
#[cache::node(crate = cache, storage = "near", ttl = "1m", ttl_none = "1s", key = "half:{of}", compress)]
#[derive(Debug)]
pub struct Half {
    of: u64,
}

impl Half {
    /// The half of an even number.
    pub fn of(of: u64) -> Self {
        Self { of }
    }
}

impl Load for Half {
    type Value = Option<u64>;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Option<u64>> {
        Ok(self.of.is_multiple_of(2).then_some(self.of / 2))
    }
}

/// A node by the derive, of a crate that is handed on.
#[derive(vendored::Node)]
#[node(crate = crate::vendored, caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")))]
#[node(
    batch(max = 10),
    max_loads = 4,
    ttl_jitter = 0.1,
    tags("things", "of {T}")
)]
#[derive(Debug)]
pub enum Thing<T> {
    /// One of them.
    One,
    /// Some.
    Some(T),
}

/// As a framework's macro writes a node.
#[macro_export]
macro_rules! framed {
    ($name:ident) => {
        /// A node of the framework's.
        #[derive(Debug)]
        #[$crate::vendored::node(crate = $crate::vendored, storage = "near")]
        pub struct $name {
            id: u64,
        }
    };
}

framed!(Framed);

/// A function with a node of its own.
#[cache::cached(crate = cache, runtime = runtime, storage = "near", ttl = "1m", tags("{name}"))]
pub async fn double(#[skip] runtime: &cache::Cacheme, of: u64, name: &str) -> String {
    std::future::ready(format!("{name}: {}", 2 * of)).await
}

/// A service with a method.
#[derive(Debug)]
pub struct Service {
    /// Its cache.
    pub cache: cache::Cacheme,
}

impl Service {
    /// A method that is bound to a node.
    ///
    /// # Errors
    ///
    /// For odd numbers.
    #[vendored::cached(crate = crate::vendored, node = Half, runtime = &self.cache)]
    pub async fn half(#[skip] &self, of: u64) -> Result<Option<u64>, cache::Error> {
        std::future::ready(Ok(Some(of / 2))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache::testing::Kit;

    #[tokio::test]
    async fn nodes_and_functions_work_under_another_name() -> cache::Result<()> {
        let runtime = Kit::new().builder().build().await?;
        assert_eq!(runtime.get(Half::of(8)).await?, Some(4));
        assert_eq!(runtime.get(Half::of(7)).await?, None);
        assert_eq!(runtime.key(&Half::of(8))?.as_str(), "half:8");
        assert_eq!(runtime.key(&Framed { id: 1 })?.as_str(), "Framed:1");
        let thing = Thing::Some(1_u8);
        let thing = runtime.get_with(thing, |_cx| async { Ok(5_u64) }).await?;
        assert_eq!(thing, 5);
        for _ in 0..2 {
            assert_eq!(double(&runtime, 4, "four").await, "four: 8");
        }
        let stats = double::stats(&runtime);
        assert_eq!(stats.nodes()[0].loads(), 1);
        let service = Service { cache: runtime };
        assert_eq!(service.half(8).await?, Some(4));
        Ok(())
    }
}
