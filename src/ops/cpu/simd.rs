//! Code compiled for several instruction sets, of which the best that the processor has runs.

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Set);

/// The instruction sets that code is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// What every processor of this architecture has.
    Portable,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512 (foundation), AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The best one. There is no other way to an [`Isa`], so having one shows that the processor has the instructions.
    #[inline]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return Self(if std::arch::is_x86_feature_detected!("avx512f") { Set::Avx512 } else { Set::Avx2 });
        }
        Self(Set::Portable)
    }

    /// Which one it is.
    #[inline]
    pub fn set(self) -> Set {
        self.0
    }

    /// Values in a vector.
    pub fn lanes(self) -> usize {
        match self.0 {
            Set::Portable => 4,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => 8,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => 16,
        }
    }

    /// The one whose registers are half as wide, if this is AVX-512: it comes with AVX2.
    #[must_use]
    pub fn narrower(self) -> Self {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => Self(Set::Avx2),
            _ => self,
        }
    }

    /// All that this processor has: AVX-512 comes with AVX2.
    #[cfg(test)]
    pub fn available() -> Vec<Self> {
        let all = [
            Set::Portable,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512,
        ];
        let best = all.iter().position(|set| *set == Self::best().0);
        all.into_iter().take(best.map_or(0, |best| best + 1)).map(Self).collect()
    }
}

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
                if $crate::ops::cpu::simd::Isa::best().set() != $crate::ops::cpu::simd::Set::Portable {
                    // SAFETY: the processor has the features that `avx2` was compiled for.
                    return unsafe { avx2($($argument),*) };
                }
            }
            portable($($argument),*)
        }
    )+};
}

/// Defines safe functions over generic kernels: `fn name(isa, arguments) = kernel` runs `kernel::<V, ROWS, TALL>` for the
/// vector type `V` of the instruction set, with as many rows of accumulators as it has registers for: `ROWS` rows of two
/// vectors, or `TALL` rows of one. The kernel must be sound for all arguments on a processor that has the instruction set: it checks
/// their sizes itself.
macro_rules! for_each_isa {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $kernel:ident;)+) => {$(
        $(#[$meta])*
        $visibility fn $name(isa: $crate::ops::cpu::simd::Isa, $($argument: $type),*) {
            use $crate::ops::cpu::vector;

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) {
                    // SAFETY: compiled for the features of the vector type.
                    unsafe { $kernel::<vector::Avx2, 6, 12>($($argument),*) }
                }
                #[target_feature(enable = "avx512f,avx2,fma")]
                fn avx512($($argument: $type),*) {
                    // SAFETY: as above.
                    unsafe { $kernel::<vector::Avx512, 12, 24>($($argument),*) }
                }
                match isa.set() {
                    // SAFETY: an `Isa` exists only where the processor has it.
                    $crate::ops::cpu::simd::Set::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    $crate::ops::cpu::simd::Set::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::ops::cpu::simd::Set::Portable => {}
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = isa;
            // SAFETY: the portable vector type needs no features.
            unsafe { $kernel::<vector::Portable, 4, 8>($($argument),*) }
        }
    )+};
}

/// Calls `$run!(first, count)` for stretches of 16 of `$channels` channels, then of 8, 4 and 1: constants, so that
/// the compiler keeps a stretch in registers.
macro_rules! for_each_stretch {
    ($channels:expr, $run:ident) => {{
        let (channels, mut at) = ($channels, 0);
        while at + 16 <= channels {
            $run!(at, 16);
            at += 16;
        }
        if at + 8 <= channels {
            $run!(at, 8);
            at += 8;
        }
        if at + 4 <= channels {
            $run!(at, 4);
            at += 4;
        }
        while at < channels {
            $run!(at, 1);
            at += 1;
        }
    }};
}

pub(super) use for_each_isa;
pub(super) use for_each_stretch;
pub(super) use vectorised;
