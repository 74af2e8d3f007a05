//! Partitions: the tables with the rows of one date, or with all raw events, as one load wrote them.
//!
//! A new partition is filled as a separate table that no reader sees, and attached under locks that
//! block no reader. It becomes active when the table `mobility_leaf` lists it; that table keeps its
//! name so that existing databases stay readable. The partition that it replaces is kept until the
//! next load, for readers with an older snapshot. Then it is dropped, together with the pseudonyms of
//! users that occur in no other partition.

use anyhow::Result;
use chrono::NaiveDate;
use postgres::{Client, GenericClient, Transaction};

use super::copy::CopyIn;
use super::encode::Encoder;
use super::grants::Grants;
use super::names::SchemaName;
use super::relations;
use super::server_errors::failed;
use super::unused_users;
use crate::progress::Progress;

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionKind {
    /// Hourly presence of one date.
    Presence(NaiveDate),
    /// Raw events.
    Event,
}

impl PartitionKind {
    fn name(self) -> &'static str {
        match self {
            PartitionKind::Presence(_) => "presence",
            PartitionKind::Event => "event",
        }
    }

    /// Name of the table that all partitions of the kind belong to.
    fn parent(self) -> &'static str {
        match self {
            PartitionKind::Presence(_) => "mobility_presence",
            PartitionKind::Event => "mobility_event",
        }
    }

    fn date(self) -> Option<NaiveDate> {
        match self {
            PartitionKind::Presence(date) => Some(date),
            PartitionKind::Event => None,
        }
    }
}

/// A partition that has been filled but is not active yet.
#[derive(Debug, Clone)]
pub struct Partition {
    pub kind: PartitionKind,
    pub number: i64,
    /// Fingerprint of the files it was filled from.
    pub fingerprint: String,
    pub rows: u64,
}

/// A partition whose rows readers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivePartition {
    pub date: Option<NaiveDate>,
    pub fingerprint: String,
    pub rows: u64,
}

/// Name of the table of a partition.
fn table(kind: PartitionKind, number: i64) -> String {
    format!("mobility_{}_{number}", kind.name())
}

/// Name of the parent table of the partitions of a date.
fn date_table(date: NaiveDate) -> String {
    format!("mobility_presence_d{}", date.format("%Y%m%d"))
}

/// The active partitions.
///
/// # Errors
/// Errors of the server.
pub fn active(client: &mut Client, schema: &SchemaName) -> Result<Vec<ActivePartition>> {
    let sql = schema
        .fill("SELECT date, mark, row_count FROM {schema}.mobility_leaf WHERE retired_by IS NULL");
    let rows = client.query(&sql, &[]).map_err(failed)?;
    let partition = |r: &postgres::Row| ActivePartition {
        date: r.get(0),
        fingerprint: r.get(1),
        rows: u64::try_from(r.get::<_, i64>(2)).unwrap_or_default(),
    };
    Ok(rows.iter().map(partition).collect())
}

/// For statistics from a sample of a quarter of the usual size: that suffices to tell how many rows a user, a cell
/// or an hour has, and takes a quarter of the time, for each partition and once more for all of them.
pub const SMALL_SAMPLE: &str = "SET LOCAL default_statistics_target = 25";

/// The columns of hourly presence that rows are copied into.
const PRESENCE: &str = "user_no, cell_no, first_seen, last_seen, event_count, two_places";
/// Further columns of the few rows with events at two places at once and with others.
const PLACED: &str = "placed_first, placed_last";

/// A partition that is yet to be created.
#[derive(Debug, Clone)]
pub struct Planned {
    pub number: i64,
    /// The statements that create it, and the one that fills it.
    create: String,
    copy: String,
}

impl Planned {
    /// Creates the partition, which any number of connections may then fill.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn create(&self, client: &mut Client) -> Result<()> {
        client.batch_execute(&self.create).map_err(failed)
    }

    /// Starts to copy rows into the partition, which exists.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn copy<'a, C: GenericClient>(&self, client: &'a mut C) -> Result<CopyIn<'a>> {
        CopyIn::start(client, &format!("{} (FORMAT binary)", self.copy))
    }

    /// Copies rows with times of placed events; returns their number.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn copy_placed(&self, transaction: &mut Transaction, rows: Encoder) -> Result<u64> {
        if CopyIn::is_empty(&rows) {
            return Ok(0);
        }
        let copy = self.copy.replace(PRESENCE, &format!("{PRESENCE}, {PLACED}"));
        CopyIn::start_with(transaction, &format!("{copy} (FORMAT binary)"), rows)?.finish()
    }

    /// Creates the partition in a transaction and starts to copy its rows. They need no vacuum later, no reader has
    /// to mark them as visible, and with `wal_level = minimal` they are not written twice.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn create_and_copy<'a>(&self, transaction: &'a mut Transaction) -> Result<CopyIn<'a>> {
        transaction.batch_execute(&self.create).map_err(failed)?;
        CopyIn::start(transaction, &format!("{} (FORMAT binary, FREEZE)", self.copy))
    }
}

