//! The state of the settings form: what is saved, what is on the form, what is told about it.
//! Nothing here knows of a page.

use domain::view::SettingsView;
use domain::warnings::{SettingsWarning, settings_warnings};
use domain::{Form, Label, Refusal, SecretString, pem};

use super::faults::{Faults, ORDER, faults, told_by_label};
use super::outcome::Outcome;
use super::source::Source;
use super::standing::{Choice, Standing, standing};

#[derive(Clone)]
pub struct State {
    /// Who edits.
    pub me: String,
    /// The configuration the form began from.
    pub saved: SettingsView,
    /// The password as typed; empty when none was.
    pub typed: SecretString,
    /// A save or an undo is under way.
    pub busy: bool,
    /// How the last act ended.
    pub outcome: Option<Outcome>,
    /// As typed, in the order of [`Label::SHOWN`].
    texts: [String; Label::SHOWN.len()],
    choice: Choice,
    /// The fields whose faults are shown.
    shown: Vec<Label>,
    /// The faults the server found.
    told: Faults,
}

impl State {
    pub fn new(Source { saved, me }: Source) -> Self {
        Self {
            me,
            texts: texts(&saved.form),
            saved,
            typed: SecretString::new(""),
            busy: false,
            outcome: None,
            choice: Choice::Keep,
            shown: Vec::new(),
            told: Faults::default(),
        }
    }

    /// What is on the form. An option that is empty there has its default here.
    pub fn form(&self) -> Form {
        let fields = Label::SHOWN.into_iter().zip(&self.texts);
        fields.fold(Form::default(), |form, (label, text)| {
            form.with(label, text)
        })
    }

    /// What a field holds, exactly as typed.
    pub fn text(&self, label: Label) -> &str {
        position(label).map_or("", |index| &self.texts[index])
    }

    /// What will be the password if this is submitted.
    pub fn standing(&self) -> Standing {
        let typed = !self.typed.is_empty();
        standing(&self.saved, &self.form(), typed, self.choice)
    }

    /// Whether leaving the page would lose something.
    pub fn is_dirty(&self) -> bool {
        self.standing().is_change() || self.form() != self.saved.form
    }

    /// What is valid beside a field and yet odd.
    pub fn odd(&self, label: Label) -> impl Iterator<Item = SettingsWarning> + use<> {
        let pairs = settings_warnings(&self.form(), self.standing().is_there());
        pairs.into_iter().filter(move |pair| pair.label == label)
    }

    /// What is wrong with a field, once it is time to say so.
    pub fn fault(&self, label: Label) -> Option<String> {
        if let Some(told) = self.told.get(label) {
            return Some(told.clone());
        }
        let shown = self.shown.contains(&label);
        shown.then(|| self.faults().get(label).cloned())?
    }

    fn faults(&self) -> Faults {
        faults(&self.form(), self.typed.expose(), self.standing())
    }

    /// Types into a field.
    pub fn edit(&mut self, label: Label, text: String) {
        if let Some(index) = position(label) {
            self.texts[index] = text;
        }
        self.edited(label);
    }

    /// Types the password.
    pub fn edit_password(&mut self, text: String) {
        self.typed = SecretString::new(text);
        self.edited(Label::Password);
    }

    /// Decides about the saved password instead of typing one.
    pub fn choose(&mut self, choice: Choice) {
        self.choice = choice;
        self.edit_password(String::new());
    }

    /// Trusts these certificates from now on, and only them.
    pub fn trust(&mut self, certificates: String) {
        self.edit(Label::CertificateCheck, "Trusted".to_owned());
        self.edit(Label::TrustedCertificates, certificates);
    }

    /// Trusts one of the certificates no longer.
    pub fn distrust(&mut self, at: usize) {
        let listed = self.text(Label::TrustedCertificates);
        let mut others = String::new();
        for (index, block) in pem::blocks(listed).unwrap_or_default().iter().enumerate() {
            if index != at {
                others += block.whole;
            }
        }
        self.edit(Label::TrustedCertificates, others);
    }

    fn edited(&mut self, label: Label) {
        self.told.remove(label);
        // What another administrator saved stays in view until it is decided.
        if !matches!(self.outcome, Some(Outcome::Conflict(_))) {
            self.outcome = None;
        }
    }

    /// The typing paused, or went on elsewhere.
    pub fn reveal(&mut self, label: Label) {
        if !self.shown.contains(&label) {
            self.shown.push(label);
        }
    }

    /// Shows every fault there is. Returns the field of the first.
    pub fn reveal_all(&mut self) -> Option<Label> {
        self.shown = ORDER.to_vec();
        self.told = Faults::default();
        self.faults().first()
    }

    /// Shows what the server refused beside the fields it belongs to. Returns the first.
    pub fn refused(&mut self, refusal: &Refusal) -> Option<Label> {
        self.told = told_by_label(refusal);
        self.told.first()
    }

    /// Takes a configuration over as it is saved; what was typed is forgotten.
    pub fn adopt(&mut self, saved: SettingsView) {
        self.texts = texts(&saved.form);
        self.saved = saved;
        self.typed = SecretString::new("");
        self.choice = Choice::Keep;
        self.shown = Vec::new();
        self.told = Faults::default();
    }

    /// The version of the other administrator, while the two are not decided.
    pub fn theirs(&self) -> Option<&SettingsView> {
        match &self.outcome {
            Some(Outcome::Conflict(theirs)) => Some(theirs),
            _ => None,
        }
    }

    /// Of two versions the other one: what was typed here is forgotten.
    pub fn take_theirs(&mut self) {
        if let Some(theirs) = self.theirs().cloned() {
            self.adopt(theirs);
            self.outcome = Some(Outcome::TookTheirs);
        }
    }

    /// Of two versions this one: the next save begins from the other and replaces it.
    pub fn keep_mine(&mut self) {
        if let Some(theirs) = self.theirs().cloned() {
            self.saved = theirs;
            self.outcome = Some(Outcome::KeptMine);
        }
    }
}

fn position(label: Label) -> Option<usize> {
    Label::SHOWN.iter().position(|shown| *shown == label)
}

fn texts(form: &Form) -> [String; Label::SHOWN.len()] {
    Label::SHOWN.map(|label| form.get(label).to_owned())
}
