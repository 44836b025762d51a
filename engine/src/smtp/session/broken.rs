//! A session that ended within a transaction.

use domain::Failure;
use thiserror::Error;

/// The failure of a session that ended within a transaction. It says nothing about the message, whatever
/// the relay's text.
#[derive(Debug, Error)]
#[error("{failure}")]
pub struct BrokenSession {
    /// The failure at [`Stage::Mail`], [`Stage::Rcpt`] or [`Stage::Data`]. [`Fault::Rejected`] is a 421.
    ///
    /// [`Stage::Mail`]: domain::Stage::Mail
    /// [`Stage::Rcpt`]: domain::Stage::Rcpt
    /// [`Stage::Data`]: domain::Stage::Data
    /// [`Fault::Rejected`]: domain::Fault::Rejected
    pub failure: Failure,
    /// Whether the whole message was written and its end was not answered, or the answer is ambiguous.
    pub may_have_arrived: bool,
    /// Whether commands were pipelined behind the body of this message or of the previous one, and may
    /// be the reason of the failure.
    pub pipelined: bool,
}

/// The failure for a message whose end of data was not written.
impl From<Failure> for BrokenSession {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            may_have_arrived: false,
            pipelined: false,
        }
    }
}
