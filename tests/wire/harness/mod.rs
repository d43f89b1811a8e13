//! Recordings of a real server, a server that replays them, and what the client makes of each.

pub(crate) mod outcome;
pub(crate) mod recording;
pub(crate) mod server;
