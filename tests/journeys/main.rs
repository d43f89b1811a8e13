//! Journeys: keys in, what the operator sees out; and the model under random keys and messages.

mod feeds;
mod history;
mod maintenance;
mod overlays;
mod random;
mod size;
mod support;
mod tier;
mod views;
