//! Work distributed over all cores.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow};

/// The number of cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `work` on one thread per core, but on no more than `tasks` threads.
///
/// # Errors
/// The first error of a thread.
pub fn on_all_cores<T: Send>(tasks: usize, work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    on_threads(cores().min(tasks.max(1)), work)
}

/// Runs `work` on the given number of threads.
///
/// # Errors
/// The first error of a thread.
pub fn on_threads<T: Send>(threads: usize, work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        threads
            .into_iter()
            .map(|t| t.join().map_err(|_| anyhow!("a worker thread panicked"))?)
            .collect()
    })
}

/// Maps `items` on all cores in chunks of at least `min_chunk` items; the order is preserved.
///
/// # Errors
/// The first error of a thread.
pub fn in_chunks<T: Sync, U: Send>(
    items: &[T],
    min_chunk: usize,
    work: impl Fn(&[T]) -> Result<Vec<U>> + Sync,
) -> Result<Vec<U>> {
    // finding out the number of cores takes several system calls
    if items.len() <= min_chunk {
        return work(items);
    }
    let chunk = items.len().div_ceil(cores()).max(min_chunk).max(1);
    if chunk >= items.len() {
        return work(items);
    }
    let chunks: Vec<(usize, &[T])> = items.chunks(chunk).enumerate().collect();
    let tasks = Tasks::new(&chunks);
    let done = on_all_cores(chunks.len(), || {
        let mut parts = Vec::new();
        tasks.each(|(number, chunk)| {
            parts.push((*number, work(chunk)?));
            Ok(())
        })?;
        Ok(parts)
    })?;
    let mut parts: Vec<_> = done.into_iter().flatten().collect();
    parts.sort_unstable_by_key(|(number, _)| *number);
    Ok(parts.into_iter().flat_map(|(_, part)| part).collect())
}

/// A queue of tasks shared by threads; after a failure it hands out no more.
pub struct Tasks<'a, T> {
    tasks: &'a [T],
    next: AtomicUsize,
}

impl<'a, T> Tasks<'a, T> {
    pub fn new(tasks: &'a [T]) -> Self {
        Tasks { tasks, next: AtomicUsize::new(0) }
    }

    /// Calls `work` with one task after the other until none is left; a failure ends this for all
    /// threads.
    ///
    /// # Errors
    /// The error of `work`.
    pub fn each(&self, mut work: impl FnMut(&'a T) -> Result<()>) -> Result<()> {
        while let Some(task) = self.tasks.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            work(task).inspect_err(|_| self.next.store(self.tasks.len(), Ordering::Relaxed))?;
        }
        Ok(())
    }
}
