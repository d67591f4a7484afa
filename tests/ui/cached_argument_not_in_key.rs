#[cacheme::cached(storage = "hot", key = "profile:{user_id}")]
async fn profile(user_id: u64, language: String) -> String {
    format!("{user_id} {language}")
}

fn main() {}
