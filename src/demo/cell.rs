//! One value of a record: what ksqlDB calls it, its type, and its JSON.
//!
//! Inside a STRUCT a DECIMAL has passed through a double; outside it is exact. So `ITEM` prints `1.5` where the member
//! taken out of it (``ITEM->`UNIT_PRICE` ``) prints `1.50`.

use crate::ksql::schema::{Field, SqlType};

use super::every::Every;
use super::print;
use super::transaction::{Item, Transaction};
use super::vocabulary::{CHANNELS, CITIES, CURRENCIES, KINDS, METHODS, VOCABULARY};

/// A record of a topic: a transaction, or one of its items, at its place in that topic.
pub(super) struct Record {
    pub(super) transaction: Transaction,
    pub(super) partition: u64,
    pub(super) offset: u64,
    /// Which item, in the topic of items.
    pub(super) item: usize,
}

/// What a column shows of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    RowTime,
    RowPartition,
    RowOffset,
    TransactionId,
    UserId,
    Amount,
    AmountEur,
    Currency,
    PaymentMethod,
    TransactionType,
    CardNumber,
    Iban,
    Customer,
    CustomerName,
    CustomerEmail,
    CustomerCity,
    CustomerCountry,
    Address,
    AddressStreet,
    AddressZip,
    Geo,
    GeoLat,
    GeoLon,
    Items,
    ItemCount,
    FirstProductId,
    Metadata,
    Channel,
    EventTime,
    EventMillis,
    UserMasked,
    CardMasked,
    IbanMasked,
    NameMasked,
    EmailMasked,
    Item,
    ProductId,
    ProductName,
    Quantity,
    UnitPrice,
    /// A column that was added later: null in the transactions before that number.
    Added(u64),
    /// A column of the stream with every type.
    Every(Every),
}

/// `DECIMAL(precision, 2)`
pub(super) fn decimal(precision: u32) -> SqlType {
    SqlType::Decimal { precision, scale: 2 }
}

fn structure(members: &[(&str, SqlType)]) -> SqlType {
    let field =
        |(name, sql_type): &(&str, SqlType)| Field { name: (*name).to_owned(), sql_type: sql_type.clone() };
    SqlType::Struct(members.iter().map(field).collect())
}

