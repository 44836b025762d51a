//! A simulated disk in memory: a power cut discards writes that were not synced.

#![expect(
    clippy::disallowed_methods,
    reason = "times of files are those of the machine"
)]

use crate::rig::random::Random;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ffi::{OsStr, OsString},
    time::SystemTime,
};

/// The unit that a disk writes atomically, in bytes.
const PAGE: usize = 4096;

/// The inode of the root directory.
pub const ROOT: u64 = 1;

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// The power is off.
    Cut,
    Missing,
    Exists,
    NotEmpty,
    NotADirectory,
    IsADirectory,
}

pub struct Disk {
    nodes: HashMap<u64, Inode>,
    next: u64,
    cut: bool,
    /// A sync succeeds without effect.
    ignores_syncs: bool,
}

pub struct Inode {
    pub content: Content,
    /// Permission bits, without the file type.
    pub mode: u16,
    pub user: u32,
    pub group: u32,
    pub changed: SystemTime,
}

pub enum Content {
    File(File),
    Directory(Directory),
}

#[derive(Default)]
pub struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Indices of the pages that differ from `synced`.
    dirty: BTreeSet<usize>,
}

/// Inodes by name.
#[derive(Default)]
pub struct Directory {
    now: BTreeMap<OsString, u64>,
    synced: BTreeMap<OsString, u64>,
}

/// What a power cut does to writes that were not synced: a disk may have kept any of them.
pub enum Unsynced<'a> {
    Lost,
    /// Random pages and directories survive, in any order.
    PartlyKept(&'a mut Random),
}

impl File {
    pub fn len(&self) -> u64 {
        self.now.len() as u64
    }

    fn resize(&mut self, length: usize) {
        let (from, to) = (self.now.len().min(length), self.now.len().max(length));
        self.touch(from, to);
        self.now.resize(length, 0);
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.now.len() {
            self.resize(end);
        }
        self.touch(offset, end);
        self.now[offset..end].copy_from_slice(bytes);
    }

    fn touch(&mut self, from: usize, to: usize) {
        self.dirty.extend(from / PAGE..to.div_ceil(PAGE));
    }

    fn sync(&mut self) {
        self.synced.resize(self.now.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            self.keep(page);
        }
    }

    /// Syncs one page, up to the end of the file.
    fn keep(&mut self, page: usize) {
        let from = page * PAGE;
        let to = (from + PAGE).min(self.now.len());
        if from < to {
            let length = self.synced.len().max(to);
            self.synced.resize(length, 0);
            self.synced[from..to].copy_from_slice(&self.now[from..to]);
        }
    }
}

impl Disk {
    /// A disk with an empty root directory of this owner.
    pub fn new(user: u32, group: u32) -> Self {
        let mut disk = Self {
            nodes: HashMap::new(),
            next: ROOT,
            cut: false,
            ignores_syncs: false,
        };
        disk.add(Content::Directory(Directory::default()), 0o700, user, group);
        disk
    }

    /// Makes every later sync succeed without effect.
    pub fn ignore_syncs(&mut self) {
        self.ignores_syncs = true;
    }

    /// Turns the power off: every operation fails.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Turns the power on again.
    pub fn restore(&mut self, mut unsynced: Unsynced<'_>) {
        let mut survives = || match &mut unsynced {
            Unsynced::Lost => false,
            Unsynced::PartlyKept(random) => random.once_in(2),
        };
        let mut numbers: Vec<u64> = self.nodes.keys().copied().collect();
        // Sorted, so that a seed always meets the same inodes.
        numbers.sort_unstable();
        for number in numbers {
            match self.nodes.get_mut(&number).map(|node| &mut node.content) {
                Some(Content::File(file)) => {
                    for page in std::mem::take(&mut file.dirty) {
                        if survives() {
                            file.keep(page);
                        }
                    }
                    file.now.clone_from(&file.synced);
                }
                Some(Content::Directory(directory)) => {
                    if survives() {
                        directory.synced.clone_from(&directory.now);
                    }
                    directory.now.clone_from(&directory.synced);
                }
                None => {}
            }
        }
        let kept = self.reachable();
        self.nodes.retain(|number, _| kept.contains(number));
        self.cut = false;
    }

