//! Settings of nullmailer: the first line of `remotes`, and the files beside it.

use super::{CHECKED, SettingsImport, invalid};
use crate::{Label, Refusal, SecretString};

/// The contents of the files of `/etc/nullmailer` that are read; empty for a missing file.
#[derive(Clone, Debug, Default)]
pub struct NullmailerFiles {
    /// The relays, one a line.
    pub remotes: String,
    /// The name of this machine.
    pub me: String,
    /// The argument of EHLO.
    pub helohost: String,
    /// The envelope sender of all mail.
    pub allmailfrom: String,
}

/// Imports the settings of the first remote.
///
/// # Errors
/// [`Kind::Invalid`](crate::Kind::Invalid) if there is no remote, if the first one does not use SMTP, or
/// if its line cannot be read.
pub fn import(files: &NullmailerFiles) -> Result<SettingsImport, Refusal> {
    let lines = files.remotes.lines().map(str::trim);
    let mut remotes = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(first) = remotes.next() else {
        return Err(invalid("remotes names no relay."));
    };
    let words = shell_words(first)
        .ok_or_else(|| invalid("The first line of remotes has a quote that is never closed."))?;
    let Some((host, rest)) = words.split_first() else {
        return Err(invalid("remotes names no relay."));
    };
    // The protocol is optional.
    let options = match rest.first().map(String::as_str) {
        Some("smtp") => &rest[1..],
        Some(protocol) if !protocol.starts_with('-') && !protocol.contains('=') => {
            let text = format!("The protocol {protocol} of {host} is not SMTP.");
            return Err(invalid(text));
        }
        _ => rest,
    };
    let mut import = SettingsImport::default();
    import.follow("remotes", host, format!("The host of the relay is {host}."));
    import.set(Label::Host, host.as_str());
    options_of(options, &mut import)?;
    let others = remotes.count();
    if others > 0 {
        let meaning =
            format!("Not followed: {others} more remotes. Add relays for them, in their order.");
        import.ignore("remotes", None, meaning);
    }
    let name = match files.helohost.trim() {
        "" => ("me", files.me.trim()),
        name => ("helohost", name),
    };
    if name.1.contains('.') {
        let meaning = "The name that Postern introduces itself with.";
        import.follow(name.0, name.1, meaning);
        import.set(Label::EhloName, name.1);
    }
    let from = files.allmailfrom.trim();
    if !from.is_empty() {
        import.follow("allmailfrom", from, "Mail without a From has it.");
        import.set(Label::FromAddress, from);
    }
    Ok(import)
}

/// The options of a remote.
#[derive(Default)]
struct RemoteOptions {
    port: String,
    user: String,
    kind: Option<&'static str>,
    connection: Option<&'static str>,
}

fn options_of(options: &[String], import: &mut SettingsImport) -> Result<(), Refusal> {
    let mut remote = RemoteOptions::default();
    let mut rest = options.iter();
    while let Some(word) = rest.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let name = name.trim_start_matches('-');
        let takes_value = matches!(
            name,
            "port" | "p" | "user" | "u" | "pass" | "P" | "x509cafile" | "x509certfile"
        );
        let value = match (value, takes_value) {
            (None, true) => rest.next().map(String::as_str),
            (value, _) => value,
        };
        if takes_value && value.is_none() {
            return Err(invalid(format!(
                "The option {name} of remotes has no value."
            )));
        }
        let value = value.unwrap_or_default();
        match name {
            "port" | "p" => value.clone_into(&mut remote.port),
            "user" | "u" => value.clone_into(&mut remote.user),
            "pass" | "P" => {
                import.follow_secret("--pass", "The password, which is not shown.");
                import.password = Some(SecretString::new(value)).filter(|found| !found.is_empty());
            }
            "auth-login" => remote.kind = Some("Login"),
            "ssl" => remote.connection = Some("SSL"),
            "starttls" => remote.connection = Some("TLS"),
            "insecure" => import.ignore("--insecure", None, format!("Not followed. {CHECKED}")),
            // The word is not shown: it may be the end of a password without quotes.
            _ if !word.starts_with('-') && !word.contains('=') => {
                let meaning = "Not followed: a word that is no option.";
                import.ignore("remotes", None, meaning);
            }
            other => {
                let meaning =
                    "Not followed: it has no counterpart, or belongs on the page of the relay.";
                import.ignore(&format!("--{other}"), None, meaning);
            }
        }
    }
    let connection = remote.connection.unwrap_or("None");
    let port = match (remote.port.as_str(), connection) {
        ("", "SSL") => "465",
        ("", _) => "25",
        (port, _) => port,
    };
    import.follow("--port", port, format!("The port of the relay is {port}."));
    import.set(Label::Port, port);
    import.set(Label::ConnectionType, connection);
    if !remote.user.is_empty() {
        let user = &remote.user;
        import.follow("--user", user, format!("The user name is {user}."));
    }
    import.sign_in(remote.kind.unwrap_or("Plain"), &remote.user);
    Ok(())
}

