//! Which record is the newest of each key, within a bound of memory.
//!
//! Keys are remembered as hashes of 128 bits, with a seed of this process, so that nobody can choose keys that collide. When
//! there is no room left, a part of the keys is given up, to be looked at in a read of its own: half of the partitions where
//! there are several, else half of the hashes.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use twox_hash::xxhash3_128;

use crate::error::{Error, Kind, Result};
use crate::source::Chosen;

/// Bytes of a place in a table of hashes: a hash, an offset, a byte of the table's own.
const PLACE: usize = size_of::<(KeyHash, Last)>() + 1;
/// How often the hashes are halved at most. A table of so many keys is one that nobody can have meant.
const MOST_HALVINGS: u32 = 20;

/// A key, with a chance of less than 2^-60 that two of a billion are the same.
pub(super) type KeyHash = (u64, u64);

/// The hash of bytes that are a key's identity.
pub(super) fn hash(seed: u64, bytes: &[u8]) -> KeyHash {
    let hash = xxhash3_128::Hasher::oneshot_with_seed(seed, bytes);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the hash")]
    ((hash >> 64) as u64, hash as u64)
}

/// The share of all keys whose hashes begin (from their lowest bit) with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    bits: u32,
    value: u64,
}

impl Share {
    pub(super) const ALL: Self = Self { bits: 0, value: 0 };

    fn holds(self, hash: KeyHash) -> bool {
        hash.1 & ((1 << self.bits) - 1) == self.value
    }

    fn halves(self) -> [Self; 2] {
        let bits = self.bits + 1;
        [Self { bits, value: self.value }, Self { bits, value: self.value | 1 << self.bits }]
    }
}

/// What one read is to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) partitions: Vec<i32>,
    pub(super) share: Share,
}

/// The hash of a key is a hash already.
#[derive(Debug, Default, Clone)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, half: u64) {
        self.0 = self.0.rotate_left(32) ^ half;
    }
}

type Table = HashMap<KeyHash, Last, BuildHasherDefault<Same>>;

/// The offset of a key's newest record; negative (its complement) when that is a tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last(i64);

impl Last {
    fn new(offset: i64, is_tombstone: bool) -> Self {
        Self(if is_tombstone { !offset } else { offset })
    }

    fn offset(self) -> i64 {
        if self.0 < 0 { !self.0 } else { self.0 }
    }
}

/// The newest record of each key of a part.
#[derive(Debug)]
pub(super) struct Newest {
    part: Part,
    tables: BTreeMap<i32, Table>,
    /// Bytes that the tables may take.
    budget: usize,
}

impl Newest {
    pub(super) fn new(part: Part, budget: usize) -> Self {
        let tables = part.partitions.iter().map(|partition| (*partition, Table::default())).collect();
        Self { part, tables, budget }
    }

    /// What is looked at.
    pub(super) fn part(&self) -> &Part {
        &self.part
    }

    /// Takes note of a record. Parts that have to be given up for it are added to `given_up`.
    ///
    /// # Errors
    /// `Kind::Refused` when the budget is too small for any share.
    pub(super) fn see(
        &mut self,
        (partition, offset): (i32, i64),
        hash: KeyHash,
        is_tombstone: bool,
        given_up: &mut Vec<Part>,
    ) -> Result<()> {
        loop {
            let Some(table) = self.tables.get(&partition).filter(|_| self.part.share.holds(hash)) else {
                return Ok(());
            };
            if table.len() < table.capacity() || table.contains_key(&hash) || self.may_grow(partition) {
                break;
            }
            given_up.push(self.give_up()?);
        }
        if let Some(table) = self.tables.get_mut(&partition) {
            let last = table.entry(hash).or_insert(Last(0));
            // A broker gives offsets in order; one that does not must not put back what is known.
            if offset >= last.offset() {
                *last = Last::new(offset, is_tombstone);
            }
        }
        Ok(())
    }

    /// Whether a partition's table may double: for a moment there are the old one and the new one.
    fn may_grow(&self, partition: i32) -> bool {
        let now: usize = self.tables.values().map(bytes).sum();
        let next = self.tables.get(&partition).map_or(0, |table| 2 * bytes(table)).max(16 * PLACE);
        now + next <= self.budget
    }

    /// Gives up half of the partitions, or half of the keys of the one that there is.
    fn give_up(&mut self) -> Result<Part> {
        let half = self.part.partitions.len() / 2;
        if half > 0 {
            let partitions = self.part.partitions.split_off(half);
            for partition in &partitions {
                self.tables.remove(partition);
            }
            return Ok(Part { partitions, share: self.part.share });
        }
        if self.part.share.bits == MOST_HALVINGS {
            return Err(self.too_many());
        }
        let [kept, share] = self.part.share.halves();
        self.part.share = kept;
        for table in self.tables.values_mut() {
            table.retain(|hash, _| kept.holds(*hash));
        }
        Ok(Part { partitions: self.part.partitions.clone(), share })
    }

