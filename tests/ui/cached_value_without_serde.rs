#[derive(Clone)]
struct Profile;

#[cacheme::cached(storage = "hot")]
async fn profile(user_id: u64) -> Profile {
    let _ = user_id;
    Profile
}

fn main() {}
