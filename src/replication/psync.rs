//! `PSYNC`: what a replica asks for, what a master answers, and how the master decides.
//!
//! On the wire offsets are counted from 1 and name the byte that is wanted next; an [`Offset`] counts
//! the bytes there are. The two differ by one, and only this file knows it.

use std::fmt;

use super::printable;
use crate::base::number::parse_i64;
use crate::base::{Offset, ReplId};
use crate::log::Identity;
use crate::resp::encode::push_command;

/// A position in some history, as a replica asks to go on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The history.
    pub replid: ReplId,
    /// Bytes of it that the replica has.
    pub offset: Offset,
}

/// What a replica asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `PSYNC replid offset`: the stream from there on, if possible.
    Continue(Position),
    /// `PSYNC ? -1`: everything.
    Full,
    /// `SYNC`: everything, without a word about it first.
    Plain,
}

impl Request {
    /// Reads the arguments of `PSYNC`; `None` when the offset is no number.
    ///
    /// An ID that cannot be one of ours is as good as none.
    pub fn parse(replid: &[u8], offset: &[u8]) -> Option<Self> {
        let wanted = parse_i64(offset)?;
        let held = wanted.checked_sub(1).and_then(|n| u64::try_from(n).ok());
        Some(match (ReplId::parse(replid), held) {
            (Some(replid), Some(held)) => {
                Self::Continue(Position { replid, offset: Offset::new(held) })
            }
            _ => Self::Full,
        })
    }

    /// Appends the command.
    pub fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Continue(Position { replid, offset }) => {
                let wanted = itoa::Buffer::new().format(offset.get().saturating_add(1)).to_owned();
                push_command(out, &[b"PSYNC", replid.as_bytes(), wanted.as_bytes()]);
            }
            Self::Full => push_command(out, &[b"PSYNC", b"?", b"-1"]),
            Self::Plain => push_command(out, &[b"SYNC"]),
        }
    }
}

/// What a master answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A snapshot follows, taken at this position.
    Full(Position),
    /// The stream follows; the history may have got a new name.
    Continue(Option<ReplId>),
    /// Not now: the master is loading, or has lost its own master.
    Later(String),
    /// The master does not do this.
    Refused(String),
}

/// A line that is no answer to `PSYNC`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an answer to PSYNC: '{0}'")]
pub struct BadAnswer(pub String);

impl Answer {
    /// Reads the line a master answered with, without its line break.
    ///
    /// # Errors
    /// It is none that PSYNC has.
    pub fn parse(line: &[u8]) -> Result<Self, BadAnswer> {
        let bad = || BadAnswer(printable(line));
        if let Some(error) = line.strip_prefix(b"-") {
            let text = printable(error);
            let later = [&b"NOMASTERLINK"[..], b"LOADING", b"MASTERDOWN", b"BUSY"];
            let is_later = later.iter().any(|code| error.starts_with(code));
            return Ok(if is_later { Self::Later(text) } else { Self::Refused(text) });
        }
        let mut words = line.split(|&b| b == b' ').filter(|word| !word.is_empty());
        let answer = match words.next() {
            Some(b"+FULLRESYNC") => {
                let replid = words.next().and_then(ReplId::parse).ok_or_else(bad)?;
                let offset = words.next().and_then(parse_i64).ok_or_else(bad)?;
                let offset = u64::try_from(offset).map_err(|_| bad())?;
                Self::Full(Position { replid, offset: Offset::new(offset) })
            }
            Some(b"+CONTINUE") => Self::Continue(match words.next() {
                Some(replid) => Some(ReplId::parse(replid).ok_or_else(bad)?),
                None => None,
            }),
            _ => return Err(bad()),
        };
        if words.next().is_some() { Err(bad()) } else { Ok(answer) }
    }
}

impl fmt::Display for Answer {
    /// The line, without its line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(Position { replid, offset }) => write!(f, "+FULLRESYNC {replid} {offset}"),
            Self::Continue(Some(replid)) => write!(f, "+CONTINUE {replid}"),
            Self::Continue(None) => f.write_str("+CONTINUE"),
            Self::Later(text) | Self::Refused(text) => write!(f, "-{text}"),
        }
    }
}

