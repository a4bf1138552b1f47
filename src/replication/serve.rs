//! One replica's link, as its master: the answer, the snapshot if there must be one, then the stream
//! from the log on disk for as long as it lasts.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::psync::{Answer, Backlog, Position, Request, decide};
use super::replicas::{Replica, ReplicaState};
use super::site::Site;
use super::source::{self, Source};
use super::state::{Figures, Replication};
use super::tail::{Tail, TailError};
use crate::base::Offset;
use crate::base::number::parse_i64;
use crate::engine::LogStopped;
use crate::engine::service::TakenSocket;
use crate::engine::session::ClientKind;
use crate::engine::{Peer, Session};
use crate::rdb::empty_snapshot;
use crate::resp::request::{ParseLimits, RequestParser};
use crate::resp::{Args, Batch};

/// Bytes of a snapshot written to the socket in one go.
const PIECE_LEN: usize = 256 * 1024;
/// Bytes of a snapshot fetched from the disk ahead of being written.
const FETCH_LEN: usize = 4 * 1024 * 1024;
/// Time between the empty lines that tell a waiting replica that it has not been forgotten.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// Time between looks at whether a snapshot is there.
const SNAPSHOT_POLL: Duration = Duration::from_millis(20);
/// Most bytes a replica may send without ending a command.
const INPUT_LEN_MAX: usize = 64 * 1024;

/// Why a replica's link ended.
#[derive(Debug, thiserror::Error)]
enum LinkEnd {
    #[error("the replica has closed the connection")]
    Closed,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the replica does not read, or does not answer")]
    Timeout,
    #[error("the replica sends what is no command")]
    Protocol,
    #[error("dropped: it has to ask again")]
    Dropped,
    #[error("{0}")]
    Tail(#[from] TailError),
    #[error("the stream cannot be kept for it: {0}")]
    NotKept(#[from] LogStopped),
    #[error("the server is going down")]
    Stopped,
}

/// Serves a replica until its link ends.
pub(super) async fn serve(replication: Rc<Replication>, session: Session, socket: TakenSocket) {
    let Some(site) = replication.site.upgrade() else { return };
    let replica = Rc::new(introduce(&session));
    session.card.kind.set(ClientKind::Replica);
    let request = session.replica.request.clone();
    let request = match &request {
        Some(words) => Request::parse(&words.replid, &words.offset).unwrap_or(Request::Full),
        None => Request::Plain,
    };
    tracing::info!(ip = %replica.ip, port = replica.port, "a replica asks for the stream");
    replication.replicas.add(&replica);
    let TakenSocket { stream, unread } = socket;
    let (mut input, output) = tokio::io::split(stream);
    let mut feed = Feed {
        replication: Rc::clone(&replication),
        site: Rc::clone(&site),
        replica: Rc::clone(&replica),
        output,
        psync2: session.replica.psync2,
        snapshot_only: session.replica.rdb_only,
        without_keys: session.replica.without_keys,
    };
    let end = tokio::select! {
        biased;
        () = replica.dropped.notified() => LinkEnd::Dropped,
        end = listen(&replication, &*site, &replica, &mut input, unread) => end,
        end = watch(&*site, &replica) => end,
        fed = feed.run(session, request) => match fed {
            Err(end) => end,
            Ok(never) => match never {},
        },
    };
    tracing::info!(ip = %replica.ip, port = replica.port, reason = %end, "a replica's link has ended");
    replication.replicas.remove(replica.client);
    replication.acknowledged.notify_waiters();
    replication.refresh_guards(&mut site.engine().borrow_mut());
    site.forget_client(replica.client);
}

fn introduce(session: &Session) -> Replica {
    let ip = match (&session.card.peer, session.replica.ip_address.as_str()) {
        (Peer::Tcp(remote, _), "") => remote.ip().to_canonical().to_string(),
        (Peer::Unix(_), "") => "127.0.0.1".to_owned(),
        (_, announced) => announced.to_owned(),
    };
    Replica::new(session.id(), ip, session.replica.listening_port)
}

/// Ends the link of a replica that neither reads nor says anything.
async fn watch(site: &dyn Site, replica: &Replica) -> LinkEnd {
    loop {
        tokio::time::sleep(KEEPALIVE).await;
        let timeout = site.settings().timeout;
        let silence = match replica.state.get() {
            ReplicaState::WaitSnapshot => Duration::ZERO,
            ReplicaState::Online => replica.lag().max(replica.alive_at.get().elapsed()),
            ReplicaState::SendSnapshot | ReplicaState::SnapshotSent => {
                replica.alive_at.get().elapsed()
            }
        };
        if silence > timeout {
            return LinkEnd::Timeout;
        }
    }
}

/// Reads what the replica says: how far it is.
async fn listen(
    replication: &Replication,
    site: &dyn Site,
    replica: &Replica,
    input: &mut (impl AsyncRead + Unpin),
    mut buffer: Vec<u8>,
) -> LinkEnd {
    let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
    loop {
        let limits = ParseLimits::default();
        if parser.fill(&buffer, &mut batch, &limits, usize::MAX).is_err() {
            return LinkEnd::Protocol;
        }
        if !buffer.is_empty() && batch.is_empty() && !parser.is_mid_request(&buffer) {
            // Empty lines: it is loading, and says that it is there.
            replica.alive_at.set(Instant::now());
            replica.acked_at.set(Instant::now());
        }
        for index in 0..batch.len() {
            let end = site.engine().borrow().offset();
            if acknowledge(replica, &batch.args(index, &buffer), end) {
                replication.acknowledged.notify_waiters();
            }
        }
        buffer.drain(..parser.discard(&mut batch));
        if buffer.len() > INPUT_LEN_MAX {
            return LinkEnd::Protocol;
        }
        match input.read_buf(&mut buffer).await {
            Ok(0) => return LinkEnd::Closed,
            Ok(_) => {}
            Err(error) => return LinkEnd::Io(error),
        }
    }
}

/// Takes in `REPLCONF ACK offset [FACK offset]`; whether it was that.
fn acknowledge(replica: &Replica, args: &Args<'_>, end: Offset) -> bool {
    let is = |index: usize, word: &[u8]| {
        args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word))
    };
    let offset = |index: usize| {
        args.get(index).and_then(parse_i64).and_then(|n| u64::try_from(n).ok()).map(Offset::new)
    };
    if !is(0, b"replconf") || !is(1, b"ack") {
        return false;
    }
    let Some(applied) = offset(2) else { return false };
    let synced = if is(3, b"fack") { offset(4) } else { None };
    replica.acknowledge(applied, synced, end);
    true
}

