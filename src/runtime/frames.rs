//! Frames: when the next is due, and its drawing.

use std::time::{Duration, Instant};

use super::event_loop::Runtime;
use crate::headless::Exit;
use crate::ui::theme::Theme;

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// The same when a key was pressed: somebody waits for its frame, whatever the exports have to tell.
const KEY_FRAME: Duration = Duration::from_millis(5);

/// The rhythm of the frames; time is passed in.
pub(super) struct Frames {
    last: Instant,
    next: Instant,
}

impl Frames {
    /// The first frame is due at once.
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, next: now }
    }

    /// From when on a frame may be drawn.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A key was pressed, or the like.
    pub(super) fn hasten(&mut self) {
        self.next = self.next.min(self.last + KEY_FRAME);
    }

    /// A frame was drawn.
    pub(super) fn drawn(&mut self, now: Instant) {
        self.last = now;
        self.next = now + FRAME;
    }
}

impl Runtime {
    /// The model has changed since the last frame.
    pub(super) fn is_dirty(&self) -> bool {
        self.screen.is_on() && self.drawn != Some(self.app.revision())
    }

    /// Draws what is new, when it is time.
    pub(super) fn draw(&mut self) {
        if !self.is_dirty() || Instant::now() < self.frames.next() {
            return;
        }
        if self.theme.0 != self.app.theme() {
            self.theme = (self.app.theme(), Theme::named(self.app.theme()).ascii(self.app.ascii()));
        }
        let (app, theme, hits) = (&self.app, &self.theme.1, &mut self.hits);
        if self.screen.draw(|frame| *hits = crate::ui::draw(frame, app, theme)).is_err() {
            // The terminal is gone; SIGHUP says so too.
            self.screen.leave();
            self.end(Exit::Interrupted);
        }
        self.drawn = Some(self.app.revision());
        self.frames.drawn(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_wait_for_the_rhythm_and_does_not_break_it() {
        let begun = Instant::now();
        let mut frames = Frames::new(begun);
        assert_eq!(frames.next(), begun);
        frames.drawn(begun);
        assert_eq!(frames.next(), begun + FRAME);
        frames.hasten();
        frames.hasten();
        assert_eq!(frames.next(), begun + KEY_FRAME);
        frames.drawn(begun + KEY_FRAME);
        assert_eq!(frames.next(), begun + KEY_FRAME + FRAME);
    }
}
