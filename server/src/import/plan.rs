//! What an import would change, as lines to read, and the question whether to save it.

use std::borrow::Cow;
use std::io::{self, BufRead as _, Write as _};

use domain::crypto::pem;
use domain::settings::smtp_environment::VariableMeaning;
use domain::settings::{PasswordState, SettingsView};
use domain::{Form, Kind, Label, Refusal};

/// The effect on the saved password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordOutcome {
    /// The imported one is saved.
    New,
    Kept,
    /// There is none.
    None,
    /// It is for another relay, and none is imported.
    Cleared,
}

impl PasswordOutcome {
    pub fn new(saved: &SettingsView, is_imported: bool, form: &Form) -> Self {
        if is_imported {
            return Self::New;
        }
        match saved.password {
            PasswordState::None => return Self::None,
            PasswordState::OtherRelay => return Self::Cleared,
            PasswordState::Saved | PasswordState::ReEnter | PasswordState::Environment => {}
        }
        match (saved.form.parse(), form.parse()) {
            (Ok(before), Ok(next)) if before.password_stays(&next) => Self::Kept,
            _ => Self::Cleared,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::New => "the imported one, which is not shown",
            Self::Kept => "the saved one",
            Self::None => "none",
            Self::Cleared => "none; the saved one is for another relay and is removed",
        }
    }
}

/// A line for each variable, and why those without an effect have none.
pub fn read_lines(read: &[VariableMeaning]) -> Vec<String> {
    let named = |variable: &VariableMeaning| match &variable.value {
        Some(value) => format!("{}={value}", variable.variable),
        None => variable.variable.clone(),
    };
    let width = read.iter().map(|each| named(each).chars().count()).max();
    let width = width.unwrap_or_default().min(40);
    read.iter()
        .map(|each| format!("{:width$}  {}", named(each), each.meaning))
        .collect()
}

/// A line for each field that is not empty, with the value before where it changes.
pub fn form_lines(saved: &SettingsView, form: &Form, password: PasswordOutcome) -> Vec<String> {
    let line = |(label, text): (Label, &str)| {
        let before = saved.form.get(label);
        let is_changed = saved.revision > 0 && before != text && !before.is_empty();
        let change = match is_changed {
            true => format!(" (before: {})", value(label, before)),
            false => String::new(),
        };
        (!text.is_empty()).then(|| format!("  {}: {}{change}", label.title(), value(label, text)))
    };
    let mut lines: Vec<String> = form.iter().filter_map(line).collect();
    lines.push(format!(
        "  {}: {}",
        Label::Password.title(),
        password.text()
    ));
    lines
}

/// The value of a field; of certificates, which are long, how many there are.
fn value(label: Label, text: &str) -> Cow<'_, str> {
    if label != Label::TrustedCertificates {
        return text.into();
    }
    match pem::blocks(text).unwrap_or_default().len() {
        1 => "1 certificate".into(),
        number => format!("{number} certificates").into(),
    }
}

/// Asks on standard error, and reads the answer from standard input.
pub fn confirmed() -> io::Result<bool> {
    let mut err = io::stderr();
    write!(err, "Save these settings? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The faults by the titles of the fields: the fields are not given as arguments.
pub fn in_titles(refusal: Refusal) -> Refusal {
    if refusal.kind != Kind::Invalid {
        return refusal;
    }
    let labels = Label::SHOWN.into_iter().chain([Label::Password]);
    let titled: Vec<(Label, String)> = labels
        .filter_map(|label| Some((label, refusal.fields.get(label.as_str())?.clone())))
        .collect();
    let mut faults = refusal;
    for (label, text) in titled {
        faults.fields.remove(label.as_str());
        let hint = match label {
            Label::FromAddress => " --from gives one.",
            _ => "",
        };
        let title = label.title();
        faults.add(title, format!("{title}: {text}{hint}"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use domain::settings::Verification;

    use super::*;

    fn saved(host: &str, password: PasswordState) -> SettingsView {
        SettingsView {
            form: Form::default()
                .with(Label::FromAddress, "alerts@example.org")
                .with(Label::Host, host)
                .with(Label::Port, "587")
                .with(Label::AuthenticationType, "Plain"),
            password,
            revision: 1,
            saved: None,
            verified: Verification::Never,
            earlier: Vec::new(),
            locks: Vec::new(),
        }
    }

    #[test]
    fn a_saved_password_is_not_taken_to_another_relay() {
        let form = saved("a.example", PasswordState::None).form;
        for (host, state, expected) in [
            ("a.example", PasswordState::None, PasswordOutcome::None),
            ("a.example", PasswordState::Saved, PasswordOutcome::Kept),
            (
                "a.example",
                PasswordState::OtherRelay,
                PasswordOutcome::Cleared,
            ),
            ("b.example", PasswordState::Saved, PasswordOutcome::Cleared),
            (
                "b.example",
                PasswordState::ReEnter,
                PasswordOutcome::Cleared,
            ),
        ] {
            let found = PasswordOutcome::new(&saved(host, state), false, &form);
            assert_eq!(found, expected, "{host} {state:?}");
            let found = PasswordOutcome::new(&saved(host, state), true, &form);
            assert_eq!(found, PasswordOutcome::New);
        }
    }

    #[test]
    fn what_changes_is_shown_with_the_value_before() {
        let view = saved("a.example", PasswordState::None);
        let form = view.form.clone().with(Label::Host, "b.example");
        let lines = form_lines(&view, &form, PasswordOutcome::New);
        let expected = "  Host Name: b.example (before: a.example)";
        assert!(lines.iter().any(|line| line == expected), "{lines:?}");
        let last = "  Password: the imported one, which is not shown";
        assert_eq!(lines.last().map(String::as_str), Some(last));
        assert!(lines.iter().all(|line| !line.contains("Reply-To")));
    }

    #[test]
    fn other_certificates_than_the_saved_ones_are_a_change() {
        let block = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let mut view = saved("a.example", PasswordState::None);
        view.form.set(Label::TrustedCertificates, block);
        let other = block.replace("AA", "BB");
        let both = format!("{block}{other}");
        for (text, shown) in [
            (block, "1 certificate"),
            (other.as_str(), "1 certificate (before: 1 certificate)"),
            (both.as_str(), "2 certificates (before: 1 certificate)"),
        ] {
            let form = view.form.clone().with(Label::TrustedCertificates, text);
            let lines = form_lines(&view, &form, PasswordOutcome::None);
            let title = Label::TrustedCertificates.title();
            let expected = format!("  {title}: {shown}");
            assert!(lines.contains(&expected), "{expected}: {lines:?}");
        }
    }

    #[test]
    fn faults_are_by_the_titles_of_fields() {
        let faults = Form::default().parse().expect_err("empty");
        let faults = in_titles(faults);
        let text = &faults.fields["Email Address"];
        assert!(text.starts_with("Email Address: ") && text.ends_with("--from gives one."));
        assert!(faults.fields.contains_key("Port") && !faults.fields.contains_key("smtp_port"));
    }
}
