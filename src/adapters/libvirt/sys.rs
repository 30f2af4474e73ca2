//! What the virt crate 0.5 has no names for: checkpoints, autostart-once, domain statistics.
//!
//! All unsafe code that speaks to libvirt is in this file. Each function takes safe values, frees
//! what libvirt allocated, and gives safe values back.

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_uint, c_void};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

unsafe extern "C" {
    // C's own: libvirt's arrays and strings are the caller's to free with it.
    fn free(pointer: *mut c_void);
    // POSIX's. A null handle is RTLD_DEFAULT with both glibc and musl: all libraries loaded.
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

/// A checkpoint's handle, released at the end of its scope.
struct Handle(sys::virDomainCheckpointPtr);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the pointer came from libvirt with a reference that is ours, and is used by
        // nobody after this.
        unsafe { sys::virDomainCheckpointFree(self.0) };
    }
}

/// Takes over a string that libvirt allocated.
///
/// # Safety
/// `text` is a NUL-terminated string from libvirt that nobody else frees.
unsafe fn take(text: *mut c_char) -> String {
    // SAFETY: the caller's promise; it is copied before it is freed, and freed once.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        free(text.cast());
        copy
    }
}

/// The process that listens at the other end of a Unix socket, 0 where it is not seen from here.
pub(super) fn peer_pid(socket: BorrowedFd<'_>) -> Option<i32> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut length = libc::socklen_t::try_from(mem::size_of_val(&peer)).ok()?;
    // SAFETY: the kernel writes at most `length` bytes to `peer`, which has as many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &mut length,
        )
    };
    (result == 0).then_some(peer.pid)
}

/// The same of one of this process's descriptors by number, with the name that it was reached by;
/// `None` for what is not a Unix socket that leads somewhere.
pub(super) fn unix_peer(number: RawFd) -> Option<(i32, Option<PathBuf>)> {
    // SAFETY: plain numbers, for which all zeros is a value.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    let mut length = libc::socklen_t::try_from(mem::size_of_val(&address)).ok()?;
    // SAFETY: the kernel writes at most `length` bytes to `address`, which has as many. A number
    // that is no socket's, or nobody's any more, is an error.
    let result = unsafe { libc::getpeername(number, (&raw mut address).cast(), &mut length) };
    if result != 0 || i32::from(address.sun_family) != libc::AF_UNIX {
        return None;
    }
    let path: Vec<u8> = address
        .sun_path
        .iter()
        .map(|byte| byte.cast_unsigned())
        .collect();
    let end = path
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(path.len());
    let path = (end > 0).then(|| PathBuf::from(OsStr::from_bytes(&path[..end])));
    // SAFETY: it is open: the kernel has just answered for it, and the caller keeps it so.
    let socket = unsafe { BorrowedFd::borrow_raw(number) };
    Some((peer_pid(socket)?, path))
}

/// The XML of every checkpoint, passwords included.
pub(super) fn checkpoints(domain: &Domain) -> Result<Vec<String>, Error> {
    let mut list: *mut sys::virDomainCheckpointPtr = ptr::null_mut();
    // SAFETY: the domain's pointer is valid while `domain` lives; libvirt writes one array to
    // `list` and answers its length, or -1 and writes none.
    let count = unsafe { sys::virDomainListAllCheckpoints(domain.as_ptr(), &mut list, 0) };
    let Ok(count) = usize::try_from(count) else {
        return Err(Error::last_error());
    };
    // SAFETY: `count` pointers are in the array, each with a reference that is now ours. The array
    // is freed once; its elements are not part of it.
    let handles: Vec<Handle> = unsafe {
        let handles = (0..count).map(|index| Handle(*list.add(index))).collect();
        free(list.cast());
        handles
    };
    handles
        .iter()
        .map(|handle| {
            // SAFETY: the handle is valid until the end of this function; the answer is null or a
            // string for us to free.
            unsafe {
                let xml = sys::virDomainCheckpointGetXMLDesc(
                    handle.0,
                    sys::VIR_DOMAIN_CHECKPOINT_XML_SECURE as c_uint,
                );
                if xml.is_null() {
                    Err(Error::last_error())
                } else {
                    Ok(take(xml))
                }
            }
        })
        .collect()
}

/// The XML of the backup job that runs.
pub(super) fn backup(domain: &Domain) -> Result<String, Error> {
    // SAFETY: the domain's pointer is valid while `domain` lives; the answer is null or a string
    // for us to free.
    unsafe {
        let xml = sys::virDomainBackupGetXMLDesc(domain.as_ptr(), 0);
        if xml.is_null() {
            return Err(Error::last_error());
        }
        Ok(take(xml))
    }
}

