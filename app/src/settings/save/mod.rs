//! Saving the settings form: the password is sealed, and a conflict or another outcome is shown.

mod conflict;
mod form_action;
mod outcome_notice;
mod seal;

pub use conflict::Conflict;
pub use form_action::{FormAction, SUBMIT, perform};
pub use outcome_notice::OutcomeNotice;
pub use seal::password_change;
