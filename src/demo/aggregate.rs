//! The tables of the pipeline, counted as far as transactions exist. Memory is by key, never by transaction.

use std::collections::BTreeMap;

use super::cell::product_id;
use super::expected_rows::{ExpectedRows, KeyTotals, Totals};
use super::log::Log;
use super::print;
use super::transaction::{Transaction, World};
use super::vocabulary::{CURRENCIES, KINDS, METHODS, PRODUCTS, USERS, VOCABULARY};

/// One day: the size of the windows of DAILY_TOTALS.
const DAY_MS: i64 = 86_400_000;
/// The gap that ends a session of USER_SESSIONS.
const SESSION_GAP_MS: i64 = 6 * 3_600_000;

/// COUNT, SUM, MIN, MAX and LATEST_BY_OFFSET of one key.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: u64,
    total: i128,
    min: i64,
    max: i64,
    last_event: i64,
}

impl Sums {
    fn add(&mut self, value: i64, time_ms: i64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += 1;
        self.total += i128::from(value);
        self.last_event = time_ms;
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Purchases {
    purchases: u64,
    units: u64,
}

/// A table's rows: every value as JSON text.
pub(super) type Rows = Vec<Vec<Vec<u8>>>;

/// The tables of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    UserSummary,
    UserSummaryEur,
    MethodTotals,
    ProductCounts,
    DailyTotals,
    UserSessions,
}

/// The state of all tables after the first `upto` transactions.
#[derive(Debug, Default)]
pub(super) struct Aggregates {
    upto: u64,
    users: Vec<Sums>,
    users_eur: Vec<Sums>,
    methods: Vec<(Sums, Vec<u8>)>,
    products: Vec<Purchases>,
    daily: BTreeMap<(u8, i64), Sums>,
    blacklisted: i128,
}

impl Aggregates {
    /// Counts on up to `count` transactions.
    pub(super) fn advance(&mut self, world: &World, count: u64) {
        let users = usize::try_from(USERS).unwrap_or(usize::MAX);
        self.users.resize(users * METHODS.len(), Sums::default());
        self.users_eur.resize(users * KINDS.len(), Sums::default());
        self.methods.resize(METHODS.len(), (Sums::default(), Vec::new()));
        self.products.resize(PRODUCTS.len(), Purchases::default());
        for index in self.upto..count {
            self.add(&world.transaction(index));
        }
        self.upto = self.upto.max(count);
    }

    fn add(&mut self, t: &Transaction) {
        let (user, method, kind) = (usize::from(t.user), usize::from(t.method), usize::from(t.kind));
        self.users[user * METHODS.len() + method].add(t.amount, t.time_ms);
        self.users_eur[user * KINDS.len() + kind].add(t.amount_eur(), t.time_ms);
        let (sums, currencies) = &mut self.methods[method];
        sums.add(t.amount, t.time_ms);
        if !currencies.contains(&t.currency) {
            currencies.push(t.currency);
        }
        for item in t.items() {
            let product = &mut self.products[usize::from(item.product)];
            product.purchases += 1;
            product.units += u64::from(item.quantity);
        }
        self.daily.entry((t.method, t.time_ms.div_euclid(DAY_MS))).or_default().add(t.amount, t.time_ms);
        if t.is_blacklisted() {
            self.blacklisted += i128::from(t.amount);
        }
    }

    fn user_keys(&self) -> impl Iterator<Item = (String, &'static str, &Sums)> {
        let of = |(i, sums)| (user_id(i / METHODS.len()), METHODS[i % METHODS.len()], sums);
        self.users.iter().enumerate().map(of).filter(|(_, _, sums): &(_, _, &Sums)| sums.count > 0)
    }

    fn user_eur_keys(&self) -> impl Iterator<Item = (String, &'static str, &Sums)> {
        let of = |(i, sums)| (user_id(i / KINDS.len()), KINDS[i % KINDS.len()], sums);
        self.users_eur.iter().enumerate().map(of).filter(|(_, _, sums): &(_, _, &Sums)| sums.count > 0)
    }

    /// The rows of a table, keys first, with WINDOWSTART and WINDOWEND after them where it has windows.
    /// [`Table::UserSessions`] has none here: it can be asked for one key only, see [`sessions`].
    pub(super) fn rows(&self, table: Table) -> Rows {
        match table {
            Table::UserSummary => self
                .user_keys()
                .map(|(user, method, s)| {
                    vec![
                        print::json(&user),
                        print::json(method),
                        number(s.count),
                        money(s.total),
                        money(s.min.into()),
                        money(s.max.into()),
                        time(s.last_event),
                    ]
                })
                .collect(),
            Table::UserSummaryEur => self
                .user_eur_keys()
                .map(|(user, kind, s)| {
                    vec![print::json(&user), print::json(kind), number(s.count), money(s.total)]
                })
                .collect(),
            Table::MethodTotals => std::iter::zip(METHODS, &self.methods)
                .filter(|(_, (s, _))| s.count > 0)
                .map(|(method, (s, seen))| {
                    let names: Vec<_> = seen.iter().map(|c| CURRENCIES[usize::from(*c)].0).collect();
                    let currencies = format!("[\"{}\"]", names.join("\",\""));
                    vec![print::json(method), number(s.count), money(s.total), currencies.into_bytes()]
                })
                .collect(),
            Table::ProductCounts => std::iter::zip(&VOCABULARY.products, &self.products)
                .enumerate()
                .filter(|(_, (_, p))| p.purchases > 0)
                .map(|(i, (name, p))| {
                    vec![print::json(&product_id(i)), name.clone(), number(p.purchases), number(p.units)]
                })
                .collect(),
            Table::DailyTotals => self
                .daily
                .iter()
                .map(|((method, day), s)| {
                    let start = day * DAY_MS;
                    vec![
                        print::json(METHODS[usize::from(*method)]),
                        start.to_string().into_bytes(),
                        (start + DAY_MS).to_string().into_bytes(),
                        number(s.count),
                        money(s.total),
                    ]
                })
                .collect(),
            Table::UserSessions => Rows::new(),
        }
    }

