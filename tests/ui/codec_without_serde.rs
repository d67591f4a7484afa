use cacheme::codec::{Json, Zstd};
use cacheme::{Load, LoadContext, LoadResult};

#[derive(Clone)]
struct User;

#[cacheme::node(storage = "far", codec = Zstd<Json>)]
struct Id(u64);

impl Load for Id {
    type Value = User;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<User> {
        Ok(User)
    }
}

fn main() {}
