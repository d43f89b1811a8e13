//! `lakehand.toml` < environment < flags, with the origin of every value.