/// The stretch of stream that a master's log can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Whose history it is.
    pub identity: Identity,
    /// The first offset it can go on from.
    pub start: Offset,
    /// The offset behind its last byte.
    pub end: Offset,
}

/// Why a replica cannot simply go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullReason {
    /// It asked for everything.
    Asked,
    /// Its history is not this one.
    OtherHistory,
    /// It left this history after the point up to which both are the same.
    BeyondFormer,
    /// What comes after its offset is not kept any more.
    TooOld,
    /// It has more than this server.
    Ahead,
}

impl fmt::Display for FullReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "it asked for everything",
            Self::OtherHistory => "its replication ID is not of this history",
            Self::BeyondFormer => "its offset is beyond the end of the former replication ID",
            Self::TooOld => "the log does not reach back to its offset",
            Self::Ahead => "its offset is beyond the end of the log",
        })
    }
}

/// Whether a replica can go on from where it is: the offset it has, or why not.
pub fn decide(request: &Request, backlog: &Backlog) -> Result<Offset, FullReason> {
    let Request::Continue(Position { replid, offset }) = *request else {
        return Err(FullReason::Asked);
    };
    if replid != backlog.identity.replid {
        let former = backlog.identity.former.filter(|former| former.replid == replid);
        let former = former.ok_or(FullReason::OtherHistory)?;
        if offset > former.end {
            return Err(FullReason::BeyondFormer);
        }
    }
    if offset < backlog.start {
        return Err(FullReason::TooOld);
    }
    if offset > backlog.end {
        return Err(FullReason::Ahead);
    }
    Ok(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &[u8; 40] = b"0123456789012345678901234567890123456789";
    const OTHER: &[u8; 40] = b"abcdefabcdefabcdefabcdefabcdefabcdefabcd";

    fn id(text: &[u8]) -> ReplId {
        ReplId::parse(text).unwrap()
    }

    fn at(replid: &[u8], offset: u64) -> Request {
        Request::Continue(Position { replid: id(replid), offset: Offset::new(offset) })
    }

    #[test]
    fn the_wire_counts_from_one() {
        assert_eq!(Request::parse(ID, b"1"), Some(at(ID, 0)));
        assert_eq!(Request::parse(ID, b"101"), Some(at(ID, 100)));
        assert_eq!(Request::parse(b"?", b"-1"), Some(Request::Full));
        assert_eq!(Request::parse(ID, b"0"), Some(Request::Full));
        assert_eq!(Request::parse(ID, b"x"), None);
        let mut out = Vec::new();
        at(ID, 100).push(&mut out);
        assert!(out.ends_with(b"$3\r\n101\r\n"));
    }

    #[test]
    fn answers_are_read_as_they_are_written() {
        let position = Position { replid: id(ID), offset: Offset::new(7) };
        for answer in [
            Answer::Full(position),
            Answer::Continue(None),
            Answer::Continue(Some(id(OTHER))),
            Answer::Later("NOMASTERLINK Can't SYNC while not connected with my master".to_owned()),
            Answer::Refused("ERR unknown command".to_owned()),
        ] {
            assert_eq!(Answer::parse(answer.to_string().as_bytes()), Ok(answer));
        }
        for bad in ["", "+OK", "+FULLRESYNC", "+FULLRESYNC ? 1", "+CONTINUE x", "$12"] {
            assert!(Answer::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_replica_goes_on_only_inside_the_shared_history() {
        let identity = Identity::new(id(ID)).succeeded_by(id(OTHER), Offset::new(50));
        let backlog = Backlog { identity, start: Offset::new(10), end: Offset::new(90) };
        let decided = |request| decide(&request, &backlog);
        assert_eq!(decided(Request::Full), Err(FullReason::Asked));
        assert_eq!(decided(at(OTHER, 10)), Ok(Offset::new(10)));
        assert_eq!(decided(at(OTHER, 90)), Ok(Offset::new(90)));
        assert_eq!(decided(at(OTHER, 91)), Err(FullReason::Ahead));
        assert_eq!(decided(at(OTHER, 9)), Err(FullReason::TooOld));
        assert_eq!(decided(at(ID, 50)), Ok(Offset::new(50)));
        assert_eq!(decided(at(ID, 51)), Err(FullReason::BeyondFormer));
        assert_eq!(decided(at(&[b'0'; 40], 20)), Err(FullReason::OtherHistory));
    }
}
