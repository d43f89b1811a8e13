//! skeleton
use crate::feed::{Feed, Problem};

/// One thing that is different from what was known.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A valid feed is there that was not.
    Appeared(Box<Feed>),
    /// It means another export than before.
    MeaningChanged {
        /// Before.
        old: Box<Feed>,
        /// Now.
        new: Box<Feed>,
    },
    /// Only what people read is different.
    DescriptionChanged(Box<Feed>),
    /// Only the schedule is different.
    ScheduleChanged(Box<Feed>),
    /// It was disabled, and is not any more.
    Enabled(Box<Feed>),
    /// It was enabled, and is not any more.
    Disabled(Box<Feed>),
    /// Its file is not valid, or not valid in another way than before.
    Broke {
        /// Its name.
        name: String,
        /// All that is wrong.
        problems: Vec<Problem>,
        /// Whether there is a last good version, which stays in force.
        in_force: bool,
    },
    /// Its file is valid again; what it means now is told by a change of its own, where it differs.
    Mended(String),
    /// Its file is gone from the folder of active feeds: archived, removed or moved away.
    Left(String),
}
