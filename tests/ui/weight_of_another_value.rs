use cacheme::{Load, LoadContext, LoadResult};

#[cacheme::node(storage = "hot", weight = String::len)]
struct Page(u64);

impl Load for Page {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.0)
    }
}

fn main() {}
