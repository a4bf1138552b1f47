//! Random fields of hashes: `HRANDFIELD`.

use std::collections::HashSet;

use super::strings::reply_element;
use super::{SYNTAX, integer, is_word};
use crate::command::ctx::Ctx;
use crate::keyspace::ValueRef;
use crate::keyspace::types::HashRef;
use crate::resp::{Args, Protocol, Reply};

/// Fields that one command tells at most where the same may come again: the hash does not bound them.
const REPEATED_MAX: usize = 1 << 23;
/// Above this part of a large hash its fields are gone through, instead of drawn until there are enough
/// different ones.
const DRAWN_DIVISOR: usize = 3;

const OUT_OF_RANGE: &str = "ERR value is out of range";

type Pair<'a> = (ValueRef<'a>, ValueRef<'a>);

/// What is asked for.
#[derive(Clone, Copy)]
struct Wanted {
    count: usize,
    /// The same field may come again.
    repeated: bool,
    with_values: bool,
}

/// `HRANDFIELD key [count [WITHVALUES]]`
pub(crate) fn hrandfield(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let mut rng = ctx.rng.fork();
    if args.len() > 2 {
        let Some(wanted) = parse(ctx, args) else { return };
        ctx.read_hash(&args[1], |hash, reply| match hash.filter(|_| wanted.count > 0) {
            Some(hash) if wanted.repeated => reply_repeated(hash, wanted, &mut rng, reply),
            Some(hash) => reply_different(hash, wanted, &mut rng, reply),
            None => reply.array(0),
        });
    } else {
        ctx.read_hash(&args[1], |hash, reply| {
            let pair = hash.and_then(|hash| hash.random(&mut rng));
            reply_element(pair.map(|(name, _)| name), reply);
        });
    }
}

/// Reads what stands behind the key, or answers what is wrong with it.
fn parse(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Option<Wanted> {
    let number = integer(ctx, &args[2])?;
    if number == i64::MIN {
        ctx.reply.error(format!(
            "{OUT_OF_RANGE}, value must between {} and {}",
            -i64::MAX,
            i64::MAX
        ));
        return None;
    }
    let with_values = args.len() == 4 && is_word(args, 3, "WITHVALUES");
    if args.len() > 3 && !with_values {
        ctx.reply.error(SYNTAX);
        return None;
    }
    let repeated = number < 0;
    let count = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    let halved = with_values && number.unsigned_abs() > i64::MAX as u64 / 2;
    if halved || (repeated && count > REPEATED_MAX) {
        ctx.reply.error(OUT_OF_RANGE);
        return None;
    }
    Some(Wanted { count, repeated, with_values })
}

/// Announces so many fields: RESP3 has an array of each with its value, RESP2 one array of all.
fn reply_head(count: usize, wanted: Wanted, reply: &mut Reply) {
    let flat = wanted.with_values && reply.protocol == Protocol::Resp2;
    reply.array(if flat { count * 2 } else { count });
}

fn reply_pair((name, value): Pair<'_>, wanted: Wanted, reply: &mut Reply) {
    if wanted.with_values && reply.protocol == Protocol::Resp3 {
        reply.array(2);
    }
    reply_element(Some(name), reply);
    if wanted.with_values {
        reply_element(Some(value), reply);
    }
}

fn reply_repeated(hash: HashRef<'_>, wanted: Wanted, rng: &mut fastrand::Rng, reply: &mut Reply) {
    reply_head(wanted.count, wanted, reply);
    // What is packed is read once, not for each field anew.
    let packed: Vec<Pair<'_>> = match hash {
        HashRef::Packed(_) => hash.pairs().collect(),
        HashRef::Large(_) => Vec::new(),
    };
    for _ in 0..wanted.count {
        let pair = match packed.len() {
            0 => hash.random(rng),
            len => packed.get(rng.usize(..len)).copied(),
        };
        // A hash in a database is not empty.
        if let Some(pair) = pair {
            reply_pair(pair, wanted, reply);
        }
    }
}

fn reply_different(hash: HashRef<'_>, wanted: Wanted, rng: &mut fastrand::Rng, reply: &mut Reply) {
    let len = hash.len();
    let count = wanted.count.min(len);
    reply_head(count, wanted, reply);
    match hash {
        HashRef::Large(table) if count < len / DRAWN_DIVISOR => {
            let mut seen = HashSet::new();
            while seen.len() < count {
                let Some(field) = table.random(rng) else { break };
                if seen.insert(field.name()) {
                    reply_pair(field.pair(), wanted, reply);
                }
            }
        }
        _ => {
            // Each is taken with the chance that leaves all choices of so many equally likely.
            let (mut missing, mut left) = (count, len);
            for pair in hash.pairs() {
                if missing > 0 && rng.usize(..left) < missing {
                    reply_pair(pair, wanted, reply);
                    missing -= 1;
                }
                left -= 1;
            }
        }
    }
}
