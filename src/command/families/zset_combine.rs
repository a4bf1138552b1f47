//! Unions, intersections and differences of sorted sets, and of sets, whose members score 1.

use std::collections::{HashMap, HashSet};

use super::zset::integer_at;
use super::zset_range::{reply_head, reply_pair, store};
use super::{SYNTAX, WRONG_TYPE, is_word};
use crate::base::double;
use crate::base::number::parse_i64;
use crate::command::ctx::{Ctx, Use};
use crate::keyspace::types::{CollectionRef, SetRef, Zset};
use crate::keyspace::{Content, ValueRef};
use crate::resp::Args;

const NO_FLOAT: &str = "ERR weight value is not a float";
const NEGATIVE_LIMIT: &str = "ERR LIMIT can't be negative";

/// What is made of the keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

/// What becomes of the scores of a member that several keys have.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            // Infinity and its negative together are taken for nothing.
            Self::Sum if (one + other).is_nan() => 0.0,
            Self::Sum => one + other,
            Self::Min => {
                if other < one {
                    other
                } else {
                    one
                }
            }
            Self::Max => {
                if other > one {
                    other
                } else {
                    one
                }
            }
        }
    }
}

/// What a key holds, as it is while the command runs.
enum Members {
    None,
    Zset(Zset),
    Set(HashSet<Vec<u8>>),
}

/// A key with its weight.
struct Source {
    members: Members,
    weight: f64,
}

impl Source {
    fn len(&self) -> usize {
        match &self.members {
            Members::None => 0,
            Members::Zset(zset) => zset.as_ref().len(),
            Members::Set(set) => set.len(),
        }
    }

    /// The weighted score of a member.
    fn score(&self, member: &[u8]) -> Option<f64> {
        let score = match &self.members {
            Members::None => None,
            Members::Zset(zset) => zset.as_ref().score(member),
            Members::Set(set) => set.contains(member).then_some(1.0),
        };
        score.map(|score| self.weighted(score))
    }

    fn weighted(&self, score: f64) -> f64 {
        let weighted = score * self.weight;
        if weighted.is_nan() { 0.0 } else { weighted }
    }

    /// Hands all members with weighted scores to `f`, until it says that it has enough.
    fn each(&self, f: &mut dyn FnMut(&[u8], f64) -> bool) {
        match &self.members {
            Members::None => {}
            Members::Zset(zset) => {
                for (member, score) in zset.as_ref().iter() {
                    let score = self.weighted(score);
                    if !member.with_bytes(|member| f(member, score)) {
                        return;
                    }
                }
            }
            Members::Set(set) => {
                let score = self.weighted(1.0);
                let _ = set.iter().all(|member| f(member, score));
            }
        }
    }
}

/// The members of a set.
fn set_members(set: SetRef<'_>) -> HashSet<Vec<u8>> {
    set.iter().map(|member| member.to_cow().into_owned()).collect()
}

/// What one of the commands was asked for.
struct Request {
    sources: Vec<Source>,
    operation: Operation,
    aggregate: Aggregate,
    with_scores: bool,
    limit: usize,
}

/// What the command's name says.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    operation: Operation,
    /// Where the number of keys is.
    count_at: usize,
    stores: bool,
    counts: bool,
}

/// What the keys hold; `Err` is an error's text.
fn read_sources(ctx: &mut Ctx<'_>, args: &Args<'_>, form: Form) -> Result<Vec<Source>, String> {
    let count = integer_at(args, form.count_at)?;
    if count < 1 {
        return Err(format!("ERR at least 1 input key is needed for '{}' command", form.name));
    }
    let keys = args.from(form.count_at + 1);
    let count = usize::try_from(count).ok().filter(|&count| count <= keys.len()).ok_or(SYNTAX)?;
    let mut sources = Vec::new();
    for key in keys.iter().take(count) {
        let members =
            ctx.read(key, Use::Counts, |entry, _| match entry.map(|entry| entry.value()) {
                None => Some(Members::None),
                Some(Content::Collection(CollectionRef::Zset(zset))) => {
                    Some(Members::Zset(zset.to_zset(0)))
                }
                Some(Content::Collection(CollectionRef::Set(set))) => {
                    Some(Members::Set(set_members(set)))
                }
                Some(_) => None,
            });
        sources.push(Source { members: members.ok_or(WRONG_TYPE)?, weight: 1.0 });
    }
    Ok(sources)
}

/// Reads the command; `Err` is an error's text.
fn parse(ctx: &mut Ctx<'_>, args: &Args<'_>, form: Form) -> Result<Request, String> {
    let sources = read_sources(ctx, args, form)?;
    let count = sources.len();
    let mut request = Request {
        sources,
        operation: form.operation,
        aggregate: Aggregate::Sum,
        with_scores: false,
        limit: 0,
    };
    let combines = form.operation != Operation::Diff && !form.counts;
    let mut index = form.count_at + 1 + count;
    while index < args.len() {
        let rest = args.len() - index;
        if combines && rest > count && is_word(args, index, "WEIGHTS") {
            for (source, text) in request.sources.iter_mut().zip(args.from(index + 1).iter()) {
                source.weight = double::parse(text).ok_or(NO_FLOAT)?;
            }
            index += count;
        } else if combines && rest >= 2 && is_word(args, index, "AGGREGATE") {
            index += 1;
            request.aggregate = match () {
                () if is_word(args, index, "SUM") => Aggregate::Sum,
                () if is_word(args, index, "MIN") => Aggregate::Min,
                () if is_word(args, index, "MAX") => Aggregate::Max,
                () => return Err(SYNTAX.into()),
            };
        } else if !form.stores && !form.counts && is_word(args, index, "WITHSCORES") {
            request.with_scores = true;
        } else if form.counts && rest >= 2 && is_word(args, index, "LIMIT") {
            index += 1;
            let limit = args.get(index).and_then(parse_i64);
            let limit = limit.and_then(|limit| usize::try_from(limit).ok());
            request.limit = limit.ok_or(NEGATIVE_LIMIT)?;
        } else {
            return Err(SYNTAX.into());
        }
        index += 1;
    }
    Ok(request)
}

