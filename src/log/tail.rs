//! What the end of the last segment means: the rows of the decision table that concern bytes.
//!
//! A writer that dies leaves a prefix of what it wrote; a machine that dies leaves any of the unsynced
//! pages and not the others. Bytes that a sync had covered are another matter: where they do not fit,
//! the disk has lost what was acknowledged, and nothing may be trimmed. See data/README.md.

use super::LogError;
use super::cursor::{Step, begins_foreign_session};
use super::filler;
use super::header::{FRAME_HEADER_LEN, FrameHeader, MARK};
use super::lockfile::SyncPolicy;
use super::window::Window;
use crate::base::Offset;
use crate::base::limits::FRAME_PAYLOAD_LEN_MAX;

/// Prepared files are multiples of this many bytes: another server's appends after one begin there.
pub(crate) const FILL_UNIT: u64 = 4096;
/// Bytes read at a time.
const SCAN_LEN: usize = 64 * 1024;

/// How the server before this one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There was none.
    New,
    /// It stopped cleanly.
    Clean,
    /// Its process died; everything it wrote is there.
    Killed,
    /// Its machine lost power, or nothing is known of it. Under `always` nothing that anyone saw is
    /// lost; under the other policies it may be.
    MachineLost {
        /// The policy it ran under.
        policy: SyncPolicy,
    },
}

impl Ending {
    /// Whether others may have seen writes that are lost, so that the history needs a new name.
    pub fn may_have_lost_writes(self) -> bool {
        matches!(self, Self::MachineLost { policy } if policy != SyncPolicy::Always)
    }
}

/// What to make of the end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The log ends here; what follows is filler or nothing.
    Whole,
    /// What follows was never durable: it goes.
    Torn(&'static str),
    /// Another server's commands begin at this position.
    Foreign(u64),
    /// What follows was durable and is not what was written.
    Damaged(&'static str),
}

/// What was found after the last whole frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Whole frames of this segment further on.
    pub whole_frames: u64,
    /// The greatest length that one of them states as durable.
    pub synced_len_max: u64,
    /// One past the last byte that is neither filler nor zero; the position asked about when none.
    pub content_end: u64,
    /// Where plain commands begin after nothing but filler.
    pub foreign_at: Option<u64>,
    /// What looks like frames was too much to check.
    pub unclear: bool,
}

/// The facts a verdict rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub ending: Ending,
    /// Length of the segment that a clean stop noted.
    pub clean_len: Option<u64>,
    /// Where the last whole frame ends.
    pub position: u64,
    /// What the cursor said there.
    pub step: Step,
    /// Where the broken frame would end, if its header can be read.
    pub frame_end: Option<u64>,
    /// Whether the broken frame is whole but for a length that its header states.
    pub is_whole_but_for_a_length: bool,
    pub evidence: Evidence,
}

/// Decides what the end of a segment means.
pub(crate) fn judge(facts: &Facts) -> Verdict {
    let Facts { position, step, evidence, .. } = *facts;
    let what = match step {
        Step::Broken(what) => what,
        _ => "a frame is missing: there is filler in its place",
    };
    let nothing_follows = evidence.content_end <= position;
    if let Some(clean_len) = facts.clean_len.filter(|len| position <= *len) {
        return match step {
            _ if position < clean_len && step == Step::EndOfFile => {
                Verdict::Damaged("the file is shorter than when the server stopped")
            }
            _ if position < clean_len => Verdict::Damaged(what),
            Step::Foreign => Verdict::Foreign(position),
            _ if nothing_follows => Verdict::Whole,
            _ => match evidence.foreign_at {
                Some(at) if evidence.whole_frames == 0 => Verdict::Foreign(at),
                _ => Verdict::Damaged("the file is longer than when the server stopped"),
            },
        };
    }
    if step == Step::Foreign {
        return Verdict::Foreign(position);
    }
    if nothing_follows {
        return Verdict::Whole;
    }
    if evidence.synced_len_max > position || facts.is_whole_but_for_a_length {
        return Verdict::Damaged(what);
    }
    if evidence.unclear {
        return Verdict::Damaged(
            "too much after it looks like frames to tell a torn end from damage",
        );
    }
    if let (Some(at), 0) = (evidence.foreign_at, evidence.whole_frames) {
        return Verdict::Foreign(at);
    }
    if facts.ending == Ending::Killed && !is_prefix(facts) {
        return Verdict::Damaged(what);
    }
    Verdict::Torn(what)
}

/// Whether what follows can be the front of a write that a killed process did not finish.
fn is_prefix(facts: &Facts) -> bool {
    let Facts { position, step, evidence, .. } = *facts;
    if evidence.whole_frames > 0 || step == Step::Filler {
        return false;
    }
    let end = facts.frame_end.unwrap_or(position + FRAME_HEADER_LEN as u64);
    // Headers and commands end in '\n': where filler does too, the last byte tells nothing.
    let needed = if end.is_multiple_of(filler::LINE_LEN) { end - 1 } else { end };
    evidence.content_end < needed
}

