//! The public URL of this Postern, for the example in an empty outbox.

/// The public URL, which the server crate provides as context.
#[derive(Clone, Debug)]
pub struct PublicUrl(pub String);