/// The writing side of a link.
struct Feed<W> {
    replication: Rc<Replication>,
    site: Rc<dyn Site>,
    replica: Rc<Replica>,
    output: W,
    psync2: bool,
    snapshot_only: bool,
    without_keys: bool,
}

impl<W: AsyncWrite + Unpin> Feed<W> {
    async fn run(&mut self, session: Session, request: Request) -> Result<Infallible, LinkEnd> {
        self.send_replies(session).await?;
        self.replication.settled().await;
        // The first replica finds a log that was not kept so far: its end is where it begins.
        self.site.engine().borrow_mut().wake_log()?;
        if self.without_keys {
            return self.run_without_keys(&request).await;
        }
        let decided = {
            let backlog = self.backlog().ok_or(LinkEnd::Stopped)?;
            decide(&request, &backlog)
        };
        match decided {
            Ok(from) => match self.open_tail(from).await {
                Ok(tail) => {
                    self.accept(from).await?;
                    return self.stream(tail).await;
                }
                Err(error) => {
                    tracing::warn!(%error, offset = %from, "the log cannot be read from there");
                    Figures::add(&self.replication.figures.partial_refusals, 1);
                }
            },
            Err(reason) => {
                tracing::info!(%reason, "a replica needs a full sync");
                // One without a history of its own has not been refused anything.
                if matches!(request, Request::Continue(at) if at.offset > Offset::ZERO) {
                    Figures::add(&self.replication.figures.partial_refusals, 1);
                }
            }
        }
        let (source, tail) = self.find_source().await?;
        self.announce(&request, source.offset).await?;
        self.send_snapshot(&source).await?;
        drop(source);
        self.go_on(tail).await
    }

