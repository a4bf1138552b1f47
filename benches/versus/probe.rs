//! A client that sends one command after the other, and how long each of them took.

use std::time::Instant;

use crate::generator::share_of;
use crate::process::resident_bytes;
use crate::support::{Client, Server};

/// The client, what it saw so far, and how much memory the server had meanwhile.
pub struct Probe {
    /// For a command that is not counted.
    pub client: Client,
    pid: u32,
    waits_us: Vec<u32>,
    resident_max: f64,
    commands: u64,
}

/// What a client saw for a while.
pub struct Seen {
    waits_us: Vec<u32>,
    /// The most resident memory, in bytes.
    pub resident_max: f64,
}

impl Probe {
    /// Connects.
    pub fn new(server: &Server) -> Self {
        Self {
            client: server.client(),
            pid: server.pid(),
            waits_us: Vec::new(),
            resident_max: 0.0,
            commands: 0,
        }
    }

    /// A read and a write by turns, and now and then a look at the memory.
    pub fn send(&mut self) {
        let sent = Instant::now();
        if self.commands.is_multiple_of(2) {
            self.client.command(&["GET", "key:000000000001"]);
        } else {
            self.client.command(&["SET", "key:000000000001", "value"]);
        }
        self.waits_us.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        if self.commands.is_multiple_of(16) {
            let now = resident_bytes(self.pid).map_or(f64::NAN, |bytes| bytes as f64);
            self.resident_max = self.resident_max.max(now);
        }
        self.commands += 1;
    }

    /// What was seen since the last time, of which nothing is kept.
    pub fn take(&mut self) -> Seen {
        let mut waits_us = std::mem::take(&mut self.waits_us);
        waits_us.sort_unstable();
        Seen { waits_us, resident_max: std::mem::take(&mut self.resident_max) }
    }
}

impl Seen {
    /// The wait that this share of the commands did not exceed, in milliseconds.
    pub fn wait_ms(&self, share: f64) -> f64 {
        share_of(&self.waits_us, share)
    }

    /// The longest wait, in milliseconds.
    pub fn longest_ms(&self) -> f64 {
        self.wait_ms(1.0)
    }
}
