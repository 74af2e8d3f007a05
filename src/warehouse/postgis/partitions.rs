//! Leaves: the tables that hold the rows of one date, or of all raw events, as one load wrote them.
//!
//! A new partition is filled beside, seen by nobody, and attached under locks that stop no reader. It
//! counts when `mobility_leaf` says so. The partition that it replaces stays until the next load, for
//! readers whose snapshot is older; then it goes, with the pseudonyms that only it had.

use anyhow::Result;
use chrono::NaiveDate;
use postgres::{Client, Transaction};

use super::server_errors::failed;
use crate::progress::Progress;

/// What the rows of a partition are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionKind {
    /// Hourly presence of one date.
    Presence(NaiveDate),
    /// Raw events.
    Event,
}

impl PartitionKind {
    fn word(self) -> &'static str {
        match self {
            PartitionKind::Presence(_) => "presence",
            PartitionKind::Event => "event",
        }
    }

    fn date(self) -> Option<NaiveDate> {
        match self {
            PartitionKind::Presence(date) => Some(date),
            PartitionKind::Event => None,
        }
    }
}

/// A partition that was filled and waits to count.
#[derive(Debug, Clone)]
pub struct Partition {
    pub kind: PartitionKind,
    pub number: i32,
    /// Of the files it was filled from.
    pub mark: String,
    pub rows: u64,
}

/// A partition that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivePartition {
    pub date: Option<NaiveDate>,
    pub mark: String,
    pub rows: u64,
}

/// Name of a partition's table. IdMap and dates need no quotes.
fn table(kind: PartitionKind, number: i32) -> String {
    format!("mobility_{}_{number}", kind.word())
}

/// Name of the table above the partitions of a date.
fn date_table(date: NaiveDate) -> String {
    format!("mobility_presence_d{}", date.format("%Y%m%d"))
}

/// The partitions that count.
///
/// # Errors
/// What the server says.
pub fn active(client: &mut Client) -> Result<Vec<ActivePartition>> {
    let sql = "SELECT date, mark, row_count FROM mobility_leaf WHERE retired_by IS NULL";
    let rows = client.query(sql, &[]).map_err(failed)?;
    let partition = |r: &postgres::Row| ActivePartition {
        date: r.get(0),
        mark: r.get(1),
        rows: u64::try_from(r.get::<_, i64>(2)).unwrap_or_default(),
    };
    Ok(rows.iter().map(partition).collect())
}