/// Plans an empty partition.
///
/// # Errors
/// Errors of the server.
pub fn plan(client: &mut Client, schema: &SchemaName, kind: PartitionKind) -> Result<Planned> {
    let number: i64 = client
        .query_one(
            "SELECT nextval(pg_get_serial_sequence($1, 'leaf_no'))",
            &[&schema.relation("mobility_leaf")],
        )
        .map_err(failed)?
        .get(0);
    let name = schema.relation(&table(kind, number));
    let parent = schema.relation(kind.parent());
    // the check constraint avoids a scan when attaching, the defaults avoid sending two fields per row
    let (columns, sql) = match kind {
        PartitionKind::Presence(date) => (
            PRESENCE,
            format!(
                "CREATE TABLE {name} (LIKE {parent}); \
                 ALTER TABLE {name} ALTER date SET DEFAULT '{date}', ALTER leaf_no SET DEFAULT {number}, \
                 ADD CHECK (date IS NOT NULL AND date = '{date}' AND leaf_no IS NOT NULL AND leaf_no = '{number}')"
            ),
        ),
        PartitionKind::Event => (
            "user_no, cell_no, \"timestamp\"",
            format!(
                "CREATE TABLE {name} (LIKE {parent}); \
                 ALTER TABLE {name} ALTER leaf_no SET DEFAULT {number}, \
                 ADD CHECK (leaf_no IS NOT NULL AND leaf_no = '{number}')"
            ),
        ),
    };
    let grants = Grants::on(client, schema, kind.parent())?.statements(&name);
    let copy = format!("COPY {name} ({columns}) FROM STDIN");
    Ok(Planned { number, create: format!("{sql}; {grants}"), copy })
}

/// Indexes a filled partition and attaches it to its parent, where it is ignored until activated.
///
/// # Errors
/// Errors of the server.
pub fn attach(client: &mut Client, schema: &SchemaName, partition: &Partition) -> Result<()> {
    let name = schema.relation(&table(partition.kind, partition.number));
    let parent = schema.relation(partition.kind.parent());
    let number = partition.number;
    let sql = match partition.kind {
        PartitionKind::Presence(date) => {
            let exists = relations::exists(client, schema, &date_table(date))?;
            let of_date = schema.relation(&date_table(date));
            let grants = Grants::on(client, schema, partition.kind.parent())?.statements(&of_date);
            let create = format!(
                "CREATE TABLE {of_date} (LIKE {parent}) PARTITION BY LIST (leaf_no); {grants} \
                 ALTER TABLE {parent} ATTACH PARTITION {of_date} FOR VALUES IN ('{date}');"
            );
            format!(
                "CREATE INDEX ON {name} (user_no); {} \
                 ALTER TABLE {of_date} ATTACH PARTITION {name} FOR VALUES IN ({number})",
                if exists { "" } else { &create }
            )
        }
        PartitionKind::Event => {
            format!("ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES IN ({number})")
        }
    };
    client.batch_execute(&sql).map_err(failed)
}

/// Collects the statistics for the query planner. Analysing the whole table reads every partition, so
/// if few partitions are new, only those are analysed.
///
/// # Errors
/// Errors of the server.
pub fn analyze(
    client: &mut Client,
    schema: &SchemaName,
    new: &[Partition],
    before: usize,
) -> Result<()> {
    let mut tables: Vec<String> = Vec::new();
    let analyze_all = new.len() * 10 >= before;
    if analyze_all {
        tables.push("mobility_presence".to_owned());
    }
    let separate =
        new.iter().filter(|partition| !analyze_all || partition.kind == PartitionKind::Event);
    tables.extend(separate.map(|partition| table(partition.kind, partition.number)));
    let tables: Vec<String> = tables.iter().map(|table| schema.relation(table)).collect();
    client.batch_execute(&format!("{SMALL_SAMPLE}; ANALYZE {}", tables.join(", "))).map_err(failed)
}

