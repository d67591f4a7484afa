//! The same for models. Shuttle may go on with another thread before each access to one of its atomics or
//! locks, so what isn't shuttle's own makes such an access first.
//!
//! All accesses are in one order here, whatever ordering they ask for.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::PoisonError;
use std::task::Poll;

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use tokio::sync::futures::Notified;

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place where others may go on.
#[derive(Debug, Default)]
struct Point(AtomicBool);

impl Point {
    fn pass(&self) {
        self.0.load(Ordering::SeqCst);
    }
}

/// As the standard library's.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    point: Point,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            point: Point::default(),
            value: std::sync::OnceLock::new(),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.point.pass();
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.point.pass();
        self.value.set(value)
    }

    pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        self.point.pass();
        self.value.get_or_init(init)
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Tokio's.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    point: Point,
    notify: tokio::sync::Notify,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        self.point.pass();
        self.notify.notified()
    }

    pub(crate) fn notify_waiters(&self) {
        self.point.pass();
        self.notify.notify_waiters();
    }
}

/// What spawns tasks, which are shuttle's.
#[derive(Clone, Debug)]
pub(crate) struct Handle;

/// Nothing: tasks don't ask where they are.
#[derive(Debug)]
pub(crate) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {}
}

#[expect(clippy::unused_self, reason = "there is one place for tasks")]
impl Handle {
    #[expect(clippy::unnecessary_wraps, reason = "tokio's may fail")]
    pub(crate) fn try_current() -> Result<Self, Infallible> {
        Ok(Self)
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(shuttle::future::spawn(task));
    }

    pub(crate) fn enter(&self) -> Entered {
        Entered
    }
}

/// Lets others go on as often as chance says, so that what is short may come anywhere in what is long.
pub(crate) fn stroll() {
    let point = Point::default();
    (0..thread_rng().gen_range(0..64)).for_each(|_| point.pass());
}

/// Is ready when it is polled once more. Unlike shuttle's own way to yield, it says nothing of who is next.
pub(crate) async fn later() {
    let mut is_first = true;
    poll_fn(|cx| {
        if std::mem::take(&mut is_first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Runs a model in all orders, which is for few steps.
pub(crate) fn explore_all(model: impl Fn() + Send + Sync + 'static) {
    let runs = run(DfsScheduler::new(None, false), model);
    assert!(runs > 1, "there was one order");
}

/// Runs a model in so many orders that chance picks: half of them step by step, the others with few changes
/// from one thread to another (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of
/// Finding Bugs", 2010).
pub(crate) fn explore(orders: usize, model: impl Fn() + Send + Sync + Clone + 'static) {
    const CHANGES: usize = 3;
    run(RandomScheduler::new(orders / 2), model.clone());
    run(PctScheduler::new(CHANGES, orders / 2), model);
}

/// Runs a model while tokio's clock stands still.
fn run(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) -> usize {
    let mut tokio = tokio::runtime::Builder::new_current_thread();
    let tokio = tokio.enable_time().start_paused(true).build();
    let tokio = tokio.expect("a runtime is made");
    let _entered = tokio.enter();
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(model)
}
