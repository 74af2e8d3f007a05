//! Common table expressions that hide tables and views of the warehouse from the SQL of a view, which is
//! thereby computed, unchanged, over the rows of a few dates, or on the numbers that stand for ids.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::inputs::Inputs;
use super::names::SchemaName;
use crate::domain::tables::{Table, quoted};

/// The rows that a view is computed over, if not over all.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The first date of the period that is computed, if it is one.
    pub period: Option<NaiveDate>,
    /// The partitions of hourly presence, with their dates.
    pub partitions: Vec<(NaiveDate, i64)>,
    /// The views that the SQL reads, with the condition for the stored rows that it sees.
    pub views: Vec<(String, String)>,
}

/// What the SQL of a view sees.
pub struct Visible<'a> {
    pub schema: &'a SchemaName,
    pub inputs: &'a Inputs,
    /// The possible names of relations in the SQL; `None` if they are unknown.
    pub words: Option<BTreeSet<String>>,
    pub on_numbers: bool,
    pub scope: Option<&'a Scope>,
}

/// The hour of first events. Unlike `date_trunc`, `date_bin` only divides.
const HOUR: &str = "CASE WHEN p.two_places < 0 \
     THEN date_bin(INTERVAL '1 hour', p.first_seen, TIMESTAMP '0001-01-01') + INTERVAL '1 microsecond' \
     ELSE date_bin(INTERVAL '1 hour', p.first_seen, TIMESTAMP '0001-01-01') END AS hour";
/// Times of the events of a row that are not at two places at once.
const PLACED_TIMES: &str = "coalesce(p.placed_first, p.first_seen) AS first_seen, \
                            coalesce(p.placed_last, p.last_seen) AS last_seen";
/// The events of a row at two places at once.
const TWO_PLACES: &str = "greatest(p.two_places, -1 - p.two_places)";

impl Visible<'_> {
    /// `WITH ... `, or nothing if the SQL is to see all relations as they are.
    pub fn expressions(&self) -> String {
        let mut all: Vec<(&str, String)> = Vec::new();
        if self.on_numbers || self.scope.is_some() {
            for table in [Table::MobileEventsCompressed, Table::MobileEventsPlaced] {
                all.push((table.name(), self.presence(table)));
            }
        }
        if let Some(scope) = self.scope {
            let dates = scope.partitions.iter().map(|(date, _)| format!("DATE '{date}'"));
            let dates = match dates.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => "false".to_owned(),
                dates => format!("date IN ({dates})"),
            };
            for table in Table::MOVEMENT {
                let rows = self.schema.table(table);
                all.push((table.name(), format!("SELECT * FROM {rows} WHERE {dates}")));
            }
        }
        if self.on_numbers {
            all.push((Table::MobileEventsUncompressed.name(), self.raw_events()));
            all.push((Table::CellPlan.name(), self.cell_plan()));
            let with_numbers =
                self.inputs.views.iter().filter(|v| self.inputs.has_numbers(&v.view));
            for sums in with_numbers {
                all.push((&sums.view, self.numbers_of(&sums.view)));
            }
        }
        for (view, condition) in self.scope.iter().flat_map(|scope| &scope.views) {
            let select = format!(
                "SELECT {} FROM {} WHERE {condition}",
                self.columns(view),
                self.schema.result_table(view)
            );
            all.push((view, select));
        }
        let is_read = |name: &str| self.words.as_ref().is_none_or(|words| words.contains(name));
        let expressions: Vec<String> = all
            .into_iter()
            .filter(|(name, _)| is_read(name))
            .map(|(name, select)| format!("{} AS NOT MATERIALIZED ({select})", quoted(name)))
            .collect();
        match expressions.is_empty() {
            true => String::new(),
            false => format!("WITH {} ", expressions.join(", ")),
        }
    }

    /// The columns of ids, and the joins that they need.
    fn ids(&self) -> (&'static str, String) {
        if self.on_numbers {
            return ("p.user_no AS user_id, p.cell_no AS cell_id", String::new());
        }
        let joins = " LEFT JOIN {schema}.mobility_user u ON u.user_no = p.user_no \
                     LEFT JOIN {schema}.mobility_cell c ON c.cell_no = p.cell_no";
        ("u.user_id, c.cell_id", self.schema.fill(joins))
    }

    /// Hourly presence, all of it or without events of users at two places at once.
    fn presence(&self, table: Table) -> String {
        let (ids, joins) = self.ids();
        let (from, mut conditions) = self.partitions();
        // the planner sorts and groups by a constant at no cost
        let date = match self.scope.map(|scope| scope.partitions.as_slice()) {
            Some([(date, _)]) => format!("DATE '{date}'"),
            _ => "p.date".to_owned(),
        };
        let (times, count) = if table == Table::MobileEventsPlaced {
            conditions.push(format!("{TWO_PLACES} < p.event_count"));
            (PLACED_TIMES, format!("(p.event_count - {TWO_PLACES})::bigint"))
        } else {
            ("p.first_seen, p.last_seen", "p.event_count::bigint".to_owned())
        };
        let filter = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        format!(
            "SELECT {ids}, {date} AS date, {HOUR}, {times}, {count} AS event_count \
             FROM {from}{joins}{filter}"
        )
    }

    /// The FROM item with the rows of hourly presence, and conditions. A single partition is read by itself:
    /// the others are then neither opened nor locked.
    fn partitions(&self) -> (String, Vec<String>) {
        let all = self.schema.relation("mobility_presence");
        let Some(scope) = self.scope else {
            let active =
                "JOIN {schema}.mobility_leaf f ON f.leaf_no = p.leaf_no AND f.retired_by IS NULL";
            return (format!("{all} p {}", self.schema.fill(active)), Vec::new());
        };
        match scope.partitions.as_slice() {
            [] => (format!("{all} p"), vec!["false".to_owned()]),
            [(_, number)] => {
                let one = self.schema.relation(&format!("mobility_presence_{number}"));
                (format!("{one} p"), Vec::new())
            }
            several => {
                let dates: Vec<String> =
                    several.iter().map(|(date, _)| format!("DATE '{date}'")).collect();
                let numbers: Vec<String> = several.iter().map(|(_, n)| n.to_string()).collect();
                let conditions = vec![
                    format!("p.date IN ({})", dates.join(", ")),
                    format!("p.leaf_no IN ({})", numbers.join(", ")),
                ];
                (format!("{all} p"), conditions)
            }
        }
    }

    fn raw_events(&self) -> String {
        self.schema.fill(
            "SELECT e.user_no AS user_id, e.cell_no AS cell_id, e.\"timestamp\" \
             FROM {schema}.mobility_event e \
             JOIN {schema}.mobility_leaf f ON f.leaf_no = e.leaf_no AND f.retired_by IS NULL",
        )
    }

    fn cell_plan(&self) -> String {
        self.schema.fill(
            "SELECT c.cell_no AS cell_id, p.latitude, p.longitude, p.valid_date_start, p.valid_date_end, \
               p.lau_id, p.lau_match, p.lau_distance_m, p.geometry, p.site_id \
             FROM {schema}.cell_plan p \
             LEFT JOIN {schema}.mobility_cell c ON c.cell_id = p.cell_id",
        )
    }

    /// A stored result that holds the numbers of ids, as it is.
    fn numbers_of(&self, view: &str) -> String {
        format!("SELECT {} FROM {}", self.columns(view), self.schema.result_table(view))
    }

    /// The columns of a view.
    fn columns(&self, view: &str) -> String {
        let columns = self.inputs.columns(view).iter().map(|(name, _)| quoted(name));
        columns.collect::<Vec<_>>().join(", ")
    }
}
