//! `dump`: the commands of the log, oldest first.

use super::Environment;
use super::cli::DumpArgs;
use super::error::InspectError;
use super::finding::Severity;
use super::output::write_record;
use super::record::Filter;
use super::scan::{Found, for_each_record};

/// Prints what the filters admit. Returns how bad what it had to pass over was.
pub(super) fn run(env: &mut Environment<'_>, args: DumpArgs) -> Result<Severity, InspectError> {
    let layout = args.dir.layout();
    let filter = Filter::new(args.filter);
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut worst = Severity::Note;
    let Environment { storage, out, notices, .. } = env;
    if left == 0 {
        return Ok(worst);
    }
    for_each_record(*storage, &layout, filter.first_offset(), &mut |found| match found {
        Found::Record(record) => {
            if filter.admits(&record) {
                write_record(*out, &record, args.output)?;
                left -= 1;
            }
            Ok(left > 0 && !filter.is_past(&record))
        }
        Found::Finding(finding) => {
            worst = worst.max(finding.severity);
            writeln!(notices, "{finding}")?;
            Ok(true)
        }
    })?;
    out.flush()?;
    Ok(worst)
}