/// `VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE`: metadata of a checkpoint that is in the image.
pub(super) fn redefine_checkpoint(domain: &Domain, xml: &str) -> Result<(), Error> {
    let xml = CString::new(xml)?;
    // SAFETY: both pointers are valid for the call; the answer is null or a reference of ours,
    // which the handle releases.
    unsafe {
        let created = sys::virDomainCheckpointCreateXML(
            domain.as_ptr(),
            xml.as_ptr(),
            sys::VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE as c_uint,
        );
        if created.is_null() {
            return Err(Error::last_error());
        }
        drop(Handle(created));
    }
    Ok(())
}

type GetOnce = unsafe extern "C" fn(sys::virDomainPtr, *mut c_int) -> c_int;
type SetOnce = unsafe extern "C" fn(sys::virDomainPtr, c_int) -> c_int;

/// libvirt 11.2's calls, looked up while running: a program linked to them would not start where
/// libvirt is older.
pub(super) struct AutostartOnce {
    get: GetOnce,
    set: SetOnce,
}

impl AutostartOnce {
    pub(super) fn find() -> Option<Self> {
        // SAFETY: dlsym reads a C string and answers null or the address of that symbol. The
        // types are those of libvirt-domain.h 11.3; libvirt never changes a published call.
        unsafe {
            let get = dlsym(ptr::null_mut(), c"virDomainGetAutostartOnce".as_ptr());
            let set = dlsym(ptr::null_mut(), c"virDomainSetAutostartOnce".as_ptr());
            if get.is_null() || set.is_null() {
                return None;
            }
            Some(Self {
                get: std::mem::transmute::<*mut c_void, GetOnce>(get),
                set: std::mem::transmute::<*mut c_void, SetOnce>(set),
            })
        }
    }

    pub(super) fn get(&self, domain: &Domain) -> Result<bool, Error> {
        let mut once: c_int = 0;
        // SAFETY: the domain is valid while borrowed; libvirt writes one int.
        if unsafe { (self.get)(domain.as_ptr(), &mut once) } < 0 {
            return Err(Error::last_error());
        }
        Ok(once != 0)
    }

    pub(super) fn set(&self, domain: &Domain, once: bool) -> Result<(), Error> {
        // SAFETY: the domain is valid while borrowed.
        if unsafe { (self.set)(domain.as_ptr(), c_int::from(once)) } < 0 {
            return Err(Error::last_error());
        }
        Ok(())
    }
}

/// One domain's string parameters of a statistics call.
pub(super) struct Record {
    pub name: String,
    pub uuid: [u8; 16],
    pub texts: Vec<(String, String)>,
}

/// `BLOCK` statistics with backing chains, of every domain, active or not.
pub(super) fn block_statistics(connection: &Connect) -> Result<Vec<Record>, Error> {
    let mut list: *mut sys::virDomainStatsRecordPtr = ptr::null_mut();
    // SAFETY: the connection is valid while borrowed; libvirt writes one array to `list` and
    // answers its length, or -1 and writes none.
    let count = unsafe {
        sys::virConnectGetAllDomainStats(
            connection.as_ptr(),
            sys::VIR_DOMAIN_STATS_BLOCK as c_uint,
            &mut list,
            sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING as c_uint,
        )
    };
    let Ok(count) = usize::try_from(count) else {
        return Err(Error::last_error());
    };
    // SAFETY: `count` valid records are in the array, which stays until it is freed below.
    let records = (0..count)
        .map(|index| unsafe { record(&**list.add(index)) })
        .collect();
    // SAFETY: the array is libvirt's, is freed once, and nothing in it is referred to any more.
    unsafe { sys::virDomainStatsRecordListFree(list) };
    records
}

/// # Safety
/// The record is one of libvirt's, and whole.
unsafe fn record(record: &sys::virDomainStatsRecord) -> Result<Record, Error> {
    let mut uuid = [0_u8; 16];
    // SAFETY: the record's domain lives as long as the record, and libvirt writes VIR_UUID_BUFLEN,
    // which is 16, bytes. Its name belongs to it and is copied.
    let name = unsafe {
        if sys::virDomainGetUUID(record.dom, uuid.as_mut_ptr()) < 0 {
            return Err(Error::last_error());
        }
        let name = sys::virDomainGetName(record.dom);
        if name.is_null() {
            return Err(Error::last_error());
        }
        CStr::from_ptr(name).to_string_lossy().into_owned()
    };
    let count = usize::try_from(record.nparams).unwrap_or(0);
    let mut texts = Vec::new();
    for index in 0..count {
        // SAFETY: `nparams` parameters follow `params`; `field` is a NUL-terminated array, and the
        // union holds a string where the type says so.
        unsafe {
            let parameter = &*record.params.add(index);
            if parameter.type_ == sys::VIR_TYPED_PARAM_STRING as c_int
                && !parameter.value.s.is_null()
            {
                texts.push((
                    CStr::from_ptr(parameter.field.as_ptr())
                        .to_string_lossy()
                        .into_owned(),
                    CStr::from_ptr(parameter.value.s)
                        .to_string_lossy()
                        .into_owned(),
                ));
            }
        }
    }
    Ok(Record { name, uuid, texts })
}

