//! Threads that take work from one queue.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::BoxError;
use crate::lock::lock;

/// Threads and the queue before them, which has room for so much and no more. Dropping it waits for
/// what the threads have begun; what is still in the queue is given up.
pub(super) struct Crew<J> {
    queue: Arc<Queue<J>>,
    room: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

struct Queue<J> {
    line: Mutex<Line<J>>,
    arrived: Condvar,
}

struct Line<J> {
    jobs: VecDeque<J>,
    open: bool,
    /// Threads that wait and weren't woken yet.
    idle: usize,
    threads: usize,
}

impl<J: Send + 'static> Crew<J> {
    /// The room of the queue, in bytes.
    const ROOM: u32 = 64 << 20;

    /// What a job takes besides its own bytes: bounds their number.
    const JOB: u32 = 4096;

    /// Starts a thread for each of these workers.
    pub(super) fn start<W>(name: &str, workers: Vec<W>) -> io::Result<Self>
    where
        W: FnMut(Vec<J>) + Send + 'static,
    {
        let line = Line {
            jobs: VecDeque::new(),
            open: true,
            idle: 0,
            threads: workers.len(),
        };
        let mut crew = Self {
            queue: Arc::new(Queue {
                line: Mutex::new(line),
                arrived: Condvar::new(),
            }),
            room: Arc::new(Semaphore::new(Self::ROOM as usize)),
            threads: Vec::new(),
        };
        for mut worker in workers {
            let queue = Closing(Arc::clone(&crew.queue));
            let thread = thread::Builder::new().name(name.to_owned());
            let thread = thread.spawn(move || {
                while let Some(jobs) = queue.0.take() {
                    worker(jobs);
                }
            })?;
            crew.threads.push(thread);
        }
        Ok(crew)
    }

    /// Waits for room for a job of so many bytes, first come, first served. One that is larger than
    /// the queue waits until that is empty.
    pub(super) async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BoxError> {
        let bytes = u32::try_from(bytes).unwrap_or(Self::ROOM);
        let bytes = bytes.saturating_add(Self::JOB).min(Self::ROOM);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        room.map_err(Into::into)
    }

    /// Puts a job in the queue; it holds its room until it is dropped.
    pub(super) fn push(&self, job: J) {
        let mut line = lock(&self.queue.line);
        // Without threads it is dropped, and with it the sender of its answer.
        if line.open {
            line.jobs.push_back(job);
            let idle = line.idle;
            line.idle = idle.saturating_sub(1);
            drop(line);
            if idle > 0 {
                self.queue.arrived.notify_one();
            }
        }
    }
}

impl<J> Queue<J> {
    /// The most that one of several threads takes at once, so that none has all of the slow jobs.
    const SHARE: usize = 8;

    /// What is in the queue, or this thread's share of it; waits for something. `None` when the
    /// queue is closed.
    fn take(&self) -> Option<Vec<J>> {
        let mut line = lock(&self.line);
        while line.open && line.jobs.is_empty() {
            line.idle += 1;
            let woken = self.arrived.wait(line);
            line = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let share = match line.threads {
            0 | 1 => line.jobs.len(),
            threads => line.jobs.len().div_ceil(threads).min(Self::SHARE),
        };
        line.open.then(|| line.jobs.drain(..share).collect())
    }

    fn close(&self) {
        let mut line = lock(&self.line);
        line.open = false;
        let given_up = std::mem::take(&mut line.jobs);
        drop(line);
        self.arrived.notify_all();
        drop(given_up);
    }
}

/// Closes the queue when a thread ends, so that nobody waits for one that panicked.
struct Closing<J>(Arc<Queue<J>>);

impl<J> Drop for Closing<J> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<J> Drop for Crew<J> {
    fn drop(&mut self) {
        self.queue.close();
        let own = thread::current().id();
        for thread in self.threads.drain(..) {
            if thread.thread().id() != own {
                // If it panicked, there is nothing left to do.
                let _ = thread.join();
            }
        }
    }
}

impl<J> fmt::Debug for Crew<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// A crew of one that takes its time, and what it takes. It begins to take when it is told to.
    fn crew() -> (Crew<u32>, mpsc::Sender<()>, mpsc::Receiver<Vec<u32>>) {
        let (go, gone) = mpsc::channel();
        let (taken, seen) = mpsc::channel();
        let worker = move |jobs| {
            let _ = taken.send(jobs);
            let _ = gone.recv();
        };
        let crew = Crew::start("test", vec![worker]).expect("threads can be started");
        (crew, go, seen)
    }

    #[test]
    fn what_queued_up_is_taken_at_once_and_in_order() {
        let (crew, go, seen) = crew();
        crew.push(0);
        assert_eq!(seen.recv(), Ok(vec![0]));
        (1..4).for_each(|job| crew.push(job));
        go.send(()).expect("the thread waits");
        assert_eq!(seen.recv(), Ok(vec![1, 2, 3]));
        crew.push(4);
        drop(go);
        assert!(seen.recv().is_ok());
        drop(crew);
        assert!(seen.recv().is_err(), "the thread is gone");
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_bytes_and_jobs() {
        let (crew, _go, _seen) = crew();
        let soon = async |bytes| {
            let room = crew.room(bytes);
            tokio::time::timeout(Duration::from_millis(20), room).await
        };
        let large = soon(60 << 20).await.expect("the queue is empty");
        assert!(soon(8 << 20).await.is_err());
        assert!(soon(1 << 20).await.is_ok());
        drop(large);
        assert!(
            soon(usize::MAX).await.is_ok(),
            "by itself there is always room"
        );
        let mut small = Vec::new();
        while let Ok(room) = soon(0).await {
            small.push(room);
        }
        assert_eq!(small.len(), (64 << 20) / 4096);
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let worker = |_: Vec<tokio::sync::oneshot::Sender<()>>| panic!("on purpose");
        let crew = Crew::start("test", vec![worker]).expect("threads can be started");
        for _ in 0..2 {
            let (answer, outcome) = tokio::sync::oneshot::channel();
            crew.push(answer);
            assert!(outcome.blocking_recv().is_err());
        }
    }
}
