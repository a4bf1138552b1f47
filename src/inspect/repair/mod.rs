//! `repair`: makes a damaged directory loadable, keeping everything before the damage.
//!
//! The only part of the tool that takes the lock or changes anything. It makes a plan, says it, asks,
//! copies every file the plan touches, and only then carries the plan out; the manifest is switched in
//! one durable step, after the files it names are as it says. What a plan loses is never acknowledged
//! again as if it were there: the lock file's note is blanked, which a start reads as a lost machine,
//! and so the history goes on under a new replication ID.

mod plan;

use std::path::{Path, PathBuf};

use self::plan::{Plan, Step};
use super::Environment;
use super::cli::RepairArgs;
use super::error::InspectError;
use crate::base::{Clock, SystemClock};
use crate::log::{Layout, LockFile, LogError, TailPolicy, recover};
use crate::storage::{OpenMode, Storage, crashsafe};

/// Bytes copied at a time.
const COPY_LEN: usize = 1024 * 1024;

/// Plans, asks, copies, repairs, and looks at the result.
pub(super) fn run(env: &mut Environment<'_>, args: &RepairArgs) -> Result<(), InspectError> {
    let layout = args.dir.layout();
    let storage = env.storage;
    if !storage.exists(layout.dir()).map_err(InspectError::io("look for", layout.dir()))? {
        let dir = layout.dir().display();
        return Err(InspectError::Refused(format!("there is no directory {dir}")));
    }
    let _lock = LockFile::acquire(storage, &layout).map_err(|error| match error {
        LogError::Locked { dir, holder } => InspectError::Refused(format!(
            "{} is in use by {holder}: stop it, then repair",
            dir.display()
        )),
        other => other.into(),
    })?;
    let plan = Plan::make(storage, &layout)?;
    if plan.steps.is_empty() {
        writeln!(env.out, "nothing to repair in {}", layout.dir().display())?;
        env.out.flush()?;
        return Ok(());
    }
    let backup = args.backup.clone().unwrap_or_else(|| default_backup(&layout));
    for step in &plan.steps {
        writeln!(env.out, "- {step}")?;
    }
    if plan.is_lossy {
        writeln!(
            env.out,
            "- let the history go on under a new replication ID, as writes are lost"
        )?;
    }
    writeln!(env.out, "Copies of every file touched go to {} first.", backup.display())?;
    env.out.flush()?;
    if !args.yes && !confirmed(env)? {
        return Err(InspectError::Refused("not confirmed; nothing was changed".to_owned()));
    }
    let copies = Copies { storage, layout: &layout, backup: &backup };
    copies.make(&plan)?;
    carry_out(storage, &layout, &plan)?;
    let after = recover(storage, &layout, TailPolicy::Trim)?;
    let end = after.head.map_or_else(String::new, |head| format!(" up to offset {}", head.offset));
    writeln!(env.out, "repaired: a server starts on it{end}; copies are in {}", backup.display())?;
    env.out.flush()?;
    Ok(())
}

fn default_backup(layout: &Layout) -> PathBuf {
    layout.dir().join(format!("repair-{}", SystemClock::new().unix_ms()))
}

fn confirmed(env: &mut Environment<'_>) -> Result<bool, InspectError> {
    write!(env.notices, "Go on? [y/N] ")?;
    env.notices.flush()?;
    let mut answer = String::new();
    env.input.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}

/// The copies that are made before anything is changed.
struct Copies<'a> {
    storage: &'a dyn Storage,
    layout: &'a Layout,
    backup: &'a Path,
}

impl Copies<'_> {
    fn make(&self, plan: &Plan) -> Result<(), InspectError> {
        let (manifest, lock) = (self.layout.manifest(), self.layout.lock());
        let mut paths: Vec<&Path> = vec![&manifest, &lock];
        paths.extend(plan.steps.iter().filter_map(Step::touched));
        for path in paths {
            if self.storage.exists(path).map_err(InspectError::io("look for", path))? {
                self.copy(path)?;
            }
        }
        Ok(())
    }

    /// Copies to the same place below the backup folder, durably.
    fn copy(&self, path: &Path) -> Result<(), InspectError> {
        let relative = path.strip_prefix(self.layout.dir()).unwrap_or(path);
        let target = self.backup.join(relative);
        let folder = crashsafe::parent_of(&target);
        crashsafe::create_dir(self.storage, folder).map_err(InspectError::io("create", folder))?;
        copy_file(self.storage, path, &target).map_err(InspectError::io("copy", path))?;
        self.storage.sync_dir(folder).map_err(InspectError::io("sync", folder))
    }
}

fn copy_file(storage: &dyn Storage, from: &Path, to: &Path) -> std::io::Result<()> {
    let source = storage.open(from, OpenMode::Read)?;
    let target = storage.open(to, OpenMode::CreateNew)?;
    let mut buffer = vec![0; COPY_LEN];
    let mut position = 0;
    loop {
        let read = source.read_full_at(&mut buffer, position)?;
        if read == 0 {
            return target.sync_all();
        }
        target.write_all_at(&buffer[..read], position)?;
        position += read as u64;
    }
}

/// Files first, then the manifest that names them, then what no manifest names any more.
fn carry_out(storage: &dyn Storage, layout: &Layout, plan: &Plan) -> Result<(), InspectError> {
    for step in &plan.steps {
        match step {
            Step::Cut { path, position, .. } => {
                cut(storage, path, *position).map_err(InspectError::io("cut", path))?;
            }
            Step::Bring { from, to } => {
                crashsafe::hard_link(storage, from, to).map_err(InspectError::io("link", from))?;
            }
            Step::PutAside { .. } | Step::Manifest { .. } => {}
        }
    }
    if plan.is_lossy {
        // In place, since the lock is on this very file.
        let path = layout.lock();
        cut(storage, &path, 0).map_err(InspectError::io("blank", &path))?;
    }
    for step in &plan.steps {
        if let Step::Manifest { manifest, .. } = step {
            let path = layout.manifest();
            crashsafe::replace(storage, &path, &manifest.encode())
                .map_err(InspectError::io("replace", &path))?;
        }
    }
    for step in &plan.steps {
        if let Step::PutAside { path, .. } = step {
            crashsafe::remove(storage, path).map_err(InspectError::io("remove", path))?;
        }
    }
    Ok(())
}

fn cut(storage: &dyn Storage, path: &Path, len: u64) -> std::io::Result<()> {
    let file = storage.open(path, OpenMode::Write)?;
    file.set_len(len)?;
    file.sync_all()
}
