//! Numbers of a datum: unscaled bytes as a DECIMAL, and numbers as Java prints them.

use std::fmt::{LowerExp, Write as _};

use arrow::datatypes::i256;

use super::super::super::number::{Reason, Shape};

/// The unscaled value of a DECIMAL from big-endian bytes in two's complement and the scale at which they were written.
/// Digits that the column has no place for must be zeros.
pub(super) fn decimal(bytes: &[u8], written: u32, shape: Shape) -> Result<i256, Reason> {
    let beyond = || Reason::Borrowed("beyond the DECIMAL's digits");
    let Some(&first) = bytes.first() else { return Err("a decimal without a byte".into()) };
    let sign = if first < 0x80 { 0 } else { 0xff };
    // Bytes in front that only repeat the sign.
    let surplus = bytes.len().saturating_sub(32);
    let (front, digits) = bytes.split_at(surplus);
    if front.iter().any(|byte| *byte != sign) {
        return Err(beyond());
    }
    let mut whole = [sign; 32];
    whole[32 - digits.len()..].copy_from_slice(digits);
    let value = i256::from_be_bytes(whole);
    // A first bit that belongs to the digits would change the sign.
    if (value < i256::ZERO) != (sign == 0xff) {
        return Err(beyond());
    }
    let ten = |power: u32| i256::from_i128(10).checked_pow(power);
    let scale = u32::from(shape.scale);
    let value = if value == i256::ZERO || written == scale {
        value
    } else if written < scale {
        ten(scale - written).and_then(|factor| value.checked_mul(factor)).ok_or_else(beyond)?
    } else {
        let more = || Reason::Borrowed("more digits behind the point than the DECIMAL has");
        let divisor = ten(written - scale).ok_or_else(more)?;
        if value.checked_rem(divisor) != Some(i256::ZERO) {
            return Err(more());
        }
        value.checked_div(divisor).ok_or_else(beyond)?
    };
    let limit = ten(u32::from(shape.precision)).unwrap_or(i256::MAX);
    if value < limit && value > limit.wrapping_neg() { Ok(value) } else { Err(beyond()) }
}

/// `Float.toString` and `Double.toString`, with the fewest digits that name the number.
pub(super) fn print(number: impl LowerExp + Into<f64> + Copy, out: &mut Vec<u8>) {
    let value: f64 = number.into();
    if !value.is_finite() {
        let text = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        return out.extend_from_slice(text.as_bytes());
    }
    let mut text = String::new();
    // A `String` takes everything.
    let _ = write!(text, "{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    out.extend_from_slice(sign.as_bytes());
    // The point stands behind this many digits.
    let plain = (-3..7).contains(&exponent) || value == 0.0;
    let digits = format!("{first}{rest}");
    let (whole, fraction) = match usize::try_from(exponent) {
        _ if !plain => (first.to_owned(), rest.to_owned()),
        Ok(up) => {
            let padded = format!("{digits:0<width$}", width = up + 1);
            let (whole, fraction) = padded.split_at(up + 1);
            (whole.to_owned(), fraction.to_owned())
        }
        Err(_) => {
            let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
            ("0".to_owned(), "0".repeat(zeros) + &digits)
        }
    };
    out.extend_from_slice(whole.as_bytes());
    out.push(b'.');
    out.extend_from_slice(if fraction.is_empty() { b"0" } else { fraction.as_bytes() });
    if !plain {
        out.extend_from_slice(format!("E{exponent}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(precision: u8, scale: u8) -> Shape {
        Shape { precision, scale, through_double: false }
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        let read = |bytes: &[u8], written, precision, scale| {
            decimal(bytes, written, shape(precision, scale)).ok().and_then(i256::to_i128)
        };
        assert_eq!(read(&[0x04, 0xd2], 2, 6, 2), Some(1234));
        assert_eq!(read(&[0xfb, 0x2e], 2, 6, 2), Some(-1234));
        assert_eq!(read(&[0x04, 0xd2], 1, 6, 2), Some(12_340));
        assert_eq!(read(&[0x04, 0xce], 3, 6, 2), Some(123), "1.230");
        assert_eq!(read(&[0x04, 0xd2], 3, 6, 2), None, "1.234");
        assert_eq!(read(&[0x0f, 0x42, 0x40], 0, 6, 0), None, "1000000");
        assert_eq!(read(&[0x0f, 0x42, 0x3f], 0, 6, 0), Some(999_999));
        assert_eq!(read(&[], 0, 6, 0), None);
        assert_eq!(read(&[0; 60], 77, 6, 2), Some(0));
        // The sign repeated, and digits beyond 256 bits.
        let mut long = vec![0xff; 40];
        long.push(0x85);
        assert_eq!(read(&long, 0, 6, 0), Some(-123));
        let mut wide = vec![0; 40];
        wide[7] = 1;
        assert_eq!(read(&wide, 0, 76, 0), None);
        let mut turned = vec![0; 33];
        turned[1] = 0x80;
        assert_eq!(read(&turned, 0, 76, 0), None);
    }

    #[test]
    fn numbers_print_as_javas() {
        let double = |value: f64| {
            let mut out = Vec::new();
            print(value, &mut out);
            String::from_utf8(out).unwrap()
        };
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (0.012_5, "0.0125"),
            (9_999_999.0, "9999999.0"),
            (12_345_678.9, "1.23456789E7"),
            (1e7, "1.0E7"),
            (1e300, "1.0E300"),
            (100.0, "100.0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double(value), text);
        }
        let mut out = Vec::new();
        print(0.1_f32, &mut out);
        assert_eq!(out, b"0.1");
    }
}
