//! Recovery and a master's stream: commands that were executed elsewhere, or before.
//!
//! They enter at the same handlers as a client's, at their own origin: nothing is logged by running
//! them, because it is the log that they come from.

use super::executor::Engine;
use crate::command::{HostCommand, Origin, Refusal, Run, Topic};
use crate::resp::stream::{Commands, StreamError};
use crate::resp::{Args, Reply};

/// A logged command that cannot be applied: the rest of the log would not mean what it says.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The bytes are no commands.
    #[error("not a command: {0}")]
    Malformed(#[from] StreamError),
    /// The command is not known here.
    #[error("unknown command '{0}' (written by a newer version or by another server?)")]
    Unknown(String),
    /// The command has a wrong number of arguments.
    #[error("wrong number of arguments for '{0}'")]
    Arity(&'static str),
    /// SELECT of a database that is not there.
    #[error("database {0} is beyond 'databases'")]
    Database(String),
}

/// Applies stretches of the stream, keeping what goes from one to the next.
#[derive(Debug)]
pub struct Applier {
    origin: Origin,
    /// The database selected in the stream.
    db: usize,
    /// Commands applied.
    pub commands: u64,
    /// Commands that answered with an error: they did so when they were first run as well.
    pub errors: u64,
    reply: Reply,
}

impl Applier {
    /// An applier for a stream that has database `db` selected.
    pub fn new(origin: Origin, db: usize) -> Self {
        Self { origin, db, commands: 0, errors: 0, reply: Reply::default() }
    }

    /// Selects a database.
    pub fn select(&mut self, db: usize) {
        self.db = db;
    }

    /// The database selected behind what was applied.
    pub fn db(&self) -> usize {
        self.db
    }

    /// Applies whole commands.
    ///
    /// # Errors
    /// At the first command that cannot be applied; those before it are.
    pub fn apply(&mut self, engine: &mut Engine, payload: &[u8]) -> Result<(), ApplyError> {
        engine.now_ms = engine.clock.unix_ms();
        let mut commands = Commands::new(payload);
        while let Some(args) = commands.next_command()? {
            let Some(run) = engine.acceptable(&args)? else { continue };
            self.commands += 1;
            match run {
                Run::Handler(handler) => {
                    let (db, origin) = (self.db, self.origin);
                    self.reply.clear();
                    engine.waiting.begin(false);
                    engine.run_handler(handler, db, &args, &mut self.reply, origin);
                }
                Run::Host(HostCommand::Select) => self.db = select(engine, &args[1])?,
                // What was published before the server stopped is over.
                Run::Host(HostCommand::Publish(topic)) if self.origin == Origin::Master => {
                    engine.publish(topic, &args[1], &args[2]);
                }
                // MULTI and EXEC bracket what is applied whole anyway; PING and REPLCONF only move
                // the offset.
                Run::Host(_) | Run::Container => {}
            }
        }
        self.errors = self.reply.error_count();
        engine.serve_waiters();
        Ok(())
    }
}

/// What a stream may hold that changes no data. Known under these names whatever clients call them.
const MESSAGES: [(&[u8], Topic); 2] =
    [(b"PUBLISH", Topic::Channel), (b"SPUBLISH", Topic::ShardChannel)];

impl Engine {
    /// Whether a command of a log or a stream can be applied here, and how; `None` when there is
    /// nothing to do for it.
    ///
    /// # Errors
    /// It cannot.
    pub fn acceptable(&self, args: &Args<'_>) -> Result<Option<Run>, ApplyError> {
        let Some(name) = args.get(0) else { return Ok(None) };
        let message = MESSAGES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        if let Some((_, topic)) = message {
            return Ok((args.len() == 3).then_some(Run::Host(HostCommand::Publish(*topic))));
        }
        let spec = self.table().resolve(args).map_err(|refusal| match refusal {
            Refusal::Arity(spec) => ApplyError::Arity(spec.name),
            _ => ApplyError::Unknown(String::from_utf8_lossy(name).into_owned()),
        })?;
        if matches!(spec.run, Run::Host(HostCommand::Select)) {
            select(self, &args[1])?;
        }
        Ok(Some(spec.run))
    }

    /// Notes that the keyspace is another one: every key may have changed.
    pub fn replaced_keyspace(&mut self) {
        self.gate.wrote_everything();
        for db in 0..self.keyspace.databases() {
            self.watches.flushed(db);
        }
        self.invalidate_everything();
    }
}

fn select(engine: &Engine, argument: &[u8]) -> Result<usize, ApplyError> {
    let number = std::str::from_utf8(argument).ok().and_then(|text| text.parse().ok());
    number
        .filter(|&db| db < engine.keyspace.databases())
        .ok_or_else(|| ApplyError::Database(String::from_utf8_lossy(argument).into_owned()))
}
