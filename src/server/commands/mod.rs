//! The administrative commands, one family a file.
//!
//! A family's functions get a [`Call`]: the node beside its engine, which is already borrowed, so they
//! never reach for it through the node.

pub mod client;
pub mod client_kill;
pub mod client_list;
pub mod client_pause;
pub mod config;
pub mod connection;
pub mod debug;
pub mod diagnostics;
pub mod info;
pub mod memory;
pub mod persistence;
pub mod replication;
pub mod shutdown;

use super::node::Node;
use crate::engine::{Engine, Session};
use crate::resp::{Args, Reply};

/// What an administrative command runs in.
#[derive(Debug)]
pub struct Call<'a> {
    /// Configuration, other clients, figures. Its engine is `engine`, and borrowed.
    pub node: &'a Node,
    /// Keyspace and log.
    pub engine: &'a mut Engine,
    /// The client that asks.
    pub session: &'a mut Session,
    /// The command with its arguments; the arity has been checked.
    pub args: &'a Args<'a>,
}

impl Call<'_> {
    /// Where the reply goes.
    pub fn reply(&mut self) -> &mut Reply {
        &mut self.session.out.reply
    }
}

const SYNTAX: &str = "ERR syntax error";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";

/// Whether an argument is this word, in any case.
fn is_word(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// Reads ON or OFF from argument `index`, or answers that it is neither.
fn on_or_off(call: &mut Call<'_>, index: usize) -> Option<bool> {
    let word = call.args.get(index).unwrap_or_default();
    if is_word(word, "on") {
        Some(true)
    } else if is_word(word, "off") {
        Some(false)
    } else {
        call.reply().error(SYNTAX);
        None
    }
}
