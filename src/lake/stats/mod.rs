//! What is held of each day, and how large it is.

pub(crate) mod completeness;
pub(crate) mod forecast;
pub(crate) mod hint;
pub(crate) mod usage;
