//! The memory pool that the operators of a session share.

use std::fmt;

use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// A pool with a limit beyond which operators write to temporary files, except those that hand over rows
/// between partitions.
///
/// In DataFusion 55, two inputs of such an operator that both write to files can block each other for ever
/// (<https://github.com/apache/datafusion/issues/24883>). They keep few batches, as they wait for their readers, and
/// are not counted: the engine counts texts that batches share once for each batch, so that a few would fill the pool.
#[derive(Debug)]
pub struct SpillPool(FairSpillPool);

impl SpillPool {
    /// A pool of a number of bytes.
    pub fn new(bytes: usize) -> Self {
        SpillPool(FairSpillPool::new(bytes))
    }
}

/// True for an operator that hands over rows between partitions.
fn hands_over(consumer: &MemoryConsumer) -> bool {
    consumer.name().starts_with("RepartitionExec[")
}

impl MemoryPool for SpillPool {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if !hands_over(consumer) {
            self.0.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if !hands_over(consumer) {
            self.0.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if !hands_over(reservation.consumer()) {
            self.0.grow(reservation, additional);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if !hands_over(reservation.consumer()) {
            self.0.shrink(reservation, shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        match hands_over(reservation.consumer()) {
            true => Ok(()),
            false => self.0.try_grow(reservation, additional),
        }
    }

    fn reserved(&self) -> usize {
        self.0.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.0.memory_limit()
    }
}

impl fmt::Display for SpillPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// A session whose partitions write to files after few batches.
    async fn session() -> SessionContext {
        let config = SessionConfig::new().with_batch_size(64).with_target_partitions(2);
        let everything = SessionContext::new_with_config(config.clone());
        let rows = "SELECT v % 13 AS place, md5(CAST(v % 337 AS VARCHAR)) AS device \
                    FROM generate_series(1, 40000) AS s(v)";
        let rows = everything.sql(rows).await.unwrap().collect().await.unwrap();
        let pool = Arc::new(SpillPool::new(2 << 20));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
        let session = SessionContext::new_with_config_rt(config, runtime);
        let table = session.read_batches(rows).unwrap().into_view();
        session.register_table("events", table).unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn partitions_that_exceed_the_limit_do_not_block_each_other() {
        let session = session().await;
        let sql = "SELECT place, COUNT(DISTINCT device) AS devices FROM events GROUP BY place";
        for _ in 0..12 {
            let rows = async { session.sql(sql).await.unwrap().collect().await.unwrap() };
            let rows = tokio::time::timeout(Duration::from_secs(60), rows).await;
            let rows: usize = rows.expect("the query ends").iter().map(|b| b.num_rows()).sum();
            assert_eq!(rows, 13);
        }
    }

    #[test]
    fn rows_that_are_handed_over_leave_the_limit_to_other_operators() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SpillPool::new(100));
        let consumer = |name: &str, can_spill| {
            MemoryConsumer::new(name).with_can_spill(can_spill).register(&pool)
        };
        let handed_over = consumer("RepartitionExec[0]", true);
        handed_over.try_grow(1_000).unwrap();
        let join = consumer("HashJoinInput[0]", false);
        join.try_grow(90).unwrap();
        assert!(join.try_grow(20).is_err());
        drop(handed_over);
        assert_eq!(pool.reserved(), 90);
    }
}
