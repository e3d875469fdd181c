//! A file system for SQLite that forgets at a power cut what was written and not yet synced.
//!
//! It stands between SQLite and its usual file system (<https://sqlite.org/vfs.html>) and remembers, for every file,
//! each write since the file's last sync. A cut can come at any operation; from then on everything fails. When the
//! power is back, every file has the content of its last sync, and of what came later either nothing or, as on real
//! disks, some sectors in no particular order. That a file was created or deleted is not forgotten. The shared-memory
//! index passes through: it is rebuilt after a cut anyway.

// SQLite calls a file system through C function pointers; there is no other way in.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::ptr;

use parking_lot::Mutex;
use rusqlite::ffi;

/// What a disk can lose as a whole or not at all.
const SECTOR: u64 = 512;

/// A disk that forgets; every database opened through the file system of its name is on it.
pub struct ForgetfulDisk {
    name: String,
    usual: *mut ffi::sqlite3_vfs,
    methods: ffi::sqlite3_io_methods,
    state: Mutex<State>,
}

// SAFETY: `usual` points to SQLite's own file system, which lives for ever and is made for use from any thread; all that
// changes is behind the mutex.
unsafe impl Send for ForgetfulDisk {}
// SAFETY: as above.
unsafe impl Sync for ForgetfulDisk {}

#[derive(Default)]
struct State {
    /// What was written to each file since its last sync, in order.
    unsynced: HashMap<PathBuf, Vec<Change>>,
    /// Operations until the cut.
    left: Option<u64>,
    is_cut: bool,
    /// Counts the times the power came back; files opened before are dead.
    power: u64,
    /// Operations since the disk was made.
    operations: u64,
}

/// A change of a file that is not on the disk yet.
enum Change {
    /// Bytes written at an offset.
    Write {
        offset: u64,
        new: Vec<u8>,
        /// What stood there, as far as the file went.
        old: Vec<u8>,
        old_size: u64,
    },
    /// The file made shorter (or longer).
    Resize {
        size: u64,
        /// What stood after the new end.
        old: Vec<u8>,
        old_size: u64,
    },
}

/// What becomes of writes that were not synced before the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// All are lost.
    Lost,
    /// Each sector is lost or kept, as this seed has it.
    Torn(u64),
}

impl State {
    /// Counts one operation; says whether there is still power for it.
    fn has_power(&mut self) -> bool {
        match &mut self.left {
            Some(0) => self.is_cut = true,
            Some(left) => *left -= 1,
            None => {}
        }
        self.operations += 1;
        !self.is_cut
    }
}

impl ForgetfulDisk {
    /// Makes a disk and tells SQLite its name, for [`store::Options::vfs`]. Both last as long as the process.
    pub fn register(name: &str) -> &'static ForgetfulDisk {
        // SAFETY: asks for the default file system, which SQLite registers before it gives any.
        let usual = unsafe { ffi::sqlite3_initialize() };
        assert_eq!(usual, ffi::SQLITE_OK);
        // SAFETY: a null name asks for the default.
        let usual = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        assert!(!usual.is_null());
        let disk: &'static ForgetfulDisk = Box::leak(Box::new(ForgetfulDisk {
            name: name.to_owned(),
            usual,
            methods: methods(),
            state: Mutex::default(),
        }));
        // SAFETY: `usual` is valid for ever; what it holds is plain data and function pointers.
        let mut vfs = unsafe { *usual };
        vfs.szOsFile += size_of::<OpenFile>() as c_int;
        vfs.pNext = ptr::null_mut();
        vfs.zName = CString::new(name).expect("a name without NUL").into_raw();
        vfs.pAppData = ptr::from_ref(disk).cast_mut().cast();
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        vfs.xAccess = Some(access);
        vfs.xFullPathname = Some(full_pathname);
        // SAFETY: the structure is leaked, so it lives as long as SQLite may use it.
        let registered = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
        assert_eq!(registered, ffi::SQLITE_OK);
        disk
    }

    /// The name by which SQLite knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes, syncs and deletions so far.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// The power goes after this many more writes, syncs and deletions.
    pub fn cut_after(&self, operations: u64) {
        self.state.lock().left = Some(operations);
    }

    /// The power goes now, whatever is under way.
    pub fn power_cut(&self) {
        self.state.lock().is_cut = true;
    }

    /// Whether the power is gone.
    pub fn is_cut(&self) -> bool {
        self.state.lock().is_cut
    }

    /// The power is back: every file has what it had at its last sync, and of what came later what `unsynced` leaves.
    /// Everything that was open before the cut must be closed by now, and never works again.
    pub fn power_on(&self, unsynced: Unsynced) -> io::Result<()> {
        let mut state = self.state.lock();
        let mut dice = match unsynced {
            Unsynced::Lost => None,
            Unsynced::Torn(seed) => Some(Dice(seed)),
        };
        for (path, changes) in state.unsynced.drain() {
            restore(&path, changes, dice.as_mut())?;
        }
        state.left = None;
        state.is_cut = false;
        state.power += 1;
        Ok(())
    }
}