impl Cell {
    /// The cell's declared type.
    pub(super) fn sql_type(self) -> SqlType {
        match self {
            Self::RowTime | Self::RowOffset | Self::EventMillis => SqlType::BigInt,
            Self::RowPartition | Self::ItemCount | Self::Quantity => SqlType::Integer,
            Self::Amount => decimal(12),
            Self::AmountEur => decimal(14),
            Self::UnitPrice => decimal(10),
            Self::GeoLat | Self::GeoLon => SqlType::Double,
            Self::EventTime => SqlType::Timestamp,
            Self::Every(every) => every.sql_type(),
            Self::Metadata => SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::String)),
            Self::Items => SqlType::Array(Box::new(Self::Item.sql_type())),
            Self::Customer | Self::Address | Self::Geo | Self::Item => {
                let members: Vec<_> =
                    self.members().iter().map(|(name, cell)| (*name, cell.sql_type())).collect();
                structure(&members)
            }
            _ => SqlType::String,
        }
    }

    /// The members of a STRUCT.
    fn members(self) -> &'static [(&'static str, Cell)] {
        match self {
            Self::Customer => &[
                ("NAME", Self::CustomerName),
                ("EMAIL", Self::CustomerEmail),
                ("CITY", Self::CustomerCity),
                ("COUNTRY", Self::CustomerCountry),
                ("ADDRESS", Self::Address),
            ],
            Self::Address => {
                &[("STREET", Self::AddressStreet), ("ZIP", Self::AddressZip), ("GEO", Self::Geo)]
            }
            Self::Geo => &[("LAT", Self::GeoLat), ("LON", Self::GeoLon)],
            Self::Item => &[
                ("PRODUCT_ID", Self::ProductId),
                ("PRODUCT_NAME", Self::ProductName),
                ("QTY", Self::Quantity),
                ("UNIT_PRICE", Self::UnitPrice),
            ],
            _ => &[],
        }
    }

    /// ``cell->`name` ``
    pub(super) fn member(self, name: &str) -> Option<Self> {
        self.members().iter().find(|(own, _)| *own == name).map(|(_, cell)| *cell)
    }

    /// The pseudo column of that name.
    pub(super) fn pseudo(name: &str) -> Option<Self> {
        match name {
            "ROWTIME" => Some(Self::RowTime),
            "ROWPARTITION" => Some(Self::RowPartition),
            "ROWOFFSET" => Some(Self::RowOffset),
            _ => None,
        }
    }

    /// The cell's value if it is a whole number: for conditions, without a detour through JSON.
    pub(super) fn number(self, record: &Record) -> Option<i64> {
        let number = match self {
            Self::RowTime | Self::EventTime | Self::EventMillis => return Some(record.transaction.time_ms),
            Self::RowPartition => record.partition,
            Self::RowOffset => record.offset,
            _ => return None,
        };
        i64::try_from(number).ok()
    }

    /// The cell's JSON as at the top of a row.
    pub(super) fn print(self, record: &Record, out: &mut Vec<u8>) {
        let t = &record.transaction;
        match self {
            Self::RowTime | Self::EventMillis => print::integer(out, t.time_ms),
            Self::RowPartition => print::digits(out, record.partition, 1),
            Self::RowOffset => print::digits(out, record.offset, 1),
            Self::TransactionId => {
                out.extend_from_slice(b"\"tx-");
                print::digits(out, t.index, 10);
                out.push(b'"');
            }
            Self::UserId => {
                out.extend_from_slice(b"\"u");
                print::digits(out, t.user.into(), 4);
                out.push(b'"');
            }
            Self::UserMasked => {
                out.extend_from_slice(b"\"u");
                print::digits(out, u64::from(t.user) / 100, 2);
                out.extend_from_slice(b"nn\"");
            }
            Self::Amount => print::cents(out, t.amount.into()),
            Self::AmountEur => print::cents(out, t.amount_eur().into()),
            Self::Currency => plain(out, CURRENCIES[usize::from(t.currency)].0),
            Self::PaymentMethod => plain(out, METHODS[usize::from(t.method)]),
            Self::TransactionType => plain(out, KINDS[usize::from(t.kind)]),
            Self::CardNumber => optional(out, t.card, |out, card| {
                out.push(b'4');
                print::digits(out, card, 15);
            }),
            Self::CardMasked => optional(out, t.card, |out, card| {
                out.extend_from_slice(b"nnnnnnnnnnnn");
                print::digits(out, card % 10_000, 4);
            }),
            Self::Iban => optional(out, t.iban, |out, iban| {
                out.extend_from_slice(b"DE");
                print::digits(out, 10 + iban % 89, 2);
                print::digits(out, iban, 18);
            }),
            Self::IbanMasked => optional(out, t.iban, |out, iban| {
                out.extend_from_slice(b"DE");
                print::digits(out, 10 + iban % 89, 2);
                out.extend_from_slice(b"nnnnnnnnnnnnnnnnnn");
            }),
            Self::CustomerName => out.extend_from_slice(&VOCABULARY.names[usize::from(t.user)]),
            Self::NameMasked => out.extend_from_slice(&VOCABULARY.masked_names[usize::from(t.user)]),
            Self::CustomerEmail => {
                out.extend_from_slice(b"\"u");
                print::digits(out, t.user.into(), 4);
                out.extend_from_slice(b"@example.org\"");
            }
            Self::EmailMasked => plain(out, "xxxx@example.org"),
            Self::CustomerCity => out.extend_from_slice(&VOCABULARY.cities[usize::from(t.city)]),
            Self::CustomerCountry => plain(out, CITIES[usize::from(t.city)].country),
            Self::AddressStreet => {
                out.extend_from_slice(b"\"Street ");
                print::digits(out, t.house.into(), 1);
                out.push(b'"');
            }
            Self::AddressZip => {
                out.push(b'"');
                print::digits(out, t.zip.into(), 5);
                out.push(b'"');
            }
            Self::GeoLat => print::double(out, t.lat, 6),
            Self::GeoLon => print::double(out, t.lon, 6),
            Self::Customer | Self::Address | Self::Geo => self.print_struct(record, out),
            Self::Items => {
                out.push(b'[');
                for (i, item) in t.items().iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    print_item(out, *item);
                }
                out.push(b']');
            }
            Self::ItemCount => print::digits(out, t.item_count.into(), 1),
            Self::FirstProductId => match t.items().first() {
                Some(item) => print_product_id(out, *item),
                None => out.extend_from_slice(b"null"),
            },
            Self::Metadata => print_metadata(t, out),
            Self::Channel => plain(out, CHANNELS[usize::from(t.channel)]),
            Self::EventTime => print::timestamp(out, t.time_ms),
            Self::Item | Self::ProductId | Self::ProductName | Self::Quantity | Self::UnitPrice => {
                match t.items().get(record.item) {
                    Some(item) => self.print_of_item(*item, out),
                    None => out.extend_from_slice(b"null"),
                }
            }
            Self::Added(first) if t.index >= first => {
                out.extend_from_slice(b"\"added ");
                print::digits(out, t.index, 1);
                out.push(b'"');
            }
            Self::Added(_) => out.extend_from_slice(b"null"),
            Self::Every(every) => every.print(t.index, out),
        }
    }

    /// An item, or a member of it.
    fn print_of_item(self, item: Item, out: &mut Vec<u8>) {
        match self {
            Self::ProductId => print_product_id(out, item),
            Self::ProductName => out.extend_from_slice(&VOCABULARY.products[usize::from(item.product)]),
            Self::Quantity => print::digits(out, item.quantity.into(), 1),
            Self::UnitPrice => print::cents(out, item.unit_price.into()),
            _ => print_item(out, item),
        }
    }

    /// A STRUCT whose members are no DECIMAL: they print as outside of it.
    fn print_struct(self, record: &Record, out: &mut Vec<u8>) {
        for (i, (name, cell)) in self.members().iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"{\"" } else { b",\"" });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            cell.print(record, out);
        }
        out.push(b'}');
    }
}

