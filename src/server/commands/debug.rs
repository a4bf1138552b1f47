//! DEBUG: what tests need and operators should not.

use std::fmt::Write as _;
use std::time::Duration;

use super::config::{is_local, write_all_out};
use super::{Call, debug_protocol, is_word, wrong_subcommand};
use crate::base::number::parse_i64;
use crate::engine::Flow;
use crate::rdb::digest::Digest;
use crate::rdb::dump::push_payload;
use crate::server::config::choices::Permission;
use crate::server::reload;

/// Bytes that a dump payload has beside the value: version and checksum.
const PAYLOAD_FOOTER_LEN: usize = 10;
/// Keys of POPULATE between two commits, so that the log's head stays small.
const POPULATE_COMMIT_KEYS: u64 = 10_000;

const NOT_ALLOWED: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \
\"local\", you can run it from a local connection, otherwise you need to set this option in the \
configuration file, and then restart the server.";

const HELP: &[&str] = &[
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANGE-REPL-ID",
    "    Begin another replication history: replicas need a full sync.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Write every directive to the configuration file, those with their defaults too.",
    "DIGEST",
    "    Tell a fingerprint of all data, the same as that of Redis.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Tell the fingerprints of values.",
    "ERROR <text>",
    "    Answer this error.",
    "LOADAOF",
    "    Bring the log to disk and load snapshot and log again.",
    "LOG <message>",
    "    Write a line to the server's log.",
    "OBJECT <key>",
    "    Tell about a value and how it is held.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Add <count> strings named <prefix>:<n>, or key:<n>, of <size> bytes.",
    "PROTOCOL <type>",
    "    Answer as a test: string, integer, double, bignum, null, array, set, map,",
    "    attrib, push, verbatim, true or false.",
    "RELOAD [NOFLUSH] [MERGE]",
    "    Take a snapshot and load it again.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Delete expired keys in the background or not.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Let RESTORE take payloads whose checksum is wrong, to test what else is looked at.",
    "SLEEP <seconds>",
    "    Stop everything for a while; fractions are allowed.",
    "HELP",
    "    Print this help.",
];

/// `DEBUG subcommand ...`
pub fn debug(mut call: Call<'_>) -> Flow {
    let allowed = match call.node.config.borrow().enable_debug_command {
        Permission::Yes => true,
        Permission::Local => is_local(&call.session.card.peer),
        Permission::No => false,
    };
    if !allowed {
        call.reply().error(NOT_ALLOWED);
        return Flow::Continue;
    }
    let args = call.args;
    let (subcommand, count) = (&args[1], args.len());
    let is = |word: &str| is_word(subcommand, word);
    match () {
        () if is("help") && count == 2 => {
            call.reply().array(HELP.len());
            HELP.iter().for_each(|line| call.reply().simple(line));
        }
        () if is("sleep") && count == 3 => sleep(&mut call),
        () if is("digest") && count == 2 => {
            let digest = Digest::of_keyspace(&call.engine.keyspace);
            call.reply().simple(&digest.to_string());
        }
        () if is("digest-value") => digest_values(&mut call),
        () if is("object") && (count == 3 || count == 4) => object(&mut call),
        () if is("set-active-expire") && count == 3 => {
            let on = parse_i64(&args[2]).is_some_and(|number| number != 0);
            call.node.rounds.active_expire.set(on);
            call.reply().ok();
        }
        () if is("set-skip-checksum-validation") && count == 3 => {
            let on = parse_i64(&args[2]).is_some_and(|number| number != 0);
            call.engine.settings.payload_checksums_skipped = on;
            call.reply().ok();
        }
        () if is("populate") && (3..=5).contains(&count) => populate(&mut call),
        () if is("protocol") && count == 3 => debug_protocol::protocol(&mut call),
        () if is("reload") => reload(&mut call),
        () if is("loadaof") && count == 2 => load_log(&mut call),
        () if is("change-repl-id") && count == 2 => match call.node.change_replid(call.engine) {
            Ok(()) => call.reply().ok(),
            Err(reason) => call.reply().error(format!("ERR {reason}")),
        },
        () if is("config-rewrite-force-all") && count == 2 => write_all_out(&mut call),
        () if is("error") && count == 3 => call.session.out.reply.error(&args[2]),
        () if is("log") && count == 3 => {
            tracing::warn!("DEBUG LOG: {}", args[2].escape_ascii());
            call.reply().ok();
        }
        () => {
            call.reply().error(wrong_subcommand("DEBUG", subcommand));
        }
    }
    Flow::Continue
}

