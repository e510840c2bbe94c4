//! The GOP cache and the queues of subscribers.

use std::sync::Arc;

use engine::{
    Frame,
    gop::{GopCache, MAX_BYTES, MAX_FRAMES},
    queue::{
        Popped,
        Pushed::{self, Overrun, Queued, Skipped},
        Queue,
    },
    rtp::Packetizer,
};

use crate::frame;

/// One frame a letter: `K` key, `d` delta. Its number is its place.
fn frames(pattern: &str) -> Vec<Arc<Frame>> {
    let mut packetizer = Packetizer::new(1, 0, 0);
    pattern.chars().zip(0..).map(|(kind, number)| frame(&mut packetizer, kind == 'K', number, 100)).collect()
}

fn fill(queue: &mut Queue, frames: impl IntoIterator<Item = Arc<Frame>>) -> Vec<Pushed> {
    frames.into_iter().map(|frame| queue.push(frame)).collect()
}

fn fill_cache(cache: &mut GopCache, frames: Vec<Arc<Frame>>) {
    for frame in frames {
        cache.push(frame);
    }
}

fn number(frame: &Frame) -> i64 {
    frame.unit.pts_90k / 3_000
}

/// Bytes one delta frame of [`frames`] costs a queue.
const DELTA_BYTES: usize = 4 + 12 + 100;

fn drain(queue: &mut Queue) -> String {
    let mut told = Vec::new();
    while let Some(popped) = queue.pop() {
        told.push(match popped {
            Popped::Frame(frame) => number(&frame).to_string(),
            Popped::Gap(lost) => format!("gap {lost}"),
        });
    }
    told.join(" ")
}

#[test]
fn the_cache_begins_at_the_newest_key_frame() {
    let mut cache = GopCache::new(MAX_BYTES);
    for (pattern, held) in
        [("", ""), ("ddd", ""), ("ddK", "2"), ("Kdd", "0 1 2"), ("KddKd", "3 4"), ("KK", "1")]
    {
        cache.clear();
        fill_cache(&mut cache, frames(pattern));
        let numbers: Vec<String> = cache.frames().iter().map(|frame| number(frame).to_string()).collect();
        assert_eq!(numbers.join(" "), held, "{pattern}");
        assert_eq!(cache.units().len(), numbers.len());
        assert_eq!(cache.newest().map(|frame| number(frame).to_string()).as_ref(), numbers.last());
    }
}

#[test]
fn over_its_cap_the_cache_empties_until_the_next_key_frame() {
    let all = frames("KdddKd");
    let cost = |frame: &Arc<Frame>| frame.unit.data.len() + frame.rtp.interleaved().len();
    let mut cache = GopCache::new(all[..3].iter().map(cost).sum());
    let held: Vec<usize> = all
        .into_iter()
        .map(|frame| {
            cache.push(frame);
            cache.frames().len()
        })
        .collect();
    assert_eq!(held, [1, 2, 3, 0, 1, 2]);

    let mut cache = GopCache::new(MAX_BYTES);
    let endless = frames(&format!("K{}", "d".repeat(MAX_FRAMES)));
    fill_cache(&mut cache, endless);
    assert_eq!(cache.frames().len(), 0);
}

#[test]
fn a_slow_viewer_jumps_to_the_next_key_frame() {
    let mut queue = Queue::live(3, usize::MAX);
    let told = fill(&mut queue, frames("dKdddddKd"));
    assert_eq!(told, [Skipped, Queued, Queued, Queued, Skipped, Skipped, Skipped, Queued, Queued]);
    assert_eq!((queue.len(), queue.dropped()), (2, 6));
    assert_eq!(drain(&mut queue), "gap 6 7 8");
    assert_eq!((queue.len(), queue.bytes()), (0, 0));
}

#[test]
fn a_key_frame_that_finds_the_queue_full_is_taken_at_once() {
    let mut queue = Queue::live(2, usize::MAX);
    let told = fill(&mut queue, frames("KdKd"));
    assert_eq!(told, [Queued; 4]);
    assert_eq!(drain(&mut queue), "gap 2 2 3");
}

#[test]
fn a_gap_is_told_when_a_frame_follows_and_adds_up() {
    let mut queue = Queue::live(2, usize::MAX);
    let mut all = frames("KdddKddK").into_iter();
    fill(&mut queue, all.by_ref().take(4));
    assert!(queue.pop().is_none(), "nothing follows yet");
    fill(&mut queue, all);
    assert_eq!(drain(&mut queue), "gap 7 7");
}

