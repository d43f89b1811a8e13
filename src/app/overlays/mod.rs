//! What lies over a view and takes the keys: at most one at a time. Toasts lie over all and take none.

pub mod confirm;
pub mod form;
pub mod help;
pub mod menu;
pub mod palette;
pub mod toast;

pub use confirm::Confirm;
pub use form::{Field, Form};
pub use help::Help;
pub use menu::{Menu, MenuItem};
pub use palette::Palette;
pub use toast::{Toast, Toasts};

/// The overlay in front.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// The keys of the view: `?`.
    Help(Help),
    /// All commands: `:`.
    Palette(Palette),
    /// A question before something dangerous.
    Confirm(Confirm),
    /// A choice: what to copy.
    Menu(Menu),
    /// A new feed.
    Form(Form),
}