fn sleep(call: &mut Call<'_>) {
    let seconds = std::str::from_utf8(&call.args[2]).ok().and_then(|text| text.parse::<f64>().ok());
    // What is no number, or none that makes sense, is no time at all, as for Redis.
    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).unwrap_or_default();
    std::thread::sleep(duration);
    call.reply().ok();
}

fn digest_values(call: &mut Call<'_>) {
    let keys = call.args.from(2);
    call.reply().array(keys.len());
    for key in keys.iter() {
        let keyspace = &call.engine.keyspace;
        let entry = keyspace.db(call.session.db).get(keyspace.hash(key), key);
        let digest = entry.map_or_else(Digest::default, Digest::of_value);
        call.reply().simple(&digest.to_string());
    }
}

fn object(call: &mut Call<'_>) {
    let key = &call.args[2];
    let keyspace = &call.engine.keyspace;
    let Some(entry) = keyspace.db(call.session.db).get(keyspace.hash(key), key) else {
        call.reply().error("ERR no such key");
        return;
    };
    let mut payload = Vec::new();
    push_payload(&mut payload, &entry.value(), None);
    let serialized_len = payload.len().saturating_sub(PAYLOAD_FOOTER_LEN + 1);
    let aging = call.engine.settings.aging;
    let mut text = String::new();
    // Writing to a String cannot fail. The address of an entry is nobody's business.
    let _ = write!(
        text,
        "Value at:0x0 refcount:{} encoding:{} serializedlength:{serialized_len} lru:{} \
         lru_seconds_idle:{}",
        entry.value().reference_count(),
        entry.encoding(),
        entry.access(),
        aging.idle_seconds(entry.access(), call.engine.now_ms),
    );
    call.reply().simple(&text);
}

fn populate(call: &mut Call<'_>) {
    let number = |index: usize| match call.args.get(index) {
        None => Ok(None),
        Some(text) => match parse_i64(text).and_then(|n| u64::try_from(n).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err("ERR value is out of range, must be positive"),
        },
    };
    let (count, size) = match (number(2), number(4)) {
        (Ok(Some(count)), Ok(size)) => (count, size),
        (Err(text), _) | (_, Err(text)) => {
            call.reply().error(text);
            return;
        }
        (Ok(None), _) => return,
    };
    let len_max = call.node.config.borrow().proto_max_bulk_len;
    let size = size.filter(|&len| len > 0).map(|len| len.min(len_max) as usize);
    let prefix = call.args.get(3).unwrap_or(b"key");
    let mut key = Vec::new();
    let mut value = Vec::new();
    for n in 0..count {
        key.clear();
        key.extend_from_slice(prefix);
        // Writing to a Vec cannot fail.
        let _ = std::io::Write::write_fmt(&mut key, format_args!(":{n}"));
        value.clear();
        let _ = std::io::Write::write_fmt(&mut value, format_args!("value:{n}"));
        if let Some(len) = size {
            value.resize(len, 0);
        }
        call.engine.add_string(call.session.db, &key, &value);
        if n % POPULATE_COMMIT_KEYS == 0 {
            call.engine.commit();
        }
    }
    call.reply().ok();
}

fn reload(call: &mut Call<'_>) {
    let known = ["noflush", "merge"];
    for word in call.args.from(2).iter() {
        if is_word(word, "nosave") {
            call.reply().error("ERR DEBUG RELOAD NOSAVE would lose what the log holds");
            return;
        }
        if !known.iter().any(|known| is_word(word, known)) {
            call.reply()
                .error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
            return;
        }
    }
    match reload::from_snapshot(call.node, call.engine) {
        Ok(()) => {
            tracing::warn!("DB reloaded by DEBUG RELOAD");
            call.reply().ok();
        }
        Err(reason) => {
            tracing::warn!(%reason, "DEBUG RELOAD failed; the data in memory stays");
            call.reply().error("ERR Error trying to load the RDB dump, check server logs.");
        }
    }
}

fn load_log(call: &mut Call<'_>) {
    match reload::from_log(call.node, call.engine) {
        Ok(()) => {
            tracing::warn!("Append Only File loaded by DEBUG LOADAOF");
            call.reply().ok();
        }
        Err(reason) => {
            tracing::warn!(%reason, "DEBUG LOADAOF failed; the data in memory stays");
            call.reply().error("ERR Error trying to load the AOF files, check server logs.");
        }
    }
}
