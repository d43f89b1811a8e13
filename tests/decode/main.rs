//! The decoder from outside: recordings of a real server, single values, and properties over random schemas.

mod columns;
mod oracle;
mod overlays;
mod properties;
mod random;
mod recordings;
mod value;
mod values;
