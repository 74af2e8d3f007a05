//! Column widths of a terminal table, and truncation of texts to fit them.

use std::borrow::Cow;

use console::{measure_text_width, truncate_str};

/// Width that a column needs to show all values in full, and its minimum, in terminal cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnWidth {
    pub natural: usize,
    pub minimum: usize,
}

/// Cells that are not text: two spaces per column, and a line between columns and at both ends.
fn overhead(columns: usize) -> usize {
    3 * columns + 1
}

/// Widths of as many leading columns as fit into `total`: the widest are reduced first, to a common
/// width. At least one column is kept, however narrow.
pub(super) fn widths(columns: &[ColumnWidth], total: usize) -> Vec<usize> {
    let needed = |n: usize| columns[..n].iter().map(|w| w.minimum).sum::<usize>() + overhead(n);
    let mut count = columns.len();
    while count > 1 && needed(count) > total {
        count -= 1;
    }
    let available = total.saturating_sub(overhead(count));
    if needed(count) > total {
        return vec![available.max(1); count];
    }
    let capped = |cap: usize| -> Vec<usize> {
        columns[..count].iter().map(|w| cap.clamp(w.minimum, w.natural)).collect()
    };
    // a cap of zero gives every column its minimum, which fits
    let fits = |widths: &Vec<usize>| widths.iter().sum::<usize>() <= available;
    let mut widths = (0..=available).rev().map(capped).find(fits).unwrap_or_default();
    let mut left = available.saturating_sub(widths.iter().sum());
    for (width, column) in widths.iter_mut().zip(columns) {
        if left > 0 && *width < column.natural {
            *width += 1;
            left -= 1;
        }
    }
    widths
}

/// Truncates `text` to `width` cells: a long hexadecimal id in the middle, other text at the end.
pub(super) fn truncate(text: &str, width: usize) -> Cow<'_, str> {
    if measure_text_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let is_id = text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id && width > 2 {
        let back = (width - 1) / 2;
        let front = width - 1 - back;
        return Cow::Owned(format!("{}…{}", &text[..front], &text[text.len() - back..]));
    }
    truncate_str(text, width, "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width_of(natural: usize, minimum: usize) -> ColumnWidth {
        ColumnWidth { natural, minimum }
    }

    #[test]
    fn columns_that_fit_keep_their_width() {
        assert_eq!(widths(&[width_of(10, 8), width_of(5, 5)], 22), [10, 5]);
    }

    #[test]
    fn the_widest_column_is_cut_first() {
        assert_eq!(widths(&[width_of(64, 8), width_of(10, 8), width_of(5, 5)], 45), [20, 10, 5]);
        assert_eq!(widths(&[width_of(64, 8), width_of(64, 8), width_of(5, 5)], 40), [13, 12, 5]);
    }

    #[test]
    fn columns_without_room_are_left_out_from_the_end() {
        assert_eq!(widths(&[width_of(8, 8), width_of(8, 8), width_of(8, 8)], 25), [8, 8]);
        assert_eq!(widths(&[width_of(8, 8)], 6), [2]);
        assert_eq!(widths(&[], 6), Vec::<usize>::new());
    }

    #[test]
    fn an_id_loses_its_middle_and_a_name_its_end() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(truncate(id, 8), "0123…def");
        assert_eq!(truncate(id, 32), id);
        assert_eq!(truncate("Põhja-Pärnumaa vald", 8), "Põhja-P…");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(truncate("東京都港区", 6), "東京…");
    }
}
