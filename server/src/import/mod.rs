//! `postern import`: shows what it understood of another program's settings, asks, and saves them.

use std::error::Error;
use std::io::{self, BufRead as _, Write};
use std::process::ExitCode;

use domain::settings_import::SettingsImport;
use domain::smtp_environment::{ReadEnvironment, VariableMeaning};
use domain::view::{PasswordChange, PasswordState, SettingsView};
use domain::{Form, Kind, Label, Refusal};
use engine::Postern;

use crate::cli::{Command, ImportArgs};
use crate::commands::{Bootstrap, operator};
use crate::diagnose::find;
use crate::{smtp_variables, stderr};

/// What is imported, read before the process becomes the owner of the data folder.
pub enum ImportSource {
    Environment(ReadEnvironment),
}

impl ImportSource {
    /// Reads what the command imports; `None` for other commands.
    ///
    /// # Errors
    /// Where a file cannot be read or is not valid.
    pub fn of_command(command: &Command) -> Result<Option<Self>, Box<dyn Error>> {
        match command {
            Command::Import { args, .. } => Self::read(args).map(Some),
            _ => Ok(None),
        }
    }

    fn read(args: &ImportArgs) -> Result<Self, Box<dyn Error>> {
        let Some(path) = &args.env else {
            return Err("nothing to import is named".into());
        };
        let environment = smtp_variables::of_file(path, args.allow_insecure)?;
        if environment.settings.is_empty() {
            return Err(format!("{} has no variable about mail", path.display()).into());
        }
        Ok(Self::Environment(environment))
    }

    fn over(&self, saved: &Form) -> SettingsImport {
        match self {
            Self::Environment(environment) => SettingsImport::of_environment(environment, saved),
        }
    }
}

/// Imports into a relay.
pub async fn import(
    bootstrap: Bootstrap,
    source: Option<ImportSource>,
    args: ImportArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    let source = source.ok_or("nothing to import is named")?;
    let postern = bootstrap.open(String::new()).await?;
    let done = import_settings(&postern, &source, &args).await;
    postern.close().await;
    done
}

async fn import_settings(
    postern: &Postern,
    source: &ImportSource,
    args: &ImportArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    let operator = operator();
    let id = find(postern, &args.relay).await?;
    let relay = postern.relays().read(&operator, &id).await?;
    let settings = postern.settings().of_relay(&id)?;
    let saved = settings.view(&operator).await?;
    let imported = source.over(&saved.form);
    let mut form = imported.over(&saved.form);
    if let Some(from) = args
        .from
        .as_ref()
        .filter(|_| form.get(Label::FromAddress).is_empty())
    {
        form.set(Label::FromAddress, from.as_str());
    }
    let plan = PasswordOutcome::new(&saved, &imported, &form);
    let mut out = io::stdout();
    for line in read_lines(&imported.read) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "\nThe settings of the relay {}:", relay.config.name)?;
    for line in form_lines(&saved, &form, plan) {
        writeln!(out, "{line}")?;
    }
    if imported.holds_mail {
        writeln!(out, "Delivery is paused: mail is accepted and held.")?;
    }
    form.parse().map_err(in_titles)?;
    if !args.yes && !confirmed()? {
        return Err("nothing was saved".into());
    }
    let password = match plan {
        PasswordOutcome::Cleared => PasswordChange::Clear,
        PasswordOutcome::New => match &imported.password {
            Some(password) => PasswordChange::Sealed(postern.keys().seal(password).await?),
            None => PasswordChange::Keep,
        },
        PasswordOutcome::Kept | PasswordOutcome::None => PasswordChange::Keep,
    };
    // First: with the settings saved and delivery running, mail would leave.
    if imported.holds_mail {
        postern.outbox().pause_delivery(&operator, true).await?;
    }
    let saving = settings.save(&operator, form, password, Some(saved.revision));
    let now = saving.await.map_err(in_titles)?;
    stderr::line(&format!(
        "saved as revision {}; `postern diagnose` shows whether the relay takes mail",
        now.revision
    ));
    Ok(ExitCode::SUCCESS)
}

/// What becomes of the saved password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PasswordOutcome {
    /// The imported one is saved.
    New,
    Kept,
    /// There is none.
    None,
    /// It is for another relay, and none is imported.
    Cleared,
}

impl PasswordOutcome {
    fn new(saved: &SettingsView, imported: &SettingsImport, form: &Form) -> Self {
        if imported.password.is_some() {
            return Self::New;
        }
        if saved.password == PasswordState::None {
            return Self::None;
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
fn read_lines(read: &[VariableMeaning]) -> Vec<String> {
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
fn form_lines(saved: &SettingsView, form: &Form, password: PasswordOutcome) -> Vec<String> {
    let line = |(label, text): (Label, &str)| {
        let before = saved.form.get(label);
        let text = match label {
            // They are long.
            Label::TrustedCertificates if !text.is_empty() => "as saved",
            _ => text,
        };
        let is_changed = saved.revision > 0 && before != form.get(label) && !before.is_empty();
        let change = match is_changed {
            true => format!(" (before: {before})"),
            false => String::new(),
        };
        (!text.is_empty()).then(|| format!("  {}: {text}{change}", label.title()))
    };
    let mut lines: Vec<String> = form.iter().filter_map(line).collect();
    lines.push(format!(
        "  {}: {}",
        Label::Password.title(),
        password.text()
    ));
    lines
}

/// Asks on standard error, and reads the answer from standard input.
fn confirmed() -> io::Result<bool> {
    let mut err = io::stderr();
    write!(err, "Save these settings? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The faults by the titles of the fields: the fields are not given as arguments.
fn in_titles(refusal: Refusal) -> Refusal {
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
    use domain::view::Verification;

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
        let none = SettingsImport::default();
        for (host, state, expected) in [
            ("a.example", PasswordState::None, PasswordOutcome::None),
            ("a.example", PasswordState::Saved, PasswordOutcome::Kept),
            ("b.example", PasswordState::Saved, PasswordOutcome::Cleared),
            (
                "b.example",
                PasswordState::ReEnter,
                PasswordOutcome::Cleared,
            ),
        ] {
            let found = PasswordOutcome::new(&saved(host, state), &none, &form);
            assert_eq!(found, expected, "{host} {state:?}");
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
    fn faults_are_by_the_titles_of_fields() {
        let faults = Form::default().parse().expect_err("empty");
        let faults = in_titles(faults);
        let text = &faults.fields["Email Address"];
        assert!(text.starts_with("Email Address: ") && text.ends_with("--from gives one."));
        assert!(faults.fields.contains_key("Port") && !faults.fields.contains_key("smtp_port"));
    }
}
