//! Recordings of a real server, a server that replays them, and what the client makes of each.

pub mod outcome;
pub mod recording;
pub mod server;
