//! What becomes of freed memory.

/// Keeps most of the memory that this process frees for its own next use; call it first in `main`, before there are other
/// threads. It changes the whole process, so it is for programs to do and not for a library.
///
/// A step makes the same few large tensors as the step before. glibc would give most of them back to the system in
/// between, and the system would fill the pages with zeros again, one fault a page. Other C libraries stay as they are.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// The most that glibc takes.
        const LARGEST_IN_HEAP: i32 = 32 << 20;
        /// Above this, what is free at the end of a heap is given back after all.
        const KEPT: i32 = 256 << 20;
        // SAFETY: sets two parameters of the allocator, which takes a lock of its own for that. If they are refused, all stays
        // as it is.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST_IN_HEAP);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        }
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// Pages that this thread had to ask for so far.
    fn faults() -> i64 {
        // SAFETY: `getrusage` fills the struct, whose fields are all numbers.
        unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
            usage.ru_minflt
        }
    }

    #[test]
    fn the_second_large_tensor_takes_the_pages_of_the_first() {
        keep_freed_memory();
        let tensor = || drop(std::hint::black_box(vec![1.0_f32; 4 << 20]));
        tensor();
        let before = faults();
        tensor();
        // 16 MiB are 4096 pages of the usual size.
        assert!(faults() - before < 100, "{}", faults() - before);
    }
}
