//! What was decided for each cell.

use super::problem::CellId;

/// Why a cell is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// For its own sake.
    Primary,
    /// So that a primary cell cannot be derived. To say so to the public would tell that it is no primary one.
    Secondary,
}

/// What was decided for each cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    withheld: Vec<Option<Withheld>>,
    /// Cells that nobody sees: those that are withheld, differences, and rows that do not exist.
    hidden: Vec<bool>,
}

impl Suppression {
    pub(super) fn new(withheld: Vec<Option<Withheld>>, hidden: Vec<bool>) -> Self {
        Suppression { withheld, hidden }
    }

    /// Why a cell of a table is withheld; `None` if it is shown.
    pub fn withheld(&self, cell: CellId) -> Option<Withheld> {
        self.withheld[cell]
    }

    /// True for a cell that nobody sees.
    pub fn is_hidden(&self, cell: CellId) -> bool {
        self.hidden[cell]
    }
}