/// Pseudo-random bits (SplitMix64), so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn is_heads(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

fn restore(path: &Path, changes: Vec<Change>, dice: Option<&mut Dice>) -> io::Result<()> {
    let file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        // Deleted since; that is not forgotten.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for change in changes.iter().rev() {
        match change {
            Change::Write {
                offset,
                old,
                old_size,
                ..
            } => {
                file.write_all_at(old, *offset)?;
                file.set_len(*old_size)?;
            }
            Change::Resize { size, old, old_size } => {
                file.set_len(*old_size)?;
                file.write_all_at(old, *size)?;
            }
        }
    }
    let Some(dice) = dice else { return Ok(()) };
    for change in changes {
        match change {
            Change::Write { offset, new, .. } => {
                let mut at = offset;
                let end = offset + new.len() as u64;
                while at < end {
                    let sector_end = ((at / SECTOR + 1) * SECTOR).min(end);
                    if dice.is_heads() {
                        file.write_all_at(&new[(at - offset) as usize..(sector_end - offset) as usize], at)?;
                    }
                    at = sector_end;
                }
            }
            Change::Resize { size, .. } => {
                if dice.is_heads() {
                    file.set_len(size)?;
                }
            }
        }
    }
    Ok(())
}

/// Our part of the memory that SQLite gives for an open file; the usual file system's part follows it.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    disk: *const ForgetfulDisk,
    /// Null for a temporary file, which nobody looks for after a cut.
    path: *mut PathBuf,
    power: u64,
}

/// The usual file system's part.
///
/// # Safety
/// `file` is a file that [`open`] has prepared.
unsafe fn usual_part(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite gave `szOsFile` bytes, of which ours come first; their size is a multiple of the alignment.
    unsafe { file.cast::<u8>().add(size_of::<OpenFile>()).cast() }
}

/// Calls one of the usual file system's methods on its part of the file.
macro_rules! usual {
    ($file:ident.$method:ident($($argument:expr),*)) => {{
        // SAFETY: `open` has let the usual file system fill its part, methods included; SQLite only calls on open files.
        unsafe {
            let part = usual_part($file);
            match (*(*part).pMethods).$method {
                Some(method) => method(part, $($argument),*),
                None => ffi::SQLITE_IOERR,
            }
        }
    }};
}

