//! IdMap for user and cell ids: each id stands once in a table of its own.

use anyhow::Result;
use hashbrown::HashMap;
use postgres::Client;

use super::copy::CopyIn;
use super::server_errors::failed;

/// Which ids.
#[derive(Debug, Clone, Copy)]
pub enum Ids {
    Users,
    Cells,
}

impl Ids {
    /// Table, number and text.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Ids::Users => ("mobility_user", "user_no", "user_id"),
            Ids::Cells => ("mobility_cell", "cell_no", "cell_id"),
        }
    }
}

/// IdMap by id, as far as they were asked for.
#[derive(Debug, Default)]
pub struct IdMap {
    by_id: HashMap<String, i32, foldhash::fast::FixedState>,
}

impl IdMap {
    pub fn get(&self, id: &str) -> Option<i32> {
        self.by_id.get(id).copied()
    }

    /// Learns the numbers of ids not known yet; ids that are new to the server get one. Two that
    /// do this at once wait for each other, in the same order, so that neither waits for ever.
    ///
    /// # Errors
    /// What the server says.
    pub fn resolve<'a>(
        &mut self,
        client: &mut Client,
        ids: Ids,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let mut unknown: Vec<&str> = texts.filter(|t| !self.by_id.contains_key(*t)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        let (table, number, text) = ids.names();
        let mut transaction = client.transaction().map_err(failed)?;
        transaction
            .batch_execute(
                "CREATE TEMP TABLE mobility_asked (id text COLLATE \"C\") ON COMMIT DROP",
            )
            .map_err(failed)?;
        let mut copy = CopyIn::start(
            &mut transaction,
            "COPY pg_temp.mobility_asked FROM STDIN (FORMAT binary)",
        )?;
        for id in &unknown {
            copy.rows.row(1);
            copy.rows.text(id);
            copy.send_full()?;
        }
        copy.finish()?;
        transaction
            .batch_execute(&format!(
                "ANALYZE pg_temp.mobility_asked; \
                 INSERT INTO {table} ({text}) SELECT a.id FROM pg_temp.mobility_asked a \
                 WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.{text} = a.id) ORDER BY a.id \
                 ON CONFLICT DO NOTHING"
            ))
            .map_err(failed)?;
        let rows = transaction
            .query(
                &format!(
                    "SELECT t.{text}, t.{number} FROM pg_temp.mobility_asked a \
                     JOIN {table} t ON t.{text} = a.id"
                ),
                &[],
            )
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.by_id.extend(rows.iter().map(|r| (r.get::<_, String>(0), r.get::<_, i32>(1))));
        Ok(())
    }
}
