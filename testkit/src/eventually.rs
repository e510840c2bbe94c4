//! Waiting for facts of other processes that announce themselves to nobody. The only place in all tests
//! that may sleep.

use std::time::{Duration, Instant};

/// From one look to the next: short against every limit, long against the cost of a look.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Looks again and again until `look` finds something.
///
/// # Panics
/// If it has not within `limit`.
pub async fn eventually<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