/// What an event says besides whom it is about.
pub(super) enum Happened {
    Lifecycle { event: u32, detail: u32 },
    Else,
}

type Listener = Box<dyn Fn([u8; 16], Happened) + Send>;

/// Calls `listener` for each lifecycle event and for each change of metadata or devices, of any
/// domain, on the event loop's thread, until the connection is closed.
pub(super) fn follow(
    connection: &Connect,
    listener: impl Fn([u8; 16], Happened) + Send + Clone + 'static,
) -> Result<(), Error> {
    // SAFETY: each callback has the arguments that libvirt-domain.h gives for its event's number;
    // libvirt itself casts them from this one type (VIR_DOMAIN_EVENT_CALLBACK).
    let callbacks: [(u32, sys::virConnectDomainEventGenericCallback); 4] = unsafe {
        let three = std::mem::transmute::<
            unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *const c_char, *mut c_void),
            sys::virConnectDomainEventGenericCallback,
        >(on_device);
        [
            (
                sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                std::mem::transmute::<
                    unsafe extern "C" fn(
                        sys::virConnectPtr,
                        sys::virDomainPtr,
                        c_int,
                        c_int,
                        *mut c_void,
                    ) -> c_int,
                    sys::virConnectDomainEventGenericCallback,
                >(on_lifecycle),
            ),
            (
                sys::VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
                std::mem::transmute::<
                    unsafe extern "C" fn(
                        sys::virConnectPtr,
                        sys::virDomainPtr,
                        c_int,
                        *const c_char,
                        *mut c_void,
                    ),
                    sys::virConnectDomainEventGenericCallback,
                >(on_metadata),
            ),
            (sys::VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, three),
            (sys::VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, three),
        ]
    };
    for (id, callback) in callbacks {
        let boxed: Box<Listener> = Box::new(Box::new(listener.clone()));
        let opaque = Box::into_raw(boxed).cast::<c_void>();
        // SAFETY: the connection is valid while borrowed. `opaque` is a Listener of ours, which
        // libvirt gives to the callback alone and to `release` when it drops the callback.
        let registered = unsafe {
            sys::virConnectDomainEventRegisterAny(
                connection.as_ptr(),
                ptr::null_mut(),
                id as c_int,
                callback,
                opaque,
                Some(release),
            )
        };
        if registered < 0 {
            // SAFETY: libvirt did not take it over.
            unsafe { release(opaque) };
            return Err(Error::last_error());
        }
    }
    Ok(())
}

unsafe extern "C" fn release(opaque: *mut c_void) {
    // SAFETY: `opaque` is the box of `follow`, given back once.
    drop(unsafe { Box::from_raw(opaque.cast::<Listener>()) });
}

/// # Safety
/// libvirt's promise: a valid domain, and the `opaque` of `follow`.
unsafe fn tell(domain: sys::virDomainPtr, opaque: *mut c_void, happened: Happened) {
    let mut uuid = [0_u8; 16];
    // SAFETY: the domain is valid during the callback, and VIR_UUID_BUFLEN is 16; the listener
    // lives until `release`.
    unsafe {
        if sys::virDomainGetUUID(domain, uuid.as_mut_ptr()) == 0 {
            (*opaque.cast::<Listener>())(uuid, happened);
        }
    }
}

unsafe extern "C" fn on_lifecycle(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    event: c_int,
    detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    let happened = Happened::Lifecycle {
        event: event.unsigned_abs(),
        detail: detail.unsigned_abs(),
    };
    // SAFETY: libvirt's own arguments.
    unsafe { tell(domain, opaque, happened) };
    0
}

unsafe extern "C" fn on_metadata(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    _: c_int,
    _: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: libvirt's own arguments.
    unsafe { tell(domain, opaque, Happened::Else) };
}

unsafe extern "C" fn on_device(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    _: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: libvirt's own arguments.
    unsafe { tell(domain, opaque, Happened::Else) };
}
