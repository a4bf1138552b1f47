//! MONITOR: the feed of all commands to the clients that watch.

use std::cell::{Cell, RefCell};
use std::io::Write as _;

use crate::engine::{Order, Peer, Ticket};
use crate::resp::Args;

/// The watching clients and what they have not been sent yet.
#[derive(Debug, Default)]
pub struct Monitors {
    watchers: RefCell<Vec<Watcher>>,
    count: Cell<usize>,
    feed: RefCell<Vec<u8>>,
}

#[derive(Debug)]
struct Watcher {
    client: u64,
    /// Where in the feed its part begins.
    from: usize,
}

impl Monitors {
    /// A client begins to watch. What was run before it is not its.
    pub fn add(&self, client: u64) {
        let from = self.feed.borrow().len();
        self.watchers.borrow_mut().push(Watcher { client, from });
        self.count.set(self.count.get() + 1);
    }

    /// A client has left, or goes back to being an ordinary one. Returns what it is still to be sent.
    pub fn remove(&self, client: u64) -> Vec<u8> {
        let mut watchers = self.watchers.borrow_mut();
        let left = watchers.extract_if(.., |watcher| watcher.client == client);
        let from = left.map(|watcher| watcher.from).min();
        self.count.set(watchers.len());
        from.map_or_else(Vec::new, |from| self.feed.borrow()[from..].to_vec())
    }

    /// Whether nobody watches.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    /// Notes a command. `is_secret(n)` tells that argument `n` must not be seen.
    pub fn feed(
        &self,
        unix_us: u64,
        db: usize,
        peer: &Peer,
        args: &Args<'_>,
        is_secret: impl Fn(usize) -> bool,
    ) {
        let mut out = self.feed.borrow_mut();
        let (seconds, micros) = (unix_us / 1_000_000, unix_us % 1_000_000);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "+{seconds}.{micros:06} [{db} ");
        let _ = match peer {
            Peer::Tcp(remote, _) => write!(out, "{remote}"),
            Peer::Unix(path) => write!(out, "unix:{path}"),
        };
        out.push(b']');
        for (n, arg) in args.iter().enumerate() {
            out.push(b' ');
            push_quoted(&mut out, if is_secret(n) { b"(redacted)" } else { arg });
        }
        out.extend_from_slice(b"\r\n");
    }

    /// What is to be sent to whom.
    pub fn take_orders(&self, orders: &mut Vec<Order>) {
        let feed = std::mem::take(&mut *self.feed.borrow_mut());
        if feed.is_empty() {
            return;
        }
        for watcher in self.watchers.borrow_mut().iter_mut() {
            let bytes = feed[std::mem::take(&mut watcher.from)..].to_vec();
            // A line tells what was asked for, not what is on disk: it waits for nothing.
            orders.push(Order::Deliver { client: watcher.client, bytes, needs: Ticket::NONE });
        }
    }
}

/// Appends bytes in quotes, with escapes for all that is no printable character.
fn push_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            7 => out.extend_from_slice(b"\\a"),
            8 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            // Writing to a Vec cannot fail.
            _ => drop(write!(out, "\\x{byte:02x}")),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::args::OwnedArgs;

    #[test]
    fn a_line_is_that_of_redis() {
        let monitors = Monitors::default();
        monitors.add(7);
        let args = OwnedArgs::from_slices([b"set", &b"a b\"\\\n\r\t\x07\x08\x01\xff"[..], b"1"]);
        let peer = Peer::Unix("/tmp/s".to_owned());
        monitors.feed(1_795_427_378_000_491, 5, &peer, &args.as_args(), |n| n == 2);
        let mut orders = Vec::new();
        monitors.take_orders(&mut orders);
        let [Order::Deliver { client: 7, bytes, .. }] = orders.as_slice() else { panic!() };
        let expected = "+1795427378.000491 [5 unix:/tmp/s] \"set\" \
                        \"a b\\\"\\\\\\n\\r\\t\\a\\b\\x01\\xff\" \"(redacted)\"\r\n";
        assert_eq!(String::from_utf8_lossy(bytes), expected);
    }

    #[test]
    fn a_client_gets_what_was_run_while_it_watched() {
        let monitors = Monitors::default();
        let peer = Peer::Unix("/tmp/s".to_owned());
        let run = |name: &str| {
            let args = OwnedArgs::from_slices([name.as_bytes()]);
            monitors.feed(0, 0, &peer, &args.as_args(), |_| false);
        };
        let lines = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines().map(|line| line.rsplit('"').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
        };
        monitors.add(1);
        run("a");
        monitors.add(2);
        run("b");
        assert_eq!(lines(&monitors.remove(1)), ["a", "b"]);
        run("c");
        let mut orders = Vec::new();
        monitors.take_orders(&mut orders);
        let [Order::Deliver { client: 2, bytes, .. }] = orders.as_slice() else { panic!() };
        assert_eq!(lines(bytes), ["b", "c"]);
        run("d");
        assert_eq!(lines(&monitors.remove(2)), ["d"]);
        assert!(monitors.is_empty() && monitors.remove(2).is_empty());
    }
}
