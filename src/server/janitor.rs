//! Frees memory on a thread of its own, so that flushing millions of keys stops nobody.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use crate::keyspace::Garbage;

/// The way to the thread, which is started when there is something to free for the first time.
#[derive(Debug, Default)]
pub struct Janitor {
    sender: RefCell<Option<Sender<Garbage>>>,
    waiting: Arc<AtomicU64>,
    freed: Arc<AtomicU64>,
}

impl Janitor {
    /// Has the thread drop `garbage`; drops it here where there can be no thread.
    pub fn free(&self, garbage: impl IntoIterator<Item = Garbage>) {
        for piece in garbage {
            let mut sender = self.sender.borrow_mut();
            if sender.is_none() {
                *sender = self.start();
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let given = sender.as_ref().map(|sender| sender.send(piece));
            if !matches!(given, Some(Ok(()))) {
                // The piece came back and has just been dropped.
                self.waiting.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Pieces not freed yet.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Pieces freed.
    pub fn freed(&self) -> u64 {
        self.freed.load(Ordering::Relaxed)
    }

    fn start(&self) -> Option<Sender<Garbage>> {
        let (sender, inbox) = channel::<Garbage>();
        let (waiting, freed) = (Arc::clone(&self.waiting), Arc::clone(&self.freed));
        let work = move || {
            for piece in inbox {
                drop(piece);
                waiting.fetch_sub(1, Ordering::Relaxed);
                freed.fetch_add(1, Ordering::Relaxed);
            }
        };
        std::thread::Builder::new().name("janitor".to_owned()).spawn(work).ok()?;
        Some(sender)
    }
}