/// Activates the new partitions in place of those of the same dates, and retires all other
/// partitions whose date is not in `keep`; `None` is the partition of raw events. Returns the number
/// of retired partitions.
///
/// # Errors
/// Errors of the server.
pub fn activate(
    transaction: &mut Transaction,
    schema: &SchemaName,
    load_no: i64,
    new: &[Partition],
    keep: &[Option<NaiveDate>],
) -> Result<usize> {
    let mut retired = 0;
    for partition in transaction
        .query(
            &schema
                .fill("SELECT leaf_no, date FROM {schema}.mobility_leaf WHERE retired_by IS NULL"),
            &[],
        )
        .map_err(failed)?
    {
        let (number, date): (i64, Option<NaiveDate>) = (partition.get(0), partition.get(1));
        if new.iter().any(|p| p.kind.date() == date) || !keep.contains(&date) {
            retired += 1;
            transaction
                .execute(
                    &schema.fill(
                        "UPDATE {schema}.mobility_leaf SET retired_by = $2 WHERE leaf_no = $1",
                    ),
                    &[&number, &load_no],
                )
                .map_err(failed)?;
        }
    }
    for partition in new {
        let rows = i64::try_from(partition.rows).unwrap_or(i64::MAX);
        transaction
            .execute(
                &schema.fill(
                    "INSERT INTO {schema}.mobility_leaf (leaf_no, kind, date, mark, row_count) \
                     VALUES ($1, $2, $3, $4, $5)",
                ),
                &[
                    &partition.number,
                    &partition.kind.name(),
                    &partition.kind.date(),
                    &partition.fingerprint,
                    &rows,
                ],
            )
            .map_err(failed)?;
    }
    Ok(retired)
}

/// A table that holds no active partition.
struct Obsolete {
    table: String,
    number: i64,
    parent: Option<String>,
    /// An earlier attempt to detach it was interrupted.
    pending: bool,
}

/// Drops partitions that earlier loads retired, and those left behind by interrupted loads. A
/// partition that a reader still uses is kept until the next load.
///
/// # Errors
/// A lost connection. A partition that cannot be dropped is not an error.
pub fn sweep(client: &mut Client, schema: &SchemaName, progress: &Progress) -> Result<()> {
    client.batch_execute("SET lock_timeout = '10s'").map_err(failed)?;
    for partition in obsolete(client, schema)? {
        if let Err(error) = remove(client, schema, &partition) {
            progress.detail(&format!(
                "load: {} is kept until the next load: {error:#}",
                partition.table
            ));
        }
    }
    client.batch_execute("RESET lock_timeout").map_err(failed)
}

fn obsolete(client: &mut Client, schema: &SchemaName) -> Result<Vec<Obsolete>> {
    let rows = client
        .query(
            &schema.fill(
                "SELECT c.relname::text, substring(c.relname FROM '[0-9]+$')::bigint AS number, \
               p.relname::text, coalesce(i.inhdetachpending, false) \
             FROM pg_class c \
             LEFT JOIN pg_inherits i ON i.inhrelid = c.oid \
             LEFT JOIN pg_class p ON p.oid = i.inhparent \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relkind = 'r' \
               AND c.relname ~ '^mobility_(presence|event)_[0-9]{1,18}$' \
               AND NOT EXISTS (SELECT FROM {schema}.mobility_leaf f \
                 WHERE f.leaf_no = substring(c.relname FROM '[0-9]+$')::bigint \
                   AND f.retired_by IS NULL)",
            ),
            &[&schema.name()],
        )
        .map_err(failed)?;
    let obsolete = |r: &postgres::Row| Obsolete {
        table: r.get(0),
        number: r.get(1),
        parent: r.get(2),
        pending: r.get(3),
    };
    Ok(rows.iter().map(obsolete).collect())
}

fn remove(client: &mut Client, schema: &SchemaName, partition: &Obsolete) -> Result<()> {
    let table = schema.relation(&partition.table);
    if let Some(parent) = &partition.parent {
        let parent = schema.relation(parent);
        let mode = if partition.pending { "FINALIZE" } else { "CONCURRENTLY" };
        client
            .batch_execute(&format!("ALTER TABLE {parent} DETACH PARTITION {table} {mode}"))
            .map_err(failed)?;
    }
    let mut transaction = client.transaction().map_err(failed)?;
    unused_users::delete_those_of(&mut transaction, schema, &partition.table)?;
    transaction.batch_execute(&format!("DROP TABLE {table}")).map_err(failed)?;
    transaction
        .execute(
            &schema.fill("DELETE FROM {schema}.mobility_leaf WHERE leaf_no = $1"),
            &[&partition.number],
        )
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}
