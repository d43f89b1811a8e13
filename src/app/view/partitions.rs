//! The tables of datasets, of partitions and of files.

use super::TableView;
use crate::app::App;

/// The datasets: the window of `height` rows.
pub fn datasets(app: &App, height: usize) -> TableView {
    let _ = (app, height);
    TableView::default()
}

/// The partitions of the open dataset: the window of `height` rows.
pub fn partitions(app: &App, height: usize) -> TableView {
    let _ = (app, height);
    TableView::default()
}

/// The files of the open partition: the window of `height` rows.
pub fn files(app: &App, height: usize) -> TableView {
    let _ = (app, height);
    TableView::default()
}
