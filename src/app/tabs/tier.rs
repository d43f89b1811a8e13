//! Days that move between the tiers: asked for, refused with words, or a question.
//!
//! ```text
//! T   on a day             ─▶ this day, whatever its age ─▶ Tier(day)
//! T   on feeds, a dataset  ─▶ all that is due of them    ─▶ Tier
//! F   on a day             ─▶ it comes home              ─▶ TierRestore(day)
//! ```

use chrono::NaiveDate;

use super::Level;
use super::maintenance::Chosen;
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::overlays::{Confirm, Overlay};
use crate::app::state::{App, Tab};
use crate::app::tiers::{Due, Place, copy_until};
use crate::app::view::Tone;
use crate::app::view::text::{count, days as of_days, escaped, files as of_files, size, whole as span};
use crate::feed::{Feed, PartitionPath};
use crate::lake::{PartitionInfo, TierRules, tier_candidates, tier_refusal};

const NO_STORE: &str = "there is no cold store: tier.cold.url in lakehand.toml names one";

impl App {
    /// Asks before what is in front moves to the cold tier.
    pub(crate) fn tier_action(&mut self) -> Vec<Effect> {
        if self.setup.tiers.store.is_none() {
            self.toast(NO_STORE, Tone::Warn);
            return Vec::new();
        }
        match (self.tab, self.partitions.level) {
            (Tab::Partitions, Level::Datasets) => {
                let feeds = self.partitions.datasets.key().cloned();
                self.move_due(feeds.into_iter().collect())
            }
            (Tab::Partitions, _) => self.of_day(Self::ask_move),
            _ => {
                let feeds = self.target_feeds();
                self.move_due(feeds)
            }
        }
    }

    /// Asks before the day in front comes home.
    pub(crate) fn tier_restore_action(&mut self) -> Vec<Effect> {
        if self.setup.tiers.store.is_none() {
            self.toast(NO_STORE, Tone::Warn);
            return Vec::new();
        }
        self.of_day(Self::ask_home)
    }

    fn of_day(&mut self, ask: impl FnOnce(&Self, Chosen) -> Result<Confirm, String>) -> Vec<Effect> {
        let asked = match self.chosen_day() {
            Ok(chosen) => ask(self, chosen).map_err(|why| (why, Tone::Warn)),
            Err(why) => Err((why, Tone::Plain)),
        };
        match asked {
            Ok(confirm) => self.overlay = Some(Overlay::Confirm(confirm)),
            Err((why, tone)) => self.toast(why, tone),
        }
        Vec::new()
    }

    /// The feed of a dataset whose days may move now.
    fn movable(&self, key: &str) -> Result<&Feed, String> {
        let feed = self.feeds.feed(key).ok_or_else(|| "is invalid: mend its file first".to_owned())?;
        match tier_refusal(feed) {
            Some(why) => Err(format!("stays on this disk: {why}")),
            None => self.refusal(key).map_or(Ok(feed), Err),
        }
    }

    fn ask_move(&self, chosen: Chosen) -> Result<Confirm, String> {
        let Chosen { feed: key, day, folder } = chosen;
        let feed = self.movable(&key).map_err(|why| format!("{key} {why}"))?;
        let due = self.metadata(&key).map(|metadata| Due::of(feed, metadata, self.clock, Some(day)));
        let due = due.unwrap_or_default();
        if due.days == 0 {
            return Err(match (&due.why, due.cold, due.local_until) {
                (Some(why), ..) => format!("{day} stays here: {why}"),
                (None, 1.., Some(until)) => {
                    format!("{day} is in the cold tier already; {}", copy_until(until, self.clock))
                }
                (None, 1.., None) => format!("{day} is in the cold tier already; F brings it home"),
                (None, 0, _) => format!("the lake holds nothing of {day}"),
            });
        }
        Ok(Confirm {
            question: "Move ".to_owned() + &format!("{day} to the cold tier?"),
            consequence: self.what_moves(&due, false),
            targets: vec![format!("{key}/{folder}")],
            yes: false,
            effects: vec![Effect::Tier { feed: key, day: Some(day) }],
            behind: None,
        })
    }

    /// Asks before all that is due of these feeds moves.
    fn move_due(&mut self, targets: Vec<String>) -> Vec<Effect> {
        let feeds = self.fit(targets, Self::nothing_due);
        let mut all = Due::default();
        for key in &feeds {
            all.join(self.due(key));
        }
        let effects = feeds.iter().map(|feed| Effect::Tier { feed: feed.clone(), day: None }).collect();
        let consequence = self.what_moves(&all, true);
        self.ask("Move what is due of", feeds, &consequence, effects)
    }

    /// What of a feed is due by its age.
    pub(crate) fn due(&self, key: &str) -> Due {
        let known = self.feeds.feed(key).zip(self.metadata(key));
        known.map(|(feed, metadata)| Due::of(feed, metadata, self.clock, None)).unwrap_or_default()
    }

    /// Why nothing of a feed is moved by its age.
    fn nothing_due(&self, key: &str) -> Option<String> {
        let feed = match self.movable(key) {
            Ok(feed) => feed,
            Err(why) => return Some(why),
        };
        let due = self.due(key);
        if due.days + due.copies > 0 {
            return None;
        }
        Some(match (feed.tier_after_days, due.why) {
            (None, _) => {
                "has no tier_after_days: nothing is due by its age; T on a day moves that one".to_owned()
            }
            (Some(_), Some(why)) => {
                format!("has nothing to move: {} behind their time stay, {why}", of_days(due.stay))
            }
            (Some(after), None) => {
                format!("has nothing to move: no day that ended {} ago is here", of_days(after.into()))
            }
        })
    }

