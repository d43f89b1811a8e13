//! What an action does: everywhere, or in the view in front.

use super::action::Action;
use super::cursor::Cursor;
use super::effect::Effect;
use super::overlays::{Confirm, Help, Overlay, Palette};
use super::state::{App, Tab};
use super::tabs::{FeedColumn, Level, Run, RunState};
use super::view::Tone;

impl App {
    /// Ends, after a question when exports of this process run.
    fn quit(&mut self) -> Vec<Effect> {
        let own = |run: &&Run| matches!(run.state, RunState::Running | RunState::Waiting { .. });
        let targets: Vec<_> = self.exports.runs.iter().filter(own).map(|run| run.feed.clone()).collect();
        if targets.is_empty() {
            return vec![Effect::Quit];
        }
        self.overlay = Some(Overlay::Confirm(Confirm {
            question: match targets.as_slice() {
                [one] => format!("Quit and stop the export of {one}?"),
                many => format!("Quit and stop {} exports?", many.len()),
            },
            consequence: "They stop at the next safe point; what is committed stays, the rest comes with the next export."
                .to_owned(),
            targets,
            yes: false,
            effects: vec![Effect::Quit],
            behind: None,
        }));
        Vec::new()
    }

    /// Does what an operator wants, where it may be done.
    pub fn perform(&mut self, action: Action) -> Vec<Effect> {
        self.revision += 1;
        let info = action.info();
        if info.changes && self.setup.read_only {
            self.toast(format!("read-only: {} is refused", info.name), Tone::Warn);
            return Vec::new();
        }
        let contexts = self.contexts();
        if !info.contexts.iter().any(|context| contexts.contains(context)) {
            let places: Vec<_> = info.contexts.iter().map(|context| context.name()).collect();
            self.toast(format!("{} works in {}", info.name, places.join(", ")), Tone::Plain);
            return Vec::new();
        }
        match action {
            Action::Quit => return self.quit(),
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Help => self.overlay = Some(Overlay::Help(Help::default())),
            Action::Palette => self.overlay = Some(Overlay::Palette(Palette::default())),
            Action::NextTab | Action::PreviousTab => {
                let at = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or(0);
                let step = if action == Action::NextTab { 1 } else { Tab::ALL.len() - 1 };
                self.tab = Tab::ALL[(at + step) % Tab::ALL.len()];
            }
            Action::TabFeeds => {
                self.tab = Tab::Feeds;
                self.detail = None;
            }
            Action::TabPartitions => self.tab = Tab::Partitions,
            Action::TabExports => self.tab = Tab::Exports,
            Action::TabLogs => self.tab = Tab::Logs,
            Action::NextTheme => {
                self.theme = self.theme.next();
                self.toast(format!("theme {}", self.theme.name()), Tone::Plain);
            }
            Action::ToggleMouse => {
                self.mouse = !self.mouse;
                return vec![Effect::Mouse(self.mouse)];
            }
            Action::Freeze if self.frozen.is_some() => return self.thaw(),
            Action::Freeze => self.frozen = Some(Vec::new()),
            Action::Refresh => return self.refresh(),
            Action::Filter => self.open_prompt(),
            Action::Back => return self.back(),
            Action::Copy => return self.open_copy_menu(),
            Action::CopyName
            | Action::CopyPath
            | Action::CopyQuery
            | Action::CopyError
            | Action::CopyCommand => {
                return self.copy_now(action);
            }
            Action::CopyCode => return self.copy_code(),
            Action::ChooseEngine => self.open_engines(),
            Action::ShowPartitions => {
                let feed = self.feed_in_front();
                return feed.map(|feed| self.open_dataset(&feed)).unwrap_or_default();
            }
            Action::Check => {
                let feeds = self.check_targets();
                return self.check_feeds(feeds, false);
            }
            Action::CheckAll => {
                let feeds = self.all_datasets();
                return self.check_feeds(feeds, false);
            }
            Action::ShowHistory => return self.show_history(),
            Action::Tier => return self.tier_action(),
            Action::TierRestore => return self.tier_restore_action(),
            Action::ShowLog => {
                let feed = self.feed_in_front();
                self.show_log(feed);
            }
            Action::Sort(_) | Action::SortNext | Action::SortReverse => return self.sort(action),
            Action::Up
            | Action::Down
            | Action::PageUp
            | Action::PageDown
            | Action::Top
            | Action::Bottom
            | Action::Left
            | Action::Right => return self.move_in_view(action),
            _ => return self.in_view(action),
        }
        Vec::new()
    }

    /// What only the view in front can answer.
    fn in_view(&mut self, action: Action) -> Vec<Effect> {
        match self.tab {
            Tab::Feeds => self.feeds_action(action),
            Tab::Partitions => self.partitions_action(action),
            Tab::Exports => self.exports_action(action),
            Tab::Logs => self.logs_action(action),
        }
    }

    /// The feed that a view is about.
    pub(crate) fn feed_in_front(&self) -> Option<String> {
        match self.tab {
            Tab::Feeds => match &self.detail {
                Some(detail) => Some(detail.feed.clone()),
                None => self.feeds.cursor.key().cloned(),
            },
            Tab::Exports => {
                let id = self.exports.cursor.key()?;
                self.exports.by_id(*id).map(|run| run.feed.clone())
            }
            Tab::Partitions => match self.partitions.level {
                Level::Datasets => self.partitions.datasets.key().cloned(),
                _ => self.partitions.feed.clone(),
            },
            Tab::Logs => self.logs.feed.clone(),
        }
    }

