//! The state of the settings form: saved settings, edits, faults, the password plan, last outcome.

mod action;
mod editor;
mod faults;
mod form;
#[cfg(test)]
pub mod form_tests;
mod initial;
mod outcome;
mod password_plan;

pub use action::SettingsAction;
#[cfg(feature = "ssr")]
pub use action::{Preset, Username};
pub use editor::Editor;
pub use faults::of_no_field;
pub use form::FormState;
pub use initial::{ID, InitialState};
pub use outcome::FormOutcome;
pub use password_plan::{PasswordChoice, PasswordPlan};
