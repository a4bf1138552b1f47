//! SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE.

use super::{Call, SYNTAX, is_word};
use crate::engine::Flow;
use crate::engine::snapshot::SnapshotError;
use crate::server::snapshots::Purpose;

const SAVING: &str = "ERR Background save already in progress";
const REWRITING: &str = "ERR Background append only file rewriting already in progress";
const OTHER: &str = "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE \
SCHEDULE in order to schedule a BGSAVE whenever possible.";

/// `SAVE`
pub fn save(mut call: Call<'_>) -> Flow {
    match call.node.snapshot_now(call.engine) {
        Ok(_) => call.reply().ok(),
        Err(SnapshotError::Busy) => call.reply().error(SAVING),
        Err(error) => call.reply().error(format!("ERR {error}")),
    }
    Flow::Continue
}

/// `BGSAVE [SCHEDULE]`
pub fn bgsave(mut call: Call<'_>) -> Flow {
    let schedule = match call.args.get(1) {
        None => false,
        Some(word) if is_word(word, "schedule") && call.args.len() == 2 => true,
        Some(_) => {
            call.reply().error(SYNTAX);
            return Flow::Continue;
        }
    };
    match call.node.snapshots.running.get() {
        Some(Purpose::Save) => call.reply().error(SAVING),
        Some(Purpose::Rewrite) if schedule => {
            call.node.snapshots.saves.scheduled.set(true);
            call.reply().simple("Background saving scheduled");
        }
        Some(Purpose::Rewrite) => call.reply().error(OTHER),
        None => begin(&mut call, Purpose::Save, "Background saving started"),
    }
    Flow::Continue
}

/// `BGREWRITEAOF`
pub fn bgrewriteaof(mut call: Call<'_>) -> Flow {
    match call.node.snapshots.running.get() {
        Some(Purpose::Rewrite) => call.reply().error(REWRITING),
        Some(Purpose::Save) => {
            call.node.snapshots.rewrites.scheduled.set(true);
            call.reply().simple("Background append only file rewriting scheduled");
        }
        None => begin(&mut call, Purpose::Rewrite, "Background append only file rewriting started"),
    }
    Flow::Continue
}

fn begin(call: &mut Call<'_>, purpose: Purpose, answer: &str) {
    match call.node.begin_snapshot(call.engine, purpose) {
        Ok(()) => call.reply().simple(answer),
        Err(error) => call.reply().error(format!("ERR {error}")),
    }
}

/// `LASTSAVE`
pub fn lastsave(mut call: Call<'_>) -> Flow {
    let last_s = call.node.snapshots.last_save_s.get();
    call.reply().integer(last_s as i64);
    Flow::Continue
}
