//! A link that a test can cut and mend: what connects to the relay's port is passed on to a server's.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Time between looks at whether a held link may go on.
const POLL: Duration = Duration::from_millis(1);

/// Passes connections on. Dropped, it cuts them all.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: u16,
    is_cut: AtomicBool,
    ended: AtomicBool,
    /// Bytes passed from the server to who connected, over all connections.
    passed_len: AtomicU64,
    /// Bytes that may be passed; then nothing goes on in that direction.
    passed_len_max: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// A relay to a port of this machine, whether anybody listens there or not.
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            target,
            is_cut: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            passed_len: AtomicU64::new(0),
            passed_len_max: AtomicU64::new(u64::MAX),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                accepting.pass_on(stream);
            }
        });
        Self { port, shared }
    }

    /// Breaks all connections and accepts no others.
    pub fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::SeqCst);
        self.shared.close_all();
    }

    /// Accepts connections again.
    pub fn mend(&self) {
        self.shared.is_cut.store(false, Ordering::SeqCst);
    }

    /// Passes `len` more bytes from the server, and then none until [`let_go`](Self::let_go).
    pub fn hold_after(&self, len: u64) {
        let max = self.passed_len() + len;
        self.shared.passed_len_max.store(max, Ordering::SeqCst);
    }

    /// Whether the bytes that [`hold_after`](Self::hold_after) allows have been passed.
    pub fn is_holding(&self) -> bool {
        self.passed_len() >= self.shared.passed_len_max.load(Ordering::SeqCst)
    }

    /// Passes everything on again.
    pub fn let_go(&self) {
        self.shared.passed_len_max.store(u64::MAX, Ordering::SeqCst);
    }

    /// Bytes passed from the server so far.
    pub fn passed_len(&self) -> u64 {
        self.shared.passed_len.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the thread that accepts, so that it sees the end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn close_all(&self) {
        for stream in self.open.lock().expect("no poison").drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn pass_on(self: &Arc<Self>, near: TcpStream) {
        if self.is_cut.load(Ordering::SeqCst) {
            return;
        }
        let Ok(far) = TcpStream::connect(("127.0.0.1", self.target)) else { return };
        let copies = || Some((near.try_clone().ok()?, far.try_clone().ok()?));
        let (Some(kept), Some((near_in, far_out))) = (copies(), copies()) else { return };
        let mut open = self.open.lock().expect("no poison");
        open.extend([kept.0, kept.1]);
        drop(open);
        let (down, up) = (Arc::clone(self), Arc::clone(self));
        std::thread::spawn(move || up.pump(near_in, far_out, false));
        std::thread::spawn(move || down.pump(far, near, true));
        if self.is_cut.load(Ordering::SeqCst) {
            self.close_all();
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, is_counted: bool) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            let mut rest = &buffer[..len];
            while !rest.is_empty() {
                let allowed = if is_counted { self.allowance() } else { u64::MAX };
                if allowed == 0 {
                    if self.is_cut.load(Ordering::SeqCst) {
                        return;
                    }
                    std::thread::sleep(POLL);
                    continue;
                }
                let now = usize::try_from(allowed).unwrap_or(usize::MAX).min(rest.len());
                if to.write_all(&rest[..now]).is_err() {
                    break;
                }
                if is_counted {
                    self.passed_len.fetch_add(now as u64, Ordering::SeqCst);
                }
                rest = &rest[now..];
            }
        }
        // The other direction ends with this one.
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn allowance(&self) -> u64 {
        let max = self.passed_len_max.load(Ordering::SeqCst);
        max.saturating_sub(self.passed_len.load(Ordering::SeqCst))
    }
}