type Pairs = Vec<(Vec<u8>, f64)>;

impl Request {
    /// The pairs of the result, in no order; no more than the limit, if there is one.
    fn run(mut self) -> Pairs {
        if self.operation != Operation::Diff {
            self.sources.sort_by_key(Source::len);
        }
        match self.operation {
            Operation::Union => self.union(),
            Operation::Inter => self.filtered(|member, score, others| {
                others.iter().try_fold(score, |sum, other| {
                    Some(self.aggregate.of(sum, other.score(member)?))
                })
            }),
            Operation::Diff => self.filtered(|member, score, others| {
                others.iter().all(|other| other.score(member).is_none()).then_some(score)
            }),
        }
    }

    fn union(&self) -> Pairs {
        let mut all: HashMap<Vec<u8>, f64> = HashMap::new();
        for source in &self.sources {
            source.each(&mut |member, score| {
                match all.get_mut(member) {
                    Some(sum) => *sum = self.aggregate.of(*sum, score),
                    None => drop(all.insert(member.to_vec(), score)),
                }
                true
            });
        }
        all.into_iter().collect()
    }

    /// The members of the first key that `keep`, which gets the other keys, gives a score.
    fn filtered(&self, keep: impl Fn(&[u8], f64, &[Source]) -> Option<f64>) -> Pairs {
        let mut kept = Pairs::new();
        let Some((first, others)) = self.sources.split_first() else { return kept };
        first.each(&mut |member, score| {
            if let Some(score) = keep(member, score, others) {
                kept.push((member.to_vec(), score));
            }
            self.limit == 0 || kept.len() < self.limit
        });
        kept
    }
}

fn combine(ctx: &mut Ctx<'_>, args: &Args<'_>, name: &'static str, operation: Operation) {
    let form = Form { name, operation, count_at: 1, stores: false, counts: false };
    let request = match parse(ctx, args, form) {
        Ok(request) => request,
        Err(text) => return ctx.reply.error(text),
    };
    let with_scores = request.with_scores;
    let mut pairs = request.run();
    sort(&mut pairs);
    reply_head(pairs.len(), with_scores, ctx.reply);
    for (member, score) in &pairs {
        reply_pair(ValueRef::Bytes(member), *score, with_scores, ctx.reply);
    }
}

fn sort(pairs: &mut Pairs) {
    pairs.sort_by(|(one, one_score), (other, other_score)| {
        let by_score = one_score.partial_cmp(other_score).unwrap_or(std::cmp::Ordering::Equal);
        by_score.then_with(|| one.cmp(other))
    });
}

fn combine_and_store(ctx: &mut Ctx<'_>, args: &Args<'_>, name: &'static str, operation: Operation) {
    let form = Form { name, operation, count_at: 2, stores: true, counts: false };
    let request = match parse(ctx, args, form) {
        Ok(request) => request,
        Err(text) => return ctx.reply.error(text),
    };
    let mut pairs = request.run();
    sort(&mut pairs);
    let packing = ctx.keyspace.packing();
    let mut made = Zset::for_members(pairs.len() as u64, pairs.len(), packing);
    for (member, score) in &pairs {
        made.insert_new(member, *score, packing);
    }
    store(ctx, name, &args[1], made);
}

/// `ZUNION numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]`
pub(crate) fn zunion(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    combine(ctx, args, "zunion", Operation::Union);
}

/// `ZINTER numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]`
pub(crate) fn zinter(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    combine(ctx, args, "zinter", Operation::Inter);
}

/// `ZDIFF numkeys key [key ...] [WITHSCORES]`
pub(crate) fn zdiff(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    combine(ctx, args, "zdiff", Operation::Diff);
}

/// `ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX]`
pub(crate) fn zunionstore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    combine_and_store(ctx, args, "zunionstore", Operation::Union);
}

/// `ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX]`
pub(crate) fn zinterstore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    combine_and_store(ctx, args, "zinterstore", Operation::Inter);
}

/// `ZDIFFSTORE destination numkeys key [key ...]`
pub(crate) fn zdiffstore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    combine_and_store(ctx, args, "zdiffstore", Operation::Diff);
}

/// `ZINTERCARD numkeys key [key ...] [LIMIT limit]`
pub(crate) fn zintercard(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let operation = Operation::Inter;
    let form = Form { name: "zintercard", operation, count_at: 1, stores: false, counts: true };
    match parse(ctx, args, form) {
        Ok(request) => {
            let len = request.run().len();
            ctx.reply.integer(len as i64);
        }
        Err(text) => ctx.reply.error(text),
    }
}
