//! What the process ends with.

use std::process::ExitCode;

use crate::error::Kind;

/// The exit codes of the contract, section 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All done: 0.
    Done,
    /// Some feed failed: 1.
    Failed,
    /// Usage or configuration: 2.
    Usage,
    /// The server cannot be reached: 3.
    Unreachable,
    /// Another process holds a dataset: 4.
    Locked,
    /// The lake is damaged: 5.
    Damaged,
    /// All done, and records are known to be lost that nobody has acknowledged: 6.
    Lost,
    /// Interrupted: 130.
    Interrupted,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Locked => 4,
            Self::Damaged => 5,
            Self::Lost => 6,
            Self::Interrupted => 130,
        }
    }

    /// What a lone error of this kind ends the process with.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Usage | Kind::Config => Self::Usage,
            Kind::Unreachable => Self::Unreachable,
            Kind::Locked => Self::Locked,
            Kind::Damaged => Self::Damaged,
            Kind::Interrupted => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    /// The code of a run that may have met unacknowledged losses: a failure is told before them.
    #[must_use]
    pub fn or_lost(self, lost: bool) -> Self {
        if lost && self == Self::Done { Self::Lost } else { self }
    }

    /// The code of a run in which these errors came up. A damaged lake is told before anything else; the special codes
    /// of a server out of reach and of a lock need that nothing else went wrong, so that cron can act on them.
    pub fn of_run(interrupted: bool, failures: &[Kind]) -> Self {
        if interrupted {
            return Self::Interrupted;
        }
        if failures.contains(&Kind::Damaged) {
            return Self::Damaged;
        }
        match failures {
            [] => Self::Done,
            [first, rest @ ..] if rest.iter().all(|kind| kind == first) => Self::of(*first),
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_runs() {
        use Kind::{Busy, Damaged, Feed, Locked, Unreachable};
        for (interrupted, failures, code) in [
            (false, &[][..], 0),
            (false, &[Feed], 1),
            (false, &[Busy, Busy], 1),
            (false, &[Unreachable, Unreachable], 3),
            (false, &[Unreachable, Feed], 1),
            (false, &[Locked], 4),
            (false, &[Feed, Damaged], 5),
            (true, &[Feed], 130),
        ] {
            assert_eq!(Exit::of_run(interrupted, failures).code(), code, "{failures:?}");
        }
    }
}
