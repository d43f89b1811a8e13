//! What is told of each day.
