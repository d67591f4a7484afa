#[cacheme::node(storage = "hot", doorkeeper)]
struct Nothing(u64);

#[cacheme::node(storage = "hot", doorkeeper(capacity = 100))]
struct OnlyCapacity(u64);

#[cacheme::node(storage = "hot", doorkeeper(capacity = 0, false_positive_rate = 0.6))]
struct Both(u64);

fn main() {}
