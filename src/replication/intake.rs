//! A master's stream cut into what is stored and applied as one: whole commands, whole transactions.
//!
//! Bytes go in as they arrive; units come out, byte for byte what came in. What is not whole stays
//! here and is in no log: after a broken link the master sends it again.

use crate::base::limits::FRAME_PAYLOAD_LEN_MAX;
use crate::base::number::parse_i64;
use crate::engine::apply::ApplyError;
use crate::resp::request::{ParseLimits, ProtocolError, RequestParser};
use crate::resp::{Args, Batch};

/// Why a stream cannot be followed any further.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// What arrived is no command.
    #[error("the master's stream is broken: {0}")]
    Malformed(#[from] ProtocolError),
    /// What arrived cannot be applied here.
    #[error("the master's stream cannot be followed: {0}")]
    Unacceptable(#[from] ApplyError),
    /// One unit is longer than a frame of the log can be.
    #[error("the master sent a transaction of more than {FRAME_PAYLOAD_LEN_MAX} bytes")]
    TooLong,
}

/// A stretch of stream that ends at the end of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The database selected behind it, if it selects one.
    pub db: Option<u32>,
    /// Whether the master asks in it how far we are.
    pub asks_for_ack: bool,
}

/// Cuts a stream into units.
#[derive(Debug, Default)]
pub struct Intake {
    buffer: Vec<u8>,
    parser: RequestParser,
    batch: Batch,
    in_transaction: bool,
    /// Bytes at the front that have been parsed.
    parsed_len: usize,
    /// What was refused behind them: nothing after it is looked at.
    refused: Option<ApplyError>,
    /// Bytes at the front that are whole units.
    whole_len: usize,
    /// What the whole units say.
    told: Told,
    /// What the transaction under way says: it counts once that is whole.
    telling: Told,
}

#[derive(Debug, Default)]
struct Told {
    db: Option<u32>,
    asks_for_ack: bool,
}