    fn too_many(&self) -> Error {
        let keys: usize = self.tables.values().map(Table::len).sum();
        let all = (keys as u64) << self.part.share.bits;
        Error::new(
            Kind::Refused,
            format!("the table has about {all} keys, too many for {} MiB of memory", self.budget >> 20),
        )
        .next("raise export.memory_mb, or lower export.concurrency")
    }

    /// The newest records but for tombstones.
    pub(super) fn into_chosen(self) -> Chosen {
        // One partition after the other: its table goes when its offsets are there.
        Chosen::new(self.tables.into_iter().map(|(partition, table)| {
            let offsets = table.into_values().filter(|last| last.0 >= 0).map(|last| last.0);
            (partition, offsets.collect())
        }))
    }
}

/// What a table takes, its offsets as they are handed on included.
fn bytes(table: &Table) -> usize {
    // The standard library fills seven of eight places; their number is a power of two.
    let places = if table.capacity() == 0 { 0 } else { (table.capacity() * 8 / 7).next_power_of_two() };
    places * PLACE + table.capacity() * size_of::<i64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(partitions: &[i32]) -> Part {
        Part { partitions: partitions.to_vec(), share: Share::ALL }
    }

    /// Offsets that are chosen of partition 0.
    fn offsets(newest: Newest) -> Vec<i64> {
        let mut chosen = newest.into_chosen();
        let end = chosen.spans().get(&0).and_then(|span| span.until).unwrap_or(0);
        (0..end).filter(|offset| chosen.meet(0, *offset).unwrap()).collect()
    }

    #[test]
    fn the_newest_of_each_key_counts_and_a_tombstone_takes_its_key_away() {
        let mut newest = Newest::new(all(&[0]), 1 << 20);
        let mut given_up = Vec::new();
        for (offset, key, is_tombstone) in [
            (0, "a", false),
            (1, "b", false),
            (2, "a", false),
            (3, "c", true),
            (4, "b", true),
            (5, "c", false),
        ] {
            newest.see((0, offset), hash(7, key.as_bytes()), is_tombstone, &mut given_up).unwrap();
        }
        // What nobody asked for.
        newest.see((9, 0), hash(7, b"a"), false, &mut given_up).unwrap();
        assert_eq!(offsets(newest), [2, 5]);
        // A tombstone at the first offset of all.
        let mut gone = Newest::new(all(&[0]), 1 << 20);
        gone.see((0, 0), hash(7, b"a"), true, &mut given_up).unwrap();
        assert!(gone.into_chosen().is_empty() && given_up.is_empty());
    }

    #[test]
    fn keys_of_one_bucket_are_kept_apart() {
        let mut newest = Newest::new(all(&[0]), 1 << 20);
        // A table looks at the 64 bits that the hasher makes of both halves: these are equal.
        let twins: [KeyHash; 2] = [(1 << 32, 5), (2 << 32, 5 ^ 1 ^ 2)];
        let of = |(high, low): KeyHash| {
            let mut same = Same::default();
            same.write_u64(high);
            same.write_u64(low);
            same.finish()
        };
        assert_eq!(of(twins[0]), of(twins[1]));
        for (offset, key) in (0..).zip([twins[0], twins[1], twins[0]]) {
            newest.see((0, offset), key, false, &mut Vec::new()).unwrap();
        }
        assert_eq!(offsets(newest), [1, 2]);
    }

    #[test]
    fn what_does_not_fit_is_given_up_and_every_key_belongs_to_one_part() {
        const KEYS: i64 = 20_000;
        let mut parts = vec![all(&[0, 1, 2])];
        let mut found = BTreeMap::from([(0, 0), (1, 0), (2, 0)]);
        let mut reads = 0;
        let budget = 128 << 10;
        while let Some(part) = parts.pop() {
            reads += 1;
            let mut newest = Newest::new(part, budget);
            for offset in 0..2 * KEYS {
                for partition in 0..3 {
                    let key = hash(1, &(offset % KEYS).to_be_bytes());
                    newest.see((partition, offset), key, false, &mut parts).unwrap();
                }
                assert!(newest.tables.values().map(bytes).sum::<usize>() <= budget);
            }
            let chosen = newest.into_chosen();
            for (partition, span) in chosen.spans() {
                let mut chosen = chosen.clone();
                assert!(span.next >= KEYS, "an older record was chosen");
                let met = (0..2 * KEYS).filter(|offset| chosen.meet(partition, *offset).unwrap()).count();
                *found.get_mut(&partition).unwrap() += met;
            }
        }
        assert_eq!(found, BTreeMap::from([(0, 20_000), (1, 20_000), (2, 20_000)]));
        assert!(reads > 3, "{reads}");
    }

    #[test]
    fn too_little_memory_for_any_share_is_refused_with_the_number() {
        let mut newest = Newest::new(all(&[0]), 1 << 20);
        let mut given_up = Vec::new();
        // Every key is of the share that is kept, as if there were a million times as many.
        let refused = (0..1_000_000)
            .find_map(|n: i64| {
                let hash = (n.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15), 0);
                newest.see((0, n), hash, false, &mut given_up).err()
            })
            .unwrap();
        assert_eq!(refused.kind(), Kind::Refused);
        assert!(refused.to_string().contains("keys, too many for 1 MiB"), "{refused}");
    }
}
