//! The form of a new feed: the server's sources are offered, and every key is answered with what is still wrong.
//!
//! The name follows the source until somebody types one; the kind follows the source that was chosen.

use chrono::DateTime;

use crate::app::effect::Effect;
use crate::app::input::Input;
use crate::app::key::{Key, KeyCode};
use crate::app::overlays::Overlay;
use crate::app::state::App;
use crate::feed::{FeedKind, NewFeed, Place, TableFormat, parse_feed};
use crate::ksql::describe::{SourceKind, SourceName};
use crate::ksql::statement::is_helper;

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field {
    /// The stream or table.
    #[default]
    Source,
    /// The feed's name.
    Name,
    /// Stream or table; follows the source where the server shows it.
    Kind,
    /// Table formats, or what lakehand.toml says.
    Tables,
    /// Free text.
    Description,
}

impl Field {
    /// In the order of the form.
    pub const ALL: [Self; 5] = [Self::Source, Self::Name, Self::Kind, Self::Tables, Self::Description];

    /// The field's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Name => "name",
            Self::Kind => "kind",
            Self::Tables => "table format",
            Self::Description => "description",
        }
    }

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|field| *field == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// The form's state; what it shows comes from [`crate::app::view::form`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The field in front.
    pub field: Field,
    /// The source.
    pub source: Input,
    /// The name.
    pub name: Input,
    /// The name was typed, and does not follow the source any more.
    pub named: bool,
    /// Stream or table.
    pub kind: FeedKind,
    /// The table formats; `None`: what lakehand.toml says.
    pub tables: Option<Vec<TableFormat>>,
    /// The description.
    pub description: Input,
    /// The offer under the cursor, when there is one.
    pub offer: Option<usize>,
}

impl Form {
    pub(crate) fn new() -> Self {
        Self {
            field: Field::Source,
            source: Input::default(),
            name: Input::default(),
            named: false,
            kind: FeedKind::Stream,
            tables: None,
            description: Input::default(),
            offer: None,
        }
    }

    pub(crate) fn input(&mut self) -> Option<&mut Input> {
        match self.field {
            Field::Source => Some(&mut self.source),
            Field::Name => Some(&mut self.name),
            Field::Kind | Field::Tables => None,
            Field::Description => Some(&mut self.description),
        }
    }

    pub(crate) fn paste(&mut self, text: &str) {
        if let Some(input) = self.input() {
            input.paste(text);
        }
        self.typed();
    }

    /// A field was typed into.
    fn typed(&mut self) {
        match self.field {
            Field::Source => {
                self.offer = None;
                self.follow();
            }
            Field::Name => self.named = !self.name.is_empty(),
            Field::Kind | Field::Tables | Field::Description => {}
        }
    }

    /// The name follows the source.
    fn follow(&mut self) {
        if !self.named {
            let usable = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
            let name: String = self.source.text().to_lowercase().chars().map(usable).take(128).collect();
            self.name = Input::new(name);
        }
    }

    fn take(&mut self, source: &SourceName) {
        self.source = Input::new(source.name.clone());
        self.kind = kind_of(source.kind);
        self.offer = None;
        self.follow();
        self.field = Field::Name;
    }

    /// The choices of table formats: what lakehand.toml says, none, each alone.
    fn next_tables(&mut self, by: usize) {
        let alone = TableFormat::KEYWORDS.iter().map(|(_, format)| Some(vec![*format]));
        let choices: Vec<Option<Vec<TableFormat>>> =
            [None, Some(Vec::new())].into_iter().chain(alone).collect();
        let at = choices.iter().position(|choice| *choice == self.tables).unwrap_or(0);
        self.tables.clone_from(&choices[(at + by) % choices.len()]);
    }

    /// The chosen table formats in words.
    pub(crate) fn tables_text(&self) -> String {
        match self.tables.as_deref() {
            None => "as lakehand.toml says".to_owned(),
            Some([]) => "plain Parquet".to_owned(),
            Some(formats) => formats.iter().map(|format| format.keyword()).collect::<Vec<_>>().join(", "),
        }
    }

    pub(crate) fn new_feed(&self) -> NewFeed {
        NewFeed {
            name: self.name.text().trim().to_owned(),
            kind: self.kind,
            source: self.source.text().trim().to_owned(),
            description: self.description.text().trim().to_owned(),
            table_format: self.tables.clone(),
        }
    }
}

fn kind_of(kind: SourceKind) -> FeedKind {
    match kind {
        SourceKind::Stream => FeedKind::Stream,
        SourceKind::Table => FeedKind::Table,
    }
}

impl App {
    /// The server's sources that hold what was typed; helpers of lakehand are none.
    pub(crate) fn offers(&self, form: &Form) -> Vec<&SourceName> {
        let typed = form.source.text().trim().to_lowercase();
        let Some(Ok(sources)) = &self.sources else { return Vec::new() };
        let meant =
            |source: &&SourceName| source.name.to_lowercase().contains(&typed) && !is_helper(&source.name);
        sources.iter().filter(meant).collect()
    }

