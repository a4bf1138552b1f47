//! Counts the bytes the process has allocated: what `used_memory` and `maxmemory` mean.
//!
//! The binaries install [`CountingAllocator`] with `#[global_allocator]`; where it is not installed
//! every figure here is 0. What is counted are the sizes asked for, not what the system's allocator
//! rounds them up to, so the figures are the same on every platform.
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait by definition")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Bytes allocated now and not freed.
pub fn used_bytes() -> usize {
    USED.load(Relaxed)
}

/// The largest value [`used_bytes`] has had since the start or the last [`reset_peak`].
pub fn peak_bytes() -> usize {
    PEAK.load(Relaxed)
}

/// Forgets the peak: it is what is in use now (`CONFIG RESETSTAT`).
pub fn reset_peak() {
    PEAK.store(used_bytes(), Relaxed);
}

fn add(bytes: usize) {
    let used = USED.fetch_add(bytes, Relaxed) + bytes;
    // The peak is rarely a new one: a plain load keeps the second atomic write off the common path.
    if used > PEAK.load(Relaxed) {
        PEAK.fetch_max(used, Relaxed);
    }
}

fn subtract(bytes: usize) {
    USED.fetch_sub(bytes, Relaxed);
}

/// The system's allocator, with a count of the bytes handed out.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

// SAFETY: every call goes to `System` with the caller's own arguments and returns its result
// unchanged; the counters are plain atomics, allocate nothing and cannot panic.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about `layout` are those `System` asks for.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            add(layout.size());
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            add(layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `System` through this allocator, with this layout.
        unsafe { System.dealloc(block, layout) };
        subtract(layout.size());
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: `block` came from `System` through this allocator, with this layout; the caller
        // promises that `new_size` is not 0 and does not overflow.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if !moved.is_null() {
            if new_size >= layout.size() {
                add(new_size - layout.size());
            } else {
                subtract(layout.size() - new_size);
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the counters belong to the process, and this is the only user of them in this
    // test binary, where the allocator is not installed.
    #[test]
    fn counts_what_is_allocated_grown_and_freed() {
        let layout = Layout::from_size_align(1000, 8).unwrap();
        let before = used_bytes();
        // SAFETY: the layout is not empty; the block is reallocated and freed with its own layouts.
        unsafe {
            let block = CountingAllocator.alloc(layout);
            assert_eq!(used_bytes(), before + 1000);
            let block = CountingAllocator.realloc(block, layout, 5000);
            assert_eq!(used_bytes(), before + 5000);
            assert!(peak_bytes() >= before + 5000);
            let grown = Layout::from_size_align(5000, 8).unwrap();
            let block = CountingAllocator.realloc(block, grown, 10);
            assert_eq!(used_bytes(), before + 10);
            CountingAllocator.dealloc(block, Layout::from_size_align(10, 8).unwrap());
        }
        assert_eq!(used_bytes(), before);
        reset_peak();
        assert_eq!(peak_bytes(), before);
    }
}
