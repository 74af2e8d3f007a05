//! Deletes the pseudonyms of users that occur in no partition any more.
//!
//! They are among the users of the partitions that go. Each of these is looked up by itself, up to the first
//! partition that has it, so that no other partition is read as a whole.

use anyhow::Result;
use chrono::NaiveDate;
use postgres::Transaction;

use super::names::SchemaName;
use super::relations::column_types;
use super::server_errors::failed;

/// Deletes the pseudonyms of users in the temporary table `mobility_gone` that occur neither in hourly
/// presence, since the date `from` if there is one, nor in raw events.
///
/// # Errors
/// Errors of the server.
pub fn delete(
    transaction: &mut Transaction,
    schema: &SchemaName,
    from: Option<NaiveDate>,
) -> Result<()> {
    let sql = "DELETE FROM {schema}.mobility_user u USING ( \
                 SELECT DISTINCT g.user_no FROM pg_temp.mobility_gone g \
                 LEFT JOIN LATERAL ( \
                   SELECT true AS found FROM {schema}.mobility_presence p \
                   WHERE p.user_no = g.user_no AND ($1::date IS NULL OR p.date >= $1) LIMIT 1 \
                 ) AS p ON true \
                 WHERE p.found IS NULL \
                   AND NOT EXISTS (SELECT FROM {schema}.mobility_event e WHERE e.user_no = g.user_no) \
               ) AS unused WHERE u.user_no = unused.user_no";
    transaction.execute(&schema.fill(sql), &[&from]).map_err(failed).map(drop)
}

/// Deletes the pseudonyms of the users of a detached partition that occur in no other one. Most of them
/// occur in the partition that took its place.
///
/// # Errors
/// Errors of the server.
pub fn delete_those_of(
    transaction: &mut Transaction,
    schema: &SchemaName,
    partition: &str,
) -> Result<()> {
    let is_of_date =
        column_types(transaction, Some(schema), partition)?.iter().any(|c| c.0 == "date");
    let partition = schema.relation(partition);
    let successor: Option<i64> = match is_of_date {
        true => {
            let sql = "SELECT f.leaf_no FROM {schema}.mobility_leaf f \
                       WHERE f.retired_by IS NULL AND f.kind = 'presence' AND f.date = \
                         (SELECT date FROM {partition} LIMIT 1)";
            let sql = schema.fill(&sql.replace("{partition}", &partition));
            transaction.query_opt(&sql, &[]).map_err(failed)?.map(|row| row.get(0))
        }
        false => None,
    };
    let mut gone = format!("SELECT user_no FROM {partition} WHERE user_no IS NOT NULL");
    if let Some(number) = successor {
        let active = schema.relation(&format!("mobility_presence_{number}"));
        gone.push_str(&format!(" EXCEPT SELECT user_no FROM {active}"));
    }
    let create = format!(
        "CREATE TEMP TABLE mobility_gone ON COMMIT DROP AS SELECT DISTINCT user_no FROM ({gone}) AS g"
    );
    match transaction.execute(&create, &[]).map_err(failed)? {
        0 => Ok(()),
        _ => delete(transaction, schema, None),
    }
}
