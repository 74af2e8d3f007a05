//! Leaves: the tables that hold the rows of one date, or of all raw events, as one load wrote them.
//!
//! A new leaf is filled beside, seen by nobody, and attached under locks that stop no reader. It
//! counts when `mobility_leaf` says so. The leaf that it replaces stays until the next load, for
//! readers whose snapshot is older; then it goes, with the pseudonyms that only it had.

use anyhow::Result;
use chrono::NaiveDate;
use postgres::{Client, Transaction};

use super::explain::failed;
use crate::progress::Progress;

/// What the rows of a leaf are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafKind {
    /// Hourly presence of one date.
    Presence(NaiveDate),
    /// Raw events.
    Event,
}

impl LeafKind {
    fn word(self) -> &'static str {
        match self {
            LeafKind::Presence(_) => "presence",
            LeafKind::Event => "event",
        }
    }

    fn date(self) -> Option<NaiveDate> {
        match self {
            LeafKind::Presence(date) => Some(date),
            LeafKind::Event => None,
        }
    }
}

/// A leaf that was filled and waits to count.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub kind: LeafKind,
    pub number: i32,
    /// Of the files it was filled from.
    pub mark: String,
    pub rows: u64,
}

/// A leaf that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counting {
    pub date: Option<NaiveDate>,
    pub mark: String,
    pub rows: u64,
}

/// Name of a leaf's table. Numbers and dates need no quotes.
fn table(kind: LeafKind, number: i32) -> String {
    format!("mobility_{}_{number}", kind.word())
}

/// Name of the table above the leaves of a date.
fn date_table(date: NaiveDate) -> String {
    format!("mobility_presence_d{}", date.format("%Y%m%d"))
}

/// The leaves that count.
///
/// # Errors
/// What the server says.
pub fn counting(client: &mut Client) -> Result<Vec<Counting>> {
    let sql = "SELECT date, mark, row_count FROM mobility_leaf WHERE retired_by IS NULL";
    let rows = client.query(sql, &[]).map_err(failed)?;
    let leaf = |r: &postgres::Row| Counting {
        date: r.get(0),
        mark: r.get(1),
        rows: u64::try_from(r.get::<_, i64>(2)).unwrap_or_default(),
    };
    Ok(rows.iter().map(leaf).collect())
}

/// Creates an empty leaf; gives its number and the `COPY` that fills it.
///
/// # Errors
/// What the server says.
pub fn create(client: &mut Client, kind: LeafKind) -> Result<(i32, String)> {
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
        LeafKind::Presence(date) => (
            "user_no, cell_no, first_seen, last_seen, event_count, two_places",
            format!(
                "CREATE TABLE {name} (LIKE mobility_presence); \
                 ALTER TABLE {name} ALTER date SET DEFAULT '{date}', ALTER leaf_no SET DEFAULT {number}, \
                 ADD CHECK (date IS NOT NULL AND date = '{date}' AND leaf_no IS NOT NULL AND leaf_no = {number})"
            ),
        ),
        LeafKind::Event => (
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

/// Indexes a filled leaf and puts it under its parent, where it is still passed over.
///
/// # Errors
/// What the server says.
pub fn attach(client: &mut Client, leaf: &Leaf) -> Result<()> {
    let name = table(leaf.kind, leaf.number);
    let number = leaf.number;
    let sql = match leaf.kind {
        LeafKind::Presence(date) => {
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
        LeafKind::Event => {
            format!("ALTER TABLE mobility_event ATTACH PARTITION {name} FOR VALUES IN ({number})")
        }
    };
    client.batch_execute(&sql).map_err(failed)
}

/// Gathers the statistics that the server plans by. Those of the whole table go through every leaf,
/// so one day that is added to many others is looked at alone.
///
/// # Errors
/// What the server says.
pub fn analyze(client: &mut Client, new: &[Leaf], before: usize) -> Result<()> {
    let mut tables = vec!["mobility_user".to_owned(), "mobility_cell".to_owned()];
    let whole = new.len() * 10 >= before;
    if whole {
        tables.push("mobility_presence".to_owned());
    }
    let alone = new.iter().filter(|leaf| !whole || leaf.kind == LeafKind::Event);
    tables.extend(alone.map(|leaf| table(leaf.kind, leaf.number)));
    client.batch_execute(&format!("ANALYZE {}", tables.join(", "))).map_err(failed)
}

/// Lets the new leaves count, in the place of those of the same date; whatever is not among `keep`
/// retires too. `None` stands for the raw events. Returns how many retired.
///
/// # Errors
/// What the server says.
pub fn flip(
    transaction: &mut Transaction,
    load_no: i32,
    new: &[Leaf],
    keep: &[Option<NaiveDate>],
) -> Result<usize> {
    let mut retired = 0;
    for leaf in transaction
        .query("SELECT leaf_no, date FROM mobility_leaf WHERE retired_by IS NULL", &[])
        .map_err(failed)?
    {
        let (number, date): (i32, Option<NaiveDate>) = (leaf.get(0), leaf.get(1));
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
    for leaf in new {
        let rows = i64::try_from(leaf.rows).unwrap_or(i64::MAX);
        transaction
            .execute(
                "INSERT INTO mobility_leaf (leaf_no, kind, date, mark, row_count) VALUES ($1, $2, $3, $4, $5)",
                &[&leaf.number, &leaf.kind.word(), &leaf.kind.date(), &leaf.mark, &rows],
            )
            .map_err(failed)?;
    }
    Ok(retired)
}

/// A table of a leaf, and where it hangs.
struct Hanging {
    table: String,
    number: i32,
    parent: Option<String>,
    /// An earlier attempt to take it off was broken off.
    pending: bool,
}

/// Removes leaves that earlier loads retired, and what loads left that were broken off.
/// Whatever a reader holds on to is left for the next time.
///
/// # Errors
/// A server that went away; a leaf that cannot be removed is no error.
pub fn sweep(client: &mut Client, progress: &Progress) -> Result<()> {
    client.batch_execute("SET lock_timeout = '10s'").map_err(failed)?;
    for leaf in useless(client)? {
        if let Err(error) = remove(client, &leaf) {
            progress.detail(&format!("load: {} stays until the next load: {error:#}", leaf.table));
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

fn remove(client: &mut Client, leaf: &Hanging) -> Result<()> {
    let Hanging { table, number, .. } = leaf;
    if let Some(parent) = &leaf.parent {
        let how = if leaf.pending { "FINALIZE" } else { "CONCURRENTLY" };
        client
            .batch_execute(&format!("ALTER TABLE {parent} DETACH PARTITION {table} {how}"))
            .map_err(failed)?;
    }
    let mut transaction = client.transaction().map_err(failed)?;
    // pseudonyms that stand in no other leaf have no reason to be kept
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
