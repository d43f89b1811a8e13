//! Names, cities and products of the invented world. Some of them need escapes or more than ASCII on purpose.

use std::sync::LazyLock;

use super::print;

/// Users that make transactions; every one of them has many.
pub(super) const USERS: u64 = 500;

/// Payment methods, as PAYMENT_METHOD holds them.
pub(super) const METHODS: [&str; 4] = ["card", "iban", "paypal", "cash"];
/// The index of `card` in [`METHODS`]: only these have a card number.
pub(super) const CARD: u8 = 0;
/// The index of `iban` in [`METHODS`]: only these have an IBAN.
pub(super) const IBAN: u8 = 1;
/// Transaction types, as TRANSACTION_TYPE holds them.
pub(super) const KINDS: [&str; 3] = ["purchase", "transfer", "refund"];
/// Currencies with the factor to EUR, in hundredths.
pub(super) const CURRENCIES: [(&str, i64); 4] = [("EUR", 100), ("USD", 92), ("GBP", 117), ("SEK", 10)];
/// Sales channels, as `METADATA['channel']` holds them.
pub(super) const CHANNELS: [&str; 3] = ["app", "web", "pos"];

const FIRST_NAMES: [&str; 20] = [
    "Zoë",
    "Jürgen",
    "Łucja",
    "José",
    "Åsa",
    "Mary",
    "Ivan",
    "Noémie",
    "Ольга",
    "John",
    "Ana",
    "李",
    "Søren",
    "Fatma",
    "Þóra",
    "Emil",
    "Chloé",
    "Mateo",
    "Δήμητρα",
    "Lee",
];
const LAST_NAMES: [&str; 25] = [
    "Müller",
    "Nowak",
    "García",
    "Öberg",
    "Smith",
    "O'Neill",
    "Petrov",
    "Lefèvre",
    "Иванова",
    "Brown",
    "Šimić",
    "娜",
    "Jensen",
    "Yılmaz",
    "Jónsdóttir",
    "Weiß",
    "Dupont",
    "Núñez",
    "Παππάς",
    "Lee",
    "van Dijk",
    "Rossi",
    "Silva-Costa",
    "Ng",
    "Kowalska",
];
/// Notes of `METADATA['note']`: quotes, line ends, tabs and a character beyond the basic plane.
const NOTES: [&str; 6] =
    ["paid", "2nd reminder", "he said \"now\"", "line 1\nline 2", "tab\there", "happy \u{1F600} customer"];

/// A city: name, country, latitude and longitude in millionths of a degree.
pub(super) struct City {
    pub(super) name: &'static str,
    pub(super) country: &'static str,
    pub(super) lat: i64,
    pub(super) lon: i64,
}

const fn city(name: &'static str, country: &'static str, lat: i64, lon: i64) -> City {
    City { name, country, lat, lon }
}

/// The cities; the last [`BLACKLISTED`] of them are those that the pipeline keeps apart.
pub(super) const CITIES: [City; 12] = [
    city("Köln", "DE", 50_937_531, 6_960_279),
    city("Łódź", "PL", 51_759_249, 19_455_983),
    city("Paris", "FR", 48_856_614, 2_352_222),
    city("São Paulo", "BR", -23_550_520, -46_633_309),
    city("東京", "JP", 35_689_487, 139_691_706),
    city("Zürich", "CH", 47_376_887, 8_541_694),
    city("London", "GB", 51_507_351, -127_758),
    city("Göteborg", "SE", 57_708_870, 11_974_560),
    city("New York", "US", 40_712_784, -74_005_941),
    city("Αθήνα", "GR", 37_983_917, 23_729_360),
    city("Atlantis", "XX", 31_250_000, -24_258_000),
    city("Gotham", "US", 39_500_000, -74_250_000),
];
/// How many of [`CITIES`] are blacklisted.
pub(super) const BLACKLISTED: usize = 2;

/// Products with their price in cents.
pub(super) const PRODUCTS: [(&str, i64); 24] = [
    ("Chair", 7_990),
    ("Desk \"XL\"", 34_900),
    ("Müsli", 449),
    ("Pen", 120),
    ("Book", 1_995),
    ("Lamp", 4_500),
    ("Teddy \u{1F9F8}", 2_450),
    ("Käse", 690),
    ("お茶", 875),
    ("Cable\\Adapter", 1_299),
    ("Phone", 59_900),
    ("Headset", 8_950),
    ("Keyboard", 10_900),
    ("Mouse", 2_590),
    ("Monitor", 21_900),
    ("Rug", 6_400),
    ("Cup", 850),
    ("Plate", 1_100),
    ("Bag", 3_925),
    ("Shoes", 9_999),
    ("Coat", 14_950),
    ("Hat", 2_200),
    ("Umbrella", 1_750),
    ("Bicycle bell", 1_305),
];

/// The strings above as JSON text, made once.
pub(super) struct Vocabulary {
    /// By user.
    pub(super) names: Vec<Vec<u8>>,
    /// By user, as `MASK` makes them.
    pub(super) masked_names: Vec<Vec<u8>>,
    /// As in [`CITIES`].
    pub(super) cities: Vec<Vec<u8>>,
    /// As in [`PRODUCTS`].
    pub(super) products: Vec<Vec<u8>>,
    /// `METADATA['note']`
    pub(super) notes: Vec<Vec<u8>>,
}

/// The strings as JSON text.
pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let users: Vec<String> = FIRST_NAMES
        .iter()
        .flat_map(|first| LAST_NAMES.iter().map(move |last| format!("{first} {last}")))
        .collect();
    Vocabulary {
        names: users.iter().map(|name| print::json(name)).collect(),
        masked_names: users.iter().map(|name| print::json(&mask(name))).collect(),
        cities: CITIES.iter().map(|city| print::json(city.name)).collect(),
        products: PRODUCTS.iter().map(|(name, _)| print::json(name)).collect(),
        notes: NOTES.iter().map(|note| print::json(note)).collect(),
    }
});

/// ksqlDB's `MASK`: upper case letters become `X`, lower case `x`, digits `n`, all else `-`.
pub(super) fn mask(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_uppercase() => 'X',
            c if c.is_lowercase() => 'x',
            c if c.is_numeric() => 'n',
            _ => '-',
        })
        .collect()
}
