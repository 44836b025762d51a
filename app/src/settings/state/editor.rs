//! The form's state as a signal, and the pause of typing after which a fault is shown.

use std::time::Duration;

use domain::Label;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;

use super::action::{Preset, Username};
use super::form::FormState;
use super::initial::InitialState;
use super::password_plan::PasswordChoice;
use crate::element;

/// A fault is shown after this pause, or when another field is edited. Showing it on blur would
/// move the buttons away under the pointer that is about to click one.
const PAUSE: Duration = Duration::from_millis(700);

/// The form's state as one signal: each type of signal adds code to the bundle, and comparing
/// fourteen fields is cheap.
#[derive(Clone, Copy)]
pub struct Editor {
    pub state: RwSignal<FormState>,
    /// The field that is being edited, and its timer.
    pause: StoredValue<Option<(Label, TimeoutHandle)>>,
}

impl Editor {
    pub fn new(initial: InitialState) -> Self {
        Self {
            state: RwSignal::new(FormState::new(initial)),
            pause: StoredValue::new(None),
        }
    }

    /// Reads the state and subscribes to it.
    pub fn get<T>(self, read: impl FnOnce(&FormState) -> T) -> T {
        read(&self.state.read())
    }

    /// Reads the state without a subscription.
    pub fn peek<T>(self, read: impl FnOnce(&FormState) -> T) -> T {
        read(&self.state.read_untracked())
    }

    pub fn change<T>(self, change: impl FnOnce(&mut FormState) -> T) -> T {
        change(&mut self.state.write())
    }

    /// Edits a field.
    pub fn edit(self, label: Label, text: String) {
        self.change(|state| state.edit(label, text));
        self.typing(label);
    }

    /// Edits the password.
    pub fn edit_password(self, text: String) {
        self.change(|state| state.edit_password(text));
        self.typing(Label::Password);
    }

    /// Chooses a password other than a typed one.
    pub fn choose(self, choice: PasswordChoice) {
        self.change(|state| state.choose(choice));
    }

    /// Fills settings in. With another host the certificate check becomes Verify again: what was
    /// trusted, or not checked, belonged to the host before.
    pub fn fill(self, preset: Preset) {
        let username = match preset.username {
            Username::Unchanged => None,
            Username::FromAddress => {
                Some(self.peek(|state| state.text(Label::FromAddress).to_owned()))
            }
            Username::Fixed(name) => Some(name),
            Username::IfEmpty(name) => {
                let empty = self.peek(|state| state.text(Label::Username).is_empty());
                empty.then_some(name)
            }
        };
        let username = username.map(|name| (Label::Username, name));
        for (label, value) in preset.values.into_iter().chain(username) {
            if label == Label::Host && self.peek(|state| state.text(label) != value) {
                self.edit(Label::CertificateCheck, "Verify".to_owned());
            }
            self.edit(label, value);
        }
    }

    /// Shows the faults that `reveal` reveals and focuses the first field at fault. Returns whether
    /// there is one.
    pub fn stop_at_faults(self) -> bool {
        self.go_to(self.change(FormState::reveal_all))
    }

    /// Focuses a field, if `Some`.
    pub fn go_to(self, label: Option<Label>) -> bool {
        if let Some(label) = label {
            element::focus(label.as_str());
        }
        label.is_some()
    }

    /// Stops the timer of the field that is being edited, and returns the field.
    pub fn end_typing(self) -> Option<Label> {
        let (label, timer) = self.pause.get_value()?;
        timer.clear();
        self.pause.set_value(None);
        Some(label)
    }

    /// Starts the timer after which the faults of a field are shown.
    pub fn typing(self, label: Label) {
        if let Some(before) = self.end_typing()
            && before != label
        {
            self.reveal(before);
        }
        let pause = set_timeout_with_handle(move || self.reveal(label), PAUSE);
        self.pause.set_value(pause.ok().map(|pause| (label, pause)));
    }

    fn reveal(self, label: Label) {
        self.pause.set_value(None);
        self.change(|state| state.reveal(label));
    }
}
