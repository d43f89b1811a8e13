//! `sort_by`, `bloom_filters` and `bloom_fpp`: how compaction lays files out.

use super::json::{Fields, Node, Page};
use super::parse::read_column;
use super::spec::FileLayout;

/// The most columns by which rows are sorted, and with Bloom filters.
const MAX_COLUMNS: usize = 16;

/// Reads the three fields.
pub(super) fn read_layout(page: &mut Page<'_>, fields: &Fields<'_>) -> Option<FileLayout> {
    let mut columns = |name: &str| match fields.set(name) {
        Some(node) => distinct(page, &node),
        None => Some(Vec::new()),
    };
    let (sort_by, bloom_filters) = (columns("sort_by"), columns("bloom_filters"));
    let bloom_fpp = match fields.get("bloom_fpp") {
        Some(node) => page.share(&node),
        None => Some(FileLayout::default().bloom_fpp),
    };
    Some(FileLayout { sort_by: sort_by?, bloom_filters: bloom_filters?, bloom_fpp: bloom_fpp? })
}

/// Names of columns, each once.
fn distinct(page: &mut Page<'_>, node: &Node<'_>) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    for element in page.list(node)? {
        let column = read_column(page, &element)?;
        if columns.contains(&column) {
            page.wrong(&element, "is there twice", None);
            return None;
        }
        columns.push(column);
    }
    if columns.len() > MAX_COLUMNS {
        page.wrong(node, format!("names more than {MAX_COLUMNS} columns"), None);
        return None;
    }
    Some(columns)
}
