//! The log: following, or holding still where somebody reads.
//!
//! Each record has a number that it keeps, so that the window stays on its records when the ring lets old ones go.

use std::collections::VecDeque;

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::state::App;
use crate::log::{Level, Month, MonthLog, Record};

/// The state of the view.
#[derive(Debug, Clone)]
pub struct Logs {
    /// The records of the month shown, oldest first, bounded.
    records: VecDeque<Record>,
    /// The number of the first of them.
    first: u64,
    /// How many are kept.
    capacity: usize,
    /// The month shown; `None` before one was read.
    pub(crate) month: Option<Month>,
    /// The months that there are.
    pub(crate) months: Vec<Month>,
    /// The month shown is the one that is written to.
    pub(crate) live: bool,
    /// Numbers of the records that pass level and feed.
    pub(crate) shown: VecDeque<u64>,
    /// The number of the record under the cursor.
    at: u64,
    /// The number of the first record of the window, when it holds still.
    top: u64,
    /// The view follows.
    pub(crate) following: bool,
    /// Records that came below since it does not.
    pub(crate) below: usize,
    /// The least level shown.
    pub(crate) level: Level,
    /// The only feed shown.
    pub(crate) feed: Option<String>,
    /// What is searched for, in lower case.
    pub(crate) search: String,
    /// How many of the records shown match.
    pub(crate) hits: usize,
    /// Long lines are broken.
    pub(crate) wrap: bool,
    /// How far the text is shifted.
    pub(crate) shift: usize,
    /// Records before those, left out for the limit; and lines that are no records.
    pub(crate) earlier: u64,
    pub(crate) unreadable: u64,
    /// Why there are none.
    pub(crate) error: Option<String>,
}

impl Logs {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            records: VecDeque::new(),
            first: 0,
            capacity: capacity.max(1),
            month: None,
            months: Vec::new(),
            live: true,
            shown: VecDeque::new(),
            at: 0,
            top: 0,
            following: true,
            below: 0,
            level: Level::Info,
            feed: None,
            search: String::new(),
            hits: 0,
            wrap: false,
            shift: 0,
            earlier: 0,
            unreadable: 0,
            error: None,
        }
    }

    pub(crate) fn record(&self, number: u64) -> Option<&Record> {
        self.records.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn passes(&self, record: &Record) -> bool {
        record.level >= self.level && self.feed.as_ref().is_none_or(|feed| record.feed.as_ref() == Some(feed))
    }

    fn push(&mut self, record: Record) {
        if self.records.len() == self.capacity {
            let oldest = self.records.pop_front();
            if self.shown.front() == Some(&self.first) {
                self.shown.pop_front();
                let hit = oldest.is_some_and(|record| self.matches(&record));
                self.hits = self.hits.saturating_sub(usize::from(hit));
            }
            self.first += 1;
            self.earlier += 1;
        }
        let number = self.first + self.records.len() as u64;
        if self.passes(&record) {
            self.shown.push_back(number);
            self.hits += usize::from(self.matches(&record));
            if self.following {
                self.at = number;
            } else {
                self.below += 1;
            }
        }
        self.records.push_back(record);
    }

    /// Level or feed changed: the cursor goes to the nearest record that is still shown.
    fn refilter(&mut self) {
        self.shown =
            (self.first..).zip(&self.records).filter(|(_, r)| self.passes(r)).map(|(n, _)| n).collect();
        self.count_hits();
        if self.following {
            self.follow();
        } else {
            let (index, last) = (self.index(), self.shown.len().saturating_sub(1));
            self.at = self.shown.get(index.min(last)).copied().unwrap_or(self.at);
        }
    }

    pub(crate) fn follow(&mut self) {
        self.following = true;
        self.below = 0;
        self.at = self.shown.back().copied().unwrap_or(0);
    }

    /// Where in `shown` the cursor is.
    pub(crate) fn index(&self) -> usize {
        let index = self.shown.partition_point(|number| *number < self.at);
        index.min(self.shown.len().saturating_sub(1))
    }

    /// The lines of `shown` that a window of `height` shows.
    pub(crate) fn window(&self, height: usize) -> std::ops::Range<usize> {
        let (len, at, height) = (self.shown.len(), self.index(), height.max(1));
        let last = len.saturating_sub(height);
        let start = if self.following {
            last
        } else {
            // Where its records were let go, the window begins with the oldest that is there.
            let top = self.shown.partition_point(|number| *number < self.top);
            top.clamp((at + 1).saturating_sub(height), at).min(last.max((at + 1).saturating_sub(height)))
        };
        start..(start + height).min(len)
    }

    fn go(&mut self, index: usize, page: usize) {
        // Scrolled up: the window that was at the end stays where it is.
        let start = self.window(page).start;
        self.top = self.shown.get(start).copied().unwrap_or(0);
        self.following = false;
        let index = index.min(self.shown.len().saturating_sub(1));
        self.at = self.shown.get(index).copied().unwrap_or(0);
        let start = self.window(page).start;
        self.top = self.shown.get(start).copied().unwrap_or(0);
    }

    pub(crate) fn matches(&self, record: &Record) -> bool {
        !self.search.is_empty() && record.to_string().to_lowercase().contains(&self.search)
    }

    /// Counts anew: once when the search or the filter changes, never while drawing.
    fn count_hits(&mut self) {
        let matching = |number: &&u64| self.record(**number).is_some_and(|record| self.matches(record));
        self.hits = if self.search.is_empty() { 0 } else { self.shown.iter().filter(matching).count() };
    }

    /// Goes to the next match, or the one before; around the ends. False when there is none.
    fn seek(&mut self, forward: bool, here: bool, page: usize) -> bool {
        let (len, at) = (self.shown.len(), self.index());
        let hit = |index: &usize| {
            self.shown.get(*index).and_then(|n| self.record(*n)).is_some_and(|record| self.matches(record))
        };
        let first = usize::from(!here);
        let found = if forward {
            (first..len + first).map(|i| (at + i) % len.max(1)).find(hit)
        } else {
            (first..len + first).map(|i| (at + len * 2 - i) % len.max(1)).find(hit)
        };
        match found {
            Some(index) => {
                self.go(index, page);
                true
            }
            None => false,
        }
    }

    pub(crate) fn set_month(&mut self, month: Month, log: MonthLog) {
        let same = self.month == Some(month);
        self.live = self.months.last().is_none_or(|newest| month >= *newest);
        // Records that were told while the file was read may not be in what was read.
        let told: Vec<Record> = match log.records.last() {
            Some(last) if same && self.live => {
                let tail: Vec<_> = log.records.iter().rev().take_while(|r| r.time == last.time).collect();
                let told = self.records.iter().filter(|r| r.time >= last.time && !tail.contains(r));
                told.cloned().collect()
            }
            None if self.live && same => self.records.iter().cloned().collect(),
            _ => Vec::new(),
        };
        self.month = Some(month);
        self.first += self.records.len() as u64;
        self.records.clear();
        self.shown.clear();
        self.hits = 0;
        self.earlier = log.earlier;
        self.unreadable = log.unreadable;
        self.error = None;
        if !self.months.contains(&month) {
            self.months.push(month);
            self.months.sort_unstable();
        }
        self.follow();
        for record in log.records.into_iter().chain(told) {
            self.push(record);
        }
    }

    pub(crate) fn append(&mut self, records: Vec<Record>) {
        for record in records {
            let month = Month::of(record.time);
            if self.months.last().is_none_or(|newest| month > *newest) {
                self.months.push(month);
            }
            if self.live {
                self.month = self.month.max(Some(month));
                self.push(record);
            }
        }
    }
}

