#[cacheme::node(storage = "hot", max_loads = 0)]
struct Zero(u64);

#[cacheme::node(storage = "hot", max_loads)]
struct Nothing(u64);

#[cacheme::node(storage = "hot", max_loads(queue = 100))]
struct OnlyQueue(u64);

#[cacheme::node(storage = "hot", max_loads(at_once = "16", queues = -1))]
struct Both(u64);

#[cacheme::node(storage = "hot", max_loads(at_once = 16, queue = -1))]
struct Negative(u64);

fn main() {}
