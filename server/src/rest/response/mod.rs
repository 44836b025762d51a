//! What operations answer: the envelope, its errors in the `OpenAPI` document, and event streams.

pub mod envelope;
pub mod errors;
pub mod event_stream;
pub mod refusal;
