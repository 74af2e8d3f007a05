//! The lineage of a query plan.

use anyhow::{Context, Result, bail};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::source_as_provider;
use datafusion::functions_table::generate_series::GenerateSeriesTable;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, Filter, Join, JoinType, LogicalPlan, Projection,
    RecursiveQuery, TableScan, Unnest, Values, Window,
};

use super::expressions::{Expressions, Scope, Subqueries};
use super::lineage::{Lineage, Origin};
use super::table::LineageTable;

/// Plans nested more deeply are not analysed, which bounds the stack.
const MAX_DEPTH: usize = 128;

/// The lineage of the output of a plan.
///
/// # Errors
/// A plan that cannot be analysed, with the reason.
pub fn lineage(plan: &LogicalPlan) -> Result<Lineage> {
    Plans::default().lineage(plan)
}

#[derive(Default)]
struct Plans {
    /// The columns of the queries around the current one, the nearest last.
    outer: Vec<(DFSchema, Vec<Origin>)>,
    /// Recursive common table expressions around the current query.
    recursive: Vec<(String, Lineage)>,
    depth: usize,
}

impl Subqueries for Plans {
    fn subquery(&mut self, plan: &LogicalPlan, scope: &Scope) -> Result<Lineage> {
        let before = self.outer.len();
        for (schema, origins) in &scope.0 {
            self.outer.push(((*schema).clone(), origins.to_vec()));
        }
        let lineage = self.lineage(plan);
        self.outer.truncate(before);
        lineage
    }

    /// If several outer queries have such a column, the origin covers all of them.
    fn outer_column(&self, column: &Column) -> Option<Origin> {
        let find = |(schema, origins): &(DFSchema, Vec<Origin>)| {
            origins.get(schema.maybe_index_of_column(column)?).copied()
        };
        self.outer.iter().filter_map(find).reduce(Origin::or)
    }
}

