//! The value codec and the snapshot container.
