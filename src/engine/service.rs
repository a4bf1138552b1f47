//! What the network layer knows of everything above it: a service that runs batches of commands.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use super::{Session, Ticket};
use crate::base::Offset;
use crate::resp::Batch;
use crate::resp::request::ParseLimits;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP connection: the remote and the local address.
    Tcp(SocketAddr, SocketAddr),
    /// A unix socket, by its path.
    Unix(String),
}

/// What a wait ended in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The encoded reply.
    pub bytes: Vec<u8>,
    /// What has to be released before it may be sent.
    pub needs: Ticket,
    /// The stream offset behind what the client wrote by it.
    pub last_write: Option<Offset>,
}

impl Answer {
    /// A reply that shows nothing of the data.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, needs: Ticket::NONE, last_write: None }
    }
}

/// A wait without a thread.
pub type Wait = Pin<Box<dyn Future<Output = Answer>>>;

/// A wait that ends in nothing but going on.
pub type Pause = Pin<Box<dyn Future<Output = ()>>>;

/// What a connection does after a command.
pub enum Flow {
    /// Goes on with the next command.
    Continue,
    /// Sends what it owes, then closes.
    Close,
    /// Reads no further command until the future has given the reply.
    Block(Wait),
    /// Tries the same command again once the future has ended (`CLIENT PAUSE`).
    Postpone(Pause),
    /// Leaves the protocol: the service takes the socket (a replica's link).
    TakeOver,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continue => "Continue",
            Self::Close => "Close",
            Self::Block(_) => "Block",
            Self::Postpone(_) => "Postpone",
            Self::TakeOver => "TakeOver",
        })
    }
}

/// What the service wants of connections other than the one it was called for.
#[derive(Debug)]
pub enum Order {
    /// Append these bytes to the client's replies once `needs` is released.
    Deliver {
        /// The client.
        client: u64,
        /// Encoded replies or pushes.
        bytes: Vec<u8>,
        /// What they wait for.
        needs: Ticket,
    },
    /// Messages wait in the client's mailbox.
    Mail {
        /// The client.
        client: u64,
    },
    /// Close the client's connection at once.
    Kill {
        /// The client.
        client: u64,
    },
    /// Wake a client blocked in [`Flow::Block`] with these bytes as its reply.
    Unblock {
        /// The client.
        client: u64,
        /// The reply.
        bytes: Vec<u8>,
    },
}

/// A socket taken out of the network layer, with what had been read and not yet used.
pub struct TakenSocket {
    /// The byte stream.
    pub stream: Box<dyn Duplex>,
    /// Bytes read behind the command that took the socket.
    pub unread: Vec<u8>,
}

/// A two-way byte stream on the executor's thread.
pub trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Duplex for T {}

/// How much a class of clients may have waiting in its output buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Close at once beyond this many bytes; 0 is no limit.
    pub hard_bytes: u64,
    /// Close after `soft_seconds` beyond this many bytes; 0 is no limit.
    pub soft_bytes: u64,
    /// Seconds that `soft_bytes` may be exceeded.
    pub soft_seconds: u64,
}

/// A server as its network layer sees it. All calls come from one thread.
pub trait Service: 'static {
    /// Admits a connection, or says what to tell it before it is closed.
    fn connect(&self, peer: &Peer) -> Result<Session, String>;
    /// Runs the commands of `batch` from `first` on, until all are done or one wants more than to go
    /// on; returns the number of the command to go on with, and why it stopped.
    fn run(
        &self,
        session: &mut Session,
        buffer: &[u8],
        batch: &Batch,
        first: usize,
    ) -> (usize, Flow);
    /// Forgets a connection.
    fn disconnect(&self, session: &mut Session);
    /// Commits to the log what has been appended since the last call. Called once a turn, before the
    /// replies of that turn are looked at.
    fn commit(&self);
    /// Everything up to this ticket may be shown to clients.
    fn released(&self) -> Ticket;
    /// The bounds for parsing this session's next commands.
    fn limits(&self, session: &Session) -> ParseLimits;
    /// The bound on the session's output buffer.
    fn output_limit(&self, session: &Session) -> OutputLimit;
    /// Takes what is to be done to other connections.
    fn take_orders(&self) -> Vec<Order>;
    /// Takes over a socket after [`Flow::TakeOver`].
    fn take_over(&self, session: Session, socket: TakenSocket);
    /// Notes a request that broke the protocol, after which the connection is closed.
    fn protocol_error(&self, session: &mut Session, reply_text: &[u8]);
    /// Seconds of silence before the kernel probes the peer of a new connection; 0: never.
    fn keepalive_s(&self) -> u64;
    /// Largest query buffer of a client, in bytes.
    fn query_buffer_max(&self) -> u64;
    /// Counts a read that brought bytes.
    fn count_read(&self, bytes: usize);
    /// Counts writes to clients, and their bytes.
    fn count_writes(&self, writes: usize, bytes: usize);
}
