//! Settings of Postfix: `relayhost` in `main.cf`, and its user and password in `sasl_passwd`.

use std::collections::BTreeMap;

use super::{CHECKED, SettingsImport, encryption_of, invalid};
use crate::{Label, Refusal, SecretString};

/// The parameters of a `main.cf`, by name.
#[derive(Debug)]
pub struct MainCf(BTreeMap<String, String>);

impl MainCf {
    /// Parses a file. A line that begins with white space continues the previous one. If a parameter
    /// occurs repeatedly, the last one counts.
    pub fn parse(text: &str) -> Self {
        let pairs = logical_lines(text).into_iter().filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        });
        Self(pairs.collect())
    }

    /// The value of a parameter with `$name`, `${name}` and `$(name)` replaced by the values of other
    /// parameters; empty if it is not set.
    fn get(&self, name: &str) -> String {
        self.expanded(name, 0)
    }

    fn expanded(&self, name: &str, depth: usize) -> String {
        let value = self.0.get(name).map_or("", String::as_str);
        // The limit ends the expansion of a parameter that refers to itself.
        if depth > 8 {
            return String::new();
        }
        let mut expanded = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let bare = after.trim_start_matches(['{', '(']);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = bare.find(|c| !is_name(c)).unwrap_or(bare.len());
            expanded.push_str(&self.expanded(&bare[..end], depth + 1));
            rest = match bare.len() < after.len() {
                true => bare[end..].trim_start_matches(['}', ')']),
                false => &bare[end..],
            };
        }
        expanded + rest
    }

    fn is_on(&self, name: &str) -> bool {
        self.get(name).eq_ignore_ascii_case("yes")
    }

    /// The path of the password file, without the table type before it; `None` without one, and for
    /// tables that are not built from a text file.
    pub fn password_file(&self) -> Option<String> {
        let maps = self.get("smtp_sasl_password_maps");
        let first = maps.split([',', ' ', '\t']).find(|part| !part.is_empty())?;
        let path = match first.split_once(':') {
            Some(("hash" | "lmdb" | "btree" | "cdb" | "texthash" | "dbm", path)) => path,
            Some(_) => return None,
            None => first,
        };
        Some(path.to_owned())
    }
}

/// Imports the settings of a `main.cf` and of the text of its password file.
///
/// # Errors
/// [`Kind::Invalid`](crate::Kind::Invalid) without a `relayhost`, and if it cannot be parsed.
pub fn import(main: &MainCf, passwords: Option<&str>) -> Result<SettingsImport, Refusal> {
    let mut import = SettingsImport::default();
    let relayhost = main.get("relayhost");
    let destination = relayhost
        .split([',', ' ', '\t'])
        .find(|part| !part.is_empty());
    let Some(destination) = destination else {
        let text = "main.cf has no relayhost: Postfix delivers to receivers itself, and there is no relay to \
                    import.";
        return Err(invalid(text));
    };
    let relay = RelayHost::parse(destination)?;
    let looked_up = match relay.is_bracketed {
        true => "",
        false => {
            " Postfix looks up the MX of this domain; Postern connects to the host of this name."
        }
    };
    import.follow(
        "relayhost",
        &relayhost,
        format!(
            "The relay is {} at port {}.{looked_up}",
            relay.host, relay.port
        ),
    );
    import.set(Label::Host, relay.host.as_str());
    import.set(Label::Port, relay.port.as_str());
    encryption(main, &mut import);
    sign_in(main, &relay, destination, passwords, &mut import);
    let helo = main.get("smtp_helo_name");
    let name = match helo.is_empty() {
        true => ("myhostname", main.get("myhostname")),
        false => ("smtp_helo_name", helo),
    };
    if name.1.contains('.') {
        let meaning = "The name that Postern introduces itself with.";
        import.follow(name.0, &name.1, meaning);
        import.set(Label::EhloName, name.1);
    }
    let authorities = main.get("smtp_tls_CAfile");
    if !authorities.is_empty() {
        let meaning = "Not followed: the roots of the system count. Add a CA of your own on the page of the relay.";
        import.ignore("smtp_tls_CAfile", Some(&authorities), meaning);
    }
    Ok(import)
}

/// A destination as in `[smtp.example.org]:587`.
struct RelayHost {
    host: String,
    port: String,
    is_bracketed: bool,
}