/// The number that PRODUCT_ID shows for a product of the vocabulary.
pub(super) fn product_id(product: usize) -> String {
    format!("p{:02}", product + 1)
}

fn plain(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn optional(out: &mut Vec<u8>, value: Option<u64>, print: impl FnOnce(&mut Vec<u8>, u64)) {
    match value {
        Some(value) => {
            out.push(b'"');
            print(out, value);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

fn print_product_id(out: &mut Vec<u8>, item: Item) {
    out.extend_from_slice(b"\"p");
    print::digits(out, u64::from(item.product) + 1, 2);
    out.push(b'"');
}

/// The map of a transaction's channel and note.
fn print_metadata(t: &Transaction, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"channel\":");
    plain(out, CHANNELS[usize::from(t.channel)]);
    // Every eighth has a note; a map without the key is not a map with null.
    if let Some(note) = usize::try_from(t.note).ok().and_then(|n| VOCABULARY.notes.get(n)) {
        out.extend_from_slice(b",\"note\":");
        out.extend_from_slice(note);
    }
    out.push(b'}');
}

fn print_item(out: &mut Vec<u8>, item: Item) {
    out.extend_from_slice(b"{\"PRODUCT_ID\":");
    print_product_id(out, item);
    out.extend_from_slice(b",\"PRODUCT_NAME\":");
    out.extend_from_slice(&VOCABULARY.products[usize::from(item.product)]);
    out.extend_from_slice(b",\"QTY\":");
    print::digits(out, item.quantity.into(), 1);
    out.extend_from_slice(b",\"UNIT_PRICE\":");
    print::double(out, item.unit_price, 2);
    out.push(b'}');
}
