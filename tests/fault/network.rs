//! Networks that are slow, lose or spoil what is sent.

use std::time::Duration;

use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::proxy::Flow;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

use crate::fault::{Fault, HOLD};
use crate::scene::Proxied;
use crate::world::DEADLINE;

pub(crate) fn faults() -> Vec<Fault> {
    let faults = [
        of::<RedisServer>("redis"),
        of::<PostgresServer>("postgres"),
        of::<MysqlServer>("mysql"),
    ];
    faults.into_iter().flatten().collect()
}

fn of<S: Server>(server: &str) -> Vec<Fault> {
    let flows = [
        (
            "answers after the deadline",
            Flow::Delay(DEADLINE.mul_f64(1.5)),
        ),
        ("answers at the deadline", Flow::Delay(DEADLINE)),
        ("black hole", Flow::BlackHole),
        ("reset connections", Flow::Reset),
        ("truncated answers", Flow::Truncate),
        ("flipped bits in answers", Flow::Flip),
        ("answers byte by byte", Flow::Drip(Duration::from_millis(1))),
        ("refused connections", Flow::Refuse),
        ("half-open connections", Flow::HalfOpen),
    ];
    let fault = |(what, flow)| {
        let strike = async move |at: &mut Proxied<S>, _: &_| at.flows(flow, HOLD).await;
        Fault::new(format!("{server}: {what}"), Proxied::<S>::start, strike)
    };
    let flapping = Fault::new(
        format!("{server}: flapping at 5 Hz"),
        Proxied::<S>::start,
        async |at: &mut Proxied<S>, _: &_| {
            let mut injected = 0;
            for _ in 0..15 {
                injected += at.flows(Flow::Refuse, Duration::from_millis(100)).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            injected
        },
    );
    flows.into_iter().map(fault).chain([flapping]).collect()
}
