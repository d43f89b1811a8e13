//! What a frame showed where, so that a click can be understood: no view keeps places of its own.

use ratatui::layout::{Position, Rect};

#[derive(Debug, Clone, Copy, PartialEq, Eq)] pub enum Target { Row(usize) }

/// The places of one frame; of places that overlap the one drawn last is hit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HitMap {
    places: Vec<(Rect, Target)>,
}

impl HitMap {
    /// Adds a place.
    pub(super) fn push(&mut self, area: Rect, target: Target) {
        self.places.push((area, target));
    }

    /// What is at a cell.
    pub fn at(&self, x: u16, y: u16) -> Option<Target> {
        let position = Position { x, y };
        self.places.iter().rev().find(|(area, _)| area.contains(position)).map(|(_, target)| *target)
    }
}
