//! Numbers from their text, exact: nothing is rounded, nothing wraps.
//!
//! ```text
//! INTEGER, BIGINT   digits only                      1.0 and 1e3 are no integers
//! DOUBLE            the nearest double of the text   "NaN", "Infinity", "-Infinity" come as strings
//! DECIMAL(p, s)     digits × 10^exponent             -> unscaled integer of at most p digits
//! ```
//!
//! It knows no columns and no JSON beyond the joints of a number.

use std::borrow::Cow;

use arrow::datatypes::i256;

use super::cursor::{Number, Short};

/// Why a number cannot be kept.
pub(super) type Reason = Cow<'static, str>;

/// Digits that an `i128` always holds.
const HALF: usize = 38;

/// A 64-bit integer.
#[inline]
pub(super) fn integer(number: Number) -> Result<i64, Reason> {
    if !number.is_integer() {
        return Err("not an integer".into());
    }
    let mut magnitude = 0_u64;
    for &digit in number.whole {
        magnitude = magnitude
            .checked_mul(10)
            .and_then(|m| m.checked_add(u64::from(digit - b'0')))
            .ok_or(Reason::Borrowed(BEYOND_64))?;
    }
    let value =
        if number.negative { 0_i64.checked_sub_unsigned(magnitude) } else { magnitude.try_into().ok() };
    value.ok_or(Reason::Borrowed(BEYOND_64))
}

/// A 32-bit integer.
#[inline]
pub(super) fn integer32(number: Number) -> Result<i32, Reason> {
    integer(number)?.try_into().map_err(|_| BEYOND_32.into())
}

/// Why an INTEGER cannot be kept.
pub(super) const BEYOND_32: &str = "beyond 32 bits";
/// Why a BIGINT cannot be kept.
pub(super) const BEYOND_64: &str = "beyond 64 bits";

/// Powers of ten, of which a double holds the first 23 exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The nearest double of a number whose digits are there already.
#[inline]
#[allow(clippy::cast_precision_loss, reason = "the digits are below 2^53")]
pub(super) fn short_double(number: Short) -> f64 {
    if number.digits.unsigned_abs() <= 1 << 53 {
        // Both are exact, and IEEE 754 rounds their quotient once, to the nearest.
        return number.digits as f64 / TENS[number.fraction];
    }
    let magnitude = quotient(number.digits.unsigned_abs(), number.fraction);
    if number.digits < 0 { -magnitude } else { magnitude }
}

/// The double that is nearest to `digits` / 10^`fraction`: 62 bits of the quotient, the last one also set when anything
/// remains, are rounded once by the conversion. `digits` are more than 2^53, `fraction` at most 18.
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "below 2^63; rounding is meant"
)]
fn quotient(digits: u64, fraction: usize) -> f64 {
    let divisor = 10_u64.pow(fraction as u32);
    let (up, below) = (digits.leading_zeros(), divisor.leading_zeros());
    // Both in [2^63, 2^64), so that the quotient is in (2^61, 2^63).
    let (dividend, divisor) = (u128::from(digits << up) << 62, u128::from(divisor << below));
    let bits = (dividend / divisor) as u64 | u64::from(dividend % divisor != 0);
    // 2^(below - up - 62), the power of two that the shifts have left.
    let power = f64::from_bits(u64::from(1023 + below - up - 62) << 52);
    bits.cast_signed() as f64 * power
}

/// The nearest double.
#[inline]
pub(super) fn double(number: Number) -> Result<f64, Reason> {
    let value: Option<f64> = std::str::from_utf8(number.text).ok().and_then(|text| text.parse().ok());
    match value {
        Some(value) if value.is_finite() => Ok(value),
        _ => Err("beyond a DOUBLE".into()),
    }
}

/// The doubles that JSON has no number for.
#[inline]
pub(super) fn double_word(word: &[u8]) -> Result<f64, Reason> {
    match word {
        b"NaN" => Ok(f64::NAN),
        b"Infinity" => Ok(f64::INFINITY),
        b"-Infinity" => Ok(f64::NEG_INFINITY),
        _ => Err("a string that is no DOUBLE".into()),
    }
}

