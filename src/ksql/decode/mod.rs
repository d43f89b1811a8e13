//! A row's bytes become Arrow columns.