    fn reachable(&self) -> HashSet<u64> {
        let (mut found, mut waiting) = (HashSet::new(), vec![ROOT]);
        while let Some(number) = waiting.pop() {
            found.insert(number);
            if let Some(Content::Directory(directory)) =
                self.nodes.get(&number).map(|node| &node.content)
            {
                waiting.extend(directory.now.values());
            }
        }
        found
    }

    pub fn node(&mut self, number: u64) -> Result<&mut Inode, DiskError> {
        self.powered()?;
        self.nodes.get_mut(&number).ok_or(DiskError::Missing)
    }

    pub fn find(&mut self, directory: u64, name: &OsStr) -> Result<u64, DiskError> {
        let found = self.directory(directory)?.now.get(name);
        found.copied().ok_or(DiskError::Missing)
    }

    pub fn names(&mut self, directory: u64) -> Result<Vec<(OsString, u64)>, DiskError> {
        let names = self.directory(directory)?.now.iter();
        Ok(names
            .map(|(name, number)| (name.clone(), *number))
            .collect())
    }

    pub fn create(&mut self, directory: u64, name: &OsStr, node: Inode) -> Result<u64, DiskError> {
        if self.directory(directory)?.now.contains_key(name) {
            return Err(DiskError::Exists);
        }
        let number = self.add(node.content, node.mode, node.user, node.group);
        self.directory(directory)?
            .now
            .insert(name.to_owned(), number);
        Ok(number)
    }

    /// Removes a name. Open files stay usable: inodes are freed on `restore`.
    pub fn remove(&mut self, directory: u64, name: &OsStr) -> Result<(), DiskError> {
        let number = self.find(directory, name)?;
        if let Content::Directory(inner) = &self.node(number)?.content
            && !inner.now.is_empty()
        {
            return Err(DiskError::NotEmpty);
        }
        self.directory(directory)?.now.remove(name);
        Ok(())
    }

    pub fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Result<(), DiskError> {
        let number = self.find(from.0, from.1)?;
        self.directory(to.0)?.now.insert(to.1.to_owned(), number);
        self.directory(from.0)?.now.remove(from.1);
        Ok(())
    }

    pub fn read(&mut self, file: u64, offset: u64, size: u32) -> Result<&[u8], DiskError> {
        let text = &self.file(file)?.now;
        let from = (offset as usize).min(text.len());
        let to = (from + size as usize).min(text.len());
        Ok(&text[from..to])
    }

    pub fn write(&mut self, file: u64, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.file(file)?.write(offset as usize, bytes);
        self.node(file)?.changed = SystemTime::now();
        Ok(())
    }

    pub fn resize(&mut self, file: u64, length: u64) -> Result<(), DiskError> {
        self.file(file)?.resize(length as usize);
        Ok(())
    }

    /// Syncs the content of a file or the names in a directory, never the name along with the file.
    pub fn sync(&mut self, number: u64) -> Result<(), DiskError> {
        let ignores_syncs = self.ignores_syncs;
        match &mut self.node(number)?.content {
            _ if ignores_syncs => {}
            Content::File(file) => file.sync(),
            Content::Directory(directory) => directory.synced.clone_from(&directory.now),
        }
        Ok(())
    }

    fn add(&mut self, content: Content, mode: u16, user: u32, group: u32) -> u64 {
        let number = self.next;
        self.next += 1;
        let node = Inode {
            content,
            mode,
            user,
            group,
            changed: SystemTime::now(),
        };
        self.nodes.insert(number, node);
        number
    }

    fn powered(&self) -> Result<(), DiskError> {
        if self.cut {
            Err(DiskError::Cut)
        } else {
            Ok(())
        }
    }

    fn directory(&mut self, number: u64) -> Result<&mut Directory, DiskError> {
        match &mut self.node(number)?.content {
            Content::Directory(directory) => Ok(directory),
            Content::File(_) => Err(DiskError::NotADirectory),
        }
    }

