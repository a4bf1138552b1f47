//! The administrative commands, one family a file.
//!
//! A family's functions get a [`Call`]: the node beside its engine, which is already borrowed, so they
//! never reach for it through the node.

pub mod client;
pub mod client_kill;
pub mod client_list;
pub mod client_pause;
pub mod client_tracking;
pub mod config;
pub mod connection;
pub mod debug;
mod debug_protocol;
pub mod diagnostics;
pub mod info;
pub mod memory;
pub mod persistence;
pub mod pubsub;
pub mod replication;
pub mod shutdown;

use super::node::Node;
use crate::base::number::parse_i64;
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

/// Reads a number within bounds. The error is the reply's text.
fn number_between(text: &[u8], min: i64, max: i64) -> Result<i64, String> {
    let number = parse_i64(text).ok_or_else(|| NOT_AN_INTEGER.to_owned())?;
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(format!("ERR value is out of range, value must between {min} and {max}"))
}

/// The error for a subcommand with more or fewer arguments than it takes, where the table's arity
/// does not tell.
fn wrong_subcommand(container: &str, subcommand: &[u8]) -> Vec<u8> {
    const QUOTED_LEN_MAX: usize = 128;
    let shown = &subcommand[..subcommand.len().min(QUOTED_LEN_MAX)];
    let text = [
        b"ERR unknown subcommand or wrong number of arguments for '",
        shown,
        b"'. Try ",
        container.as_bytes(),
        b" HELP.",
    ];
    text.concat()
}

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
