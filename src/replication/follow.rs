//! The replica's side: reaches the master, again and again, and follows it.
//!
//! What arrives goes to the log first, at the master's offsets, and to memory when it is as safe as the
//! policy wants. After whatever happened the next attempt asks for what the log does not have.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::handshake::{Handshake, HandshakeError, Next};
use super::install::{self, InstallError};
use super::intake::{Intake, IntakeError};
use super::link::{LinkState, MasterLink};
use super::psync::{Answer, Position, Request};
use super::receive::{self, ReceiveError};
use super::state::{Figures, Replication};
use super::wire::{Wire, too_silent};
use crate::base::{Offset, ReplId};
use crate::engine::LogStopped;
use crate::engine::apply::ApplyError;
use crate::resp::encode::push_command;
use crate::storage::crashsafe;

/// Time between acknowledgements when nothing has changed.
const ACK_PERIOD: Duration = Duration::from_secs(1);
/// Time between acknowledgements while there is something new to acknowledge.
const ACK_PERIOD_BUSY: Duration = Duration::from_millis(100);
/// Bytes that may wait for the disk before the master is not read from.
const PENDING_LEN_MAX: usize = 64 * 1024 * 1024;
/// Bytes applied between two looks at clients.
const APPLY_LEN: usize = 512 * 1024;
/// An unrelated master with a shorter history and less than this share of our keys is not followed.
const KEYS_SHARE_MIN: u64 = 2;

