//! Compares the operator with the aggregation of DataFusion on the same rows.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext, ident};
use proptest::prelude::*;

use super::UseSortedAggregate;

/// User, cell and number.
type Row = (u8, Option<u8>, Option<i64>);

const QUERIES: [&str; 6] = [
    "SELECT user_id, COUNT(DISTINCT cell_id) AS cells FROM t GROUP BY user_id",
    "SELECT cell_id, COUNT(DISTINCT user_id) AS users FROM t GROUP BY cell_id",
    "SELECT user_id, cell_id, SUM(n) AS s, MIN(n) AS a, MAX(n) AS z, COUNT(n) AS c, AVG(n) AS m \
     FROM t GROUP BY user_id, cell_id",
    "SELECT user_id, COUNT(*) FILTER (WHERE n > 2) AS c FROM t GROUP BY user_id",
    "SELECT DISTINCT n, user_id FROM t WHERE cell_id IS NOT NULL",
    "SELECT cells, COUNT(*) AS users FROM (SELECT user_id, COUNT(DISTINCT cell_id) AS cells FROM t \
     GROUP BY user_id) AS c GROUP BY cells",
];

fn batch(rows: &[Row]) -> RecordBatch {
    // too long to be stored inline in a string view
    let users = rows.iter().map(|r| format!("a user with a long name {:03}", r.0));
    let cells = rows.iter().map(|r| r.1.map(|c| format!("cell{}{c}", "x".repeat(c as usize % 16))));
    let columns: [(&str, ArrayRef); 3] = [
        ("user_id", Arc::new(StringViewArray::from_iter_values(users))),
        ("cell_id", Arc::new(StringViewArray::from_iter(cells))),
        ("n", Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.2)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

/// The plan of a query, and its rows as sorted lines.
async fn answer(batches: &[RecordBatch], sql: &str, use_operator: bool) -> (String, Vec<String>) {
    let config = SessionConfig::new().with_target_partitions(1).with_batch_size(4);
    let mut state = SessionStateBuilder::new().with_config(config).with_default_features();
    if use_operator {
        state = state.with_physical_optimizer_rule(Arc::new(UseSortedAggregate));
    }
    let context = SessionContext::new_with_state(state.build());
    let table = MemTable::try_new(batches[0].schema(), vec![batches.to_vec()])
        .unwrap()
        .with_sort_order(vec![vec![ident("user_id").sort(true, false)]]);
    context.register_table("t", Arc::new(table)).unwrap();
    let frame = context.sql(sql).await.unwrap();
    let plan = frame.clone().create_physical_plan().await.unwrap();
    let plan = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
    let text = pretty_format_batches(&frame.collect().await.unwrap()).unwrap().to_string();
    let mut lines: Vec<String> =
        text.lines().filter(|l| l.starts_with('|')).map(str::to_owned).collect();
    lines.sort();
    (plan, lines)
}

proptest! {
    // each case runs two queries
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 5))]

    #[test]
    fn rows_equal_those_of_the_datafusion_aggregation(
        mut rows in prop::collection::vec(
            (0u8..6, prop::option::weighted(0.9, 0u8..50), prop::option::weighted(0.9, 0i64..5)),
            1..400),
        cut in 1usize..90,
    ) {
        rows.sort_by_key(|r| r.0);
        let batches: Vec<RecordBatch> = rows.chunks(cut).map(batch).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for sql in QUERIES {
            let (plan, found) = runtime.block_on(answer(&batches, sql, true));
            let (_, expected) = runtime.block_on(answer(&batches, sql, false));
            prop_assert!(plan.contains("SortedAggregateExec"), "{}", plan);
            prop_assert_eq!(found, expected, "{}", sql);
        }
    }
}
