//! The replica's side of the greeting: `PING`, `AUTH`, `REPLCONF`, `PSYNC`, as a state machine.
//!
//! It knows no socket: lines go in, bytes to send come out. Everything before `PSYNC` is sent at once
//! and answered in order.

use std::collections::VecDeque;

use super::printable;
use super::psync::{Answer, BadAnswer, Request};
use crate::resp::encode::push_command;

/// Longest line a master may answer with, in bytes.
pub const LINE_LEN_MAX: usize = 4096;

/// What a replica says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// The port to be known by.
    pub port: u16,
    /// The address to be known by, empty for the one the master sees.
    pub ip: String,
    /// The user to log in as, empty for the default one.
    pub user: String,
    /// The password, empty for none.
    pub password: String,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Ping,
    Auth,
    Port,
    Ip,
    Capabilities,
    Psync,
}

/// What to do after a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read another line.
    Read,
    /// The master has been introduced to: send `PSYNC` and read on.
    Ask,
    /// The master has answered.
    Answered(Answer),
}

/// Why the greeting failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The master's answer to PING is an error, or no answer at all.
    #[error("the master answered PING with '{0}'")]
    Ping(String),
    /// The password was refused.
    #[error("the master refused AUTH: '{0}'")]
    Auth(String),
    /// The master wants a password and there is none.
    #[error("the master wants a password ('masterauth'): '{0}'")]
    PasswordWanted(String),
    /// It speaks something else.
    #[error("{0}")]
    Answer(#[from] BadAnswer),
}

/// A greeting under way.
#[derive(Debug)]
pub struct Handshake {
    steps: VecDeque<Step>,
}

impl Handshake {
    /// Begins: the bytes to send first.
    pub fn begin(who: &Introduction) -> (Self, Vec<u8>) {
        let mut out = Vec::new();
        let mut steps = VecDeque::from([Step::Ping]);
        push_command(&mut out, &[b"PING"]);
        if !who.password.is_empty() {
            match who.user.as_str() {
                "" => push_command(&mut out, &[b"AUTH", who.password.as_bytes()]),
                user => {
                    push_command(&mut out, &[b"AUTH", user.as_bytes(), who.password.as_bytes()]);
                }
            }
            steps.push_back(Step::Auth);
        }
        let port = who.port.to_string();
        push_command(&mut out, &[b"REPLCONF", b"listening-port", port.as_bytes()]);
        steps.push_back(Step::Port);
        if !who.ip.is_empty() {
            push_command(&mut out, &[b"REPLCONF", b"ip-address", who.ip.as_bytes()]);
            steps.push_back(Step::Ip);
        }
        push_command(&mut out, &[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]);
        steps.extend([Step::Capabilities, Step::Psync]);
        (Self { steps }, out)
    }

    /// The bytes that ask for the stream, after [`Next::Ask`].
    pub fn ask(request: &Request) -> Vec<u8> {
        let mut out = Vec::new();
        request.push(&mut out);
        out
    }

    /// Takes in a line, without its line break.
    ///
    /// # Errors
    /// There is no going on with this master at the moment.
    pub fn line(&mut self, line: &[u8]) -> Result<Next, HandshakeError> {
        let text = || printable(line);
        let is_error = line.first() == Some(&b'-');
        let Some(step) = self.steps.front().copied() else { return Ok(Next::Read) };
        match step {
            // A master that has to prepare sends empty lines to keep the link alive.
            Step::Psync if line.is_empty() => return Ok(Next::Read),
            Step::Psync => {
                self.steps.pop_front();
                return Ok(Next::Answered(Answer::parse(line)?));
            }
            Step::Ping if is_error => {
                let wants_password = [&b"-NOAUTH"[..], b"-NOPERM", b"-ERR operation not permitted"]
                    .iter()
                    .any(|code| line.starts_with(code));
                if !wants_password {
                    return Err(HandshakeError::Ping(text()));
                }
                if !self.steps.contains(&Step::Auth) {
                    return Err(HandshakeError::PasswordWanted(text()));
                }
            }
            Step::Ping if line.first() != Some(&b'+') => return Err(HandshakeError::Ping(text())),
            Step::Auth if is_error => return Err(HandshakeError::Auth(text())),
            // An older master may not know them, and can do without.
            Step::Ping | Step::Auth | Step::Port | Step::Ip | Step::Capabilities => {}
        }
        self.steps.pop_front();
        Ok(if self.steps.front() == Some(&Step::Psync) { Next::Ask } else { Next::Read })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(handshake: &mut Handshake, lines: &[&str]) -> Result<Vec<Next>, HandshakeError> {
        lines.iter().map(|line| handshake.line(line.as_bytes())).collect()
    }

    #[test]
    fn the_usual_greeting() {
        let who = Introduction { port: 7000, ip: "10.0.0.1".to_owned(), ..Introduction::default() };
        let (mut handshake, sent) = Handshake::begin(&who);
        assert!(
            sent.starts_with(b"*1\r\n$4\r\nPING\r\n*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port")
        );
        let next = talk(&mut handshake, &["+PONG", "+OK", "-ERR what?", "+OK", "", "+CONTINUE"]);
        let answered = Next::Answered(Answer::Continue(None));
        let (read, ask) = (Next::Read, Next::Ask);
        let expected = [read.clone(), read.clone(), read.clone(), ask, read, answered];
        assert_eq!(next.unwrap(), expected);
    }

    #[test]
    fn passwords() {
        let who = Introduction { password: "p".to_owned(), ..Introduction::default() };
        let (mut handshake, _) = Handshake::begin(&who);
        let next = talk(&mut handshake, &["-NOAUTH Authentication required.", "+OK", "+OK", "+OK"]);
        assert_eq!(next.unwrap()[3], Next::Ask);
        let (mut handshake, _) = Handshake::begin(&who);
        let refused = talk(&mut handshake, &["-NOAUTH x", "-WRONGPASS y"]);
        assert_eq!(refused, Err(HandshakeError::Auth("-WRONGPASS y".to_owned())));
        let (mut handshake, _) = Handshake::begin(&Introduction::default());
        let wanted = talk(&mut handshake, &["-NOAUTH x"]);
        assert_eq!(wanted, Err(HandshakeError::PasswordWanted("-NOAUTH x".to_owned())));
    }

    #[test]
    fn a_master_that_is_loading_is_tried_again() {
        let (mut handshake, _) = Handshake::begin(&Introduction::default());
        assert!(matches!(handshake.line(b"-LOADING x"), Err(HandshakeError::Ping(_))));
        let (mut handshake, _) = Handshake::begin(&Introduction::default());
        assert!(matches!(handshake.line(b"HTTP/1.1 400"), Err(HandshakeError::Ping(_))));
    }
}
