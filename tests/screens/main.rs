//! Frames as text, compared with `golden/*.txt`; `UPDATE=1 cargo test --test screens` writes them anew.
//!
//! | module | what it shows |
//! |---|---|
//! | golden | every view and overlay at 40×12, 80×24 and 160×50 |
//! | journeys | the same from a model filled by messages and led by keys |
//! | rules | ASCII, no colour, the selection, any size, any name |

mod golden;
mod history;
mod journeys;
mod lake;
mod rules;
mod scenes;

use lakehand::ui::canvas::Canvas;
use lakehand::ui::layout::Layout;
use lakehand::ui::{HitMap, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use scenes::Name;

/// The cells of a scene, and what a click into them means.
fn drawn(name: Name, width: u16, height: u16, theme: &Theme) -> (Buffer, HitMap) {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let mut canvas = Canvas::new(&mut buffer, theme);
    let layout = Layout::of(area);
    scenes::scene(name, &layout).draw(&mut canvas, &layout);
    let hits = canvas.into_hits();
    (buffer, hits)
}

/// The lines of a frame as a terminal shows them: what a wide character covers is no cell of its own.
fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width.max(1));
    let line = |cells: &[ratatui::buffer::Cell]| {
        let (mut text, mut covered) = (String::new(), 0);
        for cell in cells {
            if covered > 0 {
                covered -= 1;
                continue;
            }
            text.push_str(cell.symbol());
            covered = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
        }
        text.trim_end().to_owned()
    };
    buffer.content().chunks(width).map(line).collect()
}
