//! The last words of a child, for the error: bounded, whatever it prints.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Kept of a child's standard error.
const TAIL_BYTES: usize = 2048;

/// Reads to the end and keeps the tail, as text on one line.
pub(super) async fn collect(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut tail = VecDeque::with_capacity(TAIL_BYTES);
    let mut chunk = [0_u8; 512];
    while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
        let over = (tail.len() + n).saturating_sub(TAIL_BYTES);
        tail.drain(..over.min(tail.len()));
        tail.extend(&chunk[..n]);
    }
    let bytes: Vec<u8> = tail.into();
    // Control characters could forge lines in our log.
    String::from_utf8_lossy(&bytes).trim().replace(|c: char| c.is_control(), " | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_end_of_an_endless_complaint() {
        let text = "no such device\n".repeat(10_000) + "gave up\u{1b}[31m";
        let tail = collect(text.as_bytes()).await;
        assert!(tail.len() < 3 * TAIL_BYTES && tail.ends_with("gave up | [31m"), "{tail}");
    }
}
