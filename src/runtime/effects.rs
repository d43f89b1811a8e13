//! What the model wants done is started here; the answers come as replies.

use std::path::PathBuf;

use super::event_loop::Runtime;
use super::feed_commands::{self, FeedCommand};
use super::maintenance::{Change, ToCheck};
use super::work::{Job, Reply};
use super::{editor, load, maintenance, server};
use crate::app::{Effect, Message};
use crate::error::{Error, Kind, Result};
use crate::export::{Cancel, Request, Trigger, Work};
use crate::feed::{Catalog, Feed, Place};
use crate::headless::Exit;
use crate::lake::verify::Options;
use crate::lake::{self, Limits, Target};

/// Commits that the screen lists.
const HISTORY: usize = 500;

impl Runtime {
    /// Starts what the model wants.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        if self.read_only && changes_something(&effect) {
            // The model refuses before; this holds whatever the model does.
            let error = Error::new(Kind::Usage, "the screen was started with --read-only");
            return self.tell(Message::Failed(error));
        }
        match effect {
            Effect::Export { feeds, trigger } => self.export(&feeds, trigger),
            Effect::ExportDay { feed, day } => self.order(&feed, Work::Day(day)),
            Effect::UndoDay { feed, day } => {
                self.change(&feed, Change::Rollback(Target::Day(day), None));
            }
            Effect::Compact { feed, day } => self.order(&feed, Work::Compact(day)),
            Effect::Tier { feed, day } => self.order(&feed, Work::Tier(day)),
            Effect::TierRestore { feed, day } => self.order(&feed, Work::Restore(day)),
            Effect::Check { feeds, deep } => self.check(feeds, deep),
            Effect::Repair { feeds, deep, accept_loss } => self.repair(feeds, Options { deep, accept_loss }),
            Effect::StopChecks(feeds) => self.stop_checks(&feeds),
            Effect::Cancel(feeds) => feeds.iter().for_each(|feed| self.engine.cancel(feed)),
            Effect::SetEnabled { feeds, enabled } => self.perform(FeedCommand::SetEnabled { feeds, enabled }),
            Effect::Archive(feeds) => self.perform(FeedCommand::Archive(feeds)),
            Effect::Restore(feeds) => self.perform(FeedCommand::Restore(feeds)),
            Effect::Undo(changes) => self.perform(FeedCommand::Undo(changes)),
            Effect::Add(new) => self.perform(FeedCommand::Add(new)),
            Effect::Edit(path) => self.edit(path),
            Effect::Copy(text) => {
                if !self.screen.copy(&text) {
                    let error = Error::new(Kind::Usage, "the text is too long for a terminal's clipboard");
                    self.tell(Message::Failed(error));
                }
            }
            Effect::Notify { title, body } => self.screen.notify(&title, &body),
            Effect::Bell => self.screen.bell(),
            Effect::LoadCatalog => self.load_catalog(),
            Effect::LoadDataset(feed) => self.restart(Job::Dataset(feed)),
            Effect::LoadDays(feed) => self.restart(Job::Days(feed)),
            Effect::LoadHistory(feed) => self.restart(Job::History(feed)),
            Effect::LoadDifference { feed, from, to } => self.compare(feed, from, to),
            Effect::Pin { feed, target, pinned } => self.change(&feed, Change::Pin(target, pinned)),
            Effect::Rollback { feed, target, set } => self.change(&feed, Change::Rollback(target, set)),
            Effect::LoadFiles { feed, partition } => self.load_files(feed, partition),
            Effect::LoadRows { path, from, count } => self.work.block(None, move |teller| {
                let grid = load::rows(&path, from, count);
                teller.say(Message::Rows { path, grid });
            }),
            Effect::LoadMonths => self.journal.load_months(),
            Effect::LoadLog(month) => self.journal.load(month),
            Effect::LoadSources => self.restart(Job::Sources),
            Effect::LoadPlan(feed) => self.restart(Job::Plan(feed)),
            Effect::CheckHealth => self.check_health(),
            Effect::AcceptSchema(name) => match self.feed(&name) {
                Ok(feed) => {
                    let (client, logs, lake) = (self.client.clone(), self.logs.clone(), self.lake.clone());
                    self.work.ask(None, server::accept_schema(client, logs, lake, feed));
                }
                Err(error) => self.tell(Message::Failed(error)),
            },
            Effect::Reset { feed, how } => match self.feed(&feed) {
                Ok(feed) => {
                    let lake = self.lake.clone();
                    self.work.block(None, move |teller| maintenance::reset(&lake, &feed, how, teller));
                }
                Err(error) => self.tell(Message::Failed(error)),
            },
            Effect::Mouse(on) => self.screen.set_mouse(on),
            Effect::Redraw => {
                self.screen.redraw();
                self.drawn = None;
            }
            Effect::Suspend => {
                if let Err(error) = self.suspend() {
                    self.tell(Message::Failed(error));
                }
            }
            Effect::Quit => self.end(Exit::Done),
        }
    }

    /// Starts a job, or notes that it is wanted once more when it is under way.
    pub(super) fn restart(&mut self, job: Job) {
        if !self.work.begin(&job) {
            return;
        }
        let over = Some(job.clone());
        match job {
            Job::Catalog => {
                let paths = self.feeds.clone();
                self.work.block(over, move |teller| teller.say(Reply::Catalog(Catalog::load(&paths))));
            }
            Job::Dataset(name) => {
                let dir = self.feed(&name).and_then(|feed| self.lake.dataset_dir(&feed));
                let lake = self.lake.clone();
                self.work.block(over, move |teller| {
                    if let Ok(dir) = &dir {
                        teller.say(load::catalogs(&name, dir));
                    }
                    teller.say(load::dataset(&name, dir));
                    load::disk(&lake, teller);
                });
            }
            Job::Days(feed) => {
                let dir = self.feed(&feed).and_then(|feed| self.lake.dataset_dir(&feed));
                self.work.block(over, move |teller| {
                    teller.say(Message::Days { feed, days: maintenance::days(dir) });
                });
            }
            Job::History(feed) => {
                let dir = self.feed(&feed).and_then(|feed| self.lake.dataset_dir(&feed));
                self.work.block(over, move |teller| {
                    let history = dir.and_then(|dir| lake::history(&dir, Some(HISTORY)));
                    teller.say(Message::History { feed, history });
                });
            }
            Job::Health => self.work.ask(over, server::health(self.client.clone())),
            Job::Sources => self.work.ask(over, server::sources(self.client.clone())),
            Job::Plan(name) => {
                let (client, logs) = (self.client.clone(), self.logs.clone());
                let (lake, feed) = (self.lake.clone(), self.feed(&name));
                self.work.ask(over, async move {
                    match feed {
                        Ok(feed) => server::plan_text(client, logs, lake, feed).await,
                        Err(error) => Message::Plan { feed: name, plan: Err(error) },
                    }
                });
            }
        }
    }

    pub(super) fn check_health(&mut self) {
        // An answer that is on its way will do.
        if self.work.is_idle(&Job::Health) {
            self.restart(Job::Health);
        }
    }

    fn export(&mut self, feeds: &[String], trigger: Trigger) {
        for name in feeds {
            match self.feed(name) {
                Ok(feed) => self.engine.submit(Request { feed, trigger, work: Work::CatchUp }),
                Err(error) => self.tell(Message::Failed(error)),
            }
        }
    }

    /// Hands work of a feed to the engine.
    fn order(&mut self, name: &str, work: Work) {
        match self.feed(name) {
            Ok(feed) => self.engine.submit(Request { feed, trigger: Trigger::Asked, work }),
            Err(error) => self.tell(Message::Failed(error)),
        }
    }

    fn change(&mut self, name: &str, change: Change) {
        match self.feed(name) {
            Ok(feed) => {
                let (lake, limits, engine) = (self.lake.clone(), self.limits(), self.engine.clone());
                self.work.block(None, move |teller| {
                    maintenance::change(&lake, &feed, limits, &change, teller);
                    engine.publish(feed);
                });
            }
            Err(error) => self.tell(Message::Failed(error)),
        }
    }

    fn compare(&mut self, name: String, from: String, to: String) {
        let found = self.feed(&name).and_then(|feed| Ok((self.lake.dataset_dir(&feed)?, feed)));
        let memory_bytes = self.config.export.memory_bytes as u64;
        self.work.block(None, move |teller| {
            let found =
                found.and_then(|(dir, feed)| maintenance::compare(&dir, &feed, &from, &to, memory_bytes));
            teller.say(Message::Difference { feed: name, compared: (from, to), found });
        });
    }

    fn check(&mut self, feeds: Vec<String>, deep: bool) {
        let (lake, feeds) = (self.lake.clone(), self.begin_checks(feeds));
        self.work.block(None, move |teller| maintenance::check(&lake, feeds, deep, teller));
    }

    fn repair(&mut self, feeds: Vec<String>, options: Options) {
        let (lake, limits, engine) = (self.lake.clone(), self.limits(), self.engine.clone());
        let feeds = self.begin_checks(feeds);
        self.work.block(None, move |teller| {
            let mended: Vec<_> = feeds.iter().filter_map(|check| check.feed.as_ref().ok().cloned()).collect();
            maintenance::repair(&lake, feeds, &limits, options, teller);
            for feed in mended {
                engine.publish(feed);
            }
        });
    }

    /// The feeds with their meaning now, and what each check looks at to know whether it shall stop.
    fn begin_checks(&mut self, names: Vec<String>) -> Vec<ToCheck> {
        let mut begun = Vec::new();
        for name in names {
            let (feed, cancel) = (self.feed(&name), Cancel::new());
            self.checks.insert(name.clone(), cancel.clone());
            begun.push(ToCheck { name, feed, cancel });
        }
        begun
    }

    fn stop_checks(&self, names: &[String]) {
        names.iter().filter_map(|name| self.checks.get(name)).for_each(Cancel::cancel);
    }

    /// What changes of the lake other than exports may use.
    fn limits(&self) -> Limits {
        Limits { min_free_bytes: self.config.export.min_free_bytes, ..Limits::default() }
    }

    fn perform(&mut self, command: FeedCommand) {
        let (paths, catalog) = (self.feeds.clone(), self.catalog.clone());
        self.work.block(None, move |teller| feed_commands::perform(command, &paths, &catalog, teller));
    }

    fn edit(&mut self, path: PathBuf) {
        self.screen.leave();
        self.work.block(None, move |teller| {
            let problems = editor::edit(&path).and_then(|()| editor::validate(&path));
            teller.say(Reply::EditorClosed(path, problems));
        });
    }

    fn load_files(&mut self, feed: String, partition: String) {
        let dir = self.feed(&feed).and_then(|found| self.lake.dataset_dir(&found));
        self.work.block(None, move |teller| {
            let files = dir.and_then(|dir| load::files(&dir, &partition));
            teller.say(Message::Files { feed, partition, files });
        });
    }

    /// The feed of this name in the version that is in force; of two the active one.
    fn feed(&self, name: &str) -> Result<Feed> {
        let mut entries = self.catalog.entries.iter().filter(|entry| entry.name == name);
        let shown = entries.clone().find(|entry| entry.place == Place::Active).or_else(|| entries.next());
        // Of a file that broke, the last good version.
        let in_force = || self.watch_state.as_ref()?.in_force().find(|feed| feed.name == name);
        shown
            .and_then(|entry| entry.feed())
            .or_else(in_force)
            .cloned()
            .ok_or_else(|| Error::new(Kind::Feed, "there is no valid feed of this name").at("feed", name))
    }
}

/// What `--read-only` is to keep from happening.
fn changes_something(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Export { .. }
            | Effect::ExportDay { .. }
            | Effect::UndoDay { .. }
            | Effect::Pin { .. }
            | Effect::Rollback { .. }
            | Effect::Compact { .. }
            | Effect::Tier { .. }
            | Effect::TierRestore { .. }
            | Effect::Repair { .. }
            | Effect::Cancel(_)
            | Effect::SetEnabled { .. }
            | Effect::Archive(_)
            | Effect::Restore(_)
            | Effect::Undo(_)
            | Effect::Add(_)
            | Effect::Edit(_)
            | Effect::AcceptSchema(_)
            | Effect::Reset { .. }
    )
}
