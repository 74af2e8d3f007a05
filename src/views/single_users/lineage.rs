//! What the columns and rows of a plan tell of single users.

/// How a value descends from user ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum FromUserId {
    #[default]
    Not,
    /// A user id as it stands in a table.
    Id,
    /// Computed from user ids: a part, a hash, a least one, a list.
    Derived,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    pub user_id: FromUserId,
    /// The exact time of an event, which only few users share.
    pub exact_time: bool,
}

impl Origin {
    pub const ID: Origin = Origin { user_id: FromUserId::Id, exact_time: false };

    /// True if the value descends from a user id.
    pub fn is_from_user_id(self) -> bool {
        self.user_id != FromUserId::Not
    }

    /// True if a group of equal values is the rows of one user, or of few.
    pub fn identifies(self) -> bool {
        self.is_from_user_id() || self.exact_time
    }

    /// The value of a computation on both values.
    pub fn computed_with(self, other: Origin) -> Origin {
        let from_user_id = self.is_from_user_id() || other.is_from_user_id();
        Origin {
            user_id: if from_user_id { FromUserId::Derived } else { FromUserId::Not },
            exact_time: self.exact_time || other.exact_time,
        }
    }

    /// One of both values, as in a union. An id remains one only if both are.
    pub fn or(self, other: Origin) -> Origin {
        match self.user_id == other.user_id {
            true => Origin { exact_time: self.exact_time || other.exact_time, ..self },
            false => self.computed_with(other),
        }
    }
}

/// What the output of a plan tells of single users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    /// The origin of each column.
    pub columns: Vec<Origin>,
    /// Rows belong to single users, whether or not a column shows which.
    pub per_user: bool,
    /// The rows are those of users who were selected by their ids, or of the first few users.
    pub selects_users: bool,
}

impl Lineage {
    /// The rows of both, as in a union.
    pub fn or(&self, other: &Lineage) -> Lineage {
        let columns = self.columns.iter().zip(&other.columns);
        Lineage {
            columns: columns.map(|(a, b)| a.or(*b)).collect(),
            per_user: self.per_user || other.per_user,
            selects_users: self.selects_users || other.selects_users,
        }
    }
}