impl App {
    pub(crate) fn logs_action(&mut self, action: Action) -> Vec<Effect> {
        const LEVELS: [Level; 4] = [Level::Debug, Level::Info, Level::Warn, Level::Error];
        let page = self.page();
        let logs = &mut self.logs;
        let at = logs.index();
        match action {
            Action::Up => logs.go(at.saturating_sub(1), page),
            Action::Down if !logs.following => logs.go(at + 1, page),
            Action::PageUp => logs.go(at.saturating_sub(page), page),
            Action::PageDown if !logs.following => logs.go(at + page, page),
            Action::Top => logs.go(0, page),
            Action::Bottom | Action::Follow => logs.follow(),
            Action::Left => logs.shift = logs.shift.saturating_sub(10),
            Action::Right => logs.shift = (logs.shift + 10).min(10_000),
            Action::Wrap => logs.wrap = !logs.wrap,
            Action::LevelUp | Action::LevelDown => {
                let place = LEVELS.iter().position(|level| *level == logs.level).unwrap_or(1);
                let place = if action == Action::LevelUp { place + 1 } else { place.saturating_sub(1) };
                logs.level = LEVELS.get(place).copied().unwrap_or(Level::Error);
                logs.refilter();
            }
            Action::ByFeed => {
                let under =
                    logs.shown.get(at).and_then(|n| logs.record(*n)).and_then(|record| record.feed.clone());
                logs.feed = if logs.feed.is_some() { None } else { under };
                logs.refilter();
            }
            Action::SearchNext | Action::SearchPrevious => {
                let found = logs.seek(action == Action::SearchNext, false, page);
                if !found {
                    let text = if logs.search.is_empty() { "/ searches first" } else { "nothing matches" };
                    self.toast(text, crate::app::view::Tone::Plain);
                }
            }
            Action::OlderMonth | Action::NewerMonth => {
                let place = logs.months.iter().position(|month| Some(*month) == logs.month);
                let other = match (place, action) {
                    (Some(place), Action::OlderMonth) => place.checked_sub(1),
                    (Some(place), _) => Some(place + 1),
                    (None, _) => logs.months.len().checked_sub(1),
                };
                return match other.and_then(|place| logs.months.get(place)) {
                    Some(month) => vec![Effect::LoadLog(*month)],
                    None => Vec::new(),
                };
            }
            _ => {}
        }
        Vec::new()
    }

    /// The search changed: from the cursor on to the first match, as it is typed.
    pub(crate) fn set_search(&mut self, text: &str) {
        let page = self.page();
        self.logs.search = text.to_lowercase();
        self.logs.count_hits();
        if !text.is_empty() {
            self.logs.seek(false, true, page);
        }
    }

    /// Shows the log of one feed alone.
    pub(crate) fn show_log(&mut self, feed: Option<String>) {
        self.tab = crate::app::Tab::Logs;
        self.logs.feed = feed;
        self.logs.refilter();
        self.logs.follow();
    }

    pub(crate) fn click_log(&mut self, row: usize) {
        let page = self.page();
        self.logs.go(row, page);
    }
}
