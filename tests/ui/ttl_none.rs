use cacheme::{Load, LoadContext, LoadResult};

#[cacheme::node(storage = "hot", ttl_none = "5s")]
struct Never(u64);

impl Load for Never {
    type Value = String;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<String> {
        Ok(String::new())
    }
}

#[cacheme::node(storage = "hot", ttl_none = "5s")]
struct NotLoaded(u64);

#[cacheme::node(storage = "hot", ttl_none = 5)]
struct WrongLiteral(u64);

fn main() {}
