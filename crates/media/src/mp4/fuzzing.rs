//! What the fuzzers drive.

/// Any file a crash or a stranger may leave.
///
/// # Panics
/// When an invariant breaks.
pub fn fuzz(data: &[u8]) {
    crate::container::fuzz(crate::Container::Mp4, data);
}
