//! The dense number of an id in a column of events, or the reason why a row has none, in 32 bits.

/// The number that an id got while events are read. The four highest numbers stand for rows without a
/// usable id. Numbers are given anew for every batch of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct IdSlot(u32);

/// What an [`IdSlot`] stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdSlotView {
    Number(u32),
    /// Null or empty.
    Missing,
    /// Not of the configured length.
    Malformed,
    /// Longer than [`crate::domain::ids::MAX_ID_BYTES`].
    TooLong,
    /// With a NUL character, which PostgreSQL cannot store.
    WithNul,
}

impl IdSlot {
    pub const MISSING: IdSlot = IdSlot(u32::MAX);
    pub const MALFORMED: IdSlot = IdSlot(u32::MAX - 1);
    pub const TOO_LONG: IdSlot = IdSlot(u32::MAX - 2);
    pub const WITH_NUL: IdSlot = IdSlot(u32::MAX - 3);

    /// How many ids can be numbered.
    pub const CAPACITY: u32 = Self::WITH_NUL.0;

    /// An id with this number, which has to be lower than [`IdSlot::CAPACITY`].
    #[inline]
    pub fn new(number: u32) -> Self {
        debug_assert!(number < Self::CAPACITY);
        IdSlot(number)
    }

    /// The number of a usable id.
    #[inline]
    pub fn number(self) -> Option<u32> {
        (self.0 < Self::CAPACITY).then_some(self.0)
    }

    #[inline]
    pub fn view(self) -> IdSlotView {
        match self {
            Self::MISSING => IdSlotView::Missing,
            Self::MALFORMED => IdSlotView::Malformed,
            Self::TOO_LONG => IdSlotView::TooLong,
            Self::WITH_NUL => IdSlotView::WithNul,
            IdSlot(number) => IdSlotView::Number(number),
        }
    }
}
