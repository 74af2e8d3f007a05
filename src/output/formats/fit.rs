//! How wide the columns of a terminal table may be, and how a text is cut to fit.

use std::borrow::Cow;

use console::{measure_text_width, truncate_str};

/// What a column would like and what it needs, in terminal cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub natural: usize,
    pub least: usize,
}

/// Two blanks a column, a line between columns and one at either end.
fn frame(columns: usize) -> usize {
    3 * columns + 1
}

/// Widths of as many leading columns as fit into `total`: the widest are cut first, to one common
/// width. At least one column stays, however narrow.
pub(super) fn widths(wishes: &[Wish], total: usize) -> Vec<usize> {
    let needed = |n: usize| wishes[..n].iter().map(|w| w.least).sum::<usize>() + frame(n);
    let mut count = wishes.len();
    while count > 1 && needed(count) > total {
        count -= 1;
    }
    let room = total.saturating_sub(frame(count));
    if needed(count) > total {
        return vec![room.max(1); count];
    }
    let capped = |cap: usize| -> Vec<usize> {
        wishes[..count].iter().map(|w| cap.clamp(w.least, w.natural)).collect()
    };
    // a cap of zero gives every column its least, and that fits
    let fits = |widths: &Vec<usize>| widths.iter().sum::<usize>() <= room;
    let mut widths = (0..=room).rev().map(capped).find(fits).unwrap_or_default();
    let mut left = room.saturating_sub(widths.iter().sum());
    for (width, wish) in widths.iter_mut().zip(wishes) {
        if left > 0 && *width < wish.natural {
            *width += 1;
            left -= 1;
        }
    }
    widths
}

/// `text` in at most `width` cells: a long hex id loses its middle, other text its end.
pub(super) fn cut(text: &str, width: usize) -> Cow<'_, str> {
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

    fn wish(natural: usize, least: usize) -> Wish {
        Wish { natural, least }
    }

    #[test]
    fn columns_that_fit_keep_their_width() {
        assert_eq!(widths(&[wish(10, 8), wish(5, 5)], 22), [10, 5]);
    }

    #[test]
    fn the_widest_column_is_cut_first() {
        assert_eq!(widths(&[wish(64, 8), wish(10, 8), wish(5, 5)], 45), [20, 10, 5]);
        assert_eq!(widths(&[wish(64, 8), wish(64, 8), wish(5, 5)], 40), [13, 12, 5]);
    }

    #[test]
    fn columns_without_room_are_left_out_from_the_end() {
        assert_eq!(widths(&[wish(8, 8), wish(8, 8), wish(8, 8)], 25), [8, 8]);
        assert_eq!(widths(&[wish(8, 8)], 6), [2]);
        assert_eq!(widths(&[], 6), Vec::<usize>::new());
    }

    #[test]
    fn an_id_loses_its_middle_and_a_name_its_end() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(cut(id, 8), "0123…def");
        assert_eq!(cut(id, 32), id);
        assert_eq!(cut("Põhja-Pärnumaa vald", 8), "Põhja-P…");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("東京都港区", 6), "東京…");
    }
}