/// What a DECIMAL holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) precision: u8,
    pub(super) scale: u8,
    /// The number has passed through a double, as inside a STRUCT; the precision is at most 15 then.
    pub(super) through_double: bool,
}

impl Shape {
    /// The unscaled value of a number, where it fits as it stands.
    #[inline]
    pub(super) fn short(self, number: Short) -> Option<i128> {
        const TENS: [i128; HALF + 1] = {
            let mut tens = [1; HALF + 1];
            let mut i = 1;
            while i <= HALF {
                tens[i] = tens[i - 1] * 10;
                i += 1;
            }
            tens
        };
        let zeros = usize::from(self.scale).checked_sub(number.fraction)?;
        // 18 digits and so many zeros do not overflow.
        if zeros > HALF - 18 {
            return None;
        }
        let value = i128::from(number.digits) * TENS[zeros];
        (value.abs() < *TENS.get(usize::from(self.precision))?).then_some(value)
    }
}

/// An integer type that DECIMALs are kept in.
pub(super) trait Unscaled: Copy {
    /// From at most 38 digits above at most 38 digits.
    fn from_halves(high: i128, low: i128) -> Self;
    /// With the other sign.
    fn negate(self) -> Self;
}

impl Unscaled for i128 {
    #[inline]
    fn from_halves(_high: i128, low: i128) -> Self {
        low
    }

    #[inline]
    fn negate(self) -> Self {
        -self
    }
}

impl Unscaled for i256 {
    #[inline]
    fn from_halves(high: i128, low: i128) -> Self {
        let unit = Self::from_i128(10_i128.pow(38));
        Self::from_i128(high).wrapping_mul(unit).wrapping_add(Self::from_i128(low))
    }

    #[inline]
    fn negate(self) -> Self {
        self.wrapping_neg()
    }
}

/// The unscaled value of a DECIMAL. Digits that the scale has no place for must be zeros.
///
/// Below 16 digits a decimal and its double name each other without doubt, but older Java prints some doubles with a
/// digit too many; what has passed through a double and does not fit as printed is therefore looked at as a double.
#[inline]
pub(super) fn decimal<T: Unscaled>(number: Number, shape: Shape) -> Result<T, Reason> {
    match exact(number, shape) {
        Err(_) if shape.through_double => by_double(number, shape),
        other => other,
    }
}

#[inline]
fn exact<T: Unscaled>(number: Number, shape: Shape) -> Result<T, Reason> {
    let (scale, precision) = (usize::from(shape.scale), usize::from(shape.precision));
    let (whole, fraction) = (number.whole, number.fraction);
    if number.exponent.is_empty() && fraction.len() <= scale && whole.len() + scale <= precision.min(HALF) {
        let mut value = 0;
        for &digit in whole.iter().chain(fraction) {
            value = value * 10 + i128::from(digit - b'0');
        }
        for _ in fraction.len()..scale {
            value *= 10;
        }
        return Ok(signed(T::from_halves(0, value), number.negative));
    }
    general(number, scale, precision)
}

/// Any exponent, any number of digits.
fn general<T: Unscaled>(number: Number, scale: usize, precision: usize) -> Result<T, Reason> {
    let all = || number.whole.iter().chain(number.fraction).map(|digit| digit - b'0');
    let count = number.whole.len() + number.fraction.len();
    let Some(first) = all().position(|digit| digit != 0) else {
        return Ok(T::from_halves(0, 0));
    };
    let trailing = all().rev().take_while(|&digit| digit == 0).count();
    // The significant digits, and the power of ten that they are to be multiplied by to become the unscaled value.
    let significant = count - first - trailing;
    let exponent = if number.exponent.is_empty() {
        Some(0)
    } else {
        std::str::from_utf8(number.exponent).ok().and_then(|text| text.parse::<i64>().ok())
    };
    let point = i64::try_from(trailing).unwrap_or(i64::MAX)
        - i64::try_from(number.fraction.len()).unwrap_or(i64::MAX);
    let shift = exponent
        .and_then(|exponent| exponent.checked_add(point))
        .and_then(|shift| shift.checked_add(i64::try_from(scale).ok()?));
    let Some(shift) = shift else {
        return Err(format!("an exponent beyond DECIMAL({precision}, {scale})").into());
    };
    let Ok(zeros) = usize::try_from(shift) else {
        return Err(format!("more than {scale} digits after the point").into());
    };
    if significant.checked_add(zeros).is_none_or(|digits| digits > precision) {
        return Err(format!("more digits than DECIMAL({precision}, {scale}) holds").into());
    }
    let digits = significant + zeros;
    let (mut high, mut low) = (0_i128, 0_i128);
    for (i, digit) in all().skip(first).chain(std::iter::repeat(0)).take(digits).enumerate() {
        let half = if digits - i > HALF { &mut high } else { &mut low };
        *half = *half * 10 + i128::from(digit);
    }
    Ok(signed(T::from_halves(high, low), number.negative))
}

