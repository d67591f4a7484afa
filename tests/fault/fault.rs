//! A fault: what it is done to, how, and what has to hold meanwhile and afterwards.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::crew::Crew;
use crate::ledger::Terms;
use crate::outcome::Outcome;
use crate::recovery::{PATIENCE, recovers};
use crate::scene::Scene;
use crate::source::Source;
use crate::world::{NEAR, World, builder, with_deadline};

/// How long a fault lasts, unless it has its own measure.
pub(crate) const HOLD: Duration = Duration::from_millis(2500);

/// How long requests run before, and how long they go on afterwards.
pub(crate) const AROUND: Duration = Duration::from_millis(700);

/// How long after all works again something that was given up may still be done.
const LATE: Duration = Duration::from_secs(1);

/// A future of the thread that leads the fault.
type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// A row of the table.
pub(crate) struct Fault {
    pub(crate) name: String,
    terms: Terms,
    run: Box<dyn Fn(Terms) -> Local<Outcome>>,
}

impl Fault {
    /// A fault of the far storage. `strike` does it, undoes it, and says how often it was done.
    pub(crate) fn new<S: Scene>(
        name: impl Into<String>,
        start: impl Fn() -> S + 'static,
        strike: impl AsyncFn(&mut S, &World) -> u64 + 'static,
    ) -> Self {
        let (start, strike) = (Rc::new(start), Rc::new(strike));
        Self::alone(name, move |terms| {
            let (start, strike) = (Rc::clone(&start), Rc::clone(&strike));
            async move {
                let mut scene = start();
                let source = Arc::new(Source::new());
                let far = with_deadline(&scene.url());
                let builder = || builder(&source, NEAR).storage("far", far.clone());
                let world = World::new(&source, builder, terms).await;
                run(&world, async || strike(&mut scene, &world).await).await
            }
        })
    }

    /// A fault that sees to everything itself.
    pub(crate) fn alone<F: Future<Output = Outcome> + 'static>(
        name: impl Into<String>,
        run: impl Fn(Terms) -> F + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            terms: Terms::default(),
            run: Box::new(move |terms| Box::pin(run(terms))),
        }
    }

    /// With other terms than the strictest.
    pub(crate) fn with(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// Removals aren't held to while the fault is there.
    pub(crate) fn removals_may_be_undone(self) -> Self {
        self.with(Terms {
            removals_may_be_undone: true,
            ..Terms::default()
        })
    }

    /// Starts what it needs, does it, and says what came of it.
    pub(crate) async fn outcome(&self) -> Outcome {
        let mut outcome = (self.run)(self.terms).await;
        outcome.name.clone_from(&self.name);
        outcome
    }
}

/// Uses a process while it is struck, until it is well again.
pub(crate) async fn run(world: &World, strike: impl AsyncFnOnce() -> u64) -> Outcome {
    let crew = Crew::start(world);
    tokio::time::sleep(AROUND).await;
    let before = crew.gauge().resident();
    world.ledger.broken();
    let injected = strike().await;
    let recovery = recovers(world).await;
    if world.ledger.terms().removals_may_be_undone {
        // What was given up and is still on its way.
        tokio::time::sleep(LATE).await;
    }
    world.ledger.mended();
    tokio::time::sleep(AROUND).await;
    let gauge = crew.end().await;
    world.settle(PATIENCE).await;

    let mut outcome = Outcome::of(&world.ledger, injected, recovery);
    outcome.measure(&gauge, before);
    outcome
}
