//! CLIENT KILL and CLIENT UNBLOCK: one client's word about another.

use super::client_list::{ClientType, local_address, remote_address, unknown_type};
use super::replication::acks_so_far;
use super::{Call, NOT_AN_INTEGER, SYNTAX, is_word, wrong_subcommand};
use crate::base::number::parse_i64;
use crate::engine::blocking::nothing_came;
use crate::engine::session::{Blocked, Card};
use crate::engine::{Flow, Order};
use crate::resp::Args;

/// Which clients to close; those that meet all conditions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Filter {
    id: Option<u64>,
    client_type: Option<ClientType>,
    address: Option<Vec<u8>>,
    local_address: Option<Vec<u8>>,
    /// The asking client may be closed as well.
    may_be_self: bool,
}

impl Filter {
    /// Reads the conditions behind `CLIENT KILL`. The error is the reply's text.
    fn parse(args: &Args<'_>) -> Result<Self, Vec<u8>> {
        let mut filter = Self::default();
        let mut index = 2;
        while index < args.len() {
            let (option, value) = match (args.get(index), args.get(index + 1)) {
                (Some(option), Some(value)) => (option, value),
                _ => return Err(SYNTAX.into()),
            };
            if is_word(option, "id") {
                let id = parse_i64(value).and_then(|id| u64::try_from(id).ok());
                let id = id.filter(|&id| id > 0);
                filter.id = Some(id.ok_or("ERR client-id should be greater than 0")?);
            } else if is_word(option, "type") {
                let found = ClientType::parse(value).ok_or_else(|| unknown_type(value))?;
                filter.client_type = Some(found);
            } else if is_word(option, "addr") {
                filter.address = Some(value.to_vec());
            } else if is_word(option, "laddr") {
                filter.local_address = Some(value.to_vec());
            } else if is_word(option, "user") {
                // There is one user, and every client is its.
                if value != b"default" {
                    return Err([b"ERR No such user '", value, b"'"].concat());
                }
            } else if is_word(option, "skipme") {
                filter.may_be_self = if is_word(value, "yes") {
                    false
                } else if is_word(value, "no") {
                    true
                } else {
                    return Err(SYNTAX.into());
                };
            } else {
                return Err(SYNTAX.into());
            }
            index += 2;
        }
        Ok(filter)
    }

    fn takes(&self, card: &Card, asking: u64) -> bool {
        (self.may_be_self || card.id != asking)
            && self.id.is_none_or(|id| id == card.id)
            && self.client_type.is_none_or(|wanted| wanted == ClientType::of(card))
            && self.address.as_ref().is_none_or(|a| *a == remote_address(&card.peer).as_bytes())
            && self
                .local_address
                .as_ref()
                .is_none_or(|a| *a == local_address(&card.peer).as_bytes())
    }
}

/// `CLIENT KILL address | <condition value> ...`
pub fn kill(mut call: Call<'_>) -> Flow {
    let by_address = call.args.len() == 3;
    let filter = if by_address {
        let address = Some(call.args[2].to_vec());
        Ok(Filter { address, may_be_self: true, ..Filter::default() })
    } else {
        Filter::parse(call.args)
    };
    let filter = match filter {
        Ok(filter) => filter,
        Err(text) => {
            call.reply().error(text);
            return Flow::Continue;
        }
    };
    let asking = call.session.id();
    let cards = call.node.cards.borrow();
    let taken = cards.values().filter(|card| filter.takes(card, asking));
    let taken: Vec<u64> = taken.map(|card| card.id).collect();
    drop(cards);
    for &client in taken.iter().filter(|&&client| client != asking) {
        call.node.order(Order::Kill { client });
    }
    call.engine.forget_waiters(&taken);
    let reply = call.reply();
    match (by_address, taken.is_empty()) {
        (true, true) => reply.error("ERR No such client"),
        (true, false) => reply.ok(),
        (false, _) => reply.integer(taken.len() as i64),
    }
    // Its own reply reaches a client that closes itself.
    if taken.contains(&asking) { Flow::Close } else { Flow::Continue }
}

/// `CLIENT UNBLOCK id [TIMEOUT|ERROR]`
pub fn unblock(mut call: Call<'_>) -> Flow {
    let with_error = match (call.args.len(), call.args.get(3)) {
        (3, _) => false,
        (4, Some(word)) if is_word(word, "timeout") => false,
        (4, Some(word)) if is_word(word, "error") => true,
        (4, _) => {
            call.reply().error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
            return Flow::Continue;
        }
        _ => {
            let text = wrong_subcommand("CLIENT", &call.args[1]);
            call.reply().error(text);
            return Flow::Continue;
        }
    };
    let Some(id) = parse_i64(&call.args[2]) else {
        call.reply().error(NOT_AN_INTEGER);
        return Flow::Continue;
    };
    let cards = call.node.cards.borrow();
    let card = u64::try_from(id).ok().and_then(|id| cards.get(&id)).cloned();
    drop(cards);
    let blocked = card.and_then(|card| Some((card.blocked.get()?, card)));
    let (how, card) = match blocked {
        Some((how @ (Blocked::Acks { .. } | Blocked::Keys), card)) => (how, card),
        Some((Blocked::Held, _)) | None => {
            call.reply().integer(0);
            return Flow::Continue;
        }
    };
    let bytes = match how {
        _ if with_error => b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n".to_vec(),
        Blocked::Acks { offset, on_disk } => acks_so_far(&call, offset, on_disk),
        Blocked::Keys => nothing_came(card.protocol.get()),
        Blocked::Held => Vec::new(),
    };
    call.engine.forget_waiters(&[card.id]);
    call.node.order(Order::Unblock { client: card.id, bytes });
    call.reply().integer(1);
    Flow::Continue
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::args::OwnedArgs;

    fn parse(text: &str) -> Result<Filter, String> {
        let words = ["client", "kill"].into_iter().chain(text.split(' '));
        let args = OwnedArgs::from_slices(words.map(str::as_bytes));
        Filter::parse(&args.as_args()).map_err(|e| String::from_utf8_lossy(&e).into_owned())
    }

    #[test]
    fn conditions_are_read() {
        let filter = parse("id 7 TYPE replica skipme no laddr a:1 user default").unwrap();
        let expected = Filter {
            id: Some(7),
            client_type: Some(ClientType::Replica),
            local_address: Some(b"a:1".to_vec()),
            may_be_self: true,
            address: None,
        };
        assert_eq!(filter, expected);
    }

    #[test]
    fn errors_are_those_of_redis() {
        let cases = [
            ("id 0", "ERR client-id should be greater than 0"),
            ("id x", "ERR client-id should be greater than 0"),
            ("type foo", "ERR Unknown client type 'foo'"),
            ("user foo", "ERR No such user 'foo'"),
            ("foo bar", "ERR syntax error"),
            ("skipme yes id", "ERR syntax error"),
            ("skipme maybe", "ERR syntax error"),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text).unwrap_err(), error);
        }
    }
}