#[test]
fn bytes_count_as_frames_do() {
    let mut queue = Queue::live(100, 3 * DELTA_BYTES);
    fill(&mut queue, frames("Kdd"));
    assert_eq!((queue.len(), queue.dropped()), (0, 3), "a key frame costs more than a delta");
    let mut tiny = Queue::live(100, 1);
    assert_eq!(tiny.push(frames("K").remove(0)), Queued, "alone, a frame of any size is taken");
}

#[test]
fn a_recorder_is_told_that_it_lost() {
    let mut queue = Queue::lossless(2, usize::MAX);
    let told = fill(&mut queue, frames("dKddK"));
    assert_eq!(told, [Skipped, Queued, Queued, Overrun, Overrun]);
    assert!(queue.is_overrun());
    assert_eq!(drain(&mut queue), "1 2", "what was queued is still there");
    assert_eq!(queue.push(frames("K").remove(0)), Overrun, "for good");
    assert_eq!((queue.len(), queue.dropped()), (0, 3));
}

#[test]
fn the_cache_in_front_never_overflows() {
    for mut queue in [Queue::live(2, 2 * DELTA_BYTES), Queue::lossless(2, 2 * DELTA_BYTES)] {
        let mut all = frames("dKddddd");
        let (late, newest) = (all.pop().unwrap(), all.pop().unwrap());
        queue.prefill(all);
        assert_eq!(queue.len(), 4, "what cannot be decoded is left out");
        assert_eq!([queue.push(newest), queue.push(late)], [Queued; 2]);
        assert_eq!((drain(&mut queue).as_str(), queue.dropped()), ("1 2 3 4 5 6", 0));
        queue.prefill(frames("K"));
        assert_eq!(queue.len(), 0, "only at the beginning");
    }
    let mut empty = Queue::live(2, usize::MAX);
    empty.prefill(Vec::new());
    assert_eq!(empty.push(frames("d").remove(0)), Skipped);
}

/// Marsaglia's xorshift64; the seed is fixed so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
fn whatever_happens_a_delta_frame_follows_its_predecessor() {
    for seed in 1..200 {
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let pattern: String = (0..300).map(|_| if random.below(9) == 0 { 'K' } else { 'd' }).collect();
        let all = frames(&pattern);
        let start = random.below(40) as usize;
        let (max_frames, max_bytes) = (1 + random.below(12) as usize, 1 + random.below(2_000) as usize);
        let lossless = random.below(2) == 0;
        let mut queue = if lossless {
            Queue::lossless(max_frames, max_bytes)
        } else {
            Queue::live(max_frames, max_bytes)
        };
        let mut cache = GopCache::new(MAX_BYTES);
        fill_cache(&mut cache, all[..start].to_vec());
        let mut prefilled = cache.frames();
        queue.prefill(cache.frames());
        let (mut last, mut popped, mut gaps, mut skipped_at_begin) = (None, 0, 0, 0);
        for frame in &all[start..] {
            let begun = !queue.is_empty() || last.is_some() || queue.dropped() > 0;
            if queue.push(Arc::clone(frame)) == Skipped && !begun {
                skipped_at_begin += 1;
            }
            let free = prefilled.len();
            assert!(queue.len() <= max_frames + free, "bounded");
            for _ in 0..random.below(3) {
                let mut gap = 0;
                let mut next = queue.pop();
                if let Some(Popped::Gap(lost)) = next {
                    (gap, next) = (lost, queue.pop());
                    assert!(!lossless && lost > 0);
                }
                let Some(Popped::Frame(frame)) = next else {
                    assert!(next.is_none() && gap == 0);
                    break;
                };
                let at = number(&frame);
                if let Some(last) = last {
                    assert_eq!(at - last - 1, gap as i64, "seed {seed}: every loss is told");
                    assert!(gap == 0 || frame.unit.key, "seed {seed}: frame {at} cannot be decoded");
                } else {
                    assert!(frame.unit.key, "seed {seed}");
                }
                (last, popped, gaps) = (Some(at), popped + 1, gaps + gap);
                prefilled.pop();
            }
        }
        let offered = (all.len() - start + cache.frames().len()) as u64;
        let left = queue.len() as u64;
        assert_eq!(
            popped + left + queue.dropped() + skipped_at_begin,
            offered,
            "seed {seed}: none is forgotten"
        );
        assert!(lossless || gaps <= queue.dropped());
    }
}