/// Looks through everything after `position` for frames of the segment with checksum seed `seed` that
/// starts at offset `start`.
pub(crate) fn gather(
    window: &mut Window,
    position: u64,
    seed: u32,
    start: Offset,
) -> Result<Evidence, LogError> {
    let file_len = window.file_len();
    let mut evidence = Evidence { content_end: position, ..Evidence::default() };
    // Bytes of values can imitate headers, so the work of checking them is bounded.
    let mut budget = file_len.saturating_mul(8);
    let mut at = position;
    let mut only_filler = true;
    while at < file_len {
        let chunk = window.peek(at, SCAN_LEN)?;
        if chunk.is_empty() {
            break;
        }
        let chunk_len = chunk.len() as u64;
        let first_other = filler::first_other(chunk, at).filter(|_| only_filler);
        if let Some(index) = last_content(chunk, at) {
            evidence.content_end = at + index as u64 + 1;
        }
        let candidates: Vec<u64> = marks(chunk).map(|index| at + index as u64).collect();
        if let Some(index) = first_other {
            only_filler = false;
            // A note of Redis's begins with the byte that filler has there, too.
            let first = at + index as u64;
            let line = first - first % filler::LINE_LEN;
            let is_boundary = line.is_multiple_of(FILL_UNIT) && line > position;
            // A page of ours can begin with a command as well, where those before it were lost. But
            // ours does not select a database there, and has filler behind it.
            if is_boundary
                && begins_foreign_session(window.peek(line, SCAN_LEN)?)
                && !ends_in_filler(window)?
            {
                evidence.foreign_at = Some(line);
            }
        }
        for candidate in candidates {
            let Some(header) = plausible(window, candidate, start)? else { continue };
            let len = FRAME_HEADER_LEN as u64 + header.body_len();
            match budget.checked_sub(len) {
                Some(left) => budget = left,
                None => return Ok(Evidence { unclear: true, ..evidence }),
            }
            let frame = window.peek(candidate, usize::try_from(len).unwrap_or(usize::MAX))?;
            if frame.get(FRAME_HEADER_LEN..).is_some_and(|body| header.covers(seed, body)) {
                evidence.whole_frames += 1;
                evidence.synced_len_max = evidence.synced_len_max.max(header.synced_len);
            }
        }
        // A mark may lie across two chunks.
        at += if at + chunk_len < file_len { chunk_len - 1 } else { chunk_len };
    }
    Ok(evidence)
}

fn ends_in_filler(window: &mut Window) -> Result<bool, LogError> {
    let at = window.file_len().saturating_sub(filler::LINE_LEN);
    let last = window.peek(at, filler::LINE_LEN as usize)?;
    Ok(filler::is_filler(last, at))
}

/// Where a frame's header, if it can be read, says that it ends.
pub(crate) fn frame_end(window: &mut Window, position: u64) -> Result<Option<u64>, LogError> {
    let header = FrameHeader::parse(window.peek(position, FRAME_HEADER_LEN)?);
    Ok(header.and_then(|h| position.checked_add(FRAME_HEADER_LEN as u64 + h.body_len())))
}