impl RelayHost {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let (host, port, is_bracketed) = match text.strip_prefix('[') {
            Some(rest) => {
                let Some((host, after)) = rest.split_once(']') else {
                    let text = format!("The relayhost {text} has no closing bracket.");
                    return Err(invalid(text));
                };
                (host, after.strip_prefix(':').unwrap_or_default(), true)
            }
            None => {
                let (host, port) = text.split_once(':').unwrap_or((text, ""));
                (host, port, false)
            }
        };
        let port = match port {
            "" | "smtp" => "25",
            "submission" => "587",
            "submissions" | "smtps" => "465",
            port => port,
        };
        let literal = host
            .get(..5)
            .filter(|tag| tag.eq_ignore_ascii_case("ipv6:"));
        let host = literal.map_or(host, |tag| &host[tag.len()..]);
        Ok(Self {
            host: host.to_owned(),
            port: port.to_owned(),
            is_bracketed,
        })
    }
}

fn encryption(main: &MainCf, import: &mut SettingsImport) {
    if main.is_on("smtp_tls_wrappermode") {
        let meaning = format!("{} {CHECKED}", encryption_of("SSL"));
        import.follow("smtp_tls_wrappermode", "yes", meaning);
        import.set(Label::ConnectionType, "SSL");
        return;
    }
    let level = main.get("smtp_tls_security_level").to_ascii_lowercase();
    let option = match level.as_str() {
        "" if main.is_on("smtp_enforce_tls") => "smtp_enforce_tls",
        "" if main.is_on("smtp_use_tls") => "smtp_use_tls",
        "" => {
            import.set(Label::ConnectionType, "None");
            return;
        }
        _ => "smtp_tls_security_level",
    };
    let is_required = match level.as_str() {
        "" => option == "smtp_enforce_tls",
        level => !matches!(level, "none" | "may"),
    };
    let connection = if is_required { "TLS" } else { "None" };
    let meaning = encryption_of(connection);
    import.follow(option, &main.get(option), format!("{meaning} {CHECKED}"));
    import.set(Label::ConnectionType, connection);
}

fn sign_in(
    main: &MainCf,
    relay: &RelayHost,
    destination: &str,
    passwords: Option<&str>,
    import: &mut SettingsImport,
) {
    if !main.is_on("smtp_sasl_auth_enable") {
        import.sign_in("None", "");
        return;
    }
    let meaning = "Postern signs in.";
    import.follow("smtp_sasl_auth_enable", "yes", meaning);
    let filter = main.get("smtp_sasl_mechanism_filter").to_ascii_lowercase();
    let mechanisms: Vec<&str> = filter
        .split([',', ' ', '\t'])
        .filter(|m| !m.is_empty())
        .collect();
    let kind = match mechanisms[..] {
        ["login"] => "Login",
        ["cram-md5"] => "Cram_MD5",
        _ => "Plain",
    };
    let found = passwords.and_then(|text| {
        let keys = [destination, relay.host.as_str()];
        let lines = logical_lines(text);
        let entries: Vec<(&str, &str)> = lines
            .iter()
            .filter_map(|line| line.split_once([' ', '\t']))
            .map(|(key, value)| (key, value.trim()))
            .collect();
        let of_key = |wanted: &&str| entries.iter().find(|(key, _)| key == wanted);
        let &(_, value) = keys.iter().find_map(of_key)?;
        let (user, password) = value.split_once(':').unwrap_or((value, ""));
        Some((user.to_owned(), password.to_owned()))
    });
    match found {
        Some((user, password)) => {
            let meaning = format!("The user name is {user}. Its password is not shown.");
            import.follow_secret("smtp_sasl_password_maps", meaning);
            import.sign_in(kind, &user);
            import.password = Some(SecretString::new(password)).filter(|found| !found.is_empty());
        }
        None => {
            let meaning = format!(
                "Not followed: no text file of passwords with an entry for {destination} was found."
            );
            // The names of tables of the types static and inline contain passwords.
            import.ignore("smtp_sasl_password_maps", None, meaning);
            import.sign_in("None", "");
        }
    }
}

