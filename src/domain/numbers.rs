//! Numbers as text for people.

/// A count with its digits grouped by three: `40,700,000`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 row`, `1,500 rows`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `700 KiB`, `1,200 MiB`.
pub fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        mebibytes => format!("{} MiB", grouped(mebibytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::{counted, grouped, size};

    #[test]
    fn one_is_singular_and_sizes_round_up() {
        assert_eq!(counted(1, "cell"), "1 cell");
        assert_eq!(counted(1_500, "row"), "1,500 rows");
        assert_eq!([size(0), size(1), size(1 << 20)], ["0 KiB", "1 KiB", "1 MiB"]);
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(40_700_000), "40,700,000");
    }
}
