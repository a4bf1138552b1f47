//! `COMMAND` and its subcommands: the table, told to clients.

use super::{SYNTAX, is_word};
use crate::base::glob;
use crate::command::ctx::Ctx;
use crate::command::key_positions::{are_movable, fixed_positions, keys_of};
use crate::command::spec::{
    Argument, ArgumentKind, BeginSearch, Categories, FindKeys, Flags, KeySpec, Spec,
};
use crate::command::table::Table;
use crate::resp::{Args, Reply};

/// `COMMAND`
pub(crate) fn command(ctx: &mut Ctx<'_>, _args: &Args<'_>) {
    ctx.reply.array(ctx.table.len());
    for (name, spec) in ctx.table.iter() {
        reply_info(ctx.reply, name, spec);
    }
}

/// `COMMAND COUNT`
pub(crate) fn command_count(ctx: &mut Ctx<'_>, _args: &Args<'_>) {
    ctx.reply.integer(ctx.table.len() as i64);
}

/// `COMMAND INFO [name ...]`
pub(crate) fn command_info(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if args.len() == 2 {
        return command(ctx, args);
    }
    ctx.reply.array(args.len() - 2);
    for name in args.from(2).iter() {
        match ctx.table.lookup_full(name) {
            Some(spec) => reply_info(ctx.reply, shown_name(ctx.table, name, spec), spec),
            None => ctx.reply.null(),
        }
    }
}

/// A renamed command goes by its new name, its subcommands keep theirs.
fn shown_name<'t>(table: &'t Table, asked: &[u8], spec: &'static Spec) -> &'t [u8] {
    let named = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(asked));
    named.map_or(spec.name.as_bytes(), |(name, _)| name)
}

fn reply_names(reply: &mut Reply, prefix: &str, names: impl Iterator<Item = &'static str>) {
    let names: Vec<&str> = names.collect();
    reply.set(names.len());
    for name in names {
        reply.simple(&format!("{prefix}{name}"));
    }
}

/// One command as `COMMAND INFO` describes it.
fn reply_info(reply: &mut Reply, name: &[u8], spec: &Spec) {
    reply.array(10);
    reply.bulk(name);
    reply.integer(i64::from(spec.arity));
    let movable = if are_movable(spec) { Flags::MOVABLEKEYS } else { Flags::NONE };
    // Redis keeps this one to itself.
    let told = spec.flags.without(Flags::MAY_REPLICATE);
    reply_names(reply, "", (told | movable).names());
    let (first, last, step) = fixed_positions(spec);
    for position in [first, last, step] {
        reply.integer(i64::from(position));
    }
    reply_names(reply, "@", spec.categories.names());
    reply.set(spec.tips.len());
    for tip in spec.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(spec.keys.len());
    for keys in spec.keys {
        reply_key_spec(reply, keys);
    }
    match spec.subcommands.len() {
        // An empty set and a full array, as in Redis.
        0 => reply.set(0),
        len => reply.array(len),
    }
    for subcommand in spec.subcommands {
        reply_info(reply, subcommand.name.as_bytes(), subcommand);
    }
}

