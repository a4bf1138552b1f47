//! The commands of a payload at hand: a log frame, a plain append-only file, a piece of a
//! replication stream.

use super::args::{Args, Batch};
use super::request::{ParseLimits, ProtocolError, RequestParser};

/// Commands parsed ahead: enough to make the work of a batch pay, few enough to stay in the cache.
const BATCH_COMMANDS_MAX: usize = 64;

/// Why a payload is not a run of whole commands; positions are bytes from the payload's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The bytes are not a command.
    #[error("{error} in the command at byte {position}")]
    Malformed {
        /// Where the broken command begins.
        position: usize,
        /// What is wrong with it.
        error: ProtocolError,
    },
    /// The last command is cut off.
    #[error("the command at byte {position} is cut off")]
    CutOff {
        /// Where the unfinished command begins.
        position: usize,
    },
}

/// Walks the commands of `payload` in order.
#[derive(Debug)]
pub struct Commands<'a> {
    payload: &'a [u8],
    parser: RequestParser,
    batch: Batch,
    index: usize,
    failed: Option<ProtocolError>,
}

impl<'a> Commands<'a> {
    /// A walk from the first byte of `payload`.
    pub fn new(payload: &'a [u8]) -> Self {
        let (parser, batch) = (RequestParser::new(), Batch::default());
        Self { payload, parser, batch, index: 0, failed: None }
    }

    /// The next command, or `None` after the last one.
    ///
    /// # Errors
    /// When the rest of the payload is no whole command; every command before has been returned.
    pub fn next_command(&mut self) -> Result<Option<Args<'_>>, StreamError> {
        if self.index == self.batch.len() && !self.refill()? {
            return Ok(None);
        }
        let index = self.index;
        self.index += 1;
        Ok(Some(self.batch.args(index, self.payload)))
    }

    /// Parses the next commands; whether there are any.
    fn refill(&mut self) -> Result<bool, StreamError> {
        let position = self.parser.consumed();
        if let Some(error) = self.failed {
            return Err(StreamError::Malformed { position, error });
        }
        self.index = 0;
        self.batch.clear();
        let limits = ParseLimits::STREAM;
        let filled = self.parser.fill(self.payload, &mut self.batch, &limits, BATCH_COMMANDS_MAX);
        self.failed = filled.err();
        match (self.batch.is_empty(), self.failed) {
            (false, _) => Ok(true),
            (true, Some(error)) => {
                Err(StreamError::Malformed { position: self.parser.consumed(), error })
            }
            (true, None) if self.parser.consumed() < self.payload.len() => {
                Err(StreamError::CutOff { position: self.parser.consumed() })
            }
            (true, None) => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::encode::push_command;

    #[test]
    fn all_commands_come_in_order_and_the_error_names_its_place() {
        let mut payload = Vec::new();
        for n in 0..200 {
            push_command(&mut payload, &[b"SET", b"key", format!("{n}").as_bytes()]);
        }
        let whole = payload.len();
        payload.extend_from_slice(b"*2\r\n$3\r\nDEL");

        let mut commands = Commands::new(&payload);
        for n in 0..200 {
            let args = commands.next_command().unwrap().unwrap();
            assert_eq!(&args[2], format!("{n}").as_bytes());
        }
        let cut = commands.next_command().unwrap_err();
        assert_eq!(cut, StreamError::CutOff { position: whole });

        payload.truncate(whole);
        payload.extend_from_slice(b"GET a\r\n");
        let mut commands = Commands::new(&payload);
        while let Ok(Some(_)) = commands.next_command() {}
        let error = ProtocolError::UnexpectedInline(b'G');
        assert_eq!(
            commands.next_command().unwrap_err(),
            StreamError::Malformed { position: whole, error }
        );
    }
}
