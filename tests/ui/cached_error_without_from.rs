#[derive(Debug)]
struct AppError;

type Result<T> = std::result::Result<T, AppError>;

#[cacheme::cached(storage = "hot")]
async fn profile(user_id: u64) -> Result<u64> {
    Ok(user_id)
}

fn main() {}
