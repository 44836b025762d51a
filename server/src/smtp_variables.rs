//! Variables of other mailers, from a `.env` file or from files that variables name.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use domain::settings::dotenv::{self, Assignment};
use domain::settings::smtp_environment::{FILE, FoundVariable, NAMES, ReadEnvironment, read};
use domain::{Kind, Refusal, SecretString};

use crate::process::private_file;

/// Reads the variables of a `.env` file.
///
/// # Errors
/// Where the file, or one that a variable names, cannot be read, or a variable is not valid.
pub fn of_file(path: &Path, allow_insecure: bool) -> Result<ReadEnvironment, Box<dyn Error>> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let variables = dotenv::parse(&text).map_err(|fault| format!("{shown}: {}", fault.text()))?;
    Ok(read(resolved(variables)?, allow_insecure)?)
}

/// Reads the variables of this process.
///
/// # Errors
/// Where a variable is not valid, or a file that one names cannot be read.
pub fn of_process(allow_insecure: bool) -> Result<ReadEnvironment, Box<dyn Error>> {
    let mut variables = Vec::new();
    for (name, value) in env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if !is_about_mail(&name) {
            continue;
        }
        let Ok(value) = value.into_string() else {
            let text = format!("{name}: The value is not UTF-8.");
            return Err(Refusal::new(Kind::Invalid, text).into());
        };
        variables.push((name, value));
    }
    Ok(read(resolved(variables)?, allow_insecure)?)
}

/// Whether a variable of a process is one of a mailer. Others than those that are known have prefixes that
/// programs of another kind do not use.
fn is_about_mail(name: &str) -> bool {
    let base = name.strip_suffix(FILE).unwrap_or(name);
    NAMES.contains(&base) || name.starts_with("SMTP_") || name.starts_with("MAIL_FROM")
}

/// The variables, with the contents of files in the place of their names. Of variables with one name the
/// last counts.
///
/// # Errors
/// Where a file cannot be read, and where a variable is there with and without its file.
pub fn resolved(variables: Vec<Assignment>) -> Result<Vec<FoundVariable>, Box<dyn Error>> {
    let is_set = |name: &str| {
        let of_name = variables.iter().rfind(|(known, _)| known == name);
        of_name.is_some_and(|(_, value)| !value.trim().is_empty())
    };
    let mut found = Vec::new();
    for (name, value) in &variables {
        let base = name.strip_suffix(FILE).filter(|base| NAMES.contains(base));
        let Some(base) = base.filter(|_| !value.trim().is_empty()) else {
            if base.is_none() {
                found.push(FoundVariable::new(name, value));
            }
            continue;
        };
        if is_set(base) {
            let text = format!("{base} and {name} are both set. Remove one of the two.");
            return Err(Refusal::new(Kind::Invalid, text).into());
        }
        let path = Path::new(value.trim());
        let text = match base {
            "SMTP_PASS" | "SMTP_PASSWORD" => private_file::read(name, path)?,
            _ => fs::read_to_string(path)
                .map_err(|error| format!("{name} cannot be read: {error}"))?,
        };
        found.push(FoundVariable {
            name: base.to_owned(),
            value: SecretString::new(text),
            is_file: true,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder_with(file: &str, text: &str, mode: u32) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(file);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
        let path = path.display().to_string();
        (folder, path)
    }

    fn pair(name: &str, value: &str) -> Assignment {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_file_takes_the_place_of_its_name() {
        let (_folder, path) = folder_with("password", "hunter2 \n", 0o600);
        let variables = vec![
            pair("SMTP_HOST", "a.example"),
            pair("SMTP_PASS_FILE", &path),
        ];
        let found = resolved(variables).expect("readable");
        let read = read(found, false).expect("valid");
        assert_eq!(read.password.expect("a password").expose(), "hunter2 ");
        assert_eq!(read.settings.password_variable(), Some("SMTP_PASS_FILE"));
    }

    #[test]
    fn a_password_that_others_can_read_is_refused() {
        let (_folder, path) = folder_with("password", "hunter2", 0o644);
        for (name, refused) in [("SMTP_PASS_FILE", true), ("SMTP_HOST_FILE", false)] {
            let found = resolved(vec![pair(name, &path)]);
            let error = found.err().map(|error| error.to_string());
            assert_eq!(error.is_some(), refused, "{name}: {error:?}");
            assert!(error.is_none_or(|text| text.contains("chmod 600") && text.contains(name)));
        }
    }

    #[test]
    fn a_variable_is_not_set_twice() {
        let (_folder, path) = folder_with("host", "b.example", 0o600);
        for (value, refused) in [("a.example", true), ("", false)] {
            let variables = vec![pair("SMTP_HOST", value), pair("SMTP_HOST_FILE", &path)];
            assert_eq!(resolved(variables).is_err(), refused, "{value:?}");
        }
        let missing = resolved(vec![pair("SMTP_PASS_FILE", "missing")]);
        let error = missing.expect_err("missing").to_string();
        assert!(
            error.starts_with("SMTP_PASS_FILE cannot be read"),
            "{error}"
        );
        assert!(resolved(vec![pair("SMTP_PASS_FILE", " ")]).is_ok_and(|found| found.is_empty()));
    }

    #[test]
    fn a_process_has_variables_of_other_programs_too() {
        for (name, about) in [
            ("SMTP_HOST", true),
            ("SMTP_PASS_FILE", true),
            ("SMTP_POOL", true),
            ("MAIL_FROM_NAME_FILE", true),
            ("SKIP_EMAIL_SEND", true),
            ("MAIL", false),
            ("MAILTO", false),
            ("EMAIL", false),
            ("EMAIL_SIGNATURE", false),
            ("DEBUG", false),
            ("POSTERN_DATA", false),
        ] {
            assert_eq!(is_about_mail(name), about, "{name}");
        }
    }

    #[test]
    fn a_fault_names_file_and_line() {
        let (_folder, path) = folder_with(".env", "SMTP_HOST=a\nnonsense\n", 0o644);
        let error = of_file(Path::new(&path), false).expect_err("refused");
        assert_eq!(
            error.to_string(),
            format!("{path}: Line 2 has no “=”; a line is NAME=value.")
        );
    }
}
