//! Operations that take their course, whether or not somebody still waits for them.
//!
//! An operation that is dropped half-way costs its connection, and what it sent may be done after
//! what is sent next by another one. So an operation begun here goes on in the background when its
//! caller drops it or its deadline passes. Only so many go on at a time, waiting or not: however
//! long a server is frozen, there are no more of them and no more connections. A write that begins
//! after another was dropped waits for its end, so that it can't be undone by it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::reach::Reach;
use crate::error::BoxError;
use crate::lock::lock;

/// The operations of a storage.
#[derive(Debug)]
pub(in crate::storage) struct Courses {
    deadline: Duration,
    most: usize,
    places: Arc<Semaphore>,
    dropped: Arc<Dropped>,
}

/// The ends of writes that were dropped: each is closed with the write, or when that is given up.
type Dropped = Mutex<Vec<watch::Receiver<()>>>;

impl Courses {
    /// How long one goes on after its deadline. A connection that is dead is given up then.
    const AFTER: Duration = Duration::from_secs(10);

    /// As many at a time as `reach` has connections.
    pub(in crate::storage) fn new(reach: &Reach) -> Self {
        Self {
            deadline: reach.deadline,
            most: reach.pool,
            places: Arc::new(Semaphore::new(reach.pool)),
            dropped: Arc::default(),
        }
    }

    /// How many there are at a time.
    pub(in crate::storage) fn most(&self) -> usize {
        self.most
    }

    /// Waits for what `read` gives, until the deadline.
    pub(in crate::storage) async fn read<T, R>(&self, read: R) -> Result<T, BoxError>
    where
        R: Future<Output = Result<T, BoxError>> + Send + 'static,
        T: Send + 'static,
    {
        self.run(read, None).await
    }

    /// As [`read`](Self::read), after writes that were dropped.
    pub(in crate::storage) async fn write<T, W>(&self, write: W) -> Result<T, BoxError>
    where
        W: Future<Output = Result<T, BoxError>> + Send + 'static,
        T: Send + 'static,
    {
        self.run(write, Some(&self.dropped)).await
    }

    async fn run<T, O>(&self, operation: O, dropped: Option<&Arc<Dropped>>) -> Result<T, BoxError>
    where
        O: Future<Output = Result<T, BoxError>> + Send + 'static,
        T: Send + 'static,
    {
        let late = |_| format!("no answer within {:?}", self.deadline);
        let until = Instant::now() + self.deadline;
        let begin = async {
            if let Some(dropped) = dropped {
                ends(dropped).await;
            }
            Arc::clone(&self.places).acquire_owned().await
        };
        let place = timeout_at(until, begin).await.map_err(late)??;
        let operation = async move {
            let outcome = operation.await;
            drop(place);
            outcome
        };
        let mut course = Course {
            operation: Some(Box::pin(operation)),
            until,
            dropped: dropped.map(Arc::clone),
        };
        timeout_at(until, course.outcome()).await.map_err(late)?
    }
}

/// Waits for the ends of writes that were dropped before now.
async fn ends(dropped: &Dropped) {
    let ends = {
        let mut ends = lock(dropped);
        ends.retain(|end| end.has_changed().is_ok());
        ends.clone()
    };
    for mut end in ends {
        // Nothing is ever sent: it is closed.
        let _ = end.changed().await;
    }
}

/// An operation under way, which goes on when this is dropped.
struct Course<T, O>
where
    O: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    /// Until it has ended.
    operation: Option<Pin<Box<O>>>,
    until: Instant,
    /// Where its end is kept if it is dropped and others have to wait for it.
    dropped: Option<Arc<Dropped>>,
}

impl<T, O> Course<T, O>
where
    O: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    async fn outcome(&mut self) -> T {
        let Some(operation) = &mut self.operation else {
            return std::future::pending().await;
        };
        let outcome = operation.await;
        self.operation = None;
        outcome
    }
}

impl<T, O> Drop for Course<T, O>
where
    O: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn drop(&mut self) {
        let Some(mut operation) = self.operation.take() else {
            return;
        };
        // Without a runtime it can't go on, and neither can others.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (end, ended) = watch::channel(());
        if let Some(dropped) = &self.dropped {
            let mut dropped = lock(dropped);
            dropped.retain(|end| end.has_changed().is_ok());
            dropped.push(ended);
        }
        let until = self.until;
        runtime.spawn(async move {
            if timeout_at(until, &mut operation).await.is_err() {
                let _ = timeout(Courses::AFTER, operation).await;
            }
            drop(end);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tokio::sync::oneshot;

    use super::*;

    fn courses(pool: usize, deadline: Duration) -> Courses {
        Courses::new(&Reach {
            deadline,
            ..Reach::new(pool)
        })
    }

    async fn is_pending(future: Pin<&mut impl Future>) -> bool {
        let mut future = future;
        std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    /// An operation that ends when it is told to, and says so.
    fn told() -> (
        oneshot::Sender<()>,
        oneshot::Receiver<()>,
        impl Future<Output = Result<(), BoxError>> + Send + 'static,
    ) {
        let ((tell, told), (end, ended)) = (oneshot::channel(), oneshot::channel());
        let operation = async move {
            told.await?;
            let _ = end.send(());
            Ok(())
        };
        (tell, ended, operation)
    }

    #[tokio::test]
    async fn a_write_that_was_dropped_ends_before_a_later_one_begins() {
        let courses = courses(2, Duration::from_secs(3600));
        let (tell, mut ended, first) = told();
        let mut first = Box::pin(courses.write(first));
        assert!(is_pending(first.as_mut()).await);
        drop(first);
        let mut later = Box::pin(courses.write(async move { Ok(ended.try_recv()?) }));
        assert!(is_pending(later.as_mut()).await);
        // Reads don't wait for it.
        courses
            .read(async { Ok(()) })
            .await
            .expect("there is a place");
        tell.send(()).expect("it goes on");
        later.await.expect("the first has ended");
    }

    #[tokio::test]
    async fn one_that_is_late_goes_on_and_keeps_its_place() {
        let courses = courses(1, Duration::from_millis(1));
        let (tell, ended, first) = told();
        let late = courses.read(first).await.expect_err("it is late");
        assert_eq!(late.to_string(), "no answer within 1ms");
        let second = courses.read(async { Ok(()) }).await;
        second.expect_err("there is no place");
        tell.send(()).expect("it goes on");
        ended.await.expect("it ends");
        let place = courses.places.acquire().await;
        drop(place.expect("its place is free"));
    }
}
