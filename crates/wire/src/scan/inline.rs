//! A list whose first elements live inside it, so that an ordinary stanza is scanned without an allocation.
//!
//! It is only as general as the scanner needs: elements are plain values.

/// Up to `N` elements inside, the others on the heap.
#[derive(Clone, Debug)]
pub(super) struct Inline<T, const N: usize> {
    len: usize,
    first: [T; N],
    rest: Vec<T>,
}

impl<T: Copy + Default, const N: usize> Inline<T, N> {
    pub(super) fn new() -> Self {
        Inline {
            len: 0,
            first: [T::default(); N],
            rest: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, value: T) {
        match self.first.get_mut(self.len) {
            Some(slot) => *slot = value,
            None => self.rest.push(value),
        }
        self.len += 1;
    }

    pub(super) fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.rest.truncate(len.saturating_sub(N));
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<T> {
        if index >= self.len {
            return None;
        }
        match self.first.get(index) {
            Some(value) => Some(*value),
            None => self.rest.get(index - N).copied(),
        }
    }

    pub(super) fn last(&self) -> Option<T> {
        self.get(self.len.checked_sub(1)?)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let value = self.last()?;
        self.truncate(self.len - 1);
        Some(value)
    }

    /// The elements in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = T> {
        self.first[..self.len.min(N)].iter().chain(&self.rest).copied()
    }
}
