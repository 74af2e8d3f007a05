//! Why a request has no answer.

use super::problem::Problem;

pub enum RequestError {
    /// The response is known.
    Problem(Problem),
    /// Another load has replaced the version of the data that the request works with.
    Outdated,
    /// An error of this program or of the warehouse.
    Internal(anyhow::Error),
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
