//! All that a frame shows, gathered from the model for the window that is seen, and then drawn.
//!
//! Between the two there are only texts, tones and signs, so that drawing can be tested with any of them.

use super::canvas::Canvas;
use super::layout::{Form, Layout};
use super::overlays::Over;
use super::views::{Shape, around};
use crate::app::view::FrameView;
use crate::app::{App, view};

/// What a frame shows.
#[derive(Debug)]
pub struct Scene {
    /// Header, tabs, foot, toasts.
    pub around: FrameView,
    /// The view in front.
    pub shape: Shape,
    /// What lies over it.
    pub over: Option<Over>,
}

impl Scene {
    /// What the model shows on a screen divided so; `None` where nothing has room.
    pub fn of(app: &App, layout: &Layout) -> Option<Self> {
        if layout.form == Form::Tiny {
            return None;
        }
        Some(Self {
            around: view::frame(app),
            shape: Shape::of(app, layout.view, layout.form),
            over: Over::of(app, layout.view, layout.form),
        })
    }

    /// Draws it.
    pub fn draw(&self, canvas: &mut Canvas<'_>, layout: &Layout) {
        around::header(canvas, layout.header, &self.around);
        around::tabs(canvas, layout.tabs, &self.around);
        self.shape.draw(canvas, layout.view, layout.form);
        around::foot(canvas, layout.foot, &self.around);
        around::toasts(canvas, layout.view, &self.around.toasts);
        // A question must not be hidden by a message; the log has them all.
        if let Some(over) = &self.over {
            over.draw(canvas, layout.view, layout.form);
        }
    }
}
