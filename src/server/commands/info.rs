//! INFO.

use super::Call;
use crate::engine::Flow;
use crate::server::info::{InfoCounters, sections};
use crate::server::report;

/// `INFO [section ...]`
pub fn info(call: Call<'_>) -> Flow {
    let wanted = sections(call.args.from(1).iter());
    let figures = report::figures(call.node, call.engine, &wanted);
    let observers = &call.node.observers;
    let config = call.node.config.borrow();
    let commands = observers.commands.borrow();
    let errors = observers.errors.borrow();
    let counters = InfoCounters {
        commands: &commands,
        command_name: &|number| observers.name(number),
        errors: &errors,
        percentiles: &config.latency_tracking_info_percentiles.0,
    };
    let text = figures.render(&wanted, &counters);
    call.session.out.reply.verbatim("txt", text.as_bytes());
    Flow::Continue
}
