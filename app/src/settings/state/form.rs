//! The state of the settings form, without any view: saved settings, edits, faults, last outcome.

use domain::crypto::pem;
use domain::settings::SettingsView;
use domain::settings::warnings::{SettingsWarning, settings_warnings};
use domain::{AuthenticationType, Form, Label, Refusal, SecretString};

use super::faults::{FieldFaults, ORDER, faults, of_fields};
use super::initial::InitialState;
use super::outcome::FormOutcome;
use super::password_plan::{PasswordChoice, PasswordPlan, password_plan};

#[derive(Clone)]
pub struct FormState {
    /// The address of the signed-in account.
    pub me: String,
    /// The id of the relay; `None` for the first.
    pub relay: Option<String>,
    /// The heading.
    pub title: String,
    /// The saved settings that the form started from.
    pub saved: SettingsView,
    /// The password as typed; may be empty.
    pub typed: SecretString,
    /// A save or an undo is running.
    pub busy: bool,
    /// How the last save or undo ended.
    pub outcome: Option<FormOutcome>,
    /// As typed, in the order of [`Label::SHOWN`].
    texts: [String; Label::SHOWN.len()],
    choice: PasswordChoice,
    /// The fields whose faults are shown.
    shown: Vec<Label>,
    /// The faults that the server found.
    refused: FieldFaults,
}

impl FormState {
    pub fn new(initial: InitialState) -> Self {
        let InitialState {
            saved,
            me,
            relay,
            title,
        } = initial;
        Self {
            me,
            relay,
            title,
            texts: texts(&saved.form),
            saved,
            typed: SecretString::new(""),
            busy: false,
            outcome: None,
            choice: PasswordChoice::Keep,
            shown: Vec::new(),
            refused: FieldFaults::default(),
        }
    }

    /// The form. An option that is empty has its default value.
    pub fn form(&self) -> Form {
        let fields = Label::SHOWN.into_iter().zip(&self.texts);
        fields.fold(Form::default(), |form, (label, text)| {
            form.with(label, text)
        })
    }

    /// The text of a field exactly as typed.
    pub fn text(&self, label: Label) -> &str {
        position(label).map_or("", |index| &self.texts[index])
    }

    /// The password that a save would leave.
    pub fn password_plan(&self) -> PasswordPlan {
        let typed = !self.typed.is_empty();
        password_plan(&self.saved, &self.form(), typed, self.choice)
    }

    /// Whether Postern signs in at the relay.
    fn signs_in(&self) -> bool {
        self.text(Label::AuthenticationType) != AuthenticationType::None.as_str()
    }

    /// Whether the form differs from the saved settings.
    pub fn is_dirty(&self) -> bool {
        self.password_plan().is_change() || self.form() != self.saved.form
    }

    /// The warnings beside a field. A missing password is no warning before the password input was
    /// left.
    pub fn warnings(&self, label: Label) -> impl Iterator<Item = SettingsWarning> + use<> {
        let awaited = self.signs_in() && !self.shown.contains(&Label::Password);
        let has_password = self.password_plan().is_there() || awaited;
        let warnings = settings_warnings(&self.form(), has_password);
        warnings
            .into_iter()
            .filter(move |warning| warning.label == label)
    }

    /// The fault of a field, once it may be shown.
    pub fn fault(&self, label: Label) -> Option<String> {
        if let Some(fault) = self.refused.get(label) {
            return Some(fault.clone());
        }
        let shown = self.shown.contains(&label);
        shown.then(|| self.faults().get(label).cloned())?
    }

    fn faults(&self) -> FieldFaults {
        faults(&self.form(), self.typed.expose(), self.password_plan())
    }

    /// Edits a field, unless the environment of Postern sets it.
    pub fn edit(&mut self, label: Label, text: String) {
        if self.saved.lock(label).is_some() {
            return;
        }
        if let Some(index) = position(label) {
            self.texts[index] = text;
        }
        self.edited(label);
    }

    /// Edits the password.
    pub fn edit_password(&mut self, text: String) {
        self.typed = SecretString::new(text);
        self.edited(Label::Password);
    }

    /// Chooses a password instead of typing one.
    pub fn choose(&mut self, choice: PasswordChoice) {
        self.choice = choice;
        self.edit_password(String::new());
    }

    /// Sets the certificate check to Trusted, with these certificates.
    pub fn trust(&mut self, certificates: String) {
        self.edit(Label::CertificateCheck, "Trusted".to_owned());
        self.edit(Label::TrustedCertificates, certificates);
    }

    /// Removes a trusted certificate by its index.
    pub fn distrust(&mut self, removed: usize) {
        let listed = self.text(Label::TrustedCertificates);
        let mut others = String::new();
        for (index, block) in pem::blocks(listed).unwrap_or_default().iter().enumerate() {
            if index != removed {
                others += block.whole;
            }
        }
        self.edit(Label::TrustedCertificates, others);
    }

    fn edited(&mut self, label: Label) {
        self.refused.remove(label);
        // A conflict stays until it is resolved.
        if !matches!(self.outcome, Some(FormOutcome::Conflict(_))) {
            self.outcome = None;
        }
    }

    /// Allows the fault of a field to be shown.
    pub fn reveal(&mut self, label: Label) {
        if !self.shown.contains(&label) {
            self.shown.push(label);
        }
    }

    /// Shows every fault that prevents a save or a run. Returns the first field at fault.
    pub fn reveal_all(&mut self) -> Option<Label> {
        self.refused = FieldFaults::default();
        self.shown = ORDER.to_vec();
        self.faults().first()
    }

    /// Shows the faults of a refusal beside their fields. Returns the first field at fault.
    pub fn refused(&mut self, refusal: &Refusal) -> Option<Label> {
        self.refused = of_fields(refusal);
        self.refused.first()
    }

    /// Replaces the form by saved settings; edits are lost.
    pub fn adopt(&mut self, saved: SettingsView) {
        self.texts = texts(&saved.form);
        self.saved = saved;
        self.typed = SecretString::new("");
        self.choice = PasswordChoice::Keep;
        self.shown = Vec::new();
        self.refused = FieldFaults::default();
    }

    /// The settings that another administrator saved, while the conflict is not resolved.
    pub fn theirs(&self) -> Option<&SettingsView> {
        match &self.outcome {
            Some(FormOutcome::Conflict(theirs)) => Some(theirs),
            _ => None,
        }
    }

    /// Resolves a conflict in favour of their settings; the edits are lost.
    pub fn take_theirs(&mut self) {
        if let Some(theirs) = self.theirs().cloned() {
            self.adopt(theirs);
            self.outcome = Some(FormOutcome::TookTheirs);
        }
    }

    /// Resolves a conflict in favour of the edits, which the next save writes over their settings.
    pub fn keep_mine(&mut self) {
        if let Some(theirs) = self.theirs().cloned() {
            self.saved = theirs;
            self.outcome = Some(FormOutcome::KeptMine);
        }
    }
}

fn position(label: Label) -> Option<usize> {
    Label::SHOWN.iter().position(|shown| *shown == label)
}

fn texts(form: &Form) -> [String; Label::SHOWN.len()] {
    Label::SHOWN.map(|label| form.get(label).to_owned())
}
