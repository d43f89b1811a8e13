//! The export log: one event a line.