    fn back(&mut self) -> Vec<Effect> {
        match self.tab {
            Tab::Feeds if self.detail.is_some() => self.detail = None,
            Tab::Feeds if self.feeds.cursor.clear() => {}
            Tab::Partitions
                if self.partitions.level != Level::Datasets && self.partitions.filter_text.is_empty() =>
            {
                return self.partitions_action(Action::Back);
            }
            Tab::Logs if !self.logs.search.is_empty() => self.set_search(""),
            Tab::Logs if self.logs.feed.is_some() => return self.logs_action(Action::ByFeed),
            _ => {
                if self.filter_text().is_empty() {
                    self.toasts.clear();
                } else {
                    self.set_filter("");
                }
            }
        }
        Vec::new()
    }

    fn refresh(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::LoadCatalog, Effect::CheckHealth, Effect::LoadMonths];
        let feeds = self.feeds.names.iter().filter(|key| self.feeds.feed(key).is_some());
        effects.extend(feeds.cloned().map(Effect::LoadDataset));
        if self.tab == Tab::Partitions
            && self.partitions.level == Level::Files
            && let Some(feed) = self.partitions.feed.clone()
        {
            effects.push(Effect::LoadFiles { feed, partition: self.partitions.files.partition.clone() });
        }
        if let Some(detail) = &self.detail {
            effects.push(Effect::LoadPlan(detail.feed.clone()));
        }
        effects
    }

    fn sort(&mut self, action: Action) -> Vec<Effect> {
        let at = FeedColumn::ALL.iter().position(|column| *column == self.feeds.sort).unwrap_or(0);
        match (self.tab, action) {
            (Tab::Feeds, Action::Sort(n)) if !self.in_detail() => {
                if let Some(column) = FeedColumn::ALL.get(usize::from(n).saturating_sub(1)) {
                    self.sort_feeds(*column);
                }
            }
            (Tab::Feeds, Action::SortNext) if !self.in_detail() => {
                self.sort_feeds(FeedColumn::ALL[(at + 1) % FeedColumn::ALL.len()]);
            }
            (Tab::Feeds, Action::SortReverse) if !self.in_detail() => self.sort_feeds(self.feeds.sort),
            (Tab::Partitions, Action::SortReverse) => {
                self.partitions.reverse = !self.partitions.reverse;
                self.reorder_partitions();
            }
            (Tab::Partitions, Action::SortNext) => {
                self.partitions.sort = (self.partitions.sort + 1) % 5;
                self.reorder_partitions();
            }
            (Tab::Partitions, action) => return self.partitions_action(action),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn move_in_view(&mut self, action: Action) -> Vec<Effect> {
        let page = self.page();
        match self.tab {
            Tab::Feeds => {
                if !self.scroll_detail(action) {
                    step(&mut self.feeds.cursor, &self.feeds.keys, action, page);
                }
            }
            Tab::Partitions => {
                let partitions = &mut self.partitions;
                match partitions.level {
                    Level::Datasets => step(&mut partitions.datasets, &partitions.dataset_keys, action, page),
                    Level::Partitions => step(&mut partitions.cursor, &partitions.keys, action, page),
                    Level::Calendar => self.move_calendar(action),
                    Level::Files => step(&mut partitions.files.cursor, &partitions.files.keys, action, page),
                    Level::Grid => return self.move_grid(action),
                }
            }
            Tab::Exports => step(&mut self.exports.cursor, &self.exports.keys, action, page),
            Tab::Logs => return self.logs_action(action),
        }
        Vec::new()
    }

    pub(super) fn click_row(&mut self, row: usize) {
        let page = self.page();
        let partitions = &mut self.partitions;
        match self.tab {
            Tab::Feeds if self.detail.is_some() => {}
            Tab::Feeds => self.feeds.cursor.go(row, &self.feeds.keys, page),
            Tab::Partitions => match partitions.level {
                Level::Datasets => partitions.datasets.go(row, &partitions.dataset_keys, page),
                Level::Partitions => partitions.cursor.go(row, &partitions.keys, page),
                Level::Files => partitions.files.cursor.go(row, &partitions.files.keys, page),
                Level::Calendar => {}
                Level::Grid => {
                    let row = row as u64;
                    if matches!(&partitions.grid.grid, Some(Ok(grid)) if row < grid.total) {
                        partitions.grid.row = row;
                    }
                }
            },
            Tab::Exports => self.exports.cursor.go(row, &self.exports.keys, page),
            Tab::Logs => self.click_log(row),
        }
    }
}

/// Moves a cursor of a list.
fn step<K: Ord + Clone>(cursor: &mut Cursor<K>, keys: &[K], action: Action, page: usize) {
    let lines = isize::try_from(page).unwrap_or(isize::MAX);
    match action {
        Action::Up => cursor.step(-1, keys, page),
        Action::Down => cursor.step(1, keys, page),
        Action::PageUp => cursor.step(-lines, keys, page),
        Action::PageDown => cursor.step(lines, keys, page),
        Action::Top => cursor.go(0, keys, page),
        Action::Bottom => cursor.go(usize::MAX, keys, page),
        _ => {}
    }
}
