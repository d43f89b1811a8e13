//! Bytes of a row looked at eight or more at a time.
//!
//! Strings and numbers of a row are short, so a call into a general search or copy costs more than its work, and a loop
//! over single bytes guesses wrong at the end of every one. A word finds its own end: the lowest byte that is not like
//! the others. All of it is plain integer arithmetic, the same on every platform.

use memchr::memchr2;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of every byte that does not stand for itself in a string: quotes, backslashes, control characters. Above
/// the first one some bits may lie, as a subtraction borrows upwards only.
#[inline]
fn marks(word: u64) -> u64 {
    let quote = (word ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    let control = word.wrapping_sub(ONES * 0x20);
    (quote | backslash | control) & !word & HIGH
}

/// How many bytes of a word lie below its lowest mark.
#[inline]
fn bytes_below(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

/// The place of the first quote, backslash or control character from `at` on, and whether all before it is surely ASCII.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a call costs as much as the work")]
pub(super) fn find_mark(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut rest = bytes.get(at..)?;
    let (mut place, mut seen) = (at, 0);
    while let Some((word, more)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        seen |= word;
        let found = marks(word);
        if found != 0 {
            return Some((place + bytes_below(found), seen & HIGH == 0));
        }
        rest = more;
        place += 8;
        if place - at == LONG {
            return find_far(rest).map(|length| (place + length, false));
        }
    }
    let length = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < b' ')?;
    Some((place + length, seen & HIGH == 0 && rest[..length].is_ascii()))
}

/// The length of the string that begins with these bytes, when it ends among them and is plain ASCII.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a call costs as much as the work")]
pub(super) fn short_text(bytes: &[u8; 16]) -> Option<usize> {
    let [low, high] = words(bytes);
    let mut found = marks(low);
    let (before, place, seen) = if found == 0 {
        found = marks(high);
        (8, high, low | high)
    } else {
        (0, low, low)
    };
    if found == 0 {
        return None;
    }
    // The mark may be a backslash or a control character too.
    let mark = place >> (found.trailing_zeros() & !7) & 0xFF;
    (mark == u64::from(b'"') && seen & HIGH == 0).then_some(before + bytes_below(found))
}

/// Bytes after which a string is a long one.
const LONG: usize = 64;

/// The place of the first mark in the rest of a long string: here a call pays.
fn find_far(bytes: &[u8]) -> Option<usize> {
    let length = memchr2(b'"', b'\\', bytes)?;
    Some(find_control(&bytes[..length]).unwrap_or(length))
}

/// The place of the first control character. All bytes are looked at first, many with one instruction.
pub(super) fn find_control(bytes: &[u8]) -> Option<usize> {
    let clean = bytes.iter().fold(u8::MAX, |least, &b| least.min(b)) >= b' ';
    if clean { None } else { bytes.iter().position(|&b| b < b' ') }
}

/// Appends `bytes[start..end]`. A copy of fixed size, cut back, is faster than a call.
#[inline]
pub(super) fn append(out: &mut Vec<u8>, bytes: &[u8], start: usize, end: usize) {
    let length = end - start;
    let whole = out.len() + length;
    let rest = &bytes[start..];
    if length <= 16
        && let Some(chunk) = rest.first_chunk::<16>()
    {
        out.extend_from_slice(chunk);
    } else if length <= 48
        && let Some(chunk) = rest.first_chunk::<48>()
    {
        out.extend_from_slice(chunk);
    } else {
        out.extend_from_slice(&rest[..length]);
    }
    out.truncate(whole);
}

/// Appends the digits from `at` on to `value`, and says where they end; the value wraps when it is beyond 64 bits.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a call costs as much as the work")]
pub(super) fn leading_digits(bytes: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    const TENS: [u64; 8] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000];
    let Some(mut rest) = bytes.get(at..) else { return (value, at) };
    while let Some((word, more)) = rest.split_first_chunk() {
        let digits = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'0'));
        let others = beyond_nine(digits);
        if others != 0 {
            let count = bytes_below(others);
            // They go up to the end of the word, zeros come before them.
            let moved = (digits << 8) << (56 - 8 * count);
            return (value.wrapping_mul(TENS[count]).wrapping_add(eight(moved)), at + count);
        }
        value = value.wrapping_mul(100_000_000).wrapping_add(eight(digits));
        rest = more;
        at += 8;
    }
    for digit in rest.iter().map(|b| b.wrapping_sub(b'0')).take_while(|&digit| digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// The number of these eight digits; `None` when one of them is none.
#[inline]
pub(super) fn eight_digits(text: [u8; 8]) -> Option<u64> {
    let digits = u64::from_le_bytes(text) ^ (ONES * u64::from(b'0'));
    (beyond_nine(digits) == 0).then(|| eight(digits))
}

/// The high bit of every byte above 9; above the first one some bits may lie, as what a byte carries goes upwards.
#[inline]
fn beyond_nine(digits: u64) -> u64 {
    (digits.wrapping_add(ONES * 0x76) | digits) & HIGH
}

/// The number of eight bytes from 0 to 9: neighbours join to two digits, to four, to eight.
#[inline]
fn eight(digits: u64) -> u64 {
    let twos = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (twos.wrapping_mul(100) + (twos >> 16)) & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xFFFF_FFFF
}

/// A text to compare with, its first sixteen bytes as words: most names end there.
#[derive(Debug)]
pub(super) struct Prefix {
    text: Vec<u8>,
    heads: [u64; 2],
    masks: [u64; 2],
}

impl Prefix {
    pub(super) fn new(text: String) -> Self {
        let text = text.into_bytes();
        let (mut head, mut mask) = ([0; 16], [0; 16]);
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(&text) {
            (*head, *mask) = (*byte, 0xFF);
        }
        Self { text, heads: words(&head), masks: words(&mask) }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether `bytes` begin with it.
    #[inline]
    pub(super) fn begins(&self, bytes: &[u8]) -> bool {
        let Some(first) = bytes.first_chunk() else { return bytes.starts_with(&self.text) };
        let found = words(first);
        let differ = (found[0] & self.masks[0]) ^ self.heads[0] | (found[1] & self.masks[1]) ^ self.heads[1];
        differ == 0 && (self.text.len() <= 16 || bytes.starts_with(&self.text))
    }
}

#[inline]
fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let [low, high] = bytes.as_chunks::<8>().0 else { return [0; 2] };
    [u64::from_le_bytes(*low), u64::from_le_bytes(*high)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_wherever_they_stand() {
        for mark in [b'"', b'\\', b'\n', 0x1F, 0] {
            for length in 0..200 {
                for (other, ascii) in [(b'a', true), (0x21, true), (0x7F, true), (0xA2, false), (0xFF, false)]
                {
                    let mut bytes = vec![b'"', b'x'];
                    bytes.resize(2 + length, other);
                    assert_eq!(find_mark(&bytes, 2), None);
                    bytes.extend([mark, b'"', 0xFF]);
                    let (place, said) = find_mark(&bytes, 2).unwrap();
                    assert_eq!(place, 2 + length);
                    // It may look further than the string, never less far.
                    assert!(!said || ascii || length == 0);
                }
            }
        }
    }

    #[test]
    fn a_short_text_ends_at_its_quote_or_is_none() {
        for length in 0..16 {
            let mut bytes = [b'a'; 16];
            bytes[length] = b'"';
            assert_eq!(short_text(&bytes), Some(length));
            for (place, other) in
                (0..length).flat_map(|p| [(p, b'\\'), (p, b'\n'), (p, 0), (p, 0xC3), (p, 0xFF)])
            {
                let mut odd = bytes;
                odd[place] = other;
                assert_eq!(short_text(&odd), None, "{length} {place} {other}");
            }
            // What follows the quote is of no matter, but that bytes above 0x7F near it may make it look longer.
            bytes[length + 1..].fill(b'\\');
            assert_eq!(short_text(&bytes), Some(length));
        }
        assert_eq!(short_text(b"0123456789abcdef"), None);
    }

    #[test]
    fn digits_end_at_every_other_byte() {
        let all = b"98765432109876543210";
        for count in 0..=19 {
            for other in (0..=u8::MAX).filter(|b| !b.is_ascii_digit()) {
                for more in [0, 9] {
                    let mut bytes = all[..count].to_vec();
                    bytes.push(other);
                    bytes.resize(bytes.len() + more, b'7');
                    let value = all[..count].iter().fold(0_u64, |v, b| v * 10 + u64::from(b - b'0'));
                    assert_eq!(leading_digits(&bytes, 0, 0), (value, count));
                }
            }
        }
        assert_eq!(leading_digits(b"12.3456", 3, 12), (123_456, 7));
    }
}