    fn file(&mut self, number: u64) -> Result<&mut File, DiskError> {
        match &mut self.node(number)?.content {
            Content::File(file) => Ok(file),
            Content::Directory(_) => Err(DiskError::IsADirectory),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_with(name: &str) -> (Disk, u64) {
        let mut disk = Disk::new(0, 0);
        let file = Inode {
            content: Content::File(File::default()),
            mode: 0o600,
            user: 0,
            group: 0,
            changed: SystemTime::now(),
        };
        let number = disk.create(ROOT, OsStr::new(name), file).unwrap();
        (disk, number)
    }

    fn text(disk: &mut Disk, name: &str) -> Result<Vec<u8>, DiskError> {
        let number = disk.find(ROOT, OsStr::new(name))?;
        disk.read(number, 0, u32::MAX).map(<[u8]>::to_vec)
    }

    #[test]
    fn synced_writes_survive_and_the_rest_is_lost() {
        let (mut disk, file) = disk_with("a");
        disk.write(file, 0, b"kept").unwrap();
        disk.sync(file).unwrap();
        disk.sync(ROOT).unwrap();
        disk.write(file, 2, b"gone").unwrap();
        disk.write(file, 9000, b"gone").unwrap();
        disk.cut();
        assert_eq!(disk.write(file, 0, b"late"), Err(DiskError::Cut));
        disk.restore(Unsynced::Lost);
        assert_eq!(text(&mut disk, "a").unwrap(), b"kept");
    }

    #[test]
    fn a_name_is_synced_with_its_directory() {
        let (mut disk, file) = disk_with("a");
        disk.write(file, 0, b"kept").unwrap();
        disk.sync(file).unwrap();
        disk.restore(Unsynced::Lost);
        assert_eq!(text(&mut disk, "a"), Err(DiskError::Missing));
    }

    #[test]
    fn an_unsynced_removal_is_undone() {
        let (mut disk, file) = disk_with("a");
        disk.write(file, 0, b"kept").unwrap();
        disk.sync(file).unwrap();
        disk.sync(ROOT).unwrap();
        disk.rename((ROOT, OsStr::new("a")), (ROOT, OsStr::new("b")))
            .unwrap();
        assert_eq!(text(&mut disk, "b").unwrap(), b"kept");
        disk.remove(ROOT, OsStr::new("b")).unwrap();
        disk.restore(Unsynced::Lost);
        assert_eq!(text(&mut disk, "a").unwrap(), b"kept");
    }

    #[test]
    fn a_truncated_and_extended_file_has_zeros() {
        let (mut disk, file) = disk_with("a");
        disk.write(file, 0, &[1; 3 * PAGE]).unwrap();
        disk.sync(file).unwrap();
        disk.sync(ROOT).unwrap();
        disk.resize(file, 10).unwrap();
        disk.write(file, 2 * PAGE as u64, b"x").unwrap();
        disk.sync(file).unwrap();
        disk.restore(Unsynced::Lost);
        let mut expected = vec![1; 10];
        expected.resize(2 * PAGE, 0);
        expected.push(b'x');
        assert_eq!(text(&mut disk, "a").unwrap(), expected);
    }

    #[test]
    fn some_unsynced_pages_survive_and_all_synced_ones() {
        let (mut disk, file) = disk_with("a");
        disk.write(file, 0, &[1; 4 * PAGE]).unwrap();
        disk.sync(file).unwrap();
        disk.sync(ROOT).unwrap();
        disk.write(file, PAGE as u64, &vec![2; 64 * PAGE]).unwrap();
        disk.restore(Unsynced::PartlyKept(&mut Random::new(1)));
        let text = text(&mut disk, "a").unwrap();
        assert_eq!(text[..PAGE], [1; PAGE]);
        assert!(text[PAGE..].contains(&2), "some survived");
        assert!(text[PAGE..].iter().any(|byte| *byte != 2), "not all did");
    }

    #[test]
    fn a_disk_that_ignores_syncs_keeps_nothing() {
        let (mut disk, file) = disk_with("a");
        disk.sync(ROOT).unwrap();
        disk.ignore_syncs();
        disk.write(file, 0, b"gone").unwrap();
        disk.sync(file).unwrap();
        disk.restore(Unsynced::Lost);
        assert_eq!(text(&mut disk, "a").unwrap(), b"");
    }
}
