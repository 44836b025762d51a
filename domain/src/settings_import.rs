//! Settings of a relay that are taken over from another program, before they are saved.

use crate::smtp_environment::{ReadEnvironment, VariableMeaning};
use crate::{Form, Label, SecretString};

/// What was read, and what follows from it.
#[derive(Clone, Debug, Default)]
pub struct SettingsImport {
    /// Each variable or option that was read.
    pub read: Vec<VariableMeaning>,
    /// The fields that it sets.
    pub fields: Vec<(Label, String)>,
    /// The password.
    pub password: Option<SecretString>,
    /// Whether mail is held instead of sent.
    pub holds_mail: bool,
}

impl SettingsImport {
    /// The settings that an environment makes of saved ones.
    pub fn of_environment(environment: &ReadEnvironment, saved: &Form) -> Self {
        let effective = environment.settings.over(saved).form;
        let changed = effective.differing(saved).into_iter();
        Self {
            read: environment.settings.variables.clone(),
            fields: changed
                .map(|label| (label, effective.get(label).to_owned()))
                .collect(),
            password: environment.password.clone(),
            holds_mail: environment.settings.holds_mail,
        }
    }

    /// The saved settings with the fields.
    pub fn over(&self, saved: &Form) -> Form {
        let fields = self.fields.iter();
        fields.fold(saved.clone(), |form, (label, text)| form.with(*label, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp_environment::{FoundVariable, read};

    #[test]
    fn only_what_differs_is_taken_over() {
        let saved = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "a.example")
            .with(Label::ReplyTo, "desk@example.org");
        let variables = [
            ("SMTP_HOST", "a.example"),
            ("SMTP_PASS", "secret"),
            ("SKIP_EMAIL_SEND", "true"),
        ];
        let variables = variables.map(|(name, value)| FoundVariable::new(name, value));
        let environment = read(variables, false).expect("readable");
        let import = SettingsImport::of_environment(&environment, &saved);
        let labels: Vec<Label> = import.fields.iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, [Label::Port, Label::AuthenticationType]);
        assert!(import.holds_mail && import.password.is_some());
        let form = import.over(&saved);
        assert_eq!(form, environment.settings.over(&saved).form);
        assert_eq!(form.get(Label::ReplyTo), "desk@example.org");
    }
}
