//! Values that stand as text, as Java reads and writes them.

use super::super::cursor::Number;
use super::super::number::{self, Reason};

/// A buffer that cannot address what it is to hold.
pub(super) const TOO_LONG: &str = "more than 2 GiB in one column of a batch";

/// `Long.parseLong`: a sign that may be missing, then digits.
pub(super) fn integer(text: &[u8]) -> Result<i64, Reason> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err("a string that is no whole number".into());
    }
    let text = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    text.ok_or(Reason::Borrowed(number::BEYOND_64))
}

/// The whole part of a number.
pub(super) fn truncated(number: Number) -> Result<i64, Reason> {
    if number.is_integer() {
        return number::integer(number);
    }
    let beyond = || Reason::Borrowed(number::BEYOND_64);
    let exponent: i64 = match number.exponent {
        [] => 0,
        text => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(beyond)?,
    };
    // Digits that stand before the point once it was moved.
    let count = exponent.saturating_add(i64::try_from(number.whole.len()).unwrap_or(i64::MAX));
    let digits = number.whole.iter().chain(number.fraction);
    if digits.clone().all(|digit| *digit == b'0') || count <= 0 {
        return Ok(0);
    }
    let zeros = digits.clone().take_while(|digit| **digit == b'0').count();
    let count = usize::try_from(count).map_err(|_| beyond())?;
    if count > zeros + 19 {
        return Err(beyond());
    }
    let mut value = 0_i64;
    for digit in digits.copied().chain(std::iter::repeat(b'0')).take(count) {
        let digit = i64::from(digit - b'0');
        let more = value.checked_mul(10).and_then(|value| {
            if number.negative { value.checked_sub(digit) } else { value.checked_add(digit) }
        });
        value = more.ok_or_else(beyond)?;
    }
    Ok(value)
}

/// `BigDecimal.doubleValue`: beyond all doubles it is infinite, and zero has no sign.
pub(super) fn double_of(number: Number) -> Result<f64, Reason> {
    let value: f64 = std::str::from_utf8(number.text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Reason::Borrowed("not a JSON number"))?;
    Ok(if value == 0.0 { 0.0 } else { value })
}

/// `Double.parseDouble`, but for its hexadecimal form.
pub(super) fn double(text: &[u8]) -> Result<f64, Reason> {
    let none = || Reason::Borrowed("a string that is no DOUBLE");
    let text = std::str::from_utf8(text).map_err(|_| none())?;
    let text = text.trim_matches(|c: char| c <= ' ');
    let (negative, size) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = match size {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            let digits = size.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(size);
            if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                return Err(none());
            }
            digits.parse().map_err(|_| none())?
        }
    };
    Ok(if negative { -value } else { value })
}

/// `new BigDecimal(text)`, given to `of` in JSON's form of a number.
pub(super) fn decimal<T>(text: &[u8], of: impl Fn(Number) -> Result<T, Reason>) -> Result<T, Reason> {
    let none = || Reason::Borrowed("a string that is no DECIMAL");
    let whole = |text: &[u8]| {
        let number = Number::scan(text).filter(|number| number.text.len() == text.len());
        number.map(&of)
    };
    if let Some(value) = whole(text) {
        return value;
    }
    // A plus sign, zeros in front, no digit on one side of the point: Java takes them, JSON has none of them.
    let (sign, rest) = match text {
        [b'-', rest @ ..] => ("-", rest),
        _ => ("", text.strip_prefix(b"+").unwrap_or(text)),
    };
    let rest = std::str::from_utf8(rest).map_err(|_| none())?;
    let (digits, exponent) = match rest.find(['e', 'E']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    if before.is_empty() && after.is_empty() {
        return Err(none());
    }
    let before = before.trim_start_matches('0');
    let before = if before.is_empty() { "0" } else { before };
    let point = if after.is_empty() { "" } else { "." };
    whole(format!("{sign}{before}{point}{after}{exponent}").as_bytes()).unwrap_or_else(|| Err(none()))
}

/// A JSON number as Jackson's tree gives it as text: an integer as it is, any other as `BigDecimal.toString`.
pub(super) fn print(number: Number, out: &mut Vec<u8>) {
    let digits: Vec<u8> = {
        let all = number.whole.iter().chain(number.fraction).copied();
        all.skip_while(|digit| *digit == b'0').collect()
    };
    let digits = if digits.is_empty() { b"0".to_vec() } else { digits };
    if number.negative && digits != b"0" {
        out.push(b'-');
    }
    let exponent =
        std::str::from_utf8(number.exponent).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let length = |text: &[u8]| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let scale = length(number.fraction).saturating_sub(exponent);
    let adjusted = length(&digits) - 1 - scale;
    if scale == 0 {
        out.extend_from_slice(&digits);
    } else if scale > 0 && adjusted >= -6 {
        let before = usize::try_from(length(&digits) - scale).unwrap_or(0);
        if before == 0 {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', usize::try_from(scale - length(&digits)).unwrap_or(0)));
            out.extend_from_slice(&digits);
        } else {
            out.extend_from_slice(&digits[..before]);
            out.push(b'.');
            out.extend_from_slice(&digits[before..]);
        }
    } else {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(format!("E{adjusted:+}").as_bytes());
    }
}

/// A string of JSON as Jackson writes it.
pub(super) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            0..32 => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        Number::scan(text.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_print_as_javas() {
        for (json, text) in [
            ("0", "0"),
            ("-0", "0"),
            ("1.50", "1.50"),
            ("1e3", "1E+3"),
            ("12.5e3", "1.25E+4"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("-1.5e-9", "-1.5E-9"),
            ("0.10", "0.10"),
            ("100000000000000000000", "100000000000000000000"),
            ("0.0", "0.0"),
        ] {
            let mut out = Vec::new();
            print(number(json), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn a_number_is_cut_at_its_point_and_never_wraps() {
        for (text, whole) in [
            ("1.9", Some(1)),
            ("-1.9", Some(-1)),
            ("1e3", Some(1000)),
            ("0.0001e5", Some(10)),
            ("1e-5", Some(0)),
            ("9223372036854775807.9", Some(i64::MAX)),
            ("-9223372036854775808.9", Some(i64::MIN)),
            ("9223372036854775808.0", None),
            ("1e19", None),
            ("1e99999999999999999999", None),
            ("0e99", Some(0)),
        ] {
            assert_eq!(truncated(number(text)).ok(), whole, "{text}");
        }
    }

    #[test]
    fn texts_are_read_as_java_reads_them() {
        assert_eq!(integer(b"+5"), Ok(5));
        assert!(integer(b" 5 ").is_err() && integer(b"5.5").is_err() && integer(b"").is_err());
        assert_eq!(double(b" 2.5 "), Ok(2.5));
        assert_eq!(double(b"1d"), Ok(1.0));
        assert_eq!(double(b"-Infinity"), Ok(f64::NEG_INFINITY));
        assert!(double(b"inf").is_err() && double(b"nan").is_err() && double(b"").is_err());
        let shape = number::Shape { precision: 6, scale: 2, through_double: false };
        let read = |text: &str| decimal::<i128>(text.as_bytes(), |n| number::decimal(n, shape)).ok();
        assert_eq!(
            (read("+1.2"), read("007"), read(".5"), read("5.")),
            (Some(120), Some(700), Some(50), Some(500))
        );
        assert_eq!((read("1.234"), read("x"), read(""), read(".")), (None, None, None, None));
    }
}