/// The only DECIMAL of this shape whose double is the one that arrived.
#[cold]
fn by_double<T: Unscaled>(number: Number, shape: Shape) -> Result<T, Reason> {
    let value = double(number)?;
    let text = format!("{value:.*}", usize::from(shape.scale));
    match Number::scan(text.as_bytes()) {
        Some(rounded) if text.parse() == Ok(value) => exact(rounded, shape),
        _ => Err(format!("no DECIMAL({}, {})", shape.precision, shape.scale).into()),
    }
}

#[inline]
fn signed<T: Unscaled>(value: T, negative: bool) -> T {
    if negative { value.negate() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(text: &str, precision: u8, scale: u8, through_double: bool) -> Result<i128, Reason> {
        decimal(Number::scan(text.as_bytes()).unwrap(), Shape { precision, scale, through_double })
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        for (text, precision, scale, unscaled) in [
            ("1.50", 12, 2, Some(150)),
            ("-0.00", 12, 2, Some(0)),
            ("1.5000", 12, 2, Some(150)),
            ("1.501", 12, 2, None),
            ("9999999999.99", 12, 2, Some(999_999_999_999)),
            ("10000000000.00", 12, 2, None),
            ("9.99999999E9", 12, 2, Some(999_999_999_000)),
            ("1E+3", 4, 0, Some(1000)),
            ("1E+4", 4, 0, None),
            ("0E-10", 4, 0, Some(0)),
            ("1e-2", 4, 2, Some(1)),
            ("1e-3", 4, 2, None),
            ("0e99999999999999999999", 4, 2, Some(0)),
            ("1e99999999999999999999", 4, 2, None),
            ("1e-9223372036854775808", 4, 2, None),
            ("0.1234", 4, 4, Some(1234)),
            ("-99999999999999999999999999999999999999", 38, 0, Some(-(10_i128.pow(38) - 1))),
        ] {
            assert_eq!(small(text, precision, scale, false).ok(), unscaled, "{text}");
        }
    }

    #[test]
    fn a_digit_too_many_of_an_older_java_is_healed() {
        assert_eq!(small("2.0000000000000001E-3", 5, 3, true), Ok(2));
        assert!(small("2.001E-3", 5, 3, true).is_err());
        assert!(small("2.0000000000000001E-3", 5, 3, false).is_err());
        assert!(small("1E300", 5, 3, true).is_err());
    }

    #[test]
    fn a_short_double_is_the_nearest() {
        let rng = &mut fastrand::Rng::with_seed(11);
        let halfway = (1 << 53) + 1;
        let edges = [1, halfway, halfway + 1, halfway + 2, 10_i64.pow(18) - 1];
        for case in 0..200_000 {
            let random = rng.i64(1..10_i64.pow(18)) >> rng.u8(..8);
            let digits = edges.get(case).copied().unwrap_or(random);
            for digits in [digits, -digits] {
                for fraction in [0, 1, 16, 17, rng.usize(..18)] {
                    let nearest: f64 = format!("{digits}e-{fraction}").parse().unwrap();
                    assert_eq!(short_double(Short { digits, fraction }).to_bits(), nearest.to_bits());
                }
            }
        }
    }

    #[test]
    fn wide_decimals_keep_every_digit() {
        let nines = "9".repeat(76);
        let text = format!("-{}.{}", &nines[..40], &nines[40..]);
        let shape = Shape { precision: 76, scale: 36, through_double: false };
        let value: i256 = decimal(Number::scan(text.as_bytes()).unwrap(), shape).unwrap();
        assert_eq!(value.to_string(), format!("-{nines}"));
    }
}
