//! A cursor in a list that survives a refresh: it stays on the same thing, not on the same line.
//!
//! The list itself is somewhere else; the cursor knows its keys only. `top` is where the window began last; a frame of
//! another height moves it as little as it must.

use std::collections::BTreeSet;
use std::ops::Range;

/// Position, marks and window of a list whose rows have a key of type `K`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<K: Ord + Clone> {
    at: usize,
    len: usize,
    top: usize,
    key: Option<K>,
    marked: BTreeSet<K>,
    /// Where a range began, by key: it stays there when the list changes.
    anchor: Option<K>,
}

impl<K: Ord + Clone> Default for Cursor<K> {
    fn default() -> Self {
        Self { at: 0, len: 0, top: 0, key: None, marked: BTreeSet::new(), anchor: None }
    }
}

impl<K: Ord + Clone> Cursor<K> {
    /// The row of the cursor; 0 in an empty list.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Rows of the list.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the list has no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The key under the cursor.
    pub fn key(&self) -> Option<&K> {
        self.key.as_ref().filter(|_| self.len > 0)
    }

    /// The list changed: stays on its key where the list still has it, else on its line.
    pub fn refresh(&mut self, keys: &[K]) {
        self.len = keys.len();
        let same = keys.get(self.at).is_some_and(|k| Some(k) == self.key.as_ref());
        if !same {
            let found = self.key.as_ref().and_then(|key| keys.iter().position(|k| k == key));
            let before = self.at;
            self.at = found.unwrap_or(self.at).min(self.len.saturating_sub(1));
            // The row keeps its distance to the top of the window.
            self.top = (self.top + self.at).saturating_sub(before);
            self.key = keys.get(self.at).cloned();
        }
        if !self.marked.is_empty() {
            let there: BTreeSet<_> = keys.iter().cloned().collect();
            self.marked.retain(|key| there.contains(key));
        }
        if self.anchor.as_ref().is_some_and(|key| !keys.contains(key)) {
            self.anchor = None;
        }
    }

    /// To line `at`, or the last; `page` is the height of the window.
    pub fn go(&mut self, at: usize, keys: &[K], page: usize) {
        self.at = at.min(keys.len().saturating_sub(1));
        self.key = keys.get(self.at).cloned();
        self.top = self.window(page).start;
    }

    /// By `lines`, not beyond the ends.
    pub fn step(&mut self, lines: isize, keys: &[K], page: usize) {
        self.go(self.at.saturating_add_signed(lines), keys, page);
    }

    /// The lines that a window of `height` shows.
    pub fn window(&self, height: usize) -> Range<usize> {
        let height = height.max(1);
        let lowest = (self.at + 1).saturating_sub(height);
        let start =
            self.top.clamp(lowest, self.at.max(lowest)).min(self.len.saturating_sub(height).max(lowest));
        start..(start + height).min(self.len)
    }

    /// Marks the row of the cursor, or takes its mark away.
    pub fn toggle(&mut self) {
        if let Some(key) = self.key().cloned()
            && !self.marked.remove(&key)
        {
            self.marked.insert(key);
        }
    }

    /// Begins a range here; a second time the rows of the range are marked.
    pub fn range(&mut self, keys: &[K]) {
        match self.span(keys) {
            Some(span) => {
                self.marked.extend(keys.get(span).unwrap_or_default().iter().cloned());
                self.anchor = None;
            }
            None => self.anchor = self.key().cloned(),
        }
    }

    /// Marks all, or none when all are marked.
    pub fn toggle_all(&mut self, keys: &[K]) {
        if self.marked.len() == keys.len() {
            self.marked.clear();
        } else {
            self.marked = keys.iter().cloned().collect();
        }
    }

    /// Ends a range, or takes all marks away; false when there was neither.
    pub fn clear(&mut self) -> bool {
        if self.anchor.take().is_some() {
            return true;
        }
        let any = !self.marked.is_empty();
        self.marked.clear();
        any
    }

    /// Takes range and marks away, after an action.
    pub fn unmark(&mut self) {
        self.anchor = None;
        self.marked.clear();
    }

