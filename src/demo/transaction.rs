//! Transaction number i: a pure function of the seed and i, and so are the topics that hold it.
//!
//! ```text
//! number      0 1 2   3 4 5   6 7 8   …   blocks of one transaction per partition
//! partition   1 2 0   0 1 2   2 0 1       rotated by a hash of the block
//! offset      0 0 0   1 1 1   2 2 2       = the block's number
//! ```
//!
//! So the transaction at any place of any partition is known without a table, for any number of them. Two properties
//! are laid out along a partition in the same way, so that the topics derived from them need no table either:
//! exactly one of [`BLACKLIST_SPAN`] neighbours is of a blacklisted city, and two neighbours have
//! [`ITEMS_PER_PAIR`] items together.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the drawn values are below bounds that fit the fields"
)]

use super::DemoOptions;
use super::vocabulary::{
    BLACKLISTED, CARD, CHANNELS, CITIES, CURRENCIES, IBAN, KINDS, METHODS, PRODUCTS, USERS,
};

/// Of so many neighbours in a partition one is blacklisted.
pub(super) const BLACKLIST_SPAN: u64 = 16;
/// Items of two neighbours in a partition.
pub(super) const ITEMS_PER_PAIR: u64 = 5;

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// What the transactions are a function of.
#[derive(Debug, Clone)]
pub(super) struct World {
    seed: u64,
    partitions: u64,
    start_ms: i64,
    span_ms: u64,
    rows: u64,
}

/// One transaction; strings are indexes into the vocabulary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transaction {
    pub(super) index: u64,
    pub(super) time_ms: i64,
    pub(super) user: u16,
    pub(super) amount: i64,
    pub(super) currency: u8,
    pub(super) method: u8,
    pub(super) kind: u8,
    pub(super) channel: u8,
    pub(super) city: u8,
    /// Digits of the card or the account; `None` where the payment has none.
    pub(super) card: Option<u64>,
    pub(super) iban: Option<u64>,
    pub(super) house: u16,
    pub(super) zip: u32,
    pub(super) lat: i64,
    pub(super) lon: i64,
    pub(super) note: u64,
    pub(super) item_count: u8,
    items: [Item; 4],
}

/// A position of an order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Item {
    pub(super) product: u8,
    pub(super) quantity: u8,
    /// Cents.
    pub(super) unit_price: i64,
}

/// A good mix of 64 bits (the finaliser known from splitmix64).
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Takes values from a hash, a few bits each.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = mix(self.0.wrapping_add(0x9E37_79B9_7F4A_7C15));
        // The upper half of the product: even over the range without a division.
        ((u128::from(self.0) * u128::from(bound)) >> 64) as u64
    }

    fn index(&mut self, len: usize) -> u8 {
        self.below(len as u64) as u8
    }
}

impl World {
    pub(super) fn new(options: &DemoOptions) -> Self {
        Self {
            seed: mix(options.seed),
            partitions: u64::from(options.partitions.max(1)),
            start_ms: options.start.timestamp_millis(),
            span_ms: u64::from(options.days.max(1)) * DAY_MS,
            rows: options.rows,
        }
    }

    pub(super) fn partitions(&self) -> u64 {
        self.partitions
    }

    /// The offset after the last record of `partition` when `count` transactions exist.
    pub(super) fn end(&self, partition: u64, count: u64) -> u64 {
        let (full, rest) = (count / self.partitions, count % self.partitions);
        full + u64::from(self.slot(partition, full) < rest)
    }

    fn rotation(&self, block: u64) -> u64 {
        mix(self.seed ^ block.wrapping_mul(0xA24B_AED4_963E_E407)) % self.partitions
    }

    /// The place within the block at `offset` of the transaction that is in `partition`.
    fn slot(&self, partition: u64, block: u64) -> u64 {
        (partition + self.partitions - self.rotation(block)) % self.partitions
    }

    /// Transaction number `index`.
    pub(super) fn transaction(&self, index: u64) -> Transaction {
        let (partition, offset) = self.place(index);
        self.make(index, partition, offset)
    }

    /// The partition and offset of transaction number `index`.
    pub(super) fn place(&self, index: u64) -> (u64, u64) {
        let block = index / self.partitions;
        ((index % self.partitions + self.rotation(block)) % self.partitions, block)
    }