    /// An empty snapshot in place of the keys, and the stream from here on.
    async fn run_without_keys(&mut self, request: &Request) -> Result<Infallible, LinkEnd> {
        let end = self.backlog().ok_or(LinkEnd::Stopped)?.end;
        let tail = self.open_tail(end).await?;
        self.announce(request, end).await?;
        self.replica.state.set(ReplicaState::SendSnapshot);
        let snapshot = empty_snapshot();
        self.send(format!("${}\r\n", snapshot.len()).as_bytes()).await?;
        self.send(&snapshot).await?;
        self.go_on(tail).await
    }

    /// What follows a snapshot.
    async fn go_on(&mut self, tail: Tail) -> Result<Infallible, LinkEnd> {
        if self.snapshot_only {
            self.replica.state.set(ReplicaState::SnapshotSent);
            return Ok(std::future::pending().await);
        }
        self.stream(tail).await
    }

    /// What was answered before the socket was taken, some of it still waiting for the disk.
    async fn send_replies(&mut self, mut session: Session) -> Result<(), LinkEnd> {
        let replication = Rc::clone(&self.replication);
        loop {
            let progress = replication.progress.notified();
            let released = self.site.engine().borrow().gate.released();
            let bytes = session.out.take_sendable(released).take_bytes();
            self.send(&bytes).await?;
            if !session.out.is_gated() {
                return Ok(());
            }
            progress.await;
        }
    }

    fn backlog(&self) -> Option<Backlog> {
        let engine = self.site.engine().borrow();
        let status = engine.log.as_ref()?.status();
        let (identity, start) = (status.identity, status.backlog_start);
        Some(Backlog { identity, start, end: engine.offset() })
    }

    async fn open_tail(&self, from: Offset) -> Result<Tail, TailError> {
        Tail::open(self.site.storage(), self.site.layout(), from).await
    }

    async fn accept(&mut self, from: Offset) -> Result<(), LinkEnd> {
        let identity = self.backlog().ok_or(LinkEnd::Stopped)?.identity;
        let answer = Answer::Continue(self.psync2.then_some(identity.replid));
        Figures::add(&self.replication.figures.partial_syncs, 1);
        tracing::info!(offset = %from, "a replica goes on from where it was");
        self.send(format!("{answer}\r\n").as_bytes()).await
    }

    /// A snapshot and the log behind it; takes one if there is none fit for it.
    async fn find_source(&mut self) -> Result<(Source, Tail), LinkEnd> {
        let mut spoke = Instant::now();
        let mut pause = SNAPSHOT_POLL;
        // Whoever wants the file alone gets the data as it is, not as it was.
        let end = self.backlog().ok_or(LinkEnd::Stopped)?.end;
        let not_before = if self.snapshot_only { end } else { Offset::ZERO };
        loop {
            self.replication.settled().await;
            let backlog = self.backlog().ok_or(LinkEnd::Stopped)?;
            let (storage, layout) = (self.site.storage(), self.site.layout());
            let threads = self.site.settings().threads;
            let mut finding = tokio::task::spawn_blocking(move || {
                source::find(&*storage, &layout, &backlog, not_before, threads)
            });
            let found = loop {
                tokio::select! {
                    found = &mut finding => break found.map_err(|_| LinkEnd::Stopped)?,
                    () = tokio::time::sleep(KEEPALIVE) => self.keep_alive(&mut spoke).await?,
                }
            };
            if let Some(source) = found {
                match self.open_tail(source.offset).await {
                    Ok(tail) => return Ok((source, tail)),
                    Err(error) => tracing::warn!(%error, "the log behind a snapshot is not there"),
                }
            }
            self.site.want_snapshot();
            loop {
                tokio::time::sleep(pause).await;
                self.keep_alive(&mut spoke).await?;
                if self.site.engine().borrow().snapshot_task().is_none() {
                    break;
                }
            }
            // If it failed, the next one is not begun at once.
            pause = KEEPALIVE;
        }
    }