    /// What all datasets hold after the transactions counted so far.
    pub(super) fn expected_rows(&self, world: &World) -> ExpectedRows {
        let amount: i128 = self.methods.iter().map(|(s, _)| s.total).sum();
        let eur: i128 = self.users_eur.iter().map(|s| s.total).sum();
        let stream = |log: Log, amount, amount_eur| {
            let end_offsets = log.ends(world, self.upto);
            Totals {
                rows: end_offsets.iter().sum(),
                end_offsets,
                amount,
                amount_eur,
                by_key: BTreeMap::new(),
            }
        };
        let key = |s: &Sums| KeyTotals { count: s.count, total: s.total };
        let summary = self.user_keys().map(|(u, m, s)| (vec![u, m.to_owned()], key(s)));
        let summary_eur = self.user_eur_keys().map(|(u, k, s)| (vec![u, k.to_owned()], key(s)));
        let methods = std::iter::zip(METHODS, &self.methods)
            .filter(|(_, (s, _))| s.count > 0)
            .map(|(method, (s, _))| (vec![method.to_owned()], key(s)));
        let products = self
            .products
            .iter()
            .enumerate()
            .filter(|(_, p)| p.purchases > 0)
            .map(|(i, p)| (vec![product_id(i)], KeyTotals { count: p.purchases, total: p.units.into() }));
        let daily = self.daily.iter().map(|((method, day), s)| {
            (vec![METHODS[usize::from(*method)].to_owned(), (day * DAY_MS).to_string()], key(s))
        });
        let datasets = [
            ("TRANSACTION_STREAM", stream(Log::Transactions, Some(amount), None)),
            ("TRANSACTION_FLATTENED", stream(Log::Transactions, Some(amount), None)),
            ("TRANSACTION_STREAM_ANONYMIZED", stream(Log::Transactions, Some(amount), Some(eur))),
            ("TRANSACTION_STREAM_BLACKLISTED", stream(Log::Blacklisted, Some(self.blacklisted), None)),
            ("TRANSACTION_ITEMS", stream(Log::Items, None, None)),
            ("USER_TRANSACTION_SUMMARY", table(summary.collect(), Some(amount), None)),
            ("USER_TRANSACTION_SUMMARY_EUR", table(summary_eur.collect(), None, Some(eur))),
            ("PAYMENT_METHOD_TOTALS", table(methods.collect(), Some(amount), None)),
            ("PRODUCT_PURCHASE_COUNTS", table(products.collect(), None, None)),
            ("DAILY_TOTALS", table(daily.collect(), Some(amount), None)),
        ];
        let datasets = datasets.into_iter().map(|(name, totals)| (name.to_owned(), totals)).collect();
        ExpectedRows { transactions: self.upto, datasets }
    }
}

fn table(by_key: BTreeMap<Vec<String>, KeyTotals>, amount: Option<i128>, amount_eur: Option<i128>) -> Totals {
    Totals { rows: by_key.len() as u64, end_offsets: Vec::new(), amount, amount_eur, by_key }
}

/// The rows of USER_SESSIONS for one user or for all, by going through all transactions.
pub(super) fn sessions(world: &World, count: u64, user: Option<&str>) -> Rows {
    let mut events: Vec<(String, i64, i64)> = (0..count)
        .map(|index| world.transaction(index))
        .map(|t| (user_id(usize::from(t.user)), t.time_ms, t.amount))
        .filter(|(of, ..)| user.is_none_or(|user| user == of))
        .collect();
    events.sort_unstable();
    events
        .chunk_by(|before, after| before.0 == after.0 && after.1 - before.1 <= SESSION_GAP_MS)
        .filter_map(|session| {
            let (first, last) = (session.first()?, session.last()?);
            Some(vec![
                print::json(&first.0),
                first.1.to_string().into_bytes(),
                last.1.to_string().into_bytes(),
                number(session.len() as u64),
                money(session.iter().map(|e| i128::from(e.2)).sum()),
            ])
        })
        .collect()
}

/// The USER_ID of a user's number.
fn user_id(user: usize) -> String {
    format!("u{user:04}")
}

fn number(value: u64) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn money(cents: i128) -> Vec<u8> {
    let mut out = Vec::new();
    print::cents(&mut out, cents);
    out
}

fn time(millis: i64) -> Vec<u8> {
    let mut out = Vec::new();
    print::timestamp(&mut out, millis);
    out
}
