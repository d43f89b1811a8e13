//! The screen as cells: places what [`crate::app::view`] says, gives it the look of a theme, and turns what the
//! terminal reports into messages.
//!
//! ```text
//! crossterm event ─▶ input ─▶ Message            App ─▶ app::view ─▶ draw ─▶ cells, HitMap
//!                      ▲                                              │
//!                      └──────────────── places of the last frame ◀───┘
//! ```
//!
//! | file | its part |
//! |---|---|
//! | input, hit | events become messages; a click means what the last frame showed there |
//! | canvas, text | every write is clipped, escaped and, under `--ascii`, within ASCII |
//! | theme, glyphs | looks by role, signs by state |
//! | layout | full, compact, tiny |
//! | scene | what a frame shows, gathered from the model, then drawn |
//! | widgets/ | tables, meters, fields: plain values in, cells out |
//! | views/, overlays/ | a file for each shape that the model gives |
//!
//! The only home of ratatui and crossterm. Drawing is pure: it cannot fail or block, it keeps nothing from one frame
//! to the next, and it looks at what is visible alone.

pub mod canvas;
pub mod glyphs;
pub mod hit;
pub mod input;
pub mod layout;
pub mod overlays;
pub mod scene;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod views;
pub mod widgets;

pub use hit::HitMap;
pub use theme::Theme;

use ratatui::Frame;

use self::canvas::Canvas;
use self::layout::Layout;
use self::scene::Scene;
use crate::app::App;

/// Draws a frame; what a click into it means.
pub fn draw(frame: &mut Frame<'_>, app: &App, theme: &Theme) -> HitMap {
    let mut canvas = Canvas::new(frame.buffer_mut(), theme);
    let layout = Layout::of(canvas.area());
    match Scene::of(app, &layout) {
        Some(scene) => scene.draw(&mut canvas, &layout),
        None => views::around::tiny(&mut canvas),
    }
    canvas.into_hits()
}
