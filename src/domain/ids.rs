//! Canonical forms of user and cell ids, so that the same id in two files is the same id.

use std::borrow::Cow;

/// Digits from which bare hexadecimal text is read as a hash: 128 bits, the shortest in use.
const HASH_DIGITS: usize = 32;

/// How a user id is kept while grouping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKey<'a> {
    /// Bytes of a binary id, or of a hash written as hexadecimal text.
    Bytes(&'a [u8]),
    /// Any other text, as it stands.
    Text(&'a str),
}

/// Reads a text id. A hash in hexadecimal, of either case, with `0x` or `\x` before it or at least
/// 32 digits long, is its bytes (put into `scratch`); other text stands as it is.
pub fn user_key_of_text<'a>(text: &'a str, scratch: &'a mut Vec<u8>) -> UserKey<'a> {
    let prefixed = text.strip_prefix("0x").or_else(|| text.strip_prefix("\\x"));
    let digits = prefixed.unwrap_or(text).as_bytes();
    let long_enough = if prefixed.is_some() { 2 } else { HASH_DIGITS };
    if digits.len() < long_enough || !digits.len().is_multiple_of(2) {
        return UserKey::Text(text);
    }
    scratch.clear();
    for pair in digits.chunks_exact(2) {
        match (hex_value(pair[0]), hex_value(pair[1])) {
            (Some(high), Some(low)) => scratch.push(high << 4 | low),
            _ => return UserKey::Text(text),
        }
    }
    UserKey::Bytes(scratch)
}

/// Values of digits, and [`NO_DIGIT`] for all else: ids in text have 64 digits a row.
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

/// The canonical text of a user id: lower-case hexadecimal for bytes.
pub fn user_text<'a>(key: UserKey<'a>) -> Cow<'a, str> {
    match key {
        UserKey::Text(text) => Cow::Borrowed(text),
        UserKey::Bytes(bytes) => Cow::Owned(hex(bytes)),
    }
}

/// The first eight bytes of a text as a number that orders as they do, which decides most
/// comparisons at once.
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
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        user_text(user_key_of_text(text, &mut Vec::new())).into_owned()
    }

    #[test]
    fn a_hash_is_one_user_however_it_is_written() {
        let hash = "00ff".repeat(16);
        for form in [hash.clone(), hash.to_uppercase(), format!("0x{hash}"), format!("\\x{hash}")] {
            assert_eq!(canonical(&form), hash);
        }
    }

    #[test]
    fn text_that_is_no_hash_stands_as_it_is() {
        for text in ["u1", "ABCD", "", "0xzz", "0x1", "372-5551234", &"A".repeat(33)] {
            assert_eq!(canonical(text), text);
        }
    }
}
