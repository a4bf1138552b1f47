//! CONFIG GET, SET, REWRITE and RESETSTAT.

use super::Call;
use crate::engine::{Flow, Peer};
use crate::server::config::rewrite::{rewrite, rewrite_all};
use crate::server::effects;

/// `CONFIG GET pattern ...`
pub fn get(call: Call<'_>) -> Flow {
    let found = call.node.config.borrow().get(call.args.from(2).iter());
    let reply = &mut call.session.out.reply;
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    Flow::Continue
}

/// `CONFIG SET name value ...`
pub fn set(mut call: Call<'_>) -> Flow {
    let pairs: Vec<&[u8]> = call.args.from(2).iter().collect();
    let old = call.node.config.borrow().clone();
    let result = old.prepare(&pairs, is_local(&call.session.card.peer)).and_then(|prepared| {
        prepared.apply(&old, |effect, before, after| {
            effects::apply(call.node, call.engine, effect, before, after)
        })
    });
    match result {
        Ok(config) => {
            call.node.config.replace(config);
            call.node.refresh_guards(call.engine);
            call.reply().ok();
        }
        Err(error) => call.reply().error(error.to_string()),
    }
    Flow::Continue
}

/// Whether a client is on this machine.
pub fn is_local(peer: &Peer) -> bool {
    match peer {
        Peer::Tcp(remote, _) => remote.ip().to_canonical().is_loopback(),
        Peer::Unix(_) => true,
    }
}

/// `CONFIG REWRITE`
pub fn rewrite_file(mut call: Call<'_>) -> Flow {
    let Some(path) = &call.node.config_file else {
        call.reply().error("ERR The server is running without a config file");
        return Flow::Continue;
    };
    let result = rewrite(&*call.node.storage, path, &call.node.config.borrow());
    match result {
        Ok(_) => {
            tracing::info!(path = %path.display(), "CONFIG REWRITE executed with success.");
            call.reply().ok();
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "CONFIG REWRITE failed");
            call.reply().error(format!("ERR Rewriting config file: {error}"));
        }
    }
    Flow::Continue
}

/// `DEBUG CONFIG-REWRITE-FORCE-ALL`
pub fn write_all_out(call: &mut Call<'_>) {
    let Some(path) = &call.node.config_file else {
        call.reply().error("ERR The server is running without a config file");
        return;
    };
    match rewrite_all(&*call.node.storage, path, &call.node.config.borrow()) {
        Ok(_) => call.reply().ok(),
        Err(error) => call.reply().error(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {error}")),
    }
}

/// `CONFIG RESETSTAT`
pub fn reset_stat(mut call: Call<'_>) -> Flow {
    call.node.reset_figures(call.engine);
    call.reply().ok();
    Flow::Continue
}
