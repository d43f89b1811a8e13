//! A day exported again.
