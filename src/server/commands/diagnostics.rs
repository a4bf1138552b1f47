//! SLOWLOG, LATENCY, MONITOR, TIME: what the observers have seen.

use super::Call;
use crate::engine::Flow;
use crate::engine::session::ClientKind;
use crate::server::slowlog::parse_count;

/// `SLOWLOG GET [count]`
pub fn slowlog_get(call: Call<'_>) -> Flow {
    let reply = &mut call.session.out.reply;
    if call.args.len() > 3 {
        let text = "unknown subcommand or wrong number of arguments for";
        let name = &call.args[1];
        reply.error([b"ERR ", text.as_bytes(), b" '", name, b"'. Try SLOWLOG HELP."].concat());
        return Flow::Continue;
    }
    match parse_count(call.args.get(2)) {
        Ok(count) => call.node.observers.slowlog.borrow().reply_get(count, reply),
        Err(text) => reply.error(text),
    }
    Flow::Continue
}

/// `SLOWLOG LEN`
pub fn slowlog_len(mut call: Call<'_>) -> Flow {
    let len = call.node.observers.slowlog.borrow().len();
    call.reply().integer(len as i64);
    Flow::Continue
}

/// `SLOWLOG RESET`
pub fn slowlog_reset(mut call: Call<'_>) -> Flow {
    call.node.observers.slowlog.borrow_mut().reset();
    call.reply().ok();
    Flow::Continue
}

/// `LATENCY LATEST`
pub fn latency_latest(call: Call<'_>) -> Flow {
    call.node.observers.latency.borrow().reply_latest(&mut call.session.out.reply);
    Flow::Continue
}

/// `LATENCY HISTORY event`
pub fn latency_history(call: Call<'_>) -> Flow {
    let reply = &mut call.session.out.reply;
    call.node.observers.latency.borrow().reply_history(&call.args[2], reply);
    Flow::Continue
}

/// `LATENCY RESET [event ...]`
pub fn latency_reset(mut call: Call<'_>) -> Flow {
    let events = call.args.from(2);
    let forgotten = call.node.observers.latency.borrow_mut().reset(events.iter());
    call.reply().integer(forgotten as i64);
    Flow::Continue
}

/// `LATENCY GRAPH event`
pub fn latency_graph(call: Call<'_>) -> Flow {
    let (event, now_s) = (&call.args[2], call.engine.now_ms / 1000);
    let reply = &mut call.session.out.reply;
    match call.node.observers.latency.borrow().graph(event, now_s) {
        Some(text) => reply.verbatim("txt", text.as_bytes()),
        None => reply.error([b"ERR No samples available for event '", event, b"'"].concat()),
    }
    Flow::Continue
}

/// `LATENCY DOCTOR`
pub fn latency_doctor(call: Call<'_>) -> Flow {
    let threshold_ms = call.node.config.borrow().latency_monitor_threshold;
    let latency = call.node.observers.latency.borrow();
    let text = latency.doctor(call.engine.now_ms / 1000, threshold_ms);
    call.session.out.reply.verbatim("txt", text.as_bytes());
    Flow::Continue
}

/// `LATENCY HISTOGRAM [command ...]`
pub fn latency_histogram(call: Call<'_>) -> Flow {
    let observers = &call.node.observers;
    let named = call.args.from(2);
    let table = call.engine.table();
    let numbers: Vec<usize> = named
        .iter()
        .filter_map(|name| table.lookup_full(name))
        .flat_map(|spec| std::iter::once(spec).chain(spec.subcommands))
        .filter_map(|spec| observers.number(spec))
        .collect();
    let only = (!named.is_empty()).then_some(numbers.as_slice());
    let reply = &mut call.session.out.reply;
    observers.commands.borrow().reply_histogram(only, |n| observers.name(n), reply);
    Flow::Continue
}

/// `MONITOR`
pub fn monitor(mut call: Call<'_>) -> Flow {
    // Said twice it is passed over in silence, as by Redis.
    if call.session.card.kind.get() == ClientKind::Normal {
        call.session.card.kind.set(ClientKind::Monitor);
        call.node.observers.monitors.add(call.session.id());
        call.reply().ok();
    }
    Flow::Continue
}

/// `TIME`
pub fn time(mut call: Call<'_>) -> Flow {
    let now_us = call.engine.clock.unix_us();
    let reply = call.reply();
    reply.array(2);
    reply.bulk_integer((now_us / 1_000_000) as i64);
    reply.bulk_integer((now_us % 1_000_000) as i64);
    Flow::Continue
}
