//! The bytes of one simulated file: as programs see them, and as the disk holds them.

use std::collections::BTreeSet;

/// What the disk writes at once: a sector is never torn.
const SECTOR_LEN: usize = 512;

/// One file's bytes.
///
/// `live` is what reads return; `durable` is what would be there after a power cut that loses
/// everything not yet written back. Both are equal outside the `dirty` sectors, but for the length
/// and for what a failed sync has silently given up.
#[derive(Debug, Default)]
pub(super) struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Indices of sectors written since they last reached the disk.
    dirty: BTreeSet<usize>,
}

impl Inode {
    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn live_mut(&mut self) -> &mut [u8] {
        &mut self.live
    }

    pub(super) fn durable_mut(&mut self) -> &mut [u8] {
        &mut self.durable
    }

    pub(super) fn len(&self) -> u64 {
        self.live.len() as u64
    }

    pub(super) fn read(&self, buf: &mut [u8], position: u64) -> usize {
        let Ok(start) = usize::try_from(position) else { return 0 };
        let rest = self.live.get(start..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        len
    }

    pub(super) fn write(&mut self, bytes: &[u8], start: usize) {
        let end = start + bytes.len();
        if end > self.live.len() {
            self.set_len(end);
        }
        self.live[start..end].copy_from_slice(bytes);
        self.mark(start, end);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        let (start, end) = (self.live.len().min(len), self.live.len().max(len));
        self.live.resize(len, 0);
        self.mark(start, end);
    }

    fn mark(&mut self, start: usize, end: usize) {
        if start < end {
            self.dirty.extend(start / SECTOR_LEN..=(end - 1) / SECTOR_LEN);
        }
    }

    /// Everything reaches the disk.
    pub(super) fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.write_back(sector);
        }
        // What an earlier failed sync gave up is clean to the kernel and stays lost.
        self.durable.resize(self.live.len(), 0);
    }

    /// Some sectors reach the disk, the others never will: the kernel has marked them clean.
    pub(super) fn fail_sync(&mut self, rng: &mut fastrand::Rng) {
        for sector in std::mem::take(&mut self.dirty) {
            if rng.bool() {
                self.write_back(sector);
            }
        }
    }

    /// The kernel writes one dirty sector of its own accord.
    pub(super) fn write_back_one(&mut self, rng: &mut fastrand::Rng) {
        if let Some(&first) = self.dirty.first()
            && let Some(&last) = self.dirty.last()
            && let Some(&sector) = self.dirty.range(rng.usize(first..=last)..).next()
        {
            self.dirty.remove(&sector);
            self.write_back(sector);
        }
    }

    fn write_back(&mut self, sector: usize) {
        let start = sector * SECTOR_LEN;
        let end = (start + SECTOR_LEN).min(self.live.len());
        if start < end {
            if self.durable.len() < end {
                self.durable.resize(end, 0);
            }
            self.durable[start..end].copy_from_slice(&self.live[start..end]);
        }
    }

    /// Each dirty page (of 512 B to 4 KiB, this time) and a change of length reached the disk in time
    /// or did not.
    pub(super) fn power_cut(&mut self, rng: &mut fastrand::Rng) {
        let page_sectors = 1 << rng.u32(0..4);
        let survive_percent = [0, 50, 90, 100][rng.usize(0..4)];
        let shortened = self.live.len() < self.durable.len();
        let mut page = (usize::MAX, false);
        for sector in std::mem::take(&mut self.dirty) {
            let index = sector / page_sectors;
            if page.0 != index {
                page = (index, rng.u32(0..100) < survive_percent);
            }
            if page.1 {
                self.write_back(sector);
            }
        }
        let len_survives = rng.u32(0..100) < survive_percent;
        if len_survives && (shortened || self.durable.len() < self.live.len()) {
            self.durable.resize(self.live.len(), 0);
        }
        self.live.clone_from(&self.durable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synced_bytes_survive_and_unsynced_pages_survive_one_by_one() {
        let (mut lost, mut kept) = (0, 0);
        for seed in 0..100 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut inode = Inode::default();
            inode.write(&[1; 8192], 0);
            inode.sync();
            inode.write(&[2; 4096], 2048);
            inode.power_cut(&mut rng);
            assert_eq!(inode.len(), 8192);
            assert!(inode.live()[..2048].iter().all(|b| *b == 1));
            assert!(inode.live()[6144..].iter().all(|b| *b == 1));
            for sector in inode.live()[2048..6144].chunks(SECTOR_LEN) {
                assert!(sector.iter().all(|b| *b == sector[0]), "a sector is torn");
                lost += usize::from(sector[0] == 1);
                kept += usize::from(sector[0] == 2);
            }
        }
        assert!(lost > 50 && kept > 50);
    }

    #[test]
    fn a_sync_after_a_failed_sync_proves_nothing() {
        let mut ever_lost = false;
        for seed in 0..20 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut inode = Inode::default();
            inode.write(&[1; 1024], 0);
            inode.fail_sync(&mut rng);
            inode.sync();
            assert!(inode.live().iter().all(|b| *b == 1));
            inode.power_cut(&mut rng);
            assert_eq!(inode.len(), 1024);
            ever_lost |= inode.live().contains(&0);
        }
        assert!(ever_lost);
    }

    #[test]
    fn a_shortened_file_has_its_old_or_its_new_length() {
        let mut lengths = BTreeSet::new();
        for seed in 0..50 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut inode = Inode::default();
            inode.write(&[1; 3000], 0);
            inode.sync();
            inode.set_len(100);
            inode.power_cut(&mut rng);
            assert!(inode.live().iter().all(|b| *b == 1));
            lengths.insert(inode.len());
        }
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [100, 3000]);
    }
}
