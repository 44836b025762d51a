//! The files of Postfix, msmtp and nullmailer that settings are imported from.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use domain::settings::import::nullmailer::NullmailerFiles;
use domain::settings::import::postfix::MainCf;
use domain::settings::import::{SettingsImport, msmtp, nullmailer, postfix};

/// The text of a file.
///
/// # Errors
/// The path and why it cannot be read.
pub fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Settings of the folder of Postfix. A file of passwords is looked for there first: the folder may be a copy.
///
/// # Errors
/// The file that cannot be read or has no settings, and why.
pub fn of_postfix(folder: &Path) -> Result<SettingsImport, String> {
    let path = folder.join("main.cf");
    let main = MainCf::parse(&text_of(&path)?);
    let passwords = match main.password_file() {
        None => None,
        Some(named) => {
            let named = Path::new(&named);
            let copied = named.file_name().map(|name| folder.join(name));
            let copied = copied.filter(|path| path.exists());
            optional(copied.as_deref().unwrap_or(named))?
        }
    };
    postfix::import(&main, passwords.as_deref())
        .map_err(|fault| format!("{}: {}", path.display(), fault.text()))
}

/// Settings of a configuration file of msmtp.
///
/// # Errors
/// As [`of_postfix`].
pub fn of_msmtp(path: &Path) -> Result<SettingsImport, String> {
    let imported = msmtp::import(&text_of(path)?);
    imported.map_err(|fault| format!("{}: {}", path.display(), fault.text()))
}

/// Settings of the folder of nullmailer.
///
/// # Errors
/// As [`of_postfix`].
pub fn of_nullmailer(folder: &Path) -> Result<SettingsImport, String> {
    let beside = |name: &str| Ok::<_, String>(optional(&folder.join(name))?.unwrap_or_default());
    let files = NullmailerFiles {
        remotes: text_of(&folder.join("remotes"))?,
        me: beside("me")?,
        helohost: beside("helohost")?,
        allmailfrom: beside("allmailfrom")?,
    };
    let imported = nullmailer::import(&files);
    imported.map_err(|fault| format!("{}: {}", folder.display(), fault.text()))
}

/// The text of a file; `None` where there is none.
fn optional(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    #[test]
    fn the_password_of_postfix_is_read_beside_a_copied_main_cf() {
        let main = "relayhost = [a.example]:587\nsmtp_sasl_auth_enable = yes\n\
                    smtp_sasl_password_maps = hash:/nowhere/sasl_passwd\n";
        for (passwords, is_found) in [(Some("[a.example]:587 u:secret\n"), true), (None, false)] {
            let mut files = vec![("main.cf", main)];
            files.extend(passwords.map(|text| ("sasl_passwd", text)));
            let folder = folder(&files);
            let imported = of_postfix(folder.path()).expect("readable");
            assert_eq!(imported.password.is_some(), is_found);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let empty = folder(&[]);
        let path = empty.path();
        for (error, file) in [
            (of_postfix(path).err(), "main.cf"),
            (of_msmtp(&path.join("msmtprc")).err(), "msmtprc"),
            (of_nullmailer(path).err(), "remotes"),
        ] {
            let error = error.expect("missing");
            assert!(error.starts_with("cannot read ") && error.contains(file));
        }
        let remotes = folder(&[("remotes", "a.example smtp --ssl\n")]);
        assert!(of_nullmailer(remotes.path()).is_ok());
    }
}