    async fn keep_alive(&mut self, spoke: &mut Instant) -> Result<(), LinkEnd> {
        if spoke.elapsed() >= KEEPALIVE {
            *spoke = Instant::now();
            self.send(b"\n").await?;
        }
        Ok(())
    }

    async fn announce(&mut self, request: &Request, offset: Offset) -> Result<(), LinkEnd> {
        Figures::add(&self.replication.figures.full_syncs, 1);
        let replid = self.backlog().ok_or(LinkEnd::Stopped)?.identity.replid;
        if *request == Request::Plain {
            return Ok(());
        }
        let answer = Answer::Full(Position { replid, offset });
        self.send(format!("{answer}\r\n").as_bytes()).await
    }

    /// Sends the file from its mapping, in pieces. What is not in memory is fetched on another thread.
    async fn send_snapshot(&mut self, source: &Source) -> Result<(), LinkEnd> {
        self.replica.state.set(ReplicaState::SendSnapshot);
        let len = source.mapping.bytes().len();
        tracing::info!(bytes = len, offset = %source.offset, "sending a snapshot to a replica");
        self.send(format!("${len}\r\n").as_bytes()).await?;
        let mut from = 0;
        while from < len {
            let to = (from + FETCH_LEN).min(len);
            let mapping = std::sync::Arc::clone(&source.mapping);
            let fetch = move || touch(mapping.bytes().get(from..to).unwrap_or_default());
            tokio::task::spawn_blocking(fetch).await.map_err(|_| LinkEnd::Stopped)?;
            for piece in source.mapping.bytes().get(from..to).unwrap_or_default().chunks(PIECE_LEN)
            {
                self.send(piece).await?;
            }
            from = to;
        }
        Ok(())
    }

    async fn stream(&mut self, mut tail: Tail) -> Result<Infallible, LinkEnd> {
        self.replica.state.set(ReplicaState::Online);
        let now = Instant::now();
        self.replica.acked_at.set(now);
        self.replica.alive_at.set(now);
        self.replication.refresh_guards(&mut self.site.engine().borrow_mut());
        let replication = Rc::clone(&self.replication);
        loop {
            let progress = replication.progress.notified();
            let limit = {
                let engine = self.site.engine().borrow();
                engine.log.as_ref().ok_or(LinkEnd::Stopped)?.shippable_offset()
            };
            if tail.offset() >= limit {
                // With nothing to read nobody can be blamed for not reading.
                self.replica.alive_at.set(Instant::now());
                let idle = tokio::time::timeout(KEEPALIVE, progress);
                // Over or not: the log is looked at again.
                let _ = idle.await;
                continue;
            }
            let bytes = tail.next(limit).await?;
            let sent = send(&mut self.output, &self.replica, bytes).await;
            Figures::add(&self.replication.figures.output_bytes, bytes.len() as u64);
            sent?;
            self.replica.sent.set(tail.offset());
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), LinkEnd> {
        Figures::add(&self.replication.figures.output_bytes, bytes.len() as u64);
        send(&mut self.output, &self.replica, bytes).await
    }
}

/// Writes all of it; each part taken shows that the replica reads.
async fn send(
    output: &mut (impl AsyncWrite + Unpin),
    replica: &Replica,
    mut bytes: &[u8],
) -> Result<(), LinkEnd> {
    while !bytes.is_empty() {
        let written = output.write(bytes).await?;
        if written == 0 {
            return Err(LinkEnd::Closed);
        }
        replica.alive_at.set(Instant::now());
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Has every page of a mapping in memory, by reading a byte of each.
fn touch(bytes: &[u8]) {
    const PAGE_LEN: usize = 4096;
    let sum = bytes.iter().step_by(PAGE_LEN).fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    std::hint::black_box(sum);
}