/// Why an attempt ended.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Handshake(#[from] HandshakeError),
    #[error("the master is not ready: {0}")]
    Later(String),
    #[error("the master does not serve replicas: {0}")]
    Refused(String),
    #[error("{0}")]
    Receive(#[from] ReceiveError),
    #[error("{0}")]
    Install(#[from] InstallError),
    #[error(
        "refused a full sync from {what} while this server holds {keys} keys: SLAVEOF by a client, or \
         'replica-refuse-empty-master no', allows it"
    )]
    Unrelated { what: &'static str, keys: u64 },
    #[error("{0}")]
    Intake(#[from] IntakeError),
    #[error("cannot apply the master's stream: {0}")]
    Apply(#[from] ApplyError),
    #[error("the stream cannot be kept: {0}")]
    NotKept(#[from] LogStopped),
    #[error("the server is going down")]
    Stopped,
}

/// Follows a master until the link is ended for good.
pub(super) async fn follow(replication: Rc<Replication>, link: Rc<MasterLink>) {
    if let Some(site) = replication.site.upgrade() {
        receive::discard_leftovers(&*site.storage(), &site.layout());
    }
    let mut backoff = Backoff::new();
    let mut told = String::new();
    while !link.ended.get() {
        // A full sync, once it replaces the data set, is not broken off: see `Attempt::run`.
        let mut attempt = Attempt { replication: &replication, link: &link };
        let failed = attempt.run().await;
        if link.ended.get() {
            return;
        }
        let was_up = link.is_up();
        replication.link_changed(&link, LinkState::Connect);
        link.transfer.set(None);
        if let Err(error) = failed {
            // A stream that cannot be followed will be no better at once.
            if was_up && !matches!(error, Failed::Intake(_) | Failed::Apply(_)) {
                backoff.reset();
            }
            let text = error.to_string();
            let (master, port) = (&link.address.host, link.address.port);
            if text == told {
                tracing::debug!(%master, port, reason = %text, "no link to the master");
            } else {
                tracing::warn!(%master, port, reason = %text, "no link to the master");
                told = text;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_delay(fastrand::f64())) => {}
            () = link.stop.notified() => {}
        }
    }
}

struct Attempt<'a> {
    replication: &'a Rc<Replication>,
    link: &'a Rc<MasterLink>,
}

impl Attempt<'_> {
    /// One connection, from its beginning to its end; `Ok` when the link was ended for good.
    async fn run(&mut self) -> Result<(), Failed> {
        let (mut wire, answer, asked) = tokio::select! {
            biased;
            () = self.link.stop.notified() => return Ok(()),
            greeted = self.greet() => greeted?,
        };
        match answer {
            Answer::Later(text) => return Err(Failed::Later(text)),
            Answer::Refused(text) => return Err(Failed::Refused(text)),
            Answer::Continue(replid) => self.go_on(asked, replid)?,
            Answer::Full(at) => {
                let received = tokio::select! {
                    biased;
                    () = self.link.stop.notified() => return Ok(()),
                    received = self.receive(&mut wire, at) => received?,
                };
                // From here on it is one step: nothing else becomes of the data set until it is done.
                let install =
                    install::install(self.replication, received.path, at, received.db.unwrap_or(0));
                receive::keeping_alive(&mut wire, install).await?;
                if self.link.ended.get() {
                    return Ok(());
                }
            }
        }
        self.link.transfer.set(None);
        self.replication.link_changed(self.link, LinkState::Connected);
        tracing::info!(
            master = %self.link.address.host, port = self.link.address.port,
            "following the master's stream"
        );
        self.stream(wire).await
    }

    /// Connects, introduces this server and asks to go on from the end of its log.
    async fn greet(&self) -> Result<(Wire, Answer, ReplId), Failed> {
        let link = self.link;
        self.replication.link_changed(link, LinkState::Connecting);
        // The end of the log is what is asked from: nothing may be changing its name meanwhile.
        self.replication.settled().await;
        let site = self.replication.site.upgrade().ok_or(Failed::Stopped)?;
        let settings = site.settings();
        let mut wire =
            Wire::connect(&link.address, &settings.source_address, settings.timeout).await?;
        self.replication.link_changed(link, LinkState::Handshake);
        let (mut handshake, first) = Handshake::begin(&settings.introduction);
        wire.send(&first).await?;
        let mut asked = ReplId::NONE;
        loop {
            let line = wire.line().await?;
            link.heard_at.set(Some(Instant::now()));
            match handshake.line(&line)? {
                Next::Read => {}
                Next::Ask => {
                    // Whoever follows keeps what it gets, for others that may follow it.
                    site.engine().borrow_mut().wake_log()?;
                    let position = self.position().ok_or(Failed::Stopped)?;
                    asked = position.replid;
                    wire.send(&Handshake::ask(&Request::Continue(position))).await?;
                }
                Next::Answered(answer) => return Ok((wire, answer, asked)),
            }
        }
    }

    /// What to ask to go on from: the end of the log. A name that this server gave the history itself is
    /// not known to others as long as nothing was written under it: the former one is.
    fn position(&self) -> Option<Position> {
        let site = self.replication.site.upgrade()?;
        let engine = site.engine().borrow();
        let (identity, offset) = (self.replication.identity(&engine)?, engine.offset());
        let is_ours = self.replication.named_here.get() == Some(identity.replid);
        let former = identity.former.filter(|former| is_ours && former.end == offset);
        Some(Position { replid: former.map_or(identity.replid, |former| former.replid), offset })
    }

    /// The master goes on from where we are, in the history asked for; that may have a new name.
    fn go_on(&self, asked: ReplId, replid: Option<ReplId>) -> Result<(), Failed> {
        let replid = replid.unwrap_or(asked);
        let site = self.replication.site.upgrade().ok_or(Failed::Stopped)?;
        let mut engine = site.engine().borrow_mut();
        let identity = self.replication.identity(&engine).ok_or(Failed::Stopped)?;
        if replid != identity.replid {
            tracing::info!(%replid, "the master's history has a new name");
            let identity = identity.succeeded_by(replid, engine.offset());
            self.replication.renew(&mut engine, identity);
        }
        Ok(())
    }

    async fn receive(&self, wire: &mut Wire, at: Position) -> Result<receive::Received, Failed> {
        let link = self.link;
        self.replication.link_changed(link, LinkState::Sync);
        link.transfer.set(Some(super::link::Transfer::default()));
        let site = self.replication.site.upgrade().ok_or(Failed::Stopped)?;
        tracing::info!(replid = %at.replid, offset = %at.offset, "full sync: receiving a snapshot");
        // Another name each time: an attempt given up may have a write under way.
        let name = format!("{}{:08x}.rdb", receive::FILE_PREFIX, fastrand::u32(..));
        let path = crashsafe::temporary_path(&site.layout().dir().join(name));
        let received = receive::receive(self.replication, link, wire, path.clone()).await;
        let result = received.map_err(Failed::from).and_then(|received| {
            self.check_relation(at, received.contents.entries)?;
            Ok(received)
        });
        if result.is_err() {
            receive::discard(&*site.storage(), &path);
        }
        result
    }

    /// A master that has lost its data must not take ours with it.
    fn check_relation(&self, at: Position, keys_offered: u64) -> Result<(), Failed> {
        let site = self.replication.site.upgrade().ok_or(Failed::Stopped)?;
        if self.link.by_command || !site.settings().refuse_empty_master {
            return Ok(());
        }
        let engine = site.engine().borrow();
        let keys = engine.keyspace.len() as u64;
        let is_related = self.replication.identity(&engine).is_some_and(|identity| {
            identity.replid == at.replid
                || identity.former.is_some_and(|former| former.replid == at.replid)
        });
        let is_younger =
            at.offset < engine.offset() && keys_offered.saturating_mul(KEYS_SHARE_MIN) < keys;
        match (keys, is_related) {
            (0, _) | (_, true) => Ok(()),
            (keys, false) if keys_offered == 0 => {
                Err(Failed::Unrelated { what: "an empty master", keys })
            }
            (keys, false) if is_younger => {
                Err(Failed::Unrelated { what: "an unrelated younger master", keys })
            }
            _ => Ok(()),
        }
    }

    /// Follows the stream: to the log as it arrives, to memory as it becomes safe.
    async fn stream(&self, mut wire: Wire) -> Result<(), Failed> {
        let (replication, link) = (self.replication, self.link);
        let site = replication.site.upgrade().ok_or(Failed::Stopped)?;
        let mut intake = Intake::new();
        let mut heard_at = Instant::now();
        let mut ack_asked_at: Option<Offset> = None;
        let mut acked: Option<(Instant, Offset)> = None;
        loop {
            let progress = replication.progress.notified();
            let (more, applied) = self.apply(&*site)?;
            let is_asked = ack_asked_at.is_some_and(|offset| applied >= offset);
            let period = match acked {
                Some((_, offset)) if offset == applied => ACK_PERIOD,
                _ => ACK_PERIOD_BUSY,
            };
            if is_asked || acked.is_none_or(|(at, _)| at.elapsed() >= period) {
                if is_asked {
                    ack_asked_at = None;
                }
                acked = Some((Instant::now(), applied));
                wire.send(&self.acknowledgement(&*site, applied)).await?;
            }
            if link.ended.get() {
                return Ok(());
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let wants_more = site.engine().borrow().incoming().len() < PENDING_LEN_MAX;
            // The wait for a read begins anew with each turn: it cannot know this.
            if wants_more && heard_at.elapsed() > site.settings().timeout {
                return Err(too_silent().into());
            }
            tokio::select! {
                biased;
                () = link.stop.notified() => return Ok(()),
                read = wire.read_into(intake.buffer()), if wants_more => {
                    Figures::add(&replication.figures.input_bytes, read? as u64);
                    heard_at = Instant::now();
                    link.heard_at.set(Some(heard_at));
                    let mut engine = site.engine().borrow_mut();
                    while let Some(units) = intake.take(|args| engine.acceptable(args).map(drop))? {
                        engine.store_stream(units.bytes, units.db);
                        if units.asks_for_ack {
                            ack_asked_at = Some(engine.offset());
                        }
                    }
                    drop(engine);
                    site.commit_soon();
                }
                () = progress => {}
                () = tokio::time::sleep(period) => {}
            }
        }
    }

    /// Applies what has become safe, a bounded part of it; whether there is more, and how far it is.
    fn apply(&self, site: &dyn super::site::Site) -> Result<(bool, Offset), Failed> {
        let read_only = site.settings().read_only;
        let mut engine = site.engine().borrow_mut();
        if !read_only {
            // A client's own write must come behind everything that is before it in the log.
            engine.apply_all_stored()?;
            tell_listeners(&engine, site);
            return Ok((false, safe_offset(&engine).min(engine.incoming().applied())));
        }
        let safe = safe_offset(&engine);
        let before = engine.incoming().len();
        let mut more = true;
        while more && before - engine.incoming().len() < APPLY_LEN {
            more = engine.apply_stored(safe)?;
        }
        tell_listeners(&engine, site);
        // A snapshot may have had more applied than is safe.
        Ok((more, engine.incoming().applied().min(safe)))
    }

    fn acknowledgement(&self, site: &dyn super::site::Site, applied: Offset) -> Vec<u8> {
        let engine = site.engine().borrow();
        let durable = engine.log.as_ref().map_or(Offset::ZERO, |log| log.durable_offset());
        let (applied, durable) = (applied.to_string(), durable.min(engine.offset()).to_string());
        let mut out = Vec::new();
        let words: [&[u8]; 5] =
            [b"REPLCONF", b"ACK", applied.as_bytes(), b"FACK", durable.as_bytes()];
        let count = if engine.has_durable_log() { 5 } else { 3 };
        push_command(&mut out, &words[..count]);
        out
    }
}

/// Has messages of the stream, and notifications of what it changed, sent.
fn tell_listeners(engine: &crate::engine::Engine, site: &dyn super::site::Site) {
    if engine.has_mail() {
        site.commit_soon();
    }
}

fn safe_offset(engine: &crate::engine::Engine) -> Offset {
    engine.log.as_ref().map_or(Offset::ZERO, |log| log.shippable_offset())
}
