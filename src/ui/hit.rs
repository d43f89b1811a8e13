//! What a frame showed where, so that a click can be understood: no view keeps places of its own.

use ratatui::layout::{Position, Rect};

pub use crate::app::Target;

/// The places of one frame; of places that overlap the one drawn last is hit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HitMap {
    places: Vec<(Rect, Option<Target>)>,
}

impl HitMap {
    /// Adds a place; one without a target hides what is below it.
    pub(super) fn push(&mut self, area: Rect, target: Option<Target>) {
        self.places.push((area, target));
    }

    /// What is at a cell.
    pub fn at(&self, x: u16, y: u16) -> Option<Target> {
        let position = Position { x, y };
        self.places.iter().rev().find(|(area, _)| area.contains(position)).and_then(|(_, target)| *target)
    }
}