fn reply_key_spec(reply: &mut Reply, keys: &KeySpec) {
    reply.map(3);
    reply.bulk(b"flags");
    reply_names(reply, "", keys.flags.names());
    reply.bulk(b"begin_search");
    let (kind, fields): (&str, Vec<(&str, Field<'_>)>) = match keys.begin {
        BeginSearch::Index(index) => ("index", vec![("index", Field::Number(index))]),
        BeginSearch::Keyword(word, from) => {
            ("keyword", vec![("keyword", Field::Text(word)), ("startfrom", Field::Number(from))])
        }
        BeginSearch::Unknown => ("unknown", Vec::new()),
    };
    reply_search(reply, kind, &fields);
    reply.bulk(b"find_keys");
    let (kind, fields) = match keys.find {
        FindKeys::Range { last, step, limit } => {
            ("range", vec![("lastkey", last), ("keystep", step), ("limit", limit)])
        }
        FindKeys::KeyNum { count_at, first, step } => {
            ("keynum", vec![("keynumidx", count_at), ("firstkey", first), ("keystep", step)])
        }
        FindKeys::Unknown => ("unknown", Vec::new()),
    };
    let fields: Vec<_> = fields.into_iter().map(|(name, n)| (name, Field::Number(n))).collect();
    reply_search(reply, kind, &fields);
}

enum Field<'a> {
    Number(i32),
    Text(&'a str),
}

fn reply_search(reply: &mut Reply, kind: &str, fields: &[(&str, Field<'_>)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields.len());
    for (name, field) in fields {
        reply.bulk(name.as_bytes());
        match field {
            Field::Number(number) => reply.integer(i64::from(*number)),
            Field::Text(text) => reply.bulk(text.as_bytes()),
        }
    }
}

/// `COMMAND DOCS [name ...]`
pub(crate) fn command_docs(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let asked: Vec<(&[u8], &'static Spec)> = if args.len() == 2 {
        ctx.table.iter().collect()
    } else {
        let known = |name| {
            let spec = ctx.table.lookup_full(name)?;
            Some((shown_name(ctx.table, name, spec), spec))
        };
        args.from(2).iter().filter_map(known).collect()
    };
    ctx.reply.map(asked.len());
    for (name, spec) in asked {
        ctx.reply.bulk(name);
        reply_docs(ctx.reply, spec);
    }
}

/// A map whose length is not known before it is whole.
struct Fields<'r> {
    reply: &'r mut Reply,
    inner: Reply,
    len: usize,
}

impl<'r> Fields<'r> {
    fn new(reply: &'r mut Reply) -> Self {
        let inner = Reply::new(reply.protocol);
        Self { reply, inner, len: 0 }
    }

    /// The place for the value of a field.
    fn field(&mut self, name: &str) -> &mut Reply {
        self.len += 1;
        self.inner.bulk(name.as_bytes());
        &mut self.inner
    }

    fn text(&mut self, name: &str, value: &str) {
        self.field(name).bulk(value.as_bytes());
    }

    fn finish(self) {
        self.reply.map(self.len);
        self.reply.raw(&self.inner.buffer);
    }
}

/// One command as `COMMAND DOCS` describes it.
fn reply_docs(reply: &mut Reply, spec: &Spec) {
    let mut fields = Fields::new(reply);
    fields.text("summary", spec.summary);
    fields.text("since", spec.since);
    fields.text("group", spec.group.name());
    if !spec.complexity.is_empty() {
        fields.text("complexity", spec.complexity);
    }
    let flags = [(spec.deprecated.is_some(), "deprecated"), (spec.internal, "syscmd")];
    if flags.iter().any(|(is_set, _)| *is_set) {
        let names = flags.into_iter().filter_map(|(is_set, name)| is_set.then_some(name));
        reply_names(fields.field("doc_flags"), "", names);
    }
    if let Some((since, instead)) = spec.deprecated {
        fields.text("deprecated_since", since);
        fields.text("replaced_by", instead);
    }
    if !spec.arguments.is_empty() {
        reply_arguments(fields.field("arguments"), spec.arguments);
    }
    if !spec.subcommands.is_empty() {
        let reply = fields.field("subcommands");
        reply.map(spec.subcommands.len());
        for subcommand in spec.subcommands {
            reply.bulk(subcommand.name.as_bytes());
            reply_docs(reply, subcommand);
        }
    }
    fields.finish();
}

fn reply_arguments(reply: &mut Reply, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        let mut fields = Fields::new(reply);
        fields.text("name", argument.name);
        fields.text("type", argument.kind.name());
        if !matches!(argument.kind, ArgumentKind::OneOf | ArgumentKind::Block) {
            fields.text("display_text", argument.name);
        }
        if let Some(key_spec) = argument.key_spec {
            fields.field("key_spec_index").integer(i64::from(key_spec));
        }
        if let Some(token) = argument.token {
            fields.text("token", token);
        }
        if let Some(version) = argument.since {
            fields.text("since", version);
        }
        if let Some(version) = argument.deprecated_since {
            fields.text("deprecated_since", version);
        }
        let flags = [
            (argument.optional, "optional"),
            (argument.multiple, "multiple"),
            (argument.multiple_token, "multiple_token"),
        ];
        if flags.iter().any(|(is_set, _)| *is_set) {
            let names = flags.into_iter().filter_map(|(is_set, name)| is_set.then_some(name));
            reply_names(fields.field("flags"), "", names);
        }
        if !argument.arguments.is_empty() {
            reply_arguments(fields.field("arguments"), argument.arguments);
        }
        fields.finish();
    }
}

/// Which commands `COMMAND LIST` tells.
#[derive(Clone, Copy)]
enum Listed<'a> {
    All,
    None,
    Matching(&'a [u8]),
    In(Categories),
}

impl<'a> Listed<'a> {
    fn parse(args: &Args<'a>) -> Option<Self> {
        match (args.len(), args.get(4)) {
            (2, _) => Some(Self::All),
            (5, Some(value)) if is_word(args, 2, "FILTERBY") => {
                if is_word(args, 3, "PATTERN") {
                    Some(Self::Matching(value))
                } else if is_word(args, 3, "ACLCAT") {
                    Some(Categories::by_name(value).map_or(Self::None, Self::In))
                } else {
                    // There are no modules, so none of their commands are there either.
                    is_word(args, 3, "MODULE").then_some(Self::None)
                }
            }
            _ => None,
        }
    }

    fn has(self, name: &[u8], spec: &Spec) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Matching(pattern) => glob::matches_ignore_case(pattern, name),
            Self::In(category) => spec.categories.has(category),
        }
    }
}

