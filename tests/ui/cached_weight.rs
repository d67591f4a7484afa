use cacheme::Cacheme;

#[cacheme::cached(storage = "hot", weight = Vec::len)]
async fn list<T: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static>(
    id: u64,
) -> Vec<T> {
    let _ = id;
    Vec::new()
}

struct Service(Cacheme);

impl Service {
    #[cacheme::cached(storage = "hot", weight = Vec::len, runtime = &self.0)]
    async fn all(#[skip] &self) -> Vec<Self> {
        Vec::new()
    }
}

struct Repo<T>(T);

impl<T: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static> Repo<T> {
    #[cacheme::cached(storage = "hot", weight = Vec::len)]
    async fn all(#[skip] &self) -> Vec<T> {
        vec![self.0.clone()]
    }
}

#[cacheme::cached(storage = "hot", weight = |value| value.length())]
async fn text(id: u64) -> Result<String, cacheme::BoxError> {
    Ok(id.to_string())
}

fn main() {}
