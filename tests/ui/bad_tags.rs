#[cacheme::node(storage = "hot", tags)]
struct Bare(u64);

#[cacheme::node(storage = "hot", tags = "users")]
struct Assigned(u64);

#[cacheme::node(storage = "hot", tags())]
struct NoTag(u64);

#[cacheme::node(storage = "hot", tags("users", 7))]
struct Number(u64);

#[cacheme::node(storage = "hot", tags("", "a{", "tenant:{tenent}"))]
struct Faulty {
    tenant: u64,
}

#[cacheme::node(storage = "hot", tags("tenant:{tenent}"))]
struct Misspelt {
    tenant: u64,
}

#[cacheme::node(storage = "hot", tags("tenant:{tenant}"))]
enum Variants {
    Own { tenant: u64 },
    Shared,
}

#[cacheme::cached(storage = "hot", tags("tenant:{tennant}"))]
async fn misspelt(tenant: u64) -> u64 {
    tenant
}

#[cacheme::cached(storage = "hot", tags("user:{user}"))]
async fn skipped(#[skip] user: &str) -> u64 {
    user.len() as u64
}

fn main() {}
