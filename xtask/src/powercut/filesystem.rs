//! Mounts the simulated disk as a FUSE file system.

#![expect(
    clippy::disallowed_methods,
    reason = "times of files are those of the machine"
)]

use super::disk::{Content, Directory, Disk, DiskError, File, Inode};
use crate::guard::MountGuard;
use anyhow::{Context, Result};
use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite,
    Request, TimeOrNow, WriteFlags,
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    ffi::OsStr,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The kernel may cache attributes: nothing else changes the disk.
const ATTRIBUTE_TTL: Duration = Duration::from_secs(3600);

/// Size in bytes of the blocks in which free space is counted.
const BLOCK: u32 = 4096;
const BLOCKS: u64 = 1 << 22;

/// A disk that outlives its mounts.
pub type SharedDisk = Arc<Mutex<Disk>>;

/// A mounted disk. It is unmounted on drop.
pub struct Mount {
    session: Option<BackgroundSession>,
    _mounted: MountGuard,
}

impl Mount {
    /// Mounts the disk. This needs root and `/dev/fuse`.
    pub fn new(disk: &SharedDisk, at: &Path) -> Result<Self> {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("powercut".to_owned())];
        let mounted = MountGuard::at(at)?;
        let session = fuser::spawn_mount(DiskFilesystem(Arc::clone(disk)), at, &config)
            .with_context(|| format!("cannot mount at {}", at.display()))?;
        Ok(Self {
            session: Some(session),
            _mounted: mounted,
        })
    }

    pub fn unmount(mut self) -> Result<()> {
        if let Some(session) = self.session.take() {
            session.umount_and_join()?;
        }
        Ok(())
    }
}

struct DiskFilesystem(SharedDisk);

fn errno(error: DiskError) -> Errno {
    match error {
        DiskError::Cut => Errno::EIO,
        DiskError::Missing => Errno::ENOENT,
        DiskError::Exists => Errno::EEXIST,
        DiskError::NotEmpty => Errno::ENOTEMPTY,
        DiskError::NotADirectory => Errno::ENOTDIR,
        DiskError::IsADirectory => Errno::EISDIR,
    }
}

fn attributes(disk: &mut Disk, inode: u64) -> Result<FileAttr, DiskError> {
    let node = disk.node(inode)?;
    let (kind, size) = match &node.content {
        Content::File(file) => (FileType::RegularFile, file.len()),
        Content::Directory(_) => (FileType::Directory, 0),
    };
    Ok(FileAttr {
        ino: INodeNo(inode),
        size,
        blocks: size.div_ceil(512),
        atime: node.changed,
        mtime: node.changed,
        ctime: node.changed,
        crtime: node.changed,
        kind,
        perm: node.mode,
        nlink: 1,
        uid: node.user,
        gid: node.group,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    })
}

impl DiskFilesystem {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock()
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        content: Content,
    ) -> Result<FileAttr, DiskError> {
        let node = Inode {
            content,
            mode: (mode & 0o7777) as u16,
            user: request.uid(),
            group: request.gid(),
            changed: SystemTime::now(),
        };
        let mut disk = self.disk();
        let inode = disk.create(parent.0, name, node)?;
        attributes(&mut disk, inode)
    }
}

fn entry(reply: ReplyEntry, found: Result<FileAttr, DiskError>) {
    match found {
        Ok(attributes) => reply.entry(&ATTRIBUTE_TTL, &attributes, Generation(0)),
        Err(error) => reply.error(errno(error)),
    }
}

fn done(reply: ReplyEmpty, outcome: Result<(), DiskError>) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

impl Filesystem for DiskFilesystem {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let mut disk = self.disk();
        let found = disk.find(parent.0, name);
        entry(reply, found.and_then(|inode| attributes(&mut disk, inode)));
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&mut self.disk(), inode.0) {
            Ok(attributes) => reply.attr(&ATTRIBUTE_TTL, &attributes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        inode: INodeNo,
        mode: Option<u32>,
        user: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut disk = self.disk();
        let changed = disk.node(inode.0).map(|node| {
            node.mode = mode.map_or(node.mode, |mode| (mode & 0o7777) as u16);
            node.user = user.unwrap_or(node.user);
            node.group = group.unwrap_or(node.group);
        });
        let resized = changed.and_then(|()| match size {
            Some(size) => disk.resize(inode.0, size),
            None => Ok(()),
        });
        match resized.and_then(|()| attributes(&mut disk, inode.0)) {
            Ok(attributes) => reply.attr(&ATTRIBUTE_TTL, &attributes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let folder = Content::Directory(Directory::default());
        entry(
            reply,
            self.create(request, parent, name, mode & !umask, folder),
        );
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let file = Content::File(File::default());
        match self.create(request, parent, name, mode & !umask, file) {
            Ok(made) => reply.created(
                &ATTRIBUTE_TTL,
                &made,
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.disk().remove(parent.0, name));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.disk().remove(parent.0, name));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = self
            .disk()
            .rename((parent.0, name), (new_parent.0, new_name));
        done(reply, renamed);
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.disk().read(inode.0, offset, size) {
            Ok(bytes) => reply.data(bytes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.disk().write(inode.0, offset, bytes) {
            Ok(()) => reply.written(bytes.len() as u32),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.disk().sync(inode.0));
    }

    fn fsyncdir(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.disk().sync(inode.0));
    }

    fn readdir(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let mut disk = self.disk();
        let names = match disk.names(inode.0) {
            Ok(names) => names,
            Err(error) => return reply.error(errno(error)),
        };
        for (at, (name, child)) in names.into_iter().enumerate().skip(offset as usize) {
            let Ok(attributes) = attributes(&mut disk, child) else {
                continue;
            };
            if reply.add(INodeNo(child), at as u64 + 1, attributes.kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCK, 255, BLOCK);
    }
}