    /// The one source that is left of the offers, where it is not written in full yet.
    fn only_offer(&self, form: &Form) -> Option<SourceName> {
        match self.offers(form)[..] {
            [one] if !one.name.eq_ignore_ascii_case(form.source.text().trim()) => Some(one.clone()),
            _ => None,
        }
    }

    /// What is wrong with each field, and whether it can be written all the same: an unknown source is a warning only
    /// where the server did not answer.
    pub(crate) fn form_problems(&self, form: &Form) -> Vec<(Field, String)> {
        let new = form.new_feed();
        let mut problems = Vec::new();
        if new.source.is_empty() {
            problems.push((Field::Source, "choose a stream or table of the server".to_owned()));
        } else if let Some(Ok(sources)) = &self.sources {
            let upper = new.source.to_uppercase();
            let known = sources
                .iter()
                .find(|s| s.name == new.source)
                .or_else(|| sources.iter().find(|source| source.name == upper));
            match known {
                None => problems.push((Field::Source, "the server has no such stream or table".to_owned())),
                Some(source) if kind_of(source.kind) != form.kind => {
                    problems.push((
                        Field::Kind,
                        format!("{} is a {}", source.name, kind_of(source.kind).keyword()),
                    ));
                }
                Some(_) => {}
            }
        }
        if self.feeds.entries().iter().any(|entry| entry.name == new.name) {
            problems.push((Field::Name, "there is a feed of this name".to_owned()));
        }
        let dataset = new.source.to_lowercase();
        let taken = self.feeds.entries().iter().filter(|entry| entry.place == Place::Active).find(|entry| {
            entry.feed().is_some_and(|feed| feed.kind == new.kind && feed.dataset() == dataset)
        });
        if let Some(entry) = taken {
            problems.push((Field::Source, format!("{} exports it already", entry.name)));
        }
        // The file as it would be written is read as every feed file is.
        if let (false, Err(found)) =
            (new.source.is_empty(), parse_feed(&new.render(DateTime::UNIX_EPOCH), &new.name))
        {
            for problem in found {
                let field = if problem.field == "ksqldb_source" { Field::Source } else { Field::Name };
                if !problems.iter().any(|(known, _)| *known == field) {
                    problems.push((field, problem.message));
                }
            }
        }
        problems
    }

    pub(crate) fn form_key(&mut self, mut form: Form, key: Key) -> Vec<Effect> {
        let offers = self.offers(&form).len();
        let choosing = form.field == Field::Source;
        match key.code {
            KeyCode::Esc => return Vec::new(),
            KeyCode::Char('c') if key.ctrl => return Vec::new(),
            KeyCode::Down if choosing && offers > 0 => {
                form.offer = Some(form.offer.map_or(0, |at| (at + 1).min(offers - 1)));
            }
            KeyCode::Up if choosing && form.offer.is_some() => {
                form.offer = form.offer.and_then(|at| at.checked_sub(1));
            }
            KeyCode::Enter | KeyCode::Tab if choosing && form.offer.is_some() => {
                let chosen = form.offer.and_then(|at| self.offers(&form).get(at).copied().cloned());
                if let Some(source) = chosen {
                    form.take(&source);
                }
            }
            KeyCode::Enter if choosing && let Some(source) = self.only_offer(&form) => form.take(&source),
            KeyCode::Tab if key.shift => form.field = form.field.step(Field::ALL.len() - 1),
            KeyCode::Tab | KeyCode::Down => form.field = form.field.step(1),
            KeyCode::Up => form.field = form.field.step(Field::ALL.len() - 1),
            KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if form.field == Field::Kind => {
                form.kind = match form.kind {
                    FeedKind::Stream => FeedKind::Table,
                    FeedKind::Table => FeedKind::Stream,
                };
            }
            KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if form.field == Field::Tables => {
                form.next_tables(if key.code == KeyCode::Left { TableFormat::KEYWORDS.len() + 1 } else { 1 });
            }
            KeyCode::Enter => match self.form_problems(&form).first() {
                None => return vec![Effect::Add(form.new_feed())],
                // Where something is wrong, there goes the cursor.
                Some((field, _)) => form.field = *field,
            },
            _ => {
                if form.input().is_some_and(|input| input.key(key)) {
                    form.typed();
                }
                if choosing {
                    // A source that was typed in full brings its kind along.
                    let typed = form.source.text().to_uppercase();
                    if let Some(Ok(sources)) = &self.sources
                        && let Some(source) = sources.iter().find(|source| source.name == typed)
                    {
                        form.kind = kind_of(source.kind);
                    }
                }
            }
        }
        self.overlay = Some(Overlay::Form(form));
        Vec::new()
    }
}
