//! Kernels compiled twice: for any processor, and for those with AVX2, chosen when they run.

/// Defines functions whose bodies are compiled for AVX2 and FMA as well, and run that way where the processor has them.
///
/// The loops inside are plain Rust; the compiler makes vector code of them. Results may differ between the two in the last
/// bit, never between two runs on one machine.
macro_rules! vectorised {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block)+) => {$(
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) $(-> $output)? {
            #[inline(always)]
            fn portable($($argument: $type),*) $(-> $output)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) $(-> $output)? {
                    portable($($argument),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                    // SAFETY: the processor has the features that `avx2` was compiled for.
                    return unsafe { avx2($($argument),*) };
                }
            }
            portable($($argument),*)
        }
    )+};
}

pub(super) use vectorised;
