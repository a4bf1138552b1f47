//! `HELP` of every command that has subcommands, told from the table.

use crate::command::ctx::Ctx;
use crate::command::spec::{Argument, ArgumentKind, Spec};
use crate::resp::Args;

/// `<container> HELP`
pub(crate) fn help(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(container) = ctx.table.lookup(&args[0]) else { return };
    let lines = lines_of(container);
    ctx.reply.array(lines.len());
    for line in &lines {
        ctx.reply.simple(line);
    }
}

/// The lines of help on a command's subcommands.
fn lines_of(container: &Spec) -> Vec<String> {
    let name = container.name.to_ascii_uppercase();
    let first = format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let mut lines = vec![first];
    let others = container.subcommands.iter().filter(|spec| spec.own_name() != "help");
    for spec in others {
        let mut line = spec.own_name().to_ascii_uppercase();
        for argument in spec.arguments {
            line.push(' ');
            line.push_str(&syntax_of(argument));
        }
        lines.push(line);
        lines.push(format!("    {}", spec.summary));
    }
    lines.push("HELP".to_string());
    lines.push("    Print this help.".to_string());
    lines
}

/// An argument as manuals write it: `[EX <seconds>]`.
fn syntax_of(argument: &Argument) -> String {
    let inner = |separator: &str| {
        let parts: Vec<String> = argument.arguments.iter().map(syntax_of).collect();
        parts.join(separator)
    };
    let value = match argument.kind {
        ArgumentKind::PureToken => String::new(),
        ArgumentKind::OneOf => inner(" | "),
        ArgumentKind::Block => inner(" "),
        _ => format!("<{}>", argument.name),
    };
    let mut text = match argument.token {
        Some(token) if value.is_empty() => token.to_string(),
        Some(token) => format!("{token} {value}"),
        None => value,
    };
    if argument.multiple {
        text = format!("{text} [{text} ...]");
    }
    let is_group = matches!(argument.kind, ArgumentKind::OneOf | ArgumentKind::Block);
    match (argument.optional, is_group) {
        (true, _) => format!("[{text}]"),
        (false, true) if argument.token.is_none() => format!("({text})"),
        (false, _) => text,
    }
}