/// Our part and the disk.
///
/// # Safety
/// `file` is a file that [`open`] has prepared.
unsafe fn ours<'f>(file: *mut ffi::sqlite3_file) -> (&'f OpenFile, &'f ForgetfulDisk) {
    // SAFETY: `open` has filled it, with a pointer to a disk that lives for ever; nobody changes it while it is open.
    unsafe {
        let ours = &*file.cast::<OpenFile>();
        (ours, &*ours.disk)
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: `vfs` is one that `register` made; `file` has room for both parts; `name` is null or a C string that lives
    // as long as the file is open.
    unsafe {
        let disk = &*(*vfs).pAppData.cast::<ForgetfulDisk>();
        let ours = file.cast::<OpenFile>();
        (*ours).base.pMethods = ptr::null();
        let (power, is_cut) = {
            let state = disk.state.lock();
            (state.power, state.is_cut)
        };
        if is_cut {
            return ffi::SQLITE_CANTOPEN;
        }
        let part = usual_part(file);
        let Some(usual_open) = (*disk.usual).xOpen else {
            return ffi::SQLITE_CANTOPEN;
        };
        let opened = usual_open(disk.usual, name, part, flags, out_flags);
        if opened != ffi::SQLITE_OK {
            return opened;
        }
        (*ours).disk = disk;
        (*ours).power = power;
        (*ours).path = if name.is_null() {
            ptr::null_mut()
        } else {
            Box::into_raw(Box::new(path(name)))
        };
        (*ours).base.pMethods = &raw const disk.methods;
    }
    ffi::SQLITE_OK
}

/// # Safety
/// `name` is a C string.
unsafe fn path(name: *const c_char) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    // SAFETY: promised by the caller.
    let name = unsafe { CStr::from_ptr(name) };
    PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: `vfs` is one that `register` made; `name` is a C string.
    unsafe {
        let disk = &*(*vfs).pAppData.cast::<ForgetfulDisk>();
        let mut state = disk.state.lock();
        if !state.has_power() {
            return ffi::SQLITE_IOERR_DELETE;
        }
        state.unsynced.remove(&path(name));
        (*disk.usual)
            .xDelete
            .map_or(ffi::SQLITE_IOERR, |delete| delete(disk.usual, name, sync))
    }
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: `vfs` is one that `register` made; the rest is passed on as it came.
    unsafe {
        let disk = &*(*vfs).pAppData.cast::<ForgetfulDisk>();
        (*disk.usual)
            .xAccess
            .map_or(ffi::SQLITE_IOERR, |access| access(disk.usual, name, flags, out))
    }
}

unsafe extern "C" fn full_pathname(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: `vfs` is one that `register` made; the rest is passed on as it came.
    unsafe {
        let disk = &*(*vfs).pAppData.cast::<ForgetfulDisk>();
        (*disk.usual)
            .xFullPathname
            .map_or(ffi::SQLITE_IOERR, |full| full(disk.usual, name, room, out))
    }
}

