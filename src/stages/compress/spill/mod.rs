//! What does not fit into memory: threads write sorted pieces to disk, which are then read together, user
//! by user.

mod merge;
mod piece;
mod record;

pub use merge::{MergedUsers, Pieces, SpilledUser};
pub use piece::{Piece, PieceFile};
pub use record::Record;