    /// What happens to days that move. The first sentences say the most: a small screen has room for these.
    fn what_moves(&self, due: &Due, by_age: bool) -> String {
        let mut told = Vec::new();
        if due.days > 0 {
            let days = if by_age { format!("{}, ", of_days(due.days)) } else { String::new() };
            let tiers = &self.setup.tiers;
            told.push(format!(
                "{days}{} rows in {}, {} go to {} and are read back there. The copy here stays {} more (tier.grace).",
                count(due.rows),
                of_files(due.files),
                size(due.bytes),
                escaped(tiers.store.as_deref().unwrap_or_default()),
                span(tiers.grace)
            ));
        }
        if due.copies > 0 {
            let (days, bytes) = (of_days(due.copies), size(due.copy_bytes));
            told.push(format!("Copies here of {days}, {bytes}, go: their time is over."));
        }
        if due.stay > 0 {
            let why = due.why.as_deref().unwrap_or_default();
            told.push(format!("Not moved: {}: {why}.", of_days(due.stay)));
        }
        told.push("c on the export stops it.".to_owned());
        told.join(" ")
    }

    /// The partitions in which a day lies, as far as they are in the cold tier.
    fn cold_parts(&self, key: &str, day: NaiveDate) -> Vec<&PartitionInfo> {
        let rules = TierRules { after_days: None, today: self.clock.date_naive(), day: Some(day) };
        let found = self.metadata(key).map(|metadata| tier_candidates(metadata, rules)).unwrap_or_default();
        found.into_iter().filter(|partition| partition.cold.is_some()).collect()
    }

    fn ask_home(&self, chosen: Chosen) -> Result<Confirm, String> {
        let Chosen { feed: key, day, folder } = chosen;
        let parts = self.cold_parts(&key, day);
        let store = self.setup.tiers.store.as_deref().unwrap_or_default();
        let is_here = |url: &str| url.strip_prefix(store).is_some_and(|rest| rest.starts_with('/'));
        let (mut rows, mut objects, mut bytes, mut copies) = (0_u64, 0_u64, 0_u64, 0_u64);
        for cold in parts.iter().filter_map(|partition| partition.cold.as_ref()) {
            if !is_here(&cold.url) {
                return Err(format!(
                    "{day} lies in {}, and tier.cold.url is {store}: set it to the store of the day",
                    cold.url
                ));
            }
            rows = rows.saturating_add(cold.records);
            objects = objects.saturating_add(cold.files);
            bytes = bytes.saturating_add(cold.bytes);
            copies = copies.saturating_add(cold.local_bytes);
        }
        if parts.is_empty() {
            return Err(format!("nothing of {day} lies in the cold tier"));
        }
        if let Some(why) = self.refusal(&key) {
            return Err(format!("{key} {why}"));
        }
        let mut consequence =
            format!("{} rows in {}, {} come to this disk", count(rows), of_files(objects), size(bytes));
        if copies > 0 {
            let here = if copies >= bytes { "all of it".to_owned() } else { size(copies) };
            consequence += &format!(" ({here} is here still)");
        }
        if let Some(after) = self.is_due_again(&key, day) {
            consequence += &format!(
                ". The next export moves it out again (tier_after_days {after}), unless it is pinned"
            );
        }
        consequence += ". What is in an archive is asked for: press F again when it is there.";
        Ok(Confirm {
            question: format!("Bring {day} home?"),
            consequence,
            targets: vec![format!("{key}/{folder}")],
            yes: false,
            effects: vec![Effect::TierRestore { feed: key, day }],
            behind: None,
        })
    }

    /// The feed's `tier_after_days`, where they are over for this day and no pin holds it.
    fn is_due_again(&self, key: &str, day: NaiveDate) -> Option<u32> {
        let (after, metadata) = (self.feeds.feed(key)?.tier_after_days?, self.metadata(key)?);
        let rules = TierRules { after_days: Some(after), today: self.clock.date_naive(), day: None };
        let holds = |path: &str| PartitionPath::parse(path).is_some_and(|path| path.holds(day));
        let again = tier_candidates(metadata, rules)
            .into_iter()
            .any(|known| holds(&known.path) && !metadata.is_pinned(&known.path));
        again.then_some(after)
    }

    /// Where the day under the cursor lies; `None` where there is none.
    pub(crate) fn place_in_front(&self) -> Option<Place> {
        let partitions = &self.partitions;
        match partitions.level {
            Level::Calendar => {
                let day = partitions.day.filter(|day| partitions.days.contains_key(day))?;
                Some(partitions.places.get(&day).copied().unwrap_or_default())
            }
            Level::Partitions => {
                let at = partitions.order.get(partitions.cursor.at())?;
                partitions.items.get(*at).filter(|item| item.missing == 0).map(|item| item.place)
            }
            Level::Datasets | Level::Files | Level::Grid => None,
        }
    }

    /// The action can mean something on this lake: one between the tiers only where there are two.
    pub(crate) fn is_possible(&self, action: Action) -> bool {
        !matches!(action, Action::Tier | Action::TierRestore) || self.setup.tiers.store.is_some()
    }

    /// The action means something for what is in front.
    pub(crate) fn hints_at(&self, action: Action) -> bool {
        let of_day = self.tab == Tab::Partitions && self.partitions.level != Level::Datasets;
        match action {
            Action::Tier if of_day => {
                let stream = self.partitions.feed.as_deref().is_some_and(|feed| self.is_stream(feed));
                stream && matches!(self.place_in_front(), Some(Place::Hot | Place::Late))
            }
            Action::Tier => {
                let growth = self.feed_in_front().and_then(|feed| self.growth_of(&feed).copied());
                growth.is_some_and(|growth| growth.movable_bytes > 0)
            }
            Action::TierRestore => self.place_in_front().is_some_and(|place| place != Place::Hot),
            _ => true,
        }
    }
}
