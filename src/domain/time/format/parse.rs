//! The text of a format, split into its fields and checked.

use super::{Digits, Field, TimestampFormat};

/// Fields that a format may have, for messages.
const SUPPORTED: &str = "%Y %y %m %b %B %d %e %H %k %I %l %p %M %S %f %.f %z %F %T %R %D %%";

impl TryFrom<String> for TimestampFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.is_ascii() {
            return Err(format!("{text:?} has characters other than ASCII, which cannot be read"));
        }
        let mut fields = Vec::new();
        parse(&text, &mut fields)?;
        if !fields.iter().any(Field::is_of_date) {
            return Err(format!(
                "{text:?} has no fields; dd.MM.yyyy HH:mm:ss, for example, is \"%d.%m.%Y %H:%M:%S\""
            ));
        }
        for next in 1..fields.len() {
            if fields[next].starts_with_digit()
                && let Some(digits) = fields[next - 1].digits_mut()
            {
                *digits = Digits::Two;
            }
        }
        refuse_incomplete(&fields).map_err(|what| format!("{text:?} {what}"))?;
        Ok(TimestampFormat { text: text.into(), fields: fields.into() })
    }
}

/// Splits a format into its fields.
fn parse(text: &str, fields: &mut Vec<Field>) -> Result<(), String> {
    use Digits::{OneOrTwo, SpaceOrTwo};
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '%' {
            fields.push(Field::Literal(c as u8));
            continue;
        }
        if let Some(after) = [".f", ".3f", ".6f", ".9f"].iter().find_map(|f| rest.strip_prefix(f)) {
            fields.push(Field::PointAndFraction);
            rest = after;
            continue;
        }
        // flags of padding: numbers may have one digit in any case
        rest = rest.trim_start_matches(['-', '_', '0', ':', '#']);
        let Some(letter) = rest.chars().next() else {
            return Err(format!("{text:?} ends with %; write %% for a percent sign"));
        };
        rest = &rest[letter.len_utf8()..];
        fields.push(match letter {
            'Y' => Field::Year,
            'y' => Field::ShortYear,
            'm' => Field::Month(OneOrTwo),
            'b' | 'B' | 'h' => Field::MonthName,
            'd' => Field::Day(OneOrTwo),
            'e' => Field::Day(SpaceOrTwo),
            'H' => Field::Hour(OneOrTwo),
            'k' => Field::Hour(SpaceOrTwo),
            'I' => Field::Hour12(OneOrTwo),
            'l' => Field::Hour12(SpaceOrTwo),
            'p' | 'P' => Field::Half,
            'M' => Field::Minute(OneOrTwo),
            'S' => Field::Second(OneOrTwo),
            'f' => Field::Fraction,
            'z' => Field::Offset,
            '%' => Field::Literal(b'%'),
            'F' | 'T' | 'R' | 'D' => {
                let expanded = match letter {
                    'F' => "%Y-%m-%d",
                    'T' => "%H:%M:%S",
                    'R' => "%H:%M",
                    _ => "%m/%d/%y",
                };
                parse(expanded, fields)?;
                continue;
            }
            's' => {
                return Err(format!(
                    "{text:?} has %s; columns.timestamp_unit = \"s\" reads numbers of seconds"
                ));
            }
            'Z' => {
                return Err(format!(
                    "{text:?} has %Z, the name of a zone, which can be ambiguous; use %z for offsets such \
                     as +03:00, or set time.zone"
                ));
            }
            other => {
                return Err(format!("{text:?} has %{other}; supported are {SUPPORTED}"));
            }
        });
    }
    Ok(())
}

/// What a format lacks, or has twice.
fn refuse_incomplete(fields: &[Field]) -> Result<(), String> {
    let count = |is_it: fn(&Field) -> bool| fields.iter().filter(|field| is_it(field)).count();
    let hours = count(|f| matches!(f, Field::Hour(_)));
    let hours_12 = count(|f| matches!(f, Field::Hour12(_)));
    let halves = count(|f| matches!(f, Field::Half));
    let minutes = count(|f| matches!(f, Field::Minute(_)));
    let seconds = count(|f| matches!(f, Field::Second(_)));
    let fractions = count(|f| matches!(f, Field::Fraction | Field::PointAndFraction));
    let offsets = count(|f| matches!(f, Field::Offset));
    for (count, what) in [
        (count(|f| matches!(f, Field::Year | Field::ShortYear)), "the year, %Y"),
        (count(|f| matches!(f, Field::Month(_) | Field::MonthName)), "the month, %m"),
        (count(|f| matches!(f, Field::Day(_))), "the day, %d"),
    ] {
        if count != 1 {
            return Err(format!("has to state {what}, once"));
        }
    }
    for (count, what) in [
        (hours + hours_12, "hours"),
        (minutes, "minutes"),
        (seconds, "seconds"),
        (fractions, "fractions of a second"),
        (offsets, "offsets"),
        (halves, "%p"),
    ] {
        if count > 1 {
            return Err(format!("states {what} more than once"));
        }
    }
    if hours_12 != halves {
        return Err("needs %I and %p together, or %H alone".to_owned());
    }
    let each = [hours + hours_12, minutes, seconds, fractions];
    if each.windows(2).any(|pair| pair[0] < pair[1]) || offsets > hours + hours_12 {
        return Err("states a part of the time without the one before it".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_formats_say_what_is_wrong() {
        for (text, words) in [
            ("dd.MM.yyyy", "%d.%m.%Y"),
            ("%d.%m %H:%M", "the year"),
            ("%d.%m.%Y %I:%M", "%p"),
            ("%d.%m.%Y %M", "without the one before"),
            ("%d.%m.%Y %H:%M %Z", "%z"),
            ("%s", "columns.timestamp_unit"),
            ("%d.%m.%Y %q", "supported are"),
            ("%d.%m.%Y %", "%%"),
            ("%d.%m.%Y %d", "the day"),
        ] {
            let error = TimestampFormat::try_from(text.to_owned()).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
