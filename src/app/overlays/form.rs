//! The form of a new feed: the server's sources are offered, and every key is answered with what is still wrong.

use crate::app::input::Input;
use crate::feed::FeedKind;

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
    /// Free text.
    Description,
}

impl Field {
    /// In the order of the form.
    pub const ALL: [Self; 4] = [Self::Source, Self::Name, Self::Kind, Self::Description];
}

/// Its state; what it shows comes from [`crate::app::view::form`].
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
    /// The description.
    pub description: Input,
    /// The offer under the cursor, when there is one.
    pub offer: Option<usize>,
}
