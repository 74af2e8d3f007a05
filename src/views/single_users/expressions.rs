//! The origin of the value of an expression.

use anyhow::{Context, Result, bail};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::expr::{Case, InList, Unnest, WindowFunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlan, Operator, Subquery, WindowFunctionDefinition,
};

use super::functions::{Aggregation, aggregation, coarsens, divides_rows, is_total, numbers_rows};
use super::lineage::{FromUserId, Lineage, Origin};

/// Expressions nested more deeply are not analysed, which bounds the stack.
const MAX_DEPTH: usize = 128;

/// The columns that an expression may refer to.
#[derive(Clone)]
pub struct Scope<'a>(pub Vec<(&'a DFSchema, &'a [Origin])>);

impl Scope<'_> {
    /// The origin of a column; `None` if it is not in scope.
    pub fn find(&self, column: &Column) -> Option<Origin> {
        self.0.iter().find_map(|(schema, origins)| {
            origins.get(schema.maybe_index_of_column(column)?).copied()
        })
    }
}

/// Analyses the subqueries of expressions.
pub trait Subqueries {
    /// The lineage of a subquery in an expression over `scope`.
    ///
    /// # Errors
    /// A plan that cannot be analysed.
    fn subquery(&mut self, plan: &LogicalPlan, scope: &Scope) -> Result<Lineage>;

    /// The origin of a column of an outer query.
    fn outer_column(&self, column: &Column) -> Option<Origin>;
}

/// Analyses the expressions of one plan node.
pub struct Expressions<'a> {
    scope: Scope<'a>,
    subqueries: &'a mut dyn Subqueries,
    /// The rows of the input belong to single users.
    pub input_per_user: bool,
    /// An expression compares user ids with something other than user ids.
    pub selects_users: bool,
    /// An expression is the value of a row of a single user.
    pub per_user: bool,
    /// An aggregate returns values of single rows.
    pub collects: bool,
    depth: usize,
}

impl<'a> Expressions<'a> {
    pub fn new(scope: Scope<'a>, subqueries: &'a mut dyn Subqueries) -> Self {
        Expressions {
            scope,
            subqueries,
            input_per_user: false,
            selects_users: false,
            per_user: false,
            collects: false,
            depth: 0,
        }
    }

