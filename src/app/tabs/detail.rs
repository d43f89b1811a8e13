//! One feed, whole.

use crate::app::message::PlanText;

/// The state of the view.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// The feed.
    pub(crate) feed: String,
    /// How it would be read now; `None` while the server is asked.
    pub(crate) plan: Option<Result<PlanText, String>>,
    /// The first line of the window.
    pub(crate) top: usize,
}
