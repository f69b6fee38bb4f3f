//! What the system's allocator does with the buffers of huge rows.
//!
//! Buffers of [`LARGE`] bytes and more come from the system and go back to it at once. By itself glibc
//! raises that border to 32 MiB as soon as a large buffer was given back; what is below it then stays with
//! the thread that had it, and some rows of 20 MiB make the process larger than `--memory` for good.

/// Bytes: above every ordinary buffer, so that nothing that is needed again and again is asked of the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 1 << 20;

/// Says so to the allocator; called once, before there are threads. Other systems' allocators do it by
/// themselves.
#[allow(unsafe_code, reason = "the allocator can be told in C only")]
pub(crate) fn settle() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: a call without pointers, before any other thread runs. An allocator that does not know the
    // option answers 0, and nothing changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
