//! lakehand
fn main() {}
