#[cacheme::node(storage = "hot", key = "at:{lat}:{name}")]
struct Place {
    lat: f64,
    name: String,
}

struct Opaque;

#[cacheme::node(storage = "hot")]
enum Page<T> {
    Of(Opaque),
    At { step: T, x: f32 },
}

fn is_node<N: cacheme::Node>() {}

fn main() {
    is_node::<Place>();
    is_node::<Page<u64>>();
}
