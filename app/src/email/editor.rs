//! The form's state as the page follows it, and the timer of who types.

use std::time::Duration;

use domain::Label;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;

use super::source::Source;
use super::standing::Choice;
use super::state::State;
use crate::dom;

/// A fault is shown when the typing pauses or goes on elsewhere: not at the first letter of an
/// address, and not as the field is left either, for that may be the press of a button, which would
/// move away under the pointer.
const PAUSE: Duration = Duration::from_millis(700);

/// One value for the whole form: each kind of signal costs the browser code of its own, and
/// fourteen fields are quickly looked through.
#[derive(Clone, Copy)]
pub struct Editor {
    pub state: RwSignal<State>,
    /// Where somebody types.
    pause: StoredValue<Option<(Label, TimeoutHandle)>>,
}

impl Editor {
    pub fn new(source: Source) -> Self {
        Self {
            state: RwSignal::new(State::new(source)),
            pause: StoredValue::new(None),
        }
    }

    /// Looks, and follows what it sees.
    pub fn get<T>(self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read())
    }

    /// Looks once.
    pub fn peek<T>(self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read_untracked())
    }

    pub fn change<T>(self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write())
    }

    /// Types into a field.
    pub fn edit(self, label: Label, text: String) {
        self.change(|state| state.edit(label, text));
        self.typing(label);
    }

    /// Types the password.
    pub fn edit_password(self, text: String) {
        self.change(|state| state.edit_password(text));
        self.typing(Label::Password);
    }

    /// Decides about the saved password.
    pub fn choose(self, choice: Choice) {
        self.change(|state| state.choose(choice));
    }

    /// Stops at what is wrong with the form and goes there. True when there was something.
    pub fn stop_at_faults(self) -> bool {
        self.go_to(self.change(State::reveal_all)) || self.stop_at_leftover()
    }

    /// True when there is somewhere to go.
    pub fn go_to(self, label: Option<Label>) -> bool {
        if let Some(label) = label {
            dom::focus(label.as_str());
        }
        label.is_some()
    }

    /// Nobody types any more; where somebody did, if the typing had not paused yet.
    pub fn forget_typing(self) -> Option<Label> {
        let (label, waiting) = self.pause.get_value()?;
        waiting.clear();
        self.pause.set_value(None);
        Some(label)
    }

    fn typing(self, label: Label) {
        if let Some(before) = self.forget_typing()
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