    /// The origin of the value.
    ///
    /// # Errors
    /// An expression that cannot be analysed.
    pub fn origin(&mut self, expr: &Expr) -> Result<Origin> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            bail!("an expression is nested too deeply");
        }
        let origin = self.origin_of(expr);
        self.depth -= 1;
        origin
    }

    /// A condition that rows have to meet.
    ///
    /// # Errors
    /// As [`Self::origin`].
    pub fn condition(&mut self, expr: &Expr) -> Result<()> {
        let origin = self.origin(expr)?;
        self.selects_users |= origin.is_from_user_id();
        Ok(())
    }

    /// A comparison of values. Only that of ids with ids selects no particular users.
    ///
    /// # Errors
    /// As [`Self::origin`].
    pub fn compared<'e>(&mut self, values: impl IntoIterator<Item = &'e Expr>) -> Result<Origin> {
        let origins: Vec<Origin> =
            values.into_iter().map(|value| self.origin(value)).collect::<Result<_>>()?;
        self.compare(&origins);
        Ok(Origin::default())
    }

    fn compare(&mut self, origins: &[Origin]) {
        let is_id = |origin: &Origin| origin.user_id == FromUserId::Id;
        let any = origins.iter().any(|origin| origin.is_from_user_id());
        self.selects_users |= any && !origins.iter().all(is_id);
    }

    fn origin_of(&mut self, expr: &Expr) -> Result<Origin> {
        Ok(match expr {
            Expr::Column(column) => self
                .scope
                .find(column)
                .with_context(|| format!("the origin of column {column} is unknown"))?,
            Expr::OuterReferenceColumn(_, column) => self
                .subqueries
                .outer_column(column)
                .with_context(|| format!("the origin of column {column} is unknown"))?,
            Expr::Literal(..) => Origin::default(),
            Expr::Alias(alias) => self.origin(&alias.expr)?,
            Expr::Cast(cast) => cast_to(self.origin(&cast.expr)?, cast.field.data_type()),
            Expr::TryCast(cast) => {
                let origin = self.origin(&cast.expr)?;
                // null for the ids that the type does not have
                self.selects_users |= origin.is_from_user_id();
                cast_to(origin, cast.field.data_type())
            }
            Expr::Negative(inner) | Expr::Unnest(Unnest { expr: inner, .. }) => {
                self.origin(inner)?.computed_with(Origin::default())
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                self.origin(inner)?;
                Origin::default()
            }
            Expr::Not(inner)
            | Expr::IsTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsNotUnknown(inner) => {
                self.condition(inner)?;
                Origin::default()
            }
            Expr::BinaryExpr(binary) => self.binary(binary)?,
            Expr::Like(like) | Expr::SimilarTo(like) => {
                for part in [&like.expr, &like.pattern] {
                    self.condition(part)?;
                }
                Origin::default()
            }
            Expr::Between(between) => {
                self.compared([&*between.expr, &*between.low, &*between.high])?
            }
            Expr::InList(InList { expr, list, .. }) => {
                self.compared(std::iter::once(&**expr).chain(list))?
            }
            Expr::Case(case) => self.case(case)?,
            Expr::ScalarFunction(call) => self.call(call.name(), &call.args)?,
            Expr::HigherOrderFunction(call) => self.call(call.name(), &call.args)?,
            Expr::Lambda(lambda) => self.origin(&lambda.body)?,
            // its value comes from the other arguments of the function
            Expr::LambdaVariable(_) => Origin::default(),
            Expr::AggregateFunction(aggregate) => {
                let params = &aggregate.params;
                if let Some(filter) = &params.filter {
                    self.condition(filter)?;
                }
                let args = self.computed(&params.args)?;
                let order = self.computed(params.order_by.iter().map(|key| &key.expr))?;
                self.aggregate(aggregate.func.name(), args, order)
            }
            Expr::WindowFunction(window) => self.window(window)?,
            Expr::ScalarSubquery(subquery) => {
                let lineage = self.subquery(subquery)?;
                self.per_user |= lineage.per_user;
                lineage.columns.first().copied().unwrap_or_default()
            }
            Expr::Exists(exists) => {
                self.subquery(&exists.subquery)?;
                Origin::default()
            }
            Expr::InSubquery(within) => {
                self.compared_with_subquery(&within.expr, &within.subquery)?
            }
            Expr::SetComparison(within) => {
                self.compared_with_subquery(&within.expr, &within.subquery)?
            }
            other => bail!("{other} is not analysed"),
        })
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Result<Origin> {
        let BinaryExpr { left, op, right } = binary;
        if is_logical(op) {
            // a long list of conditions is deep on its left side
            let mut rest = binary;
            self.condition(&rest.right)?;
            while let Expr::BinaryExpr(inner) = &*rest.left
                && is_logical(&inner.op)
            {
                self.condition(&inner.right)?;
                rest = inner;
            }
            self.condition(&rest.left)?;
            return Ok(Origin::default());
        }
        if is_comparison(op) {
            return self.compared([&**left, &**right]);
        }
        let (left, right) = (self.origin(left)?, self.origin(right)?);
        let value = left.computed_with(right);
        match op {
            // a duration is not a time
            Operator::Minus if left.exact_time && right.exact_time => {
                Ok(Origin { exact_time: false, ..value })
            }
            Operator::Plus
            | Operator::Minus
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo
            | Operator::StringConcat => Ok(value),
            _ => {
                self.selects_users |= value.is_from_user_id();
                Ok(value)
            }
        }
    }

    fn case(&mut self, case: &Case) -> Result<Origin> {
        for (when, _) in &case.when_then_expr {
            match &case.expr {
                Some(value) => {
                    self.compared([&**value, &**when])?;
                }
                None => self.condition(when)?,
            }
        }
        let values = case.when_then_expr.iter().map(|(_, then)| &**then);
        self.one_of(values.chain(case.else_expr.as_deref()))
    }

    /// The value of one of the expressions. Nulls are not values.
    fn one_of<'e>(&mut self, values: impl Iterator<Item = &'e Expr>) -> Result<Origin> {
        let mut all: Option<Origin> = None;
        for value in values.filter(|value| !is_null(value)) {
            let origin = self.origin(value)?;
            all = Some(all.map_or(origin, |before| before.or(origin)));
        }
        Ok(all.unwrap_or_default())
    }

    fn call(&mut self, name: &str, args: &[Expr]) -> Result<Origin> {
        if name == "coalesce" {
            return self.one_of(args.iter());
        }
        let mut value = self.computed(args)?;
        self.selects_users |= value.is_from_user_id() && !is_total(name);
        value.exact_time &= !coarsens(name, args);
        Ok(value)
    }

    /// The value of a computation on all expressions.
    fn computed<'e>(&mut self, values: impl IntoIterator<Item = &'e Expr>) -> Result<Origin> {
        values
            .into_iter()
            .try_fold(Origin::default(), |all, value| Ok(all.computed_with(self.origin(value)?)))
    }

    fn aggregate(&mut self, name: &str, args: Origin, order: Origin) -> Origin {
        match aggregation(name) {
            Aggregation::Counts => Origin::default(),
            Aggregation::Summarises => args.computed_with(order),
            Aggregation::Collects => {
                self.collects = true;
                args.computed_with(order)
            }
        }
    }

    fn window(&mut self, WindowFunction { fun, params }: &WindowFunction) -> Result<Origin> {
        if let Some(filter) = &params.filter {
            self.condition(filter)?;
        }
        let partition = self.computed(&params.partition_by)?;
        let args = self.computed(&params.args)?;
        let order = self.computed(params.order_by.iter().map(|key| &key.expr))?;
        Ok(match fun {
            // numbers in the order of ids stand for the ids
            WindowFunctionDefinition::WindowUDF(fun) if divides_rows(fun.name()) => {
                Origin { exact_time: false, ..order }
            }
            WindowFunctionDefinition::WindowUDF(fun) if numbers_rows(fun.name()) => {
                // numbers across users pick single users, as a limit does
                let across_users = self.input_per_user && !partition.is_from_user_id();
                let number = Origin { exact_time: false, ..order };
                if across_users { number.computed_with(Origin::ID) } else { number }
            }
            WindowFunctionDefinition::WindowUDF(_) => args.computed_with(order),
            WindowFunctionDefinition::AggregateUDF(fun) => {
                let value = self.aggregate(fun.name(), args, order);
                // a running count in the order of ids numbers them
                let order = Origin { exact_time: false, ..order };
                if order.is_from_user_id() { value.computed_with(order) } else { value }
            }
        })
    }

    fn subquery(&mut self, subquery: &Subquery) -> Result<Lineage> {
        let lineage = self.subqueries.subquery(&subquery.subquery, &self.scope)?;
        self.selects_users |= lineage.selects_users;
        Ok(lineage)
    }

    fn compared_with_subquery(&mut self, value: &Expr, subquery: &Subquery) -> Result<Origin> {
        let value = self.origin(value)?;
        let found = self.subquery(subquery)?.columns.first().copied().unwrap_or_default();
        self.compare(&[value, found]);
        Ok(Origin::default())
    }
}

fn cast_to(origin: Origin, data_type: &DataType) -> Origin {
    let is_date = matches!(data_type, DataType::Date32 | DataType::Date64);
    Origin { exact_time: origin.exact_time && !is_date, ..origin }
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(cast) => is_null(&cast.expr),
        _ => false,
    }
}

fn is_logical(op: &Operator) -> bool {
    matches!(op, Operator::And | Operator::Or)
}

fn is_comparison(op: &Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}
