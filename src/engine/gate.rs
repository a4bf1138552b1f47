//! The reply gate: which reply must wait for which bytes of the log.
//!
//! A write waits for its own bytes. A read waits only when a key it touched was written by bytes that
//! are not yet safe; which keys those are is kept in a table of slots indexed by key hash, each with
//! the ticket of the last write that fell into it. Two keys in one slot make a read wait needlessly,
//! never too little.

/// Bytes appended to the log since the process started, local frames included.
///
/// Unlike an offset it also counts writes that replicas never see, and it never jumps: that is what a
/// reply can wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// Nothing to wait for.
    pub const NONE: Self = Self(0);

    /// The ticket `bytes` later.
    pub fn after(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }

    /// Bytes between `earlier` and this ticket.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

const SLOT_BITS: u32 = 14;

/// The tickets that reads and writes have to wait for.
#[derive(Debug)]
pub struct Gate {
    slots: Box<[Ticket]>,
    everything: Ticket,
    /// The end of the log.
    latest: Ticket,
    /// The end of the last append that changed data.
    latest_write: Ticket,
    released: Ticket,
}

impl Gate {
    /// A gate with nothing written yet.
    pub fn new() -> Self {
        Self {
            slots: vec![Ticket::NONE; 1 << SLOT_BITS].into_boxed_slice(),
            everything: Ticket::NONE,
            latest: Ticket::NONE,
            latest_write: Ticket::NONE,
            released: Ticket::NONE,
        }
    }

    /// Everything up to this ticket may be shown.
    pub fn released(&self) -> Ticket {
        self.released
    }

    /// The bytes up to `ticket` are now as safe as the policy wants them.
    pub fn release(&mut self, ticket: Ticket) {
        assert!(ticket <= self.latest, "released what was never appended");
        self.released = self.released.max(ticket);
    }

    /// Notes that the log has grown to `ticket` by a change of data.
    pub fn appended(&mut self, ticket: Ticket) {
        self.appended_message(ticket);
        self.latest_write = ticket;
    }

    /// Notes that the log has grown to `ticket` by what changes no data: nobody has to wait for it.
    pub fn appended_message(&mut self, ticket: Ticket) {
        assert!(ticket >= self.latest, "the log grew backwards");
        self.latest = ticket;
    }

    /// Notes that the last append wrote the key with this hash.
    pub fn wrote(&mut self, hash: u64) {
        self.slots[slot(hash)] = self.latest;
    }

    /// Notes that the last append may have written any key.
    pub fn wrote_everything(&mut self) {
        self.everything = self.latest;
    }

    /// What a read of the key with this hash has to wait for.
    pub fn read(&self, hash: u64) -> Ticket {
        self.slots[slot(hash)].max(self.everything)
    }

    /// What a read that may have seen any key has to wait for.
    pub fn read_everything(&self) -> Ticket {
        self.latest_write
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

fn slot(hash: u64) -> usize {
    // The table indexes by the high bits and tags by the low ones; the middle is independent of both.
    ((hash >> 20) & ((1 << SLOT_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_waits_for_the_last_write_of_its_key_only() {
        let mut gate = Gate::new();
        let (mine, other) = (1 << 20, 2 << 20);
        gate.appended(Ticket::NONE.after(10));
        gate.wrote(mine);
        gate.appended(Ticket::NONE.after(25));
        gate.wrote(other);
        assert_eq!(gate.read(mine), Ticket(10));
        assert_eq!(gate.read(other), Ticket(25));
        assert_eq!(gate.read(3 << 20), Ticket::NONE);
        assert_eq!(gate.read_everything(), Ticket(25));
        gate.appended_message(Ticket(28));
        assert_eq!(gate.read_everything(), Ticket(25));
        gate.appended(Ticket(30));
        gate.wrote_everything();
        assert_eq!(gate.read(3 << 20), Ticket(30));
    }

    #[test]
    #[should_panic(expected = "never appended")]
    fn what_was_not_appended_cannot_be_released() {
        Gate::new().release(Ticket(1));
    }
}
