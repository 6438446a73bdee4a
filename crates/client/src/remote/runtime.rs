//! The small runtime under all network code. Comes in: futures. Goes out: their results. Must not
//! know: what they do.
//!
//! The library is blocking to its users; inside, requests are futures on two worker threads, so
//! that a handful of uploads is in flight while the caller's thread reads and seals.

use std::future::Future;

use tokio::task::JoinHandle;

/// Worker threads. Network code waits more than it works; sealing happens on the caller's threads.
const WORKERS: usize = 2;

/// Two worker threads that drive all requests. Ends them when dropped, without waiting.
#[derive(Debug)]
pub struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// Starts the workers. Fails where the system gives no threads or no poll descriptor.
    pub fn new() -> std::io::Result<Self> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(4) // name look-ups only
            .thread_name("strongroom-net")
            .enable_all()
            .build()
            .map(|runtime| Self(Some(runtime)))
    }

    /// Runs one future to its end on the caller's thread. Not to be called from within a future.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.inner().block_on(future)
    }

    /// Starts a future on the workers.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.inner().spawn(future)
    }

    fn inner(&self) -> &tokio::runtime::Runtime {
        // INVARIANT: only `drop` takes it out.
        self.0.as_ref().expect("the runtime is there until it is dropped")
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // A name look-up that hangs in the system must not hold up the end of a command.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