/// `COMMAND LIST [FILTERBY (MODULE name | ACLCAT category | PATTERN pattern)]`
pub(crate) fn command_list(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(listed) = Listed::parse(args) else {
        return ctx.reply.error(SYNTAX);
    };
    let mut names: Vec<&[u8]> = Vec::new();
    for (name, spec) in ctx.table.iter() {
        names.extend(listed.has(name, spec).then_some(name));
        let subcommands =
            spec.subcommands.iter().filter(|sub| listed.has(sub.name.as_bytes(), sub));
        names.extend(subcommands.map(|sub| sub.name.as_bytes()));
    }
    ctx.reply.array(names.len());
    for name in names {
        ctx.reply.bulk(name);
    }
}

/// The command that the arguments from the third on ask for, and these; or an answer.
fn inner_command<'a>(ctx: &mut Ctx<'_>, args: &Args<'a>) -> Option<(&'static Spec, Args<'a>)> {
    let inner = args.from(2);
    let named = ctx.table.lookup(&inner[0]);
    let spec = named.and_then(|spec| match inner.get(1) {
        Some(own) if !spec.subcommands.is_empty() => spec.subcommand(own),
        _ => Some(spec),
    });
    let text = match spec {
        None => "ERR Invalid command specified",
        Some(spec) if !spec.has_keys() => "ERR The command has no key arguments",
        Some(spec) if !spec.accepts(inner.len()) => {
            "ERR Invalid number of arguments specified for command"
        }
        Some(spec) => return Some((spec, inner)),
    };
    ctx.reply.error(text);
    None
}

/// `COMMAND GETKEYS command [argument ...]`
pub(crate) fn command_getkeys(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    get_keys(ctx, args, false);
}

/// `COMMAND GETKEYSANDFLAGS command [argument ...]`
pub(crate) fn command_getkeysandflags(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    get_keys(ctx, args, true);
}

fn get_keys(ctx: &mut Ctx<'_>, args: &Args<'_>, with_flags: bool) {
    let Some((spec, inner)) = inner_command(ctx, args) else { return };
    let keys = keys_of(spec, &inner);
    if keys.is_empty() && !spec.flags.has(Flags::NO_MANDATORY_KEYS) {
        return ctx.reply.error("ERR Invalid arguments specified for command");
    }
    ctx.reply.array(keys.len());
    for key in keys {
        if with_flags {
            ctx.reply.array(2);
        }
        ctx.reply.bulk(&inner[key.index]);
        if with_flags {
            reply_names(ctx.reply, "", key.flags.names());
        }
    }
}
