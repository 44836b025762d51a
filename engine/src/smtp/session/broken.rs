//! A session that ended within a transaction.

use domain::Failure;
use thiserror::Error;

/// The session ended within a transaction. This says nothing about the message, whatever the
/// relay's text.
#[derive(Debug, Error)]
#[error("{failure}")]
pub struct BrokenSession {
    /// At [`Stage::Mail`], [`Stage::Rcpt`] or [`Stage::Data`]. [`Fault::Rejected`] is a 421.
    ///
    /// [`Stage::Mail`]: domain::Stage::Mail
    /// [`Stage::Rcpt`]: domain::Stage::Rcpt
    /// [`Stage::Data`]: domain::Stage::Data
    /// [`Fault::Rejected`]: domain::Fault::Rejected
    pub failure: Failure,
    /// The whole message was written, and its end was not answered or the answer is ambiguous.
    pub may_have_arrived: bool,
    /// Commands were pipelined behind a body, this message's or the one before: they may be what
    /// the relay failed on.
    pub pipelined: bool,
}

/// For a message whose end of data was not written.
impl From<Failure> for BrokenSession {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            may_have_arrived: false,
            pipelined: false,
        }
    }
}