/// Splits a line into words, with quotes as in a shell; `None` for a quote that is not closed.
fn shell_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(line: &str) -> Result<SettingsImport, Refusal> {
        import(&NullmailerFiles {
            remotes: format!("# relays\n\n{line}\n"),
            ..NullmailerFiles::default()
        })
    }

    fn field(import: &SettingsImport, label: Label) -> &str {
        let field = import.fields.iter().rfind(|(known, _)| *known == label);
        field.map_or("", |(_, text)| text)
    }

    #[test]
    fn the_first_remote_is_imported() {
        for (line, expected) in [
            ("a.example", ["a.example", "25", "None", "None", ""]),
            ("a.example smtp", ["a.example", "25", "None", "None", ""]),
            (
                "a.example smtp --port=587 --starttls --user=alerts --pass='pass word'",
                ["a.example", "587", "TLS", "Plain", "alerts"],
            ),
            (
                "a.example smtp --ssl --auth-login --user alerts --pass \"pass word\"",
                ["a.example", "465", "SSL", "Login", "alerts"],
            ),
            (
                "a.example smtp port=2525 user=alerts pass=\"pass word\"",
                ["a.example", "2525", "None", "Plain", "alerts"],
            ),
            (
                "a.example smtp --ssl\nb.example smtp",
                ["a.example", "465", "SSL", "None", ""],
            ),
        ] {
            let read = remote(line).expect(line);
            let found = [
                Label::Host,
                Label::Port,
                Label::ConnectionType,
                Label::AuthenticationType,
                Label::Username,
            ]
            .map(|label| field(&read, label));
            assert_eq!(found, expected, "{line}");
            let password = read.password.as_ref().map(SecretString::expose);
            let is_there = !expected[4].is_empty();
            assert_eq!(password, is_there.then_some("pass word"), "{line}");
            assert!(!format!("{:?}", read.read).contains("pass word"));
        }
    }

    #[test]
    fn the_files_beside_it_name_sender_and_machine() {
        let files = NullmailerFiles {
            remotes: "a.example smtp --insecure".to_owned(),
            me: "gate.example.org\n".to_owned(),
            helohost: String::new(),
            allmailfrom: "alerts@example.org\n".to_owned(),
        };
        let read = import(&files).expect("readable");
        assert_eq!(field(&read, Label::EhloName), "gate.example.org");
        assert_eq!(field(&read, Label::FromAddress), "alerts@example.org");
        let insecure = read.read.iter().find(|option| !option.is_followed);
        assert_eq!(insecure.expect("explained").variable, "--insecure");
    }

    #[test]
    fn a_password_without_quotes_is_not_shown() {
        let read = remote("a.example smtp --user=alerts --pass=pass hunter2").expect("readable");
        let shown = format!("{:?}", read.read);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(read.read.iter().any(|option| !option.is_followed));
    }

    #[test]
    fn faults_say_what_is_wrong() {
        for (line, reason) in [
            ("", "no relay"),
            ("a.example qmqp", "qmqp"),
            ("a.example smtp --pass='x", "never closed"),
            ("a.example smtp --port", "port of remotes has no value"),
        ] {
            let refusal = remote(line).expect_err(reason);
            assert!(refusal.text().contains(reason), "{reason}: {refusal}");
        }
    }
}
