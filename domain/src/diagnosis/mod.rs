//! A test or diagnosis of a relay: its events, the trace built from them, and the transcript.

pub mod event;
pub mod trace;
pub mod transcript;
