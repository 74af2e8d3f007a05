//! Cells that a spreadsheet takes for formulas.
//!
//! A formula in the name of a place could fetch data from elsewhere or send it there as soon as a
//! person opens the file. An apostrophe in front of it makes it a text.

/// Inserts an apostrophe in front of a formula in the cell that starts at `start` in `buffer`. Besides
/// the start of the cell, what follows a line break, tab or semicolon counts as the start of a cell,
/// because spreadsheets whose lists are separated by semicolons split the line there.
pub(super) fn neutralise(buffer: &mut Vec<u8>, start: usize) {
    let Ok(cell) = std::str::from_utf8(&buffer[start..]) else { return };
    let places = formulas(cell);
    for place in places.into_iter().rev() {
        buffer.insert(start + place, b'\'');
    }
}

/// Positions of the apostrophes that a cell needs.
fn formulas(cell: &str) -> Vec<usize> {
    let mut places = Vec::new();
    // a leading tab or line break moves what follows into another cell
    if cell.starts_with(['\t', '\r', '\n'])
        || cell.trim_start_matches(is_skipped).starts_with(begins_formula)
    {
        places.push(0);
    }
    let mut is_start = false;
    for (place, c) in cell.char_indices() {
        if is_separator(c) {
            is_start = true;
        } else if is_start && !is_skipped(c) {
            if begins_formula(c) {
                places.push(place);
            }
            is_start = false;
        }
    }
    places
}

/// Spreadsheets also accept the full-width forms and the minus sign of typography.
fn begins_formula(c: char) -> bool {
    matches!(
        c,
        '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}' | '\u{2212}'
    )
}

fn is_separator(c: char) -> bool {
    matches!(c, '\t' | '\r' | '\n' | ';')
}

/// Characters in front of a formula that do not keep it from being one.
fn is_skipped(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn safe(cell: &str) -> String {
        let mut buffer = b"=before,".to_vec();
        buffer.extend_from_slice(cell.as_bytes());
        neutralise(&mut buffer, 8);
        String::from_utf8(buffer.split_off(8)).unwrap()
    }

    #[test]
    fn formulas_get_an_apostrophe() {
        for (cell, expected) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1+cmd", "'-1+cmd"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("  =1", "'  =1"),
            ("\u{a0}\u{feff}=1", "'\u{a0}\u{feff}=1"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("a;=1", "a;'=1"),
            ("a;b\n @x\t+1", "a;b\n '@x\t'+1"),
            ("\n=1", "'\n'=1"),
        ] {
            assert_eq!(safe(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn other_texts_are_unchanged() {
        for cell in
            ["", "Saare vald", "Jõgeva-Tartu", "a = b", "1-2", "me@host", "'=1", "; a", "a;b"]
        {
            assert_eq!(safe(cell), cell);
        }
    }

    proptest! {
        #[test]
        fn no_piece_of_a_safe_cell_begins_a_formula(cell in "[=+@ a;,\t\r\n'\"\u{a0}-]{0,12}") {
            let safe = safe(&cell);
            for piece in safe.split(is_separator) {
                prop_assert!(!piece.trim_start_matches(is_skipped).starts_with(begins_formula));
            }
            prop_assert_eq!(cell.replace('\'', ""), safe.replace('\'', ""));
        }
    }
}