impl Intake {
    /// An intake at the end of a unit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where arriving bytes are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Takes the whole units that have arrived, if there are any. `check` refuses a command before it
    /// gets into the log: what is there must be applicable after every restart.
    ///
    /// # Errors
    /// What follows is no part of a stream, or is refused. The units before it have been returned.
    pub fn take(
        &mut self,
        check: impl Fn(&Args<'_>) -> Result<(), ApplyError>,
    ) -> Result<Option<Units>, IntakeError> {
        let parsed = self.parse(check);
        if self.whole_len > 0 {
            let rest = self.buffer.split_off(self.whole_len);
            let bytes = std::mem::replace(&mut self.buffer, rest);
            self.parsed_len -= self.whole_len;
            self.whole_len = 0;
            let Told { db, asks_for_ack } = std::mem::take(&mut self.told);
            return Ok(Some(Units { bytes, db, asks_for_ack }));
        }
        parsed?;
        if let Some(error) = self.refused.take() {
            return Err(error.into());
        }
        if self.buffer.len() > FRAME_PAYLOAD_LEN_MAX as usize {
            return Err(IntakeError::TooLong);
        }
        Ok(None)
    }

    fn parse(
        &mut self,
        check: impl Fn(&Args<'_>) -> Result<(), ApplyError>,
    ) -> Result<(), ProtocolError> {
        if self.refused.is_some() {
            return Ok(());
        }
        let rest = &self.buffer[self.parsed_len..];
        let result = loop {
            let index = self.batch.len();
            let limits = ParseLimits::STREAM;
            // One at a time: where each command ends must be known.
            if let Err(error) = self.parser.fill(rest, &mut self.batch, &limits, index + 1) {
                break Err(error);
            }
            if self.batch.len() == index {
                break Ok(());
            }
            let args = self.batch.args(index, rest);
            if let Err(error) = check(&args) {
                self.refused = Some(error);
                break Ok(());
            }
            let end = self.parsed_len + self.parser.consumed();
            match look_at(&args) {
                Meaning::Begins => self.in_transaction = true,
                Meaning::Ends => self.in_transaction = false,
                Meaning::Selects(db) => self.telling.db = Some(db),
                Meaning::AsksForAck => self.telling.asks_for_ack = true,
                Meaning::Other => {}
            }
            if !self.in_transaction {
                self.whole_len = end;
                let Told { db, asks_for_ack } = std::mem::take(&mut self.telling);
                self.told.db = db.or(self.told.db);
                self.told.asks_for_ack |= asks_for_ack;
            }
        };
        self.parsed_len += self.parser.discard(&mut self.batch);
        result
    }
}

/// What a command of the stream means for cutting it.
enum Meaning {
    Begins,
    Ends,
    Selects(u32),
    AsksForAck,
    Other,
}

fn look_at(args: &Args<'_>) -> Meaning {
    let Some(name) = args.get(0) else { return Meaning::Other };
    let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
    match name.len() {
        5 if is(b"multi") => Meaning::Begins,
        4 if is(b"exec") => Meaning::Ends,
        6 if is(b"select") => {
            let db = args.get(1).and_then(parse_i64).and_then(|db| u32::try_from(db).ok());
            db.map_or(Meaning::Other, Meaning::Selects)
        }
        8 if is(b"replconf") && args.get(1).is_some_and(|w| w.eq_ignore_ascii_case(b"getack")) => {
            Meaning::AsksForAck
        }
        _ => Meaning::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::encode::push_command;

    fn stream(commands: &[&[&str]]) -> Vec<u8> {
        let mut out = Vec::new();
        for words in commands {
            let words: Vec<&[u8]> = words.iter().map(|w| w.as_bytes()).collect();
            push_command(&mut out, &words);
        }
        out
    }

    #[test]
    fn units_come_out_whole_in_whatever_pieces_the_bytes_arrive() {
        let parts = [
            stream(&[&["SET", "a", "1"]]),
            stream(&[&["MULTI"], &["SELECT", "3"], &["SET", "b", "2"], &["EXEC"]]),
            stream(&[&["REPLCONF", "GETACK", "*"]]),
        ];
        let all = parts.concat();
        let ends: Vec<usize> = (1..=parts.len()).map(|n| parts[..n].concat().len()).collect();
        for piece_len in 1..all.len() {
            let (mut intake, mut got) = (Intake::new(), Units::default());
            for piece in all.chunks(piece_len) {
                intake.buffer().extend_from_slice(piece);
                if let Some(units) = intake.take(|_| Ok(())).unwrap() {
                    got.bytes.extend_from_slice(&units.bytes);
                    got.db = units.db.or(got.db);
                    got.asks_for_ack |= units.asks_for_ack;
                    assert!(ends.contains(&got.bytes.len()), "cut at {}", got.bytes.len());
                }
            }
            assert_eq!(got, Units { bytes: all.clone(), db: Some(3), asks_for_ack: true });
        }
    }

    #[test]
    fn what_an_unfinished_transaction_says_does_not_count_yet() {
        let mut intake = Intake::new();
        let whole = stream(&[&["SET", "a", "1"]]);
        intake.buffer().extend_from_slice(&whole);
        let begun = stream(&[&["MULTI"], &["SELECT", "3"], &["REPLCONF", "GETACK", "*"]]);
        intake.buffer().extend_from_slice(&begun);
        let first = Units { bytes: whole, ..Units::default() };
        assert_eq!(intake.take(|_| Ok(())).unwrap(), Some(first));
        let end = stream(&[&["EXEC"]]);
        intake.buffer().extend_from_slice(&end);
        let bytes = [begun, end].concat();
        let second = Units { bytes, db: Some(3), asks_for_ack: true };
        assert_eq!(intake.take(|_| Ok(())).unwrap(), Some(second));
    }

    #[test]
    fn what_is_whole_comes_out_before_the_error_does() {
        let mut intake = Intake::new();
        let good = stream(&[&["SET", "a", "1"]]);
        intake.buffer().extend_from_slice(&good);
        intake.buffer().extend_from_slice(b"-ERR no\r\n");
        assert_eq!(intake.take(|_| Ok(())).unwrap().unwrap().bytes, good);
        assert!(matches!(intake.take(|_| Ok(())), Err(IntakeError::Malformed(_))));
    }

    #[test]
    fn nothing_comes_out_behind_what_is_refused() {
        let good = stream(&[&["SET", "a", "1"]]);
        let bad = stream(&[&["MULTI"], &["SET", "b", "1"], &["LPUSH", "l", "1"], &["EXEC"]]);
        let check = |args: &Args<'_>| match args[0].eq_ignore_ascii_case(b"lpush") {
            true => Err(ApplyError::Unknown("lpush".to_owned())),
            false => Ok(()),
        };
        let mut intake = Intake::new();
        intake.buffer().extend_from_slice(&[&good[..], &bad, &good].concat());
        assert_eq!(intake.take(check).unwrap().unwrap().bytes, good);
        assert!(matches!(intake.take(check), Err(IntakeError::Unacceptable(_))));
    }
}
