//! Work for all cores.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow};

/// Runs `work` on as many threads as there are cores, but no more than `tasks`.
///
/// # Errors
/// What the first of them met.
pub fn on_all_cores<T: Send>(tasks: usize, work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(tasks.max(1));
    on_threads(cores, work)
}

/// Runs `work` on so many threads.
///
/// # Errors
/// What the first of them met.
pub fn on_threads<T: Send>(threads: usize, work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        threads.into_iter().map(|t| t.join().map_err(|_| anyhow!("a thread broke down"))?).collect()
    })
}

/// Maps `items` on all cores, each thread a chunk of at least `least` of them; the order stays.
///
/// # Errors
/// What the first of the threads met.
pub fn in_chunks<T: Sync, U: Send>(
    items: &[T],
    least: usize,
    work: impl Fn(&[T]) -> Result<Vec<U>> + Sync,
) -> Result<Vec<U>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let chunk = items.len().div_ceil(cores).max(least).max(1);
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

/// Hands out tasks one by one, and none after a failure.
pub struct Tasks<'a, T> {
    tasks: &'a [T],
    next: AtomicUsize,
}

impl<'a, T> Tasks<'a, T> {
    pub fn new(tasks: &'a [T]) -> Self {
        Tasks { tasks, next: AtomicUsize::new(0) }
    }

    /// Does tasks until none is left; a failure ends it for all threads.
    ///
    /// # Errors
    /// What `work` meets.
    pub fn each(&self, mut work: impl FnMut(&'a T) -> Result<()>) -> Result<()> {
        while let Some(task) = self.tasks.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            work(task).inspect_err(|_| self.next.store(self.tasks.len(), Ordering::Relaxed))?;
        }
        Ok(())
    }
}