    /// The transaction at an offset of a partition.
    pub(super) fn at(&self, partition: u64, offset: u64) -> Transaction {
        self.make(offset * self.partitions + self.slot(partition, offset), partition, offset)
    }

    /// Which of the [`BLACKLIST_SPAN`] neighbours of `group` is blacklisted.
    pub(super) fn blacklisted_place(&self, partition: u64, group: u64) -> u64 {
        mix(self.seed ^ 0xB1AC ^ (group * self.partitions + partition).wrapping_mul(0x9FB2_1C65_1E98_DF25))
            % BLACKLIST_SPAN
    }

    /// Items of the first transaction of a pair of neighbours: 1 to 4, the second has the rest.
    pub(super) fn first_items(&self, partition: u64, pair: u64) -> u64 {
        1 + mix(self.seed ^ 0x17E5 ^ (pair * self.partitions + partition).wrapping_mul(0xD6E8_FEB8_6659_FD93))
            % (ITEMS_PER_PAIR - 1)
    }

    /// Event time: even over the range, up to an hour early or late, and on with the same spacing after it.
    fn time(&self, index: u64, jitter: u64) -> i64 {
        let even = if self.rows == 0 {
            index.saturating_mul(1000)
        } else {
            u64::try_from(u128::from(index) * u128::from(self.span_ms) / u128::from(self.rows))
                .unwrap_or(u64::MAX)
        };
        let late = (even + jitter).saturating_sub(HOUR_MS);
        let kept = if index < self.rows { late.min(self.span_ms - 1) } else { late };
        self.start_ms.saturating_add_unsigned(kept)
    }

    fn make(&self, index: u64, partition: u64, offset: u64) -> Transaction {
        let mut draw = Draw(mix(self.seed.wrapping_add(index.wrapping_mul(0x2545_F491_4F6C_DD1D))));
        let blacklisted =
            self.blacklisted_place(partition, offset / BLACKLIST_SPAN) == offset % BLACKLIST_SPAN;
        let usual = CITIES.len() - BLACKLISTED;
        let city = if blacklisted { usual as u8 + draw.index(BLACKLISTED) } else { draw.index(usual) };
        let first = self.first_items(partition, offset / 2);
        let item_count = if offset.is_multiple_of(2) { first } else { ITEMS_PER_PAIR - first };
        let mut items = [Item::default(); 4];
        for item in items.iter_mut().take(item_count as usize) {
            let product = draw.index(PRODUCTS.len());
            let listed = PRODUCTS[usize::from(product)].1;
            *item = Item {
                product,
                quantity: 1 + draw.index(4),
                unit_price: listed * (80 + draw.below(41) as i64) / 100,
            };
        }
        let method = draw.index(METHODS.len());
        let digits = draw.below(1_000_000_000_000_000);
        // One card payment in ten comes without its number.
        let known = draw.below(10) > 0;
        let place = &CITIES[usize::from(city)];
        Transaction {
            index,
            time_ms: self.time(index, draw.below(2 * HOUR_MS)),
            user: draw.below(USERS) as u16,
            amount: 100 + draw.below(24_900) as i64,
            currency: draw.index(CURRENCIES.len()),
            method,
            kind: draw.index(KINDS.len()),
            channel: draw.index(CHANNELS.len()),
            city,
            card: (method == CARD && known).then_some(digits),
            iban: (method == IBAN).then_some(digits),
            house: 1 + draw.below(200) as u16,
            zip: draw.below(100_000) as u32,
            lat: place.lat + draw.below(100_000) as i64,
            lon: place.lon + draw.below(100_000) as i64,
            note: draw.below(64),
            item_count: item_count as u8,
            items,
        }
    }
}

impl Transaction {
    pub(super) fn items(&self) -> &[Item] {
        &self.items[..usize::from(self.item_count).min(self.items.len())]
    }

    /// AMOUNT in EUR by the pipeline's CASE, in cents: the cast to two digits rounds half up.
    pub(super) fn amount_eur(&self) -> i64 {
        (self.amount * CURRENCIES[usize::from(self.currency)].1 + 50) / 100
    }

    pub(super) fn is_blacklisted(&self) -> bool {
        usize::from(self.city) >= CITIES.len() - BLACKLISTED
    }
}
