//! What the screen knows: one owner of state, changed by messages alone.
//!
//! ```text
//! Message (keys, engine events, loaded data, time) ─▶ App::update ─▶ Vec<Effect> (what the runtime shall do)
//!                                                        │
//!                                        App ── view::* ─▶ texts of the visible window, for ui to draw
//! ```
//!
//! | file | its part |
//! |---|---|
//! | message, effect | the only ways in and out |
//! | key, action, keymap | keys become actions; help, palette and hints come from the one table of actions |
//! | state, update | the owner and its dispatch; freeze, dirty, deadlines |
//! | tiers | where days lie, what is due to move, how long the disk lasts |
//! | tabs/ | feeds, detail, partitions, exports, logs: state and answers to actions |
//! | overlays/ | help, palette, confirm, menu, form, toast |
//! | perform, prompt | what an action does; the line at the foot |
//! | code | the code that reads the dataset in front, into the clipboard |
//! | cursor, filter, input | parts that several of them use |
//! | view/ | what a frame shows, computed for its window only |
//!
//! No ratatui, no crossterm, no tokio, no files, no clock: time comes in messages. Text that came from outside is
//! escaped in `view`, where it is shown.

pub mod action;
mod code;
pub mod cursor;
pub mod effect;
pub mod filter;
pub mod input;
pub mod key;
pub mod keymap;
pub mod message;
pub mod overlays;
mod perform;
mod prompt;
pub mod state;
pub mod tabs;
pub mod theme;
mod tiers;
mod update;
pub mod view;

pub use action::{ACTIONS, Action, ActionInfo, Context};
pub use effect::Effect;
pub use key::{Key, KeyCode};
pub use keymap::Keymap;
pub use message::{
    Days, Difference, FileInfo, Grid, GridColumn, Message, PlanColumn, PlanText, ServerInfo, Target,
};
pub use overlays::Overlay;
pub use state::{App, Health, Prompt, PromptKind, Setup, Tab};
pub use theme::ThemeName;
pub use tiers::Tiers;
