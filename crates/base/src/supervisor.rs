//! The pure supervisor of one source (being built).
