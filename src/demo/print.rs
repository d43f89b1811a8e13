//! Numbers, strings and times as ksqlDB prints them, straight into a buffer.

use chrono::{DateTime, Datelike, Timelike};

/// A JSON string with its quotes. Control characters and `"` `\` are escaped, characters beyond the basic plane
/// become surrogate pairs in upper case, all else stays as it is.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            c if !(' '..='\u{ffff}').contains(&c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.extend_from_slice(format!("\\u{unit:04X}").as_bytes());
                }
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// [`string`] into a buffer of its own.
pub(super) fn json(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    string(&mut out, text);
    out
}

/// Decimal digits with zeros before them up to `width`.
pub(super) fn padded(out: &mut Vec<u8>, mut value: u128, width: usize) {
    let mut digits = [b'0'; 40];
    let mut at = digits.len();
    while value > 0 {
        at -= 1;
        digits[at] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
    let at = at.min(digits.len() - width.min(digits.len()));
    out.extend_from_slice(&digits[at..]);
}

/// [`padded`] in 64 bits: the division is much faster.
pub(super) fn digits(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while value > 0 {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    let at = at.min(digits.len() - width.min(digits.len()));
    out.extend_from_slice(&digits[at..]);
}

/// An integer.
pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs(), 1);
}

/// DECIMAL(…, 2) outside a STRUCT: plain and exact, zeros kept.
pub(super) fn cents(out: &mut Vec<u8>, value: i128) {
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    if let Ok(small) = u64::try_from(magnitude) {
        digits(out, small / 100, 1);
        out.push(b'.');
        digits(out, small % 100, 2);
    } else {
        padded(out, magnitude / 100, 1);
        out.push(b'.');
        padded(out, magnitude % 100, 2);
    }
}

/// `value` / 10^`scale` as `Double.toString` prints it, for magnitudes from 0.001 up to 10^7: zeros at the end are
/// dropped but for the one after the point.
pub(super) fn double(out: &mut Vec<u8>, value: i64, scale: u32) {
    if value < 0 {
        out.push(b'-');
    }
    let unit = 10_u64.pow(scale);
    let magnitude = value.unsigned_abs();
    digits(out, magnitude / unit, 1);
    out.push(b'.');
    let (mut fraction, mut width) = (magnitude % unit, scale as usize);
    while width > 1 && fraction.is_multiple_of(10) {
        fraction /= 10;
        width -= 1;
    }
    digits(out, fraction, width);
}

/// TIMESTAMP outside a STRUCT: `"2025-01-01T00:00:00.000"`.
pub(super) fn timestamp(out: &mut Vec<u8>, millis: i64) {
    let Some(time) = DateTime::from_timestamp_millis(millis) else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    digits(out, u64::from(time.year().unsigned_abs()), 4);
    let rest = [
        (b'-', time.month()),
        (b'-', time.day()),
        (b'T', time.hour()),
        (b':', time.minute()),
        (b':', time.second()),
    ];
    for (before, value) in rest {
        out.push(before);
        digits(out, u64::from(value), 2);
    }
    out.push(b'.');
    digits(out, u64::from(time.timestamp_subsec_millis()), 3);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(print: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_ksqldb_does() {
        assert_eq!(
            text(|o| string(o, "a\"\\\n\u{1f}é\u{2028}\u{1F600}")),
            "\"a\\\"\\\\\\n\\u001Fé\u{2028}\\uD83D\\uDE00\""
        );
    }

    #[test]
    fn decimals_keep_their_zeros_and_doubles_drop_them() {
        assert_eq!(text(|o| cents(o, 150)), "1.50");
        assert_eq!(text(|o| cents(o, -5)), "-0.05");
        assert_eq!(text(|o| cents(o, i128::from(u64::MAX) * 100)), format!("{}.00", u64::MAX));
        assert_eq!(text(|o| double(o, 150, 2)), "1.5");
        assert_eq!(text(|o| double(o, 10_000, 2)), "100.0");
        assert_eq!(text(|o| double(o, -127_758, 6)), "-0.127758");
    }

    #[test]
    fn timestamps_have_three_digits_of_a_second() {
        assert_eq!(text(|o| timestamp(o, 1_735_689_600_007)), "\"2025-01-01T00:00:00.007\"");
    }
}
