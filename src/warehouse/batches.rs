//! Consecutive pieces of work of limited size, which are done together.

/// Splits consecutive items into batches of limited size; a larger item is a batch by itself.
pub fn batches<T>(items: &[T], most: u64, size: impl Fn(&T) -> u64) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut sum: u64 = 0;
        let fits = |item: &&T| {
            sum = sum.saturating_add(size(item));
            sum <= most
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (batch, others) = rest.split_at(count.min(rest.len()));
        rest = others;
        (!batch.is_empty()).then_some(batch)
    })
}
