//! Why a request has no answer.

use super::problem::Problem;
use crate::errors::EngineError;
use crate::warehouse::Relation;

pub enum RequestError {
    /// The response is known.
    Problem(Problem),
    /// Another load has replaced the version of the data that the request works with.
    Outdated,
    /// An error of this program or of the warehouse.
    Internal(anyhow::Error),
}

impl RequestError {
    /// Names the relation in an error of the engine that does not name it.
    pub fn of_relation(self, relation: Relation) -> Self {
        let name = relation.sql_name();
        match self {
            RequestError::Internal(error) => {
                let is_named = format!("{error:#}").contains(name);
                let of_engine = error.chain().any(|cause| cause.is::<EngineError>());
                RequestError::Internal(match of_engine && !is_named {
                    true => error.context(name.to_owned()),
                    false => error,
                })
            }
            other => other,
        }
    }
}

impl From<Problem> for RequestError {
    fn from(problem: Problem) -> Self {
        RequestError::Problem(problem)
    }
}

impl From<anyhow::Error> for RequestError {
    fn from(error: anyhow::Error) -> Self {
        RequestError::Internal(error)
    }
}