/// The logical lines: without comments and empty lines, and joined with their continuation lines.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(trimmed);
            }
            _ => lines.push(trimmed.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(import: &SettingsImport, label: Label) -> Option<&str> {
        let field = import.fields.iter().rfind(|(known, _)| *known == label);
        field.map(|(_, text)| text.as_str())
    }

    #[test]
    fn a_relayhost_has_host_and_port() {
        for (text, host, port, bracketed) in [
            ("[smtp.example.org]:587", "smtp.example.org", "587", true),
            ("[smtp.example.org]", "smtp.example.org", "25", true),
            ("example.org", "example.org", "25", false),
            ("example.org:submission", "example.org", "587", false),
            ("[192.0.2.1]:smtps", "192.0.2.1", "465", true),
            ("[ipv6:2001:db8::1]:2525", "2001:db8::1", "2525", true),
        ] {
            let relay = RelayHost::parse(text).expect(text);
            assert_eq!((relay.host.as_str(), relay.port.as_str()), (host, port));
            assert_eq!(relay.is_bracketed, bracketed, "{text}");
        }
        assert!(RelayHost::parse("[smtp.example.org").is_err());
    }

    #[test]
    fn the_connection_type_follows_from_the_parameters_of_tls() {
        for (parameters, connection) in [
            ("", "None"),
            ("smtp_use_tls = yes", "None"),
            ("smtp_enforce_tls = yes", "TLS"),
            ("smtp_tls_security_level = none", "None"),
            ("smtp_tls_security_level = may", "None"),
            ("smtp_tls_security_level = encrypt", "TLS"),
            ("smtp_tls_security_level = secure", "TLS"),
            ("smtp_tls_security_level = dane-only", "TLS"),
            (
                "smtp_tls_security_level = encrypt\nsmtp_tls_wrappermode = yes",
                "SSL",
            ),
        ] {
            let main = MainCf::parse(&format!("relayhost = [a.example]:587\n{parameters}"));
            let import = import(&main, None).expect("readable");
            let found = field(&import, Label::ConnectionType);
            assert_eq!(found, Some(connection), "{parameters}");
            assert_eq!(field(&import, Label::AuthenticationType), Some("None"));
        }
    }

    #[test]
    fn parameters_continue_refer_to_each_other_and_the_last_counts() {
        let main = MainCf::parse(
            "# a comment\nmydomain = example.org\nmyhostname = gate.$mydomain\nrelayhost = a.example\n\
             relayhost =\n  # in between\n  [${myhostname}]:$(port)\nport = 587\nloop = $loop\n",
        );
        assert_eq!(main.get("relayhost"), "[gate.example.org]:587");
        assert_eq!(main.get("loop"), "");
        let import = import(&main, None).expect("readable");
        assert_eq!(field(&import, Label::Host), Some("gate.example.org"));
        assert_eq!(field(&import, Label::EhloName), Some("gate.example.org"));
    }

    #[test]
    fn the_password_is_that_of_the_relay() {
        let passwords =
            "# comment\n[a.example]:587  alerts:pass:word\nb.example\tother:x\nc.example nobody\n";
        for (relayhost, user, password) in [
            ("[a.example]:587", "alerts", Some("pass:word")),
            ("[b.example]:587", "other", Some("x")),
            ("c.example", "nobody", None),
            ("[a.example]:25", "", None),
        ] {
            let main = MainCf::parse(&format!(
                "relayhost = {relayhost}\nsmtp_sasl_auth_enable = yes\n\
                 smtp_sasl_mechanism_filter = login\n"
            ));
            let import = import(&main, Some(passwords)).expect("readable");
            assert_eq!(field(&import, Label::Username), Some(user), "{relayhost}");
            let found = import.password.as_ref().map(SecretString::expose);
            assert_eq!(found, password, "{relayhost}");
            let kind = if user.is_empty() { "None" } else { "Login" };
            assert_eq!(field(&import, Label::AuthenticationType), Some(kind));
            let shown = format!("{:?}", import.read);
            assert!(!shown.contains("pass:word"), "{shown}");
        }
    }

    #[test]
    fn a_table_that_is_written_in_the_parameter_is_not_shown() {
        for maps in [
            "static:alerts:hunter2",
            "inline:{[a.example]:587=alerts:hunter2}",
        ] {
            let main = MainCf::parse(&format!(
                "relayhost = [a.example]:587\nsmtp_sasl_auth_enable = yes\n\
                 smtp_sasl_password_maps = {maps}"
            ));
            assert_eq!(main.password_file(), None, "{maps}");
            let import = import(&main, None).expect("readable");
            let ignored = import.read.iter().find(|option| !option.is_followed);
            assert_eq!(
                ignored.map(|option| option.variable.as_str()),
                Some("smtp_sasl_password_maps")
            );
            let shown = format!("{:?}", import.read);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn the_file_of_passwords_is_that_of_a_text_table() {
        for (maps, file) in [
            (
                "hash:/etc/postfix/sasl_passwd",
                Some("/etc/postfix/sasl_passwd"),
            ),
            ("lmdb:$config/sasl, hash:/other", Some("/etc/mail/sasl")),
            ("/etc/postfix/plain", Some("/etc/postfix/plain")),
            ("mysql:/etc/postfix/sql.cf", None),
            ("", None),
        ] {
            let text = format!("config = /etc/mail\nsmtp_sasl_password_maps = {maps}");
            let main = MainCf::parse(&text);
            assert_eq!(main.password_file().as_deref(), file, "{maps}");
        }
    }

    #[test]
    fn without_a_relayhost_there_is_nothing_to_import() {
        for text in ["", "relayhost =\nmyhostname = a.example\n"] {
            let refusal = import(&MainCf::parse(text), None).expect_err("refused");
            assert!(refusal.text().contains("no relayhost"));
        }
    }
}
