//! What the kernels run with: an instruction set, memory, threads.

use std::ops::Range;
use std::sync::Arc;

use super::buffers::Buffers;
use super::crew::Member;
use super::simd::Isa;

/// The processor's instruction set, and the memory and threads of one training.
#[derive(Clone, Debug)]
pub struct Context {
    /// What to compute with.
    pub isa: Isa,
    /// Where to compute.
    pub buffers: Buffers,
    /// Who computes; nobody but the calling thread if there is none.
    member: Option<Arc<Member>>,
}

impl Default for Context {
    fn default() -> Self {
        Self { isa: Isa::best(), buffers: Buffers::default(), member: None }
    }
}

impl Context {
    /// Computes with the member's part of the crew's threads.
    pub fn of(member: Member) -> Self {
        Self { member: Some(Arc::new(member)), ..Self::default() }
    }

    /// Computes with one thread and the given instructions.
    #[cfg(test)]
    pub fn on(isa: Isa) -> Self {
        Self { isa, ..Self::default() }
    }

    fn threads(&self) -> usize {
        self.member.as_ref().map_or(1, |member| member.threads())
    }

    /// `0..count` in as many nearly equal ranges as there are threads.
    ///
    /// Where the ranges end depends on the number of threads, so it must not matter for any bit of the result.
    pub fn shares(&self, count: usize) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        ranges(count, self.threads())
    }

    /// The same in twice as many ranges if there are several threads, for work that has nothing to prepare for each: who is
    /// done first takes one more.
    pub fn fine_shares(&self, count: usize) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let threads = self.threads();
        ranges(count, if threads > 1 { 2 * threads } else { 1 })
    }

    /// `work` for each of `parts`, on all threads; the results in order.
    pub fn map<T: Send, R: Send>(&self, parts: impl Iterator<Item = T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
        match &self.member {
            Some(member) if member.threads() > 1 => member.map(parts.collect(), &work),
            _ => parts.map(work).collect(),
        }
    }

    /// Two pieces of work, at the same time if there are threads for it. Who is done with one of them helps with the parts of
    /// the other.
    pub fn join<A: Send, B: Send>(
        &self,
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match &self.member {
            Some(member) if member.threads() > 1 => member.join(first, second),
            _ => (first(), second()),
        }
    }

    /// `work` for each of `parts`, on all threads.
    pub fn each<T: Send>(&self, parts: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
        self.map(parts, work);
    }
}

/// `0..count` in so many nearly equal ranges, none of them empty unless `count` is 0.
fn ranges(count: usize, parts: usize) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
    let parts = parts.min(count.max(1));
    (0..parts).map(move |part| count * part / parts..count * (part + 1) / parts)
}

/// The pieces of a slice that hold `each` elements for every index of the ranges, which follow each other.
pub fn cut<T>(slice: &[T], ranges: impl Iterator<Item = Range<usize>>, each: usize) -> impl Iterator<Item = &[T]> {
    ranges.map(move |range| &slice[range.start * each..range.end * each])
}

/// The same, to be written.
pub fn cut_mut<T>(
    mut slice: &mut [T],
    ranges: impl Iterator<Item = Range<usize>>,
    each: usize,
) -> impl Iterator<Item = &mut [T]> {
    ranges.map(move |range| {
        let (piece, rest) = std::mem::take(&mut slice).split_at_mut(range.len() * each);
        slice = rest;
        piece
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::crew::Crew;
    use super::*;

    #[test]
    fn trainings_share_the_threads_until_others_end() {
        let crew = Crew::new(NonZeroUsize::new(4).unwrap()).unwrap();
        let first = Context::of(Member::new(&crew));
        let shares = |context: &Context| context.shares(100).map(|share| share.len()).collect::<Vec<_>>();
        assert_eq!(shares(&first), [25; 4]);
        let others = [(); 2].map(|()| Context::of(Member::new(&crew)));
        assert_eq!(shares(&first), [100]);
        let clone = others[0].clone();
        drop(others);
        assert_eq!(shares(&first), [50; 2]);
        assert_eq!(first.map(0..5, |i| i * i), [0, 1, 4, 9, 16]);
        drop(clone);
        assert_eq!(shares(&first), [25; 4]);
        assert_eq!(shares(&Context::default()), [100]);
    }
}