/// Whether the frame at `position` is whole once a length in its header is another one: then it was
/// written to its end, however far the header says that it goes. `content_end` is as in [`Evidence`].
pub(crate) fn is_whole_but_for_a_length(
    window: &mut Window,
    position: u64,
    seed: u32,
    content_end: u64,
) -> Result<bool, LogError> {
    let Some(header) = FrameHeader::parse(window.peek(position, FRAME_HEADER_LEN)?) else {
        return Ok(false);
    };
    let body_at = position + FRAME_HEADER_LEN as u64;
    // A pad may follow the frame, and its last byte may be one that filler has there, too.
    for end in content_end.saturating_sub(filler::PAD.len() as u64)..=content_end + 1 {
        let len = end.checked_sub(body_at).and_then(|len| u32::try_from(len).ok());
        let Some(len) = len.filter(|len| *len <= FRAME_PAYLOAD_LEN_MAX) else { continue };
        let body = window.peek(body_at, len as usize)?;
        let payload_len = len.checked_sub(header.meta_len);
        let meta_len = len.checked_sub(header.payload_len);
        let others = [
            payload_len.map(|payload_len| FrameHeader { payload_len, ..header }),
            meta_len.map(|meta_len| FrameHeader { meta_len, ..header }),
        ];
        if others.iter().flatten().any(|header| header.covers(seed, body)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn plausible(window: &mut Window, at: u64, start: Offset) -> Result<Option<FrameHeader>, LogError> {
    let file_len = window.file_len();
    let header = FrameHeader::parse(window.peek(at, FRAME_HEADER_LEN)?);
    Ok(header.filter(|h| {
        let fits = FRAME_HEADER_LEN as u64 + h.body_len() <= file_len - at;
        fits && h.offset >= start.get() && h.synced_len <= at
    }))
}

fn marks(chunk: &[u8]) -> impl Iterator<Item = usize> + '_ {
    // The second byte is the rare one: filler is full of the first.
    let seconds = chunk.iter().enumerate().skip(1).filter(|(_, byte)| **byte == MARK[1]);
    seconds.map(|(index, _)| index - 1).filter(|index| chunk[*index] == MARK[0])
}

fn last_content(chunk: &[u8], at: u64) -> Option<usize> {
    let bytes = chunk.iter().enumerate();
    bytes.rev().find(|(i, b)| **b != 0 && **b != filler::byte_at(at + *i as u64)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Step = Step::Broken("x");
    const LOST: Ending = Ending::MachineLost { policy: SyncPolicy::Always };

    fn facts(ending: Ending, step: Step) -> Facts {
        let evidence = Evidence { content_end: 1000, ..Evidence::default() };
        Facts {
            ending,
            clean_len: None,
            position: 1000,
            step,
            frame_end: None,
            is_whole_but_for_a_length: false,
            evidence,
        }
    }

    fn followed(ending: Ending, step: Step, evidence: Evidence) -> Verdict {
        judge(&Facts { evidence, ..facts(ending, step) })
    }

    #[test]
    fn an_end_with_nothing_after_it_is_whole() {
        for ending in [LOST, Ending::Killed, Ending::Clean] {
            for step in [Step::EndOfFile, Step::Filler] {
                assert_eq!(judge(&facts(ending, step)), Verdict::Whole);
            }
        }
    }

    #[test]
    fn a_clean_stop_leaves_nothing_to_doubt() {
        let clean = |step, clean_len, content_end| {
            let evidence = Evidence { content_end, ..Evidence::default() };
            let facts = facts(Ending::Clean, step);
            judge(&Facts { clean_len: Some(clean_len), evidence, ..facts })
        };
        assert_eq!(clean(Step::EndOfFile, 1000, 1000), Verdict::Whole);
        assert_eq!(clean(Step::Foreign, 1000, 1200), Verdict::Foreign(1000));
        assert!(matches!(clean(Step::EndOfFile, 1100, 1000), Verdict::Damaged(_)));
        assert!(matches!(clean(BROKEN, 1100, 1100), Verdict::Damaged(_)));
        assert!(matches!(clean(Step::Foreign, 1100, 1100), Verdict::Damaged(_)));
        assert!(matches!(clean(BROKEN, 1000, 1010), Verdict::Damaged(_)));
    }

    #[test]
    fn what_a_later_frame_knew_durable_is_damage_and_the_rest_is_torn() {
        let later = |synced_len_max| Evidence {
            whole_frames: 1,
            synced_len_max,
            content_end: 3000,
            ..Evidence::default()
        };
        for step in [BROKEN, Step::Filler] {
            assert!(matches!(followed(LOST, step, later(1001)), Verdict::Damaged(_)));
            assert!(matches!(followed(LOST, step, later(1000)), Verdict::Torn(_)));
            // A process that dies leaves no gap, so there a later frame alone is proof.
            assert!(matches!(followed(Ending::Killed, step, later(1000)), Verdict::Damaged(_)));
        }
    }

    #[test]
    fn a_killed_process_leaves_the_front_of_a_frame_and_no_more() {
        let killed = |content_end, frame_end| {
            let evidence = Evidence { content_end, ..Evidence::default() };
            judge(&Facts { frame_end, evidence, ..facts(Ending::Killed, BROKEN) })
        };
        assert!(matches!(killed(1050, None), Verdict::Torn(_)));
        assert!(matches!(killed(1090, None), Verdict::Damaged(_)));
        assert!(matches!(killed(1090, Some(1100)), Verdict::Torn(_)));
        assert!(matches!(killed(1100, Some(1100)), Verdict::Damaged(_)));
    }

    #[test]
    fn a_whole_frame_with_a_wrong_length_is_damage_however_the_server_ended() {
        for ending in [LOST, Ending::Killed] {
            let facts = Facts { frame_end: Some(9000), ..facts(ending, BROKEN) };
            let facts = Facts { is_whole_but_for_a_length: true, ..facts };
            let evidence = Evidence { content_end: 1100, ..Evidence::default() };
            assert!(matches!(judge(&Facts { evidence, ..facts }), Verdict::Damaged(_)));
        }
    }

    #[test]
    fn commands_after_filler_are_another_servers() {
        let evidence =
            Evidence { foreign_at: Some(4096), content_end: 5000, ..Evidence::default() };
        for ending in [LOST, Ending::Killed] {
            assert_eq!(followed(ending, Step::Filler, evidence), Verdict::Foreign(4096));
        }
    }

    #[test]
    fn imitated_frames_beyond_the_budget_are_not_trimmed() {
        let evidence = Evidence { unclear: true, content_end: 5000, ..Evidence::default() };
        assert!(matches!(followed(LOST, BROKEN, evidence), Verdict::Damaged(_)));
    }
}