fn methods() -> ffi::sqlite3_io_methods {
    ffi::sqlite3_io_methods {
        // With shared memory, without memory-mapped reading and writing, which would pass us by.
        iVersion: 2,
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(file_size),
        xLock: Some(lock),
        xUnlock: Some(unlock),
        xCheckReservedLock: Some(check_reserved_lock),
        xFileControl: Some(file_control),
        xSectorSize: Some(sector_size),
        xDeviceCharacteristics: Some(device_characteristics),
        xShmMap: Some(shm_map),
        xShmLock: Some(shm_lock),
        xShmBarrier: Some(shm_barrier),
        xShmUnmap: Some(shm_unmap),
        xFetch: None,
        xUnfetch: None,
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let closed = usual!(file.xClose());
    // SAFETY: the path came from `Box::into_raw` in `open`, and SQLite closes a file once.
    unsafe {
        let ours = file.cast::<OpenFile>();
        if !(*ours).path.is_null() {
            drop(Box::from_raw((*ours).path));
            (*ours).path = ptr::null_mut();
        }
    }
    closed
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    to: *mut c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite only calls on open files.
    let (ours, disk) = unsafe { ours(file) };
    let state = disk.state.lock();
    if state.is_cut || state.power != ours.power {
        return ffi::SQLITE_IOERR_READ;
    }
    drop(state);
    usual!(file.xRead(to, length, offset))
}

/// What stands in the file from `offset` on, at most `length` bytes, and the file's size.
///
/// # Safety
/// `file` is open.
unsafe fn present(file: *mut ffi::sqlite3_file, offset: u64, length: u64) -> Result<(Vec<u8>, u64), c_int> {
    let mut size = 0_i64;
    let result = usual!(file.xFileSize(&raw mut size));
    if result != ffi::SQLITE_OK {
        return Err(result);
    }
    let size = size as u64;
    let mut bytes = vec![0_u8; size.saturating_sub(offset).min(length) as usize];
    if !bytes.is_empty() {
        let result = usual!(file.xRead(bytes.as_mut_ptr().cast(), bytes.len() as c_int, offset as i64));
        if result != ffi::SQLITE_OK {
            return Err(result);
        }
    }
    Ok((bytes, size))
}

/// Runs a change of a file, and remembers it if there was power for it.
///
/// # Safety
/// `file` is open.
unsafe fn change(
    file: *mut ffi::sqlite3_file,
    failure: c_int,
    remember: impl FnOnce(&mut Vec<Change>) -> Result<(), c_int>,
    run: impl FnOnce() -> c_int,
) -> c_int {
    // SAFETY: promised by the caller.
    let (ours, disk) = unsafe { ours(file) };
    let mut state = disk.state.lock();
    if state.power != ours.power || !state.has_power() {
        return failure;
    }
    if !ours.path.is_null() {
        // SAFETY: not null, so it is the box that `open` made and `close` has not taken.
        let path = unsafe { &*ours.path };
        if let Err(result) = remember(state.unsynced.entry(path.clone()).or_default()) {
            return result;
        }
    }
    run()
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    let remember = |changes: &mut Vec<Change>| {
        // SAFETY: SQLite only calls on open files, with `length` readable bytes.
        let (new, (old, old_size)) = unsafe {
            let new = std::slice::from_raw_parts(from.cast::<u8>(), length as usize).to_vec();
            (new, present(file, offset as u64, length as u64)?)
        };
        changes.push(Change::Write {
            offset: offset as u64,
            new,
            old,
            old_size,
        });
        Ok(())
    };
    let run = || usual!(file.xWrite(from, length, offset));
    // SAFETY: SQLite only calls on open files.
    unsafe { change(file, ffi::SQLITE_IOERR_WRITE, remember, run) }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let remember = |changes: &mut Vec<Change>| {
        // SAFETY: SQLite only calls on open files.
        let (old, old_size) = unsafe { present(file, size as u64, u64::MAX)? };
        changes.push(Change::Resize {
            size: size as u64,
            old,
            old_size,
        });
        Ok(())
    };
    let run = || usual!(file.xTruncate(size));
    // SAFETY: SQLite only calls on open files.
    unsafe { change(file, ffi::SQLITE_IOERR_TRUNCATE, remember, run) }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // That the disk below really syncs is not what is tested, and would only take time.
    let forget = |changes: &mut Vec<Change>| {
        changes.clear();
        Ok(())
    };
    // SAFETY: SQLite only calls on open files.
    unsafe { change(file, ffi::SQLITE_IOERR_FSYNC, forget, || ffi::SQLITE_OK) }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    usual!(file.xFileSize(size))
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    usual!(file.xLock(level))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    usual!(file.xUnlock(level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    usual!(file.xCheckReservedLock(out))
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, what: c_int, value: *mut c_void) -> c_int {
    usual!(file.xFileControl(what, value))
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    usual!(file.xSectorSize())
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    usual!(file.xDeviceCharacteristics())
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    usual!(file.xShmMap(region, size, extend, out))
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, offset: c_int, n: c_int, flags: c_int) -> c_int {
    usual!(file.xShmLock(offset, n, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: SQLite only calls on open files, whose usual part has its methods.
    unsafe {
        let part = usual_part(file);
        if let Some(barrier) = (*(*part).pMethods).xShmBarrier {
            barrier(part);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    usual!(file.xShmUnmap(delete))
}
