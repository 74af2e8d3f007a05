//! Canonical forms of user and cell ids: the same id gets the same form whatever file it comes from.

use std::borrow::Cow;

/// Minimum number of digits for hexadecimal text without a prefix to be read as a hash: 128 bits, the
/// shortest hash in use.
const MIN_HASH_DIGITS: usize = 32;

/// Length of the longest usable id: bytes of its canonical text. PostgreSQL refuses rows of an index with
/// more than about 2,700 bytes, and a row of an index may contain two ids.
pub const MAX_ID_BYTES: usize = 1_024;

/// A user id in the form in which it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKey<'a> {
    /// Bytes of a binary id, or of a hash written as hexadecimal text.
    Bytes(&'a [u8]),
    /// Any other text, unchanged.
    Text(&'a str),
}

impl UserKey<'_> {
    /// True if the canonical text is longer than [`MAX_ID_BYTES`].
    #[inline]
    pub fn is_too_long(self) -> bool {
        match self {
            UserKey::Bytes(bytes) => 2 * bytes.len() > MAX_ID_BYTES,
            UserKey::Text(text) => text.len() > MAX_ID_BYTES,
        }
    }

    /// True if the id can be counted and stored.
    pub fn is_usable(self) -> bool {
        !self.is_too_long() && !matches!(self, UserKey::Text(text) if has_nul(text))
    }
}

/// True for a text with a NUL character, which PostgreSQL cannot store, so that no warehouse has it.
pub fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

/// Where the dashes of a UUID are, and its length in both forms.
const UUID_DASHES: [usize; 4] = [8, 13, 18, 23];
const UUID_CHARACTERS: usize = 36;
const UUID_BYTES: usize = 16;

/// Reads a text id. A hexadecimal hash in either case, with the prefix `0x` or `\x` or with at least
/// 32 digits, and a UUID with dashes become their bytes (written to `scratch`); other text is kept
/// unchanged.
pub fn user_key_of_text<'a>(text: &'a str, scratch: &'a mut Vec<u8>) -> UserKey<'a> {
    let prefixed = text.strip_prefix("0x").or_else(|| text.strip_prefix("\\x"));
    let digits = prefixed.unwrap_or(text).as_bytes();
    if digits.len() == UUID_CHARACTERS && prefixed.is_none() && is_dashed(digits) {
        return uuid(text, scratch);
    }
    let long_enough = if prefixed.is_some() { 2 } else { MIN_HASH_DIGITS };
    if digits.len() < long_enough || !digits.len().is_multiple_of(2) {
        return UserKey::Text(text);
    }
    scratch.clear();
    match push_bytes(digits, scratch) {
        Some(()) => UserKey::Bytes(scratch),
        None => UserKey::Text(text),
    }
}

fn is_dashed(text: &[u8]) -> bool {
    UUID_DASHES.iter().all(|at| text.get(*at) == Some(&b'-'))
}

/// The bytes of a text with the dashes of a UUID; the text itself if it has other characters than
/// hexadecimal digits between them.
fn uuid<'a>(text: &'a str, scratch: &'a mut Vec<u8>) -> UserKey<'a> {
    scratch.clear();
    let read = text.split('-').try_for_each(|group| push_bytes(group.as_bytes(), scratch));
    match read {
        Some(()) if scratch.len() == UUID_BYTES => UserKey::Bytes(scratch),
        _ => UserKey::Text(text),
    }
}

/// Values of hexadecimal digits, and [`NO_DIGIT`] for other bytes. A table is used because text ids
/// have 64 digits per row.
const DIGIT_VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        values[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};
const NO_DIGIT: u8 = u8::MAX;

#[inline]
fn hex_value(digit: u8) -> Option<u8> {
    let value = DIGIT_VALUES[usize::from(digit)];
    (value != NO_DIGIT).then_some(value)
}

/// Appends the bytes that hexadecimal digits of either case stand for. `None` for an odd number of
/// digits and for other characters; a part of the bytes may then have been appended.
#[inline]
pub fn push_bytes(digits: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    for &[high, low] in pairs {
        bytes.push(hex_value(high)? << 4 | hex_value(low)?);
    }
    Some(())
}

/// The canonical text of a user id: lower-case hexadecimal for bytes.
pub fn user_text<'a>(key: UserKey<'a>) -> Cow<'a, str> {
    match key {
        UserKey::Text(text) => Cow::Borrowed(text),
        UserKey::Bytes(bytes) => Cow::Owned(hex(bytes)),
    }
}

/// The first eight bytes of a text as a number with the same order, which decides most comparisons
/// without looking at the text.
pub fn beginning(text: &str) -> u64 {
    let mut bytes = [0; 8];
    let length = text.len().min(8);
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}

/// `bytes` as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(bytes, &mut text);
    text
}

/// Appends `bytes` as lower-case hexadecimal.
pub fn push_hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        let [high, low] = hex_digits(*byte);
        text.push(char::from(high));
        text.push(char::from(low));
    }
}

/// The two lower-case hexadecimal digits of a byte.
#[inline]
pub fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        user_text(user_key_of_text(text, &mut Vec::new())).into_owned()
    }

    #[test]
    fn a_hash_is_one_user_in_every_notation() {
        let hash = "00ff".repeat(16);
        for form in [hash.clone(), hash.to_uppercase(), format!("0x{hash}"), format!("\\x{hash}")] {
            assert_eq!(canonical(&form), hash);
        }
    }

    #[test]
    fn a_uuid_is_one_user_in_every_notation() {
        let digits = "0f8fad5bd9cb469fa16570867728950e";
        let dashed = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for form in [digits.to_owned(), dashed.to_owned(), dashed.to_uppercase()] {
            assert_eq!(canonical(&form), digits);
        }
        for text in [
            "0f8fad5b-d9cb-469f-a165-70867728950g",
            "0f8fad5bd-9cb-469f-a165-70867728950e",
            "0f8fad5b-d9cb-469f-a1-5-70867728950e",
            "0f8fad5b-d9cb-469f-a1---70867728950e",
            "0f8fad5b-d9cb-469f-a165-70867728950",
        ] {
            assert_eq!(canonical(text), text);
        }
    }

    #[test]
    fn text_that_is_not_a_hash_is_unchanged() {
        for text in ["u1", "ABCD", "", "0xzz", "0x1", "372-5551234", &"A".repeat(33)] {
            assert_eq!(canonical(text), text);
        }
    }
}
