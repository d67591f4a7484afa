//! Requests made up from a fixed seed.

/// A generator of numbers (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Requests whose chance to be for a key depends on how many others came since it was asked for last,
/// and on nothing else: the chance falls with that number up to `reach`. One in ten is for a new key.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "distances are small and positive"
)]
pub(super) fn recency(length: usize, reach: usize) -> Vec<u64> {
    let mut random = Random::new(1);
    let mut recent: Vec<u64> = Vec::new();
    let mut fresh = 0..;
    let mut request = || {
        let distance = (reach as f64).powf(random.unit()) as usize;
        let key = if random.below(10) == 0 || distance > recent.len() {
            fresh.next()
        } else {
            Some(recent.remove(recent.len() - distance))
        };
        recent.extend(key);
        if recent.len() > reach {
            recent.remove(0);
        }
        key
    };
    (0..length).filter_map(|_| request()).collect()
}

/// The same keys over and over.
pub(super) fn looped(length: usize, keys: usize) -> Vec<u64> {
    (0..keys as u64).cycle().take(length).collect()
}

/// A hot set, each key of which is as likely, and now and then many keys that come once.
pub(super) fn scanned(length: usize, hot: usize, scan: usize) -> Vec<u64> {
    let mut random = Random::new(2);
    let mut once = 1_000_000..;
    let mut requests = Vec::new();
    while requests.len() < length {
        requests.extend((0..hot * 4).map(|_| random.below(hot as u64)));
        requests.extend(once.by_ref().take(scan));
    }
    requests
}

/// A hot set, each key of which is as likely, that is another one after each part of the trace. One in
/// four requests is for a key that is never hot.
pub(super) fn shifted(parts: &[usize], hot: usize) -> Vec<u64> {
    let mut random = Random::new(3);
    let hot = hot as u64;
    let mut request = |base: u64| match random.below(4) {
        0 => 1_000_000 + random.below(hot * 20),
        _ => base + random.below(hot),
    };
    let bases = (0..).step_by(1000).zip(parts);
    bases
        .flat_map(|(base, &part)| (0..part).map(|_| request(base)).collect::<Vec<_>>())
        .collect()
}

/// Requests that follow Zipf's law, the exponent being `skew`.
#[expect(clippy::cast_precision_loss, reason = "ranks are small")]
pub(super) fn zipf(length: usize, keys: usize, skew: f64) -> Vec<u64> {
    let mut random = Random::new(4);
    let mut sum = 0.0;
    let weight = |rank: usize| (rank as f64).powf(-skew);
    let sums: Vec<f64> = (1..=keys)
        .map(|rank| {
            sum += weight(rank);
            sum
        })
        .collect();
    let mut request = || {
        let drawn = random.unit() * sum;
        sums.partition_point(|&sum| sum < drawn) as u64
    };
    (0..length).map(|_| request()).collect()
}