    /// The lines of the range that is being drawn.
    pub fn span(&self, keys: &[K]) -> Option<Range<usize>> {
        let anchor = self.anchor.as_ref()?;
        let from = keys.iter().position(|key| key == anchor)?;
        Some(from.min(self.at)..from.max(self.at) + 1)
    }

    /// Whether a range is being drawn.
    pub fn in_range(&self) -> bool {
        self.anchor.is_some()
    }

    /// Whether a row is marked.
    pub fn is_marked(&self, key: &K) -> bool {
        self.marked.contains(key)
    }

    /// How many rows are marked.
    pub fn marks(&self) -> usize {
        self.marked.len()
    }

    /// What an action is about: the marked rows with those of a range, else the one under the cursor.
    pub fn targets(&self, keys: &[K]) -> Vec<K> {
        let mut targets = self.marked.clone();
        if let Some(span) = self.span(keys) {
            targets.extend(keys.get(span).unwrap_or_default().iter().cloned());
        }
        if targets.is_empty() {
            return self.key().cloned().into_iter().collect();
        }
        // In the order in which they are shown.
        keys.iter().filter(|key| targets.contains(key)).cloned().collect()
    }

    /// Puts the cursor on a key; false when the list does not have it.
    pub fn find(&mut self, key: &K, keys: &[K], page: usize) -> bool {
        let Some(at) = keys.iter().position(|k| k == key) else { return false };
        self.go(at, keys, page);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn it_stays_on_its_row_when_rows_come_and_go() {
        let mut cursor = Cursor::default();
        cursor.refresh(&keys("abcd"));
        cursor.go(2, &keys("abcd"), 10);
        cursor.refresh(&keys("xabcd"));
        assert_eq!((cursor.at(), cursor.key()), (3, Some(&'c')));
        cursor.refresh(&keys("abd"));
        assert_eq!((cursor.at(), cursor.key()), (2, Some(&'d')));
        cursor.refresh(&[]);
        assert_eq!((cursor.at(), cursor.key(), cursor.window(5)), (0, None, 0..0));
        cursor.refresh(&keys("z"));
        assert_eq!(cursor.key(), Some(&'z'));
    }

    #[test]
    fn marks_and_ranges_name_the_targets() {
        let all = keys("abcde");
        let mut cursor = Cursor::default();
        cursor.refresh(&all);
        assert_eq!(cursor.targets(&all), ['a']);
        cursor.go(3, &all, 9);
        cursor.toggle();
        cursor.go(0, &all, 9);
        cursor.range(&all);
        cursor.step(1, &all, 9);
        assert_eq!(cursor.targets(&all), ['a', 'b', 'd']);
        cursor.range(&all);
        assert_eq!((cursor.marks(), cursor.in_range()), (3, false));
        cursor.refresh(&keys("bde"));
        assert_eq!(cursor.marks(), 2);
        assert!(cursor.clear() && !cursor.clear());
    }

    proptest! {
        #[test]
        fn the_cursor_is_in_the_list_and_in_the_window(
            moves in prop::collection::vec((0_u8..6, 0_usize..30), 0..60),
            height in 0_usize..12,
        ) {
            let mut list: Vec<usize> = (0..20).collect();
            let mut cursor = Cursor::default();
            cursor.refresh(&list);
            for (what, n) in moves {
                match what {
                    0 => cursor.step(isize::try_from(n).unwrap() - 15, &list, height),
                    1 => cursor.go(n, &list, height),
                    2 => { list.retain(|k| k % 7 != n % 7); cursor.refresh(&list); }
                    3 => { list = (n..n + 25).collect(); cursor.refresh(&list); }
                    4 => cursor.toggle(),
                    _ => cursor.range(&list),
                }
                prop_assert_eq!(cursor.len(), list.len());
                prop_assert_eq!(cursor.key(), list.get(cursor.at()));
                let window = cursor.window(height);
                prop_assert!(window.end <= list.len());
                prop_assert!(window.len() <= height.max(1));
                if !list.is_empty() {
                    prop_assert!(window.contains(&cursor.at()));
                    prop_assert_eq!(window.len(), list.len().min(height.max(1)), "a window is as full as it can be");
                }
                prop_assert!(cursor.targets(&list).iter().all(|k| list.contains(k)));
            }
        }
    }
}