impl Plans {
    fn lineage(&mut self, plan: &LogicalPlan) -> Result<Lineage> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            bail!("the query is nested too deeply");
        }
        let lineage = self.lineage_of(plan)?;
        self.depth -= 1;
        if lineage.columns.len() != plan.schema().fields().len() {
            bail!("the origin of its columns is unknown");
        }
        Ok(lineage)
    }

    fn lineage_of(&mut self, plan: &LogicalPlan) -> Result<Lineage> {
        match plan {
            LogicalPlan::TableScan(scan) => self.table(scan),
            LogicalPlan::EmptyRelation(empty) => Ok(Lineage {
                columns: vec![Origin::default(); empty.schema.fields().len()],
                ..Lineage::default()
            }),
            LogicalPlan::Values(values) => self.values(values),
            LogicalPlan::SubqueryAlias(alias) => self.lineage(&alias.input),
            LogicalPlan::Subquery(subquery) => self.lineage(&subquery.subquery),
            LogicalPlan::Repartition(repartition) => self.lineage(&repartition.input),
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                let input_lineage = self.lineage(input)?;
                self.project(expr, input, input_lineage)
            }
            LogicalPlan::Filter(Filter { predicate, input, .. }) => {
                let lineage = self.lineage(input)?;
                self.expressions(input, lineage, |expressions| expressions.condition(predicate))
                    .map(|(lineage, ())| lineage)
            }
            LogicalPlan::Sort(sort) => {
                let lineage = self.lineage(&sort.input)?;
                let keys = |expressions: &mut Expressions| {
                    sort.expr.iter().try_for_each(|key| expressions.origin(&key.expr).map(drop))
                };
                self.expressions(&sort.input, lineage, keys).map(|(lineage, ())| lineage)
            }
            LogicalPlan::Limit(limit) => {
                let mut lineage = self.lineage(&limit.input)?;
                // an aggregate over the rows of few users tells of these users
                lineage.selects_users |= lineage.per_user;
                Ok(lineage)
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let mut lineage = self.lineage(input)?;
                lineage.per_user &= lineage.columns.iter().any(|column| column.identifies());
                Ok(lineage)
            }
            // keeps one row for each key, which is a row of a single user if those of the input are
            LogicalPlan::Distinct(Distinct::On(DistinctOn {
                on_expr, select_expr, input, ..
            })) => {
                let lineage = self.lineage(input)?;
                let keys = |expressions: &mut Expressions| {
                    on_expr.iter().try_for_each(|key| expressions.origin(key).map(drop))
                };
                let (lineage, ()) = self.expressions(input, lineage, keys)?;
                self.project(select_expr, input, lineage)
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => {
                let mut all: Option<Lineage> = None;
                for input in &union.inputs {
                    let lineage = self.lineage(input)?;
                    all = Some(all.map_or(lineage.clone(), |before| before.or(&lineage)));
                }
                all.context("a union of nothing")
            }
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::RecursiveQuery(query) => self.recursive(query),
            other => bail!("{} is not analysed", other.display()),
        }
    }

    fn table(&mut self, scan: &TableScan) -> Result<Lineage> {
        let TableReference::Bare { table } = &scan.table_name else {
            bail!("{} is not a table of the warehouse", scan.table_name);
        };
        let provider = source_as_provider(&scan.source)?;
        let mut lineage = if let Some(known) = provider.downcast_ref::<LineageTable>() {
            known.lineage().clone()
        } else if provider.downcast_ref::<CteWorkTable>().is_some() {
            let found = self.recursive.iter().rev().find(|(name, _)| **name == **table);
            found.map(|(_, lineage)| lineage.clone()).context("an unknown recursive query")?
        } else if provider.downcast_ref::<GenerateSeriesTable>().is_some() {
            let columns = vec![Origin::default(); provider.schema().fields().len()];
            Lineage { columns, ..Lineage::default() }
        } else {
            bail!("{table} is not a table of the warehouse");
        };
        if !scan.filters.is_empty() || scan.fetch.is_some() {
            bail!("{table} is read in part");
        }
        if let Some(projection) = &scan.projection {
            let columns = projection.iter().map(|index| lineage.columns.get(*index).copied());
            lineage.columns = columns.collect::<Option<_>>().context("an unknown column")?;
        }
        Ok(lineage)
    }

    /// Analyses expressions over the rows of `input`, whose lineage is extended by what they tell.
    fn expressions<T>(
        &mut self,
        input: &LogicalPlan,
        mut lineage: Lineage,
        work: impl FnOnce(&mut Expressions) -> Result<T>,
    ) -> Result<(Lineage, T)> {
        let scope = Scope(vec![scope_of(input, &lineage)]);
        let mut expressions = Expressions::new(scope, self);
        expressions.input_per_user = lineage.per_user;
        let done = work(&mut expressions)?;
        let (selects_users, per_user) = (expressions.selects_users, expressions.per_user);
        lineage.selects_users |= selects_users;
        lineage.per_user |= per_user;
        Ok((lineage, done))
    }

    fn project(&mut self, expr: &[Expr], input: &LogicalPlan, lineage: Lineage) -> Result<Lineage> {
        let origins = |expressions: &mut Expressions| {
            expr.iter().map(|expr| expressions.origin(expr)).collect::<Result<Vec<_>>>()
        };
        let (lineage, columns) = self.expressions(input, lineage, origins)?;
        Ok(Lineage { columns, ..lineage })
    }

    fn values(&mut self, values: &Values) -> Result<Lineage> {
        let mut columns = vec![Origin::default(); values.schema.fields().len()];
        let mut expressions = Expressions::new(Scope(Vec::new()), self);
        for row in &values.values {
            for (column, value) in columns.iter_mut().zip(row) {
                *column = column.computed_with(expressions.origin(value)?);
            }
        }
        let (per_user, selects_users) = (expressions.per_user, expressions.selects_users);
        Ok(Lineage { columns, per_user, selects_users })
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Lineage> {
        let lineage = self.lineage(&aggregate.input)?;
        let keys = grouping_set_to_exprlist(&aggregate.group_expr)?;
        let analyse = |expressions: &mut Expressions| {
            let origin = |expr| expressions.origin(expr);
            let keys = keys.into_iter().map(origin).collect::<Result<Vec<_>>>()?;
            let values = aggregate.aggr_expr.iter().map(|expr| expressions.origin(expr));
            let values = values.collect::<Result<Vec<_>>>()?;
            Ok((keys, values, expressions.collects))
        };
        let (lineage, (keys, values, collects)) =
            self.expressions(&aggregate.input, lineage, analyse)?;
        let of_one_user = keys.iter().any(|key| key.is_from_user_id());
        let of_few_users = collects || keys.iter().any(|key| key.identifies());
        let has_grouping_id = matches!(aggregate.group_expr.first(), Some(Expr::GroupingSet(_)));
        let grouping_id = has_grouping_id.then(Origin::default);
        Ok(Lineage {
            columns: keys.into_iter().chain(grouping_id).chain(values).collect(),
            per_user: of_one_user || (lineage.per_user && of_few_users),
            ..lineage
        })
    }

    fn window(&mut self, window: &Window) -> Result<Lineage> {
        let lineage = self.lineage(&window.input)?;
        let analyse = |expressions: &mut Expressions| {
            let values = window.window_expr.iter().map(|expr| expressions.origin(expr));
            values.collect::<Result<Vec<_>>>()
        };
        let (mut lineage, values) = self.expressions(&window.input, lineage, analyse)?;
        lineage.columns.extend(values);
        Ok(lineage)
    }

    fn join(&mut self, join: &Join) -> Result<Lineage> {
        let left = self.lineage(&join.left)?;
        let scope = Scope(vec![scope_of(&join.left, &left)]);
        // a lateral subquery refers to columns of the left side
        let right = self.subquery(&join.right, &scope)?;
        let scope = Scope(vec![scope_of(&join.left, &left), scope_of(&join.right, &right)]);
        let mut expressions = Expressions::new(scope, self);
        for (left, right) in &join.on {
            expressions.compared([left, right])?;
        }
        join.filter.iter().try_for_each(|filter| expressions.condition(filter))?;
        let (selects, exposes) = (expressions.selects_users, expressions.per_user);
        let mark = || std::iter::once(Origin::default());
        let (columns, per_user): (Vec<Origin>, bool) = match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                let columns = left.columns.iter().chain(&right.columns).copied();
                (columns.collect(), left.per_user || right.per_user)
            }
            JoinType::LeftSemi | JoinType::LeftAnti => (left.columns, left.per_user),
            JoinType::RightSemi | JoinType::RightAnti => (right.columns, right.per_user),
            JoinType::LeftMark => (left.columns.into_iter().chain(mark()).collect(), left.per_user),
            JoinType::RightMark => {
                (right.columns.into_iter().chain(mark()).collect(), right.per_user)
            }
        };
        Ok(Lineage {
            columns,
            per_user: per_user || exposes,
            selects_users: left.selects_users || right.selects_users || selects,
        })
    }

    fn unnest(&mut self, unnest: &Unnest) -> Result<Lineage> {
        let lineage = self.lineage(&unnest.input)?;
        let columns = unnest.dependency_indices.iter().map(|index| lineage.columns.get(*index));
        let columns = columns.map(|origin| origin.copied()).collect::<Option<_>>();
        Ok(Lineage { columns: columns.context("an unknown column")?, ..lineage })
    }

    /// The recursive term may pass on what it reads of itself, until nothing new is added.
    fn recursive(&mut self, query: &RecursiveQuery) -> Result<Lineage> {
        let mut lineage = self.lineage(&query.static_term)?;
        loop {
            self.recursive.push((query.name.clone(), lineage.clone()));
            let next = self.lineage(&query.recursive_term);
            self.recursive.pop();
            let next = lineage.or(&next?);
            if next == lineage {
                return Ok(lineage);
            }
            lineage = next;
        }
    }
}

/// The columns of a plan, to which expressions over its rows refer.
fn scope_of<'a>(plan: &'a LogicalPlan, lineage: &'a Lineage) -> (&'a DFSchema, &'a [Origin]) {
    (plan.schema().as_ref(), &lineage.columns)
}
