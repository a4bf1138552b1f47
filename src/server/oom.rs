//! `oom-score-adj`: how ready the kernel is to end this process when the machine is out of memory.

use std::cell::Cell;
use std::io;

use super::config::Config;
use super::config::choices::OomScoreAdj;
use super::process;

/// Bounds of the kernel's scores; beyond them is taken for the bound, as in Redis.
const SCORE_MIN: i32 = -1000;
const SCORE_MAX: i32 = 1000;

/// The score of this process.
#[derive(Debug, Default)]
pub struct OomScore {
    /// What it was before the first change, as long as the directive is on.
    before: Cell<Option<i32>>,
}

impl OomScore {
    /// Gives the process the score that the configuration asks for in this role; the one it had before
    /// when it asks for none any more.
    ///
    /// # Errors
    /// The system has no such scores, or does not let: a lower one takes a privilege.
    pub fn adjust(&self, config: &Config, is_replica: bool) -> io::Result<()> {
        let mode = config.oom_score_adj;
        let before = match self.before.get() {
            Some(before) => before,
            None if mode == OomScoreAdj::No => return Ok(()),
            None => process::oom_score()?,
        };
        let [master, replica, _] = config.oom_score_adj_values.0;
        let own = if is_replica { replica } else { master };
        let score = match mode {
            OomScoreAdj::No => before,
            OomScoreAdj::Absolute => own,
            OomScoreAdj::Yes | OomScoreAdj::Relative => before.saturating_add(own),
        };
        process::set_oom_score(score.clamp(SCORE_MIN, SCORE_MAX))?;
        self.before.set((mode != OomScoreAdj::No).then_some(before));
        Ok(())
    }
}
