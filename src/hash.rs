//! The hash of a file's content: XXH3, 128 bit. It tells a changed file from a sound one; it is no guard against somebody
//! who changes files on purpose and could change the records as well.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use twox_hash::xxhash3_128;

/// A hash; as text 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(u128);

/// Takes bytes one after another.
pub struct Hasher(xxhash3_128::Hasher);

impl Default for Hasher {
    fn default() -> Self {
        Self(xxhash3_128::Hasher::new())
    }
}

impl Hasher {
    /// Takes the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// The hash of all bytes so far.
    pub fn hash(&self) -> ContentHash {
        ContentHash(self.0.finish_128())
    }
}

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash3_128::Hasher::oneshot(bytes))
    }

    /// As a number.
    pub fn number(self) -> u128 {
        self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ContentHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // One spelling only: a changed bit that turns `a` into `A` is a change.
        let is_plain = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let hash = is_plain.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        hash.map(Self).ok_or_else(|| "a hash has 32 hexadecimal digits in lower case".to_owned())
    }
}

impl TryFrom<String> for ContentHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_bytes_however_they_come() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut hasher = Hasher::default();
        bytes.chunks(777).for_each(|chunk| hasher.add(chunk));
        assert_eq!(hasher.hash(), ContentHash::of(&bytes));
        assert_eq!(ContentHash::of(&bytes).to_string().parse(), Ok(ContentHash::of(&bytes)));
        // The reference value of an empty input, from the specification's test vectors.
        assert_eq!(ContentHash::of(b"").to_string(), "99aa06d3014798d86001c324468d497f");
    }
}
