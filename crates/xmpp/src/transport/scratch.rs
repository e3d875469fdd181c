//! Buffers that connections share: taken from the thread while there is something to read or write, given back after.
//!
//! An idle connection holds none. A connection that moves to another thread meanwhile gives its buffer back there.

use std::cell::RefCell;

/// Room for the largest TLS record (16 KiB and its overhead) with some to spare.
pub(crate) const CAPACITY: usize = 32 * 1024;
/// A buffer that grew beyond this is freed instead of kept.
const KEPT_CAPACITY: usize = 128 * 1024;
const KEPT_BUFFERS: usize = 16;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer of at least [`CAPACITY`].
pub(crate) fn take() -> Vec<u8> {
    POOL.with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| Vec::with_capacity(CAPACITY))
}

/// Takes a buffer back; its content is forgotten.
pub(crate) fn give(mut buffer: Vec<u8>) {
    if (CAPACITY..=KEPT_CAPACITY).contains(&buffer.capacity()) {
        buffer.clear();
        POOL.with_borrow_mut(|pool| {
            if pool.len() < KEPT_BUFFERS {
                pool.push(buffer);
            }
        });
    }
}

/// Gives a buffer back and leaves in its place only what it still holds from `at` on, at its exact size.
pub(crate) fn settle(buffer: &mut Vec<u8>, at: usize) {
    let rest = if at < buffer.len() {
        buffer[at..].to_vec()
    } else {
        Vec::new()
    };
    give(std::mem::replace(buffer, rest));
}

/// Makes sure that a buffer can take a whole read, with a pooled buffer in place of a small one.
pub(crate) fn ensure(buffer: &mut Vec<u8>, room: usize) {
    if buffer.capacity() == 0 {
        *buffer = take();
    } else if buffer.capacity() < CAPACITY {
        let mut pooled = take();
        pooled.extend_from_slice(buffer);
        *buffer = pooled;
    }
    if buffer.capacity() - buffer.len() < room {
        buffer.reserve(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_stays_at_its_exact_size() {
        let mut buffer = take();
        buffer.extend_from_slice(b"abcdef");
        settle(&mut buffer, 4);
        assert_eq!((buffer.as_slice(), buffer.capacity()), (&b"ef"[..], 2));
        ensure(&mut buffer, 100);
        assert_eq!(buffer, b"ef");
        assert!(buffer.capacity() >= CAPACITY);
        settle(&mut buffer, 2);
        assert_eq!(buffer.capacity(), 0);
    }
}
