//! lakehand keeps ksqlDB streams and tables in a Parquet data lake on disk.

pub mod app;
pub mod aws;
mod cancel;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod export;
pub mod feed;
pub mod format;
pub mod hash;
pub mod headless;
pub mod ksql;
pub mod lake;
pub mod log;
pub mod pool;
pub mod reading;
pub mod runtime;
pub mod source;
pub mod tier;
pub mod ui;
pub mod watch;

pub use error::{Class, Error, Kind, Result};