/// Creates an empty partition; gives its number and the `COPY` that fills it.
///
/// # Errors
/// What the server says.
pub fn create(client: &mut Client, kind: PartitionKind) -> Result<(i32, String)> {
    let number: i32 = client
        .query_one(
            "SELECT nextval(pg_get_serial_sequence('mobility_leaf', 'leaf_no'))::integer",
            &[],
        )
        .map_err(failed)?
        .get(0);
    let name = table(kind, number);
    // the check spares the scan that attaching would make, the defaults two fields of every row
    let (columns, sql) = match kind {
        PartitionKind::Presence(date) => (
            "user_no, cell_no, first_seen, last_seen, event_count, two_places",
            format!(
                "CREATE TABLE {name} (LIKE mobility_presence); \
                 ALTER TABLE {name} ALTER date SET DEFAULT '{date}', ALTER leaf_no SET DEFAULT {number}, \
                 ADD CHECK (date IS NOT NULL AND date = '{date}' AND leaf_no IS NOT NULL AND leaf_no = {number})"
            ),
        ),
        PartitionKind::Event => (
            "user_no, cell_no, \"timestamp\"",
            format!(
                "CREATE TABLE {name} (LIKE mobility_event); \
                 ALTER TABLE {name} ALTER leaf_no SET DEFAULT {number}, \
                 ADD CHECK (leaf_no IS NOT NULL AND leaf_no = {number})"
            ),
        ),
    };
    client.batch_execute(&sql).map_err(failed)?;
    Ok((number, format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)")))
}

/// Indexes a filled partition and puts it under its parent, where it is still passed over.
///
/// # Errors
/// What the server says.
pub fn attach(client: &mut Client, partition: &Partition) -> Result<()> {
    let name = table(partition.kind, partition.number);
    let number = partition.number;
    let sql = match partition.kind {
        PartitionKind::Presence(date) => {
            let above = date_table(date);
            let there = client
                .query_one("SELECT to_regclass($1) IS NOT NULL", &[&above])
                .map_err(failed)?
                .get::<_, bool>(0);
            let create = format!(
                "CREATE TABLE {above} (LIKE mobility_presence) PARTITION BY LIST (leaf_no); \
                 ALTER TABLE mobility_presence ATTACH PARTITION {above} FOR VALUES IN ('{date}');"
            );
            format!(
                "CREATE INDEX ON {name} (user_no); {} \
                 ALTER TABLE {above} ATTACH PARTITION {name} FOR VALUES IN ({number})",
                if there { "" } else { &create }
            )
        }
        PartitionKind::Event => {
            format!("ALTER TABLE mobility_event ATTACH PARTITION {name} FOR VALUES IN ({number})")
        }
    };
    client.batch_execute(&sql).map_err(failed)
}

/// Gathers the statistics that the server plans by. Those of the whole table go through every partition,
/// so one day that is added to many others is looked at alone.
///
/// # Errors
/// What the server says.
pub fn analyze(client: &mut Client, new: &[Partition], before: usize) -> Result<()> {
    let mut tables = vec!["mobility_user".to_owned(), "mobility_cell".to_owned()];
    let whole = new.len() * 10 >= before;
    if whole {
        tables.push("mobility_presence".to_owned());
    }
    let alone = new.iter().filter(|partition| !whole || partition.kind == PartitionKind::Event);
    tables.extend(alone.map(|partition| table(partition.kind, partition.number)));
    client.batch_execute(&format!("ANALYZE {}", tables.join(", "))).map_err(failed)
}

/// Lets the new partitions count, in the place of those of the same date; whatever is not among `keep`
/// retires too. `None` stands for the raw events. Returns how many retired.
///
/// # Errors
/// What the server says.
pub fn activate(
    transaction: &mut Transaction,
    load_no: i32,
    new: &[Partition],
    keep: &[Option<NaiveDate>],
) -> Result<usize> {
    let mut retired = 0;
    for partition in transaction
        .query("SELECT leaf_no, date FROM mobility_leaf WHERE retired_by IS NULL", &[])
        .map_err(failed)?
    {
        let (number, date): (i32, Option<NaiveDate>) = (partition.get(0), partition.get(1));
        if new.iter().any(|l| l.kind.date() == date) || !keep.contains(&date) {
            retired += 1;
            transaction
                .execute(
                    "UPDATE mobility_leaf SET retired_by = $2 WHERE leaf_no = $1",
                    &[&number, &load_no],
                )
                .map_err(failed)?;
        }
    }
    for partition in new {
        let rows = i64::try_from(partition.rows).unwrap_or(i64::MAX);
        transaction
            .execute(
                "INSERT INTO mobility_leaf (leaf_no, kind, date, mark, row_count) VALUES ($1, $2, $3, $4, $5)",
                &[&partition.number, &partition.kind.word(), &partition.kind.date(), &partition.mark, &rows],
            )
            .map_err(failed)?;
    }
    Ok(retired)
}

/// A table of a partition, and where it hangs.
struct Hanging {
    table: String,
    number: i32,
    parent: Option<String>,
    /// An earlier attempt to take it off was broken off.
    pending: bool,
}

/// Removes partitions that earlier loads retired, and what loads left that were broken off.
/// Whatever a reader holds on to is left for the next time.
///
/// # Errors
/// A server that went away; a partition that cannot be removed is no error.
pub fn sweep(client: &mut Client, progress: &Progress) -> Result<()> {
    client.batch_execute("SET lock_timeout = '10s'").map_err(failed)?;
    for partition in useless(client)? {
        if let Err(error) = remove(client, &partition) {
            progress
                .detail(&format!("load: {} stays until the next load: {error:#}", partition.table));
        }
    }
    client.batch_execute("RESET lock_timeout").map_err(failed)
}

fn useless(client: &mut Client) -> Result<Vec<Hanging>> {
    let rows = client
        .query(
            "SELECT c.relname::text, substring(c.relname FROM '[0-9]+$')::integer AS number, \
               p.relname::text, coalesce(i.inhdetachpending, false) \
             FROM pg_class c \
             LEFT JOIN pg_inherits i ON i.inhrelid = c.oid \
             LEFT JOIN pg_class p ON p.oid = i.inhparent \
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
               AND c.relname ~ '^mobility_(presence|event)_[0-9]{1,9}$' \
               AND NOT EXISTS (SELECT FROM mobility_leaf f \
                 WHERE f.leaf_no = substring(c.relname FROM '[0-9]+$')::integer \
                   AND f.retired_by IS NULL)",
            &[],
        )
        .map_err(failed)?;
    let hanging = |r: &postgres::Row| Hanging {
        table: r.get(0),
        number: r.get(1),
        parent: r.get(2),
        pending: r.get(3),
    };
    Ok(rows.iter().map(hanging).collect())
}

fn remove(client: &mut Client, partition: &Hanging) -> Result<()> {
    let Hanging { table, number, .. } = partition;
    if let Some(parent) = &partition.parent {
        let how = if partition.pending { "FINALIZE" } else { "CONCURRENTLY" };
        client
            .batch_execute(&format!("ALTER TABLE {parent} DETACH PARTITION {table} {how}"))
            .map_err(failed)?;
    }
    let mut transaction = client.transaction().map_err(failed)?;
    // pseudonyms that stand in no other partition have no reason to be kept
    transaction
        .batch_execute(&format!(
            "DELETE FROM mobility_user u USING (SELECT DISTINCT user_no FROM {table}) g \
             WHERE u.user_no = g.user_no \
               AND NOT EXISTS (SELECT FROM mobility_presence p WHERE p.user_no = g.user_no) \
               AND NOT EXISTS (SELECT FROM mobility_event e WHERE e.user_no = g.user_no); \
             DROP TABLE {table}"
        ))
        .map_err(failed)?;
    transaction
        .execute("DELETE FROM mobility_leaf WHERE leaf_no = $1", &[number])
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}
