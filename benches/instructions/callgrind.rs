//! Runs this program under callgrind and reads how many instructions it took.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::scenario::Scenario;

/// valgrind, as found on PATH.
pub struct Callgrind {
    /// As it says itself.
    pub version: String,
    dir: tempfile::TempDir,
}

impl Callgrind {
    /// None where there is no valgrind.
    pub fn find() -> Option<Self> {
        let said = Command::new("valgrind").arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        said.status.success().then_some(Self { version, dir })
    }

    /// What one more unit of the scenario's work takes, when N have been done already, on average.
    pub fn instructions_per_unit(&self, scenario: &Scenario) -> u64 {
        let units = scenario.units();
        let once = self.count(scenario, units);
        let twice = self.count(scenario, 2 * units);
        let more = twice.checked_sub(once).expect("twice the work takes more instructions");
        (more + units as u64 / 2) / units as u64
    }

    fn count(&self, scenario: &Scenario, units: usize) -> u64 {
        let counts = self.dir.path().join("counts");
        let status = Command::new("valgrind")
            .args(["--quiet", "--tool=callgrind"])
            .arg(format!("--callgrind-out-file={}", counts.display()))
            .arg(std::env::current_exe().unwrap())
            .args(["--scenario", &scenario.name(), "--units", &units.to_string()])
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{} under callgrind: {status}", scenario.name());
        total(&counts)
    }
}

/// The total that callgrind has written to a file: the line `summary: INSTRUCTIONS`.
fn total(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
    total.expect("callgrind writes a summary").trim().parse().unwrap()
}
