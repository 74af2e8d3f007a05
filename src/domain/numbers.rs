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

/// A decimal number with the digits of its integer part in groups of three: `-1,234.5`. Text in any
/// other notation is returned unchanged.
pub fn grouped_decimal(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (integer, fraction) = rest.find('.').map_or((rest, ""), |point| rest.split_at(point));
    let is_plain = integer.bytes().all(|b| b.is_ascii_digit());
    match integer.parse::<u64>() {
        Ok(integer) if is_plain => format!("{sign}{}{fraction}", grouped(integer)),
        _ => text.to_owned(),
    }
}

/// `1 row`, `1,500 rows`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `24 of 26 (92.3 %)`. A share that is not whole is never shown as 0 % or 100 %.
pub fn share_of(part: u64, whole: u64) -> String {
    let tenths = part.saturating_mul(1_000) / whole.max(1);
    let tenths = if part > 0 { tenths.max(1) } else { tenths };
    let decimals = if tenths % 10 == 0 { String::new() } else { format!(".{}", tenths % 10) };
    format!("{} of {} ({}{decimals} %)", grouped(part), grouped(whole), tenths / 10)
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
    use super::{counted, grouped, grouped_decimal, share_of, size};

    #[test]
    fn decimals_are_grouped_and_other_text_is_unchanged() {
        for (text, grouped) in [
            ("1234567", "1,234,567"),
            ("-1234.5678", "-1,234.5678"),
            ("12", "12"),
            ("1e+15", "1e+15"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(grouped_decimal(text), grouped);
        }
    }

    #[test]
    fn one_is_singular_and_sizes_round_up() {
        assert_eq!(counted(1, "cell"), "1 cell");
        assert_eq!(counted(1_500, "row"), "1,500 rows");
        assert_eq!([size(0), size(1), size(1 << 20)], ["0 KiB", "1 KiB", "1 MiB"]);
    }

    #[test]
    fn a_share_is_whole_only_if_it_is_so() {
        assert_eq!(share_of(24, 26), "24 of 26 (92.3 %)");
        assert_eq!(share_of(9_999, 10_000), "9,999 of 10,000 (99.9 %)");
        assert_eq!(share_of(1, 10_000), "1 of 10,000 (0.1 %)");
        assert_eq!([share_of(0, 0), share_of(5, 5)], ["0 of 0 (0 %)", "5 of 5 (100 %)"]);
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(40_700_000), "40,700,000");
    }
}
