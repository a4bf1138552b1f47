//! Memory figures that INFO and MEMORY share.

use super::commands::client_list::memory_bytes;
use super::info::human;
use super::node::Node;
use super::process::ProcessFigures;
use crate::base::alloc;
use crate::engine::Engine;
use crate::engine::session::ClientKind;

/// Less data than this is not worth a diagnosis, in bytes.
const DIAGNOSIS_MIN: u64 = 5 * 1024 * 1024;

/// Where the bytes are.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryFigures {
    /// Allocated.
    pub used: u64,
    /// Most ever allocated.
    pub peak: u64,
    /// Allocated once the server was ready and empty.
    pub startup: u64,
    /// Tables of keys.
    pub tables: u64,
    /// Ordinary clients, with their buffers.
    pub clients: u64,
    /// Replicas' links.
    pub replica_clients: u64,
    /// Appended to the log and not yet written.
    pub log_buffer: u64,
    /// Resident.
    pub resident: u64,
    /// Of the machine.
    pub machine: u64,
}

impl MemoryFigures {
    /// The figures of this moment.
    pub fn read(node: &Node, engine: &Engine) -> Self {
        let process = ProcessFigures::read();
        let keyspace = &engine.keyspace;
        let databases = (0..keyspace.databases()).map(|db| keyspace.db(db));
        let mut figures = Self {
            used: alloc::used_bytes() as u64,
            peak: alloc::peak_bytes() as u64,
            startup: node.startup_memory_bytes.get(),
            tables: databases.map(|db| db.overhead_bytes() as u64).sum(),
            resident: process.resident_bytes,
            machine: process.machine_bytes,
            ..Self::default()
        };
        if let Some(log) = &engine.log {
            figures.log_buffer =
                log.appended_offset().get().saturating_sub(log.written_offset().get());
        }
        for card in node.cards.borrow().values() {
            let bytes = memory_bytes(card) as u64;
            match card.kind.get() {
                ClientKind::Replica => figures.replica_clients += bytes,
                ClientKind::Normal | ClientKind::Monitor => figures.clients += bytes,
            }
        }
        figures
    }

    /// What is not keys and values.
    pub fn overhead(&self) -> u64 {
        self.startup + self.tables + self.clients + self.replica_clients + self.log_buffer
    }

    /// Keys and values.
    pub fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// Keys and values as a share of all but the start, in percent.
    pub fn dataset_percentage(&self) -> f64 {
        percent(self.dataset(), self.used.saturating_sub(self.startup))
    }

    /// Allocated as a share of the peak, in percent.
    pub fn peak_percentage(&self) -> f64 {
        percent(self.used, self.peak)
    }

    /// Resident by allocated.
    pub fn fragmentation(&self) -> f64 {
        percent(self.resident, self.used) / 100.0
    }

    /// Resident less allocated.
    pub fn fragmentation_bytes(&self) -> i64 {
        self.resident as i64 - self.used as i64
    }

    /// The text of MEMORY DOCTOR.
    pub fn diagnosis(&self) -> String {
        if self.used < DIAGNOSIS_MIN {
            return "Too little memory is in use for a diagnosis.\n".to_owned();
        }
        let mut findings = Vec::new();
        if self.peak as f64 > self.used as f64 * 1.5 {
            findings.push(format!(
                "The peak was {}, now {} are in use: the resident size may stay high until the freed \
                 pages are used again.",
                human(self.peak),
                human(self.used)
            ));
        }
        if self.fragmentation() > 1.4 && self.fragmentation_bytes() > 10 << 20 {
            findings.push(format!(
                "The process takes {} where {} are allocated: the allocator holds the rest.",
                human(self.resident),
                human(self.used)
            ));
        }
        if self.clients > self.used / 4 {
            findings.push(format!(
                "Clients hold {} in their buffers; CLIENT LIST shows which.",
                human(self.clients)
            ));
        }
        if findings.is_empty() {
            return "Nothing in the use of memory stands out.\n".to_owned();
        }
        findings.iter().enumerate().map(|(n, text)| format!("{}. {text}\n", n + 1)).collect()
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_nothing() {
        let none = MemoryFigures::default();
        assert_eq!(none.dataset_percentage() + none.peak_percentage() + none.fragmentation(), 0.0);
    }

    #[test]
    fn the_doctor_names_what_stands_out() {
        let quiet = MemoryFigures { used: 1 << 30, peak: 1 << 30, ..MemoryFigures::default() };
        assert!(quiet.diagnosis().starts_with("Nothing"));
        let sick = MemoryFigures {
            used: 100 << 20,
            peak: 300 << 20,
            resident: 200 << 20,
            clients: 50 << 20,
            ..MemoryFigures::default()
        };
        assert_eq!(sick.diagnosis().lines().count(), 3);
        assert!(MemoryFigures::default().diagnosis().starts_with("Too little"));
    }
}
