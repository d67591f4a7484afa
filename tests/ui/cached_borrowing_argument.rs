#[cacheme::cached(storage = "hot")]
async fn length(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

fn main() {}
