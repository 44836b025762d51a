//! Reads the variables of other mailers, and explains the effect of each.

use std::collections::BTreeMap;

use super::{SetBy, SmtpEnvironment, VariableMeaning};
use crate::settings::form::password_fault;
use crate::{AuthenticationType, EmailAddress, Form, Host, Label, Refusal, SecretString};

/// The variables that set settings, hold mail or allow weaker settings.
pub const NAMES: [&str; 14] = [
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_SECURE",
    "SMTP_TLS",
    "SMTP_REQUIRE_TLS",
    "SMTP_AUTH",
    "SMTP_USER",
    "SMTP_PASS",
    "SMTP_PASSWORD",
    "MAIL_FROM",
    "MAIL_FROM_NAME",
    "EMAIL_TIMEOUT",
    "EMAIL_ALLOW_INSECURE",
    "SKIP_EMAIL_SEND",
];

/// The suffix of a variable that names a file with the value.
pub const FILE: &str = "_FILE";

/// Variables of the same mailers that are about logging.
const LOGGING: [&str; 2] = ["DEBUG", "LOG_LEVEL"];

/// The prefixes of variables about mail.
const PREFIXES: [&str; 3] = ["SMTP_", "MAIL_", "EMAIL_"];

/// The longest time-out of a setting, in seconds.
const TIMEOUT_MAX: u64 = 120;

/// A variable of the environment.
#[derive(Clone, Debug)]
pub struct FoundVariable {
    /// The name, without the suffix `_FILE`.
    pub name: String,
    /// The value, or the content of the file.
    pub value: SecretString,
    /// Whether the value is from a file.
    pub is_file: bool,
}

impl FoundVariable {
    /// A variable whose value is not in a file.
    pub fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: SecretString::new(value),
            is_file: false,
        }
    }

    /// The name in the environment, with the suffix `_FILE` for a file.
    fn set_by(&self) -> String {
        match self.is_file {
            true => format!("{}{FILE}", self.name),
            false => self.name.clone(),
        }
    }
}

/// The settings of an environment, and its password.
#[derive(Clone, Debug, Default)]
pub struct ReadEnvironment {
    /// The settings.
    pub settings: SmtpEnvironment,
    /// The password.
    pub password: Option<SecretString>,
}

/// Reads variables. An empty one counts as absent. `allow_insecure` follows `EMAIL_ALLOW_INSECURE`.
///
/// # Errors
/// [`Kind::Invalid`](crate::Kind::Invalid) with the faults of all variables by their names.
pub fn read(
    variables: impl IntoIterator<Item = FoundVariable>,
    allow_insecure: bool,
) -> Result<ReadEnvironment, Refusal> {
    let mut reader = Reader {
        found: BTreeMap::new(),
        faults: Refusal::invalid(),
        meanings: Vec::new(),
    };
    for variable in variables {
        if !variable.value.expose().trim().is_empty() {
            reader.found.insert(variable.name.clone(), variable);
        }
    }
    let read = reader.read(allow_insecure);
    reader.faults.or_ok()?;
    Ok(read)
}

/// Whether a variable is about mail, or about the log of a mailer.
pub fn is_of_mailer(name: &str) -> bool {
    NAMES.contains(&name)
        || LOGGING.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

struct Reader {
    found: BTreeMap<String, FoundVariable>,
    faults: Refusal,
    meanings: Vec<VariableMeaning>,
}

impl Reader {
    fn read(&mut self, allow_insecure: bool) -> ReadEnvironment {
        self.leave_service_link();
        let host = self.take("SMTP_HOST", |text| {
            Ok(text.parse::<Host>().map_err(str::to_owned)?.to_string())
        });
        self.explain(host.as_ref(), |host| {
            format!("The host of the relay is {host}.")
        });
        let port = self.take("SMTP_PORT", |text| {
            valid(Label::Port, text)?;
            text.parse::<u16>().map_err(|error| error.to_string())
        });
        self.explain(port.as_ref(), |port| {
            format!("The port of the relay is {port}.")
        });
        let secure = self.secure();
        let require_tls = self.take("SMTP_REQUIRE_TLS", switch);
        self.explain(require_tls.as_ref(), |required| match required {
            true => "TLS is required.".to_owned(),
            false => "TLS is not required by this.".to_owned(),
        });
        let authentication = self.take("SMTP_AUTH", authentication);
        self.explain(authentication.as_ref(), |name| match name.as_str() {
            "None" => "Postern does not sign in.".to_owned(),
            name => format!("Postern signs in by {name}."),
        });
        let username = self.take("SMTP_USER", |text| {
            valid(Label::Username, text)?;
            Ok(text.to_owned())
        });
        self.explain(username.as_ref(), |name| {
            format!("The user name is {name}.")
        });
        let signs_in = authentication
            .as_ref()
            .is_none_or(|set| set.value != AuthenticationType::None.as_str());
        let password = self.password(host.is_some(), signs_in);
        let sender = self.sender();
        let timeout = self.take("EMAIL_TIMEOUT", milliseconds);
        self.explain(timeout.as_ref(), |seconds| {
            format!("Connecting, and each reply, may take {seconds} s (at most 120 s).")
        });
        let insecure = self.insecure(allow_insecure);
        let skip = self.take("SKIP_EMAIL_SEND", switch);
        self.explain(skip.as_ref(), |skip| match skip {
            true => "Mail is accepted and held; none is sent.".to_owned(),
            false => "Mail is sent.".to_owned(),
        });
        self.others();
        ReadEnvironment {
            settings: SmtpEnvironment {
                holds_mail: skip.is_some_and(|skip| skip.value),
                from_address: sender.address,
                from_name: sender.name,
                host,
                port,
                secure,
                require_tls,
                authentication,
                username,
                password: password.as_ref().map(|set| set.variable.clone()),
                timeout,
                insecure,
                variables: std::mem::take(&mut self.meanings),
            },
            password: password.map(|set| set.value),
        }
    }

    /// Ignores the variable `SMTP_PORT` with a URL that Kubernetes sets in containers beside a service
    /// named `smtp`.
    fn leave_service_link(&mut self) {
        let name = "SMTP_PORT";
        let link = self.found.get(name);
        if !link.is_some_and(|port| port.value.expose().starts_with("tcp://")) {
            return;
        }
        if let Some(port) = self.found.remove(name) {
            self.meanings.push(VariableMeaning {
                variable: port.set_by(),
                value: Some(port.value.expose().to_owned()),
                is_followed: false,
                meaning: "Not followed: it is the link to a service, and not a port.".to_owned(),
            });
        }
    }

    /// Takes a variable and reads its value without white space at its ends.
    fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<SetBy<T>> {
        let found = self.found.remove(name)?;
        let variable = found.set_by();
        let text = found.value.expose().trim();
        match read(text) {
            Ok(value) => {
                self.meanings.push(VariableMeaning {
                    variable: variable.clone(),
                    value: Some(text.to_owned()),
                    is_followed: true,
                    meaning: String::new(),
                });
                Some(SetBy { value, variable })
            }
            Err(fault) => {
                self.fault(&variable, &fault);
                None
            }
        }
    }

    fn fault(&mut self, variable: &str, text: &str) {
        self.faults.add(variable, format!("{variable}: {text}"));
    }

    /// Records the effect of the variable that was taken last.
    fn explain<T>(&mut self, set: Option<&SetBy<T>>, meaning: impl FnOnce(&T) -> String) {
        if let (Some(set), Some(last)) = (set, self.meanings.last_mut()) {
            last.meaning = meaning(&set.value);
        }
    }

    /// Records why the variable that was taken last has no effect.
    fn ignore(&mut self, reason: &str) {
        if let Some(last) = self.meanings.last_mut() {
            last.is_followed = false;
            reason.clone_into(&mut last.meaning);
        }
    }

    /// Takes `SMTP_SECURE` or `SMTP_TLS`, two names of one switch.
    fn secure(&mut self) -> Option<SetBy<bool>> {
        let mut set: Option<SetBy<bool>> = None;
        for name in ["SMTP_SECURE", "SMTP_TLS"] {
            let next = self.take(name, switch);
            self.explain(next.as_ref(), |secure| match secure {
                true => "TLS is required: from the first byte at port 465 (SSL), else by StartTLS."
                    .to_owned(),
                false => "TLS is not required by this.".to_owned(),
            });
            if let (Some(set), Some(next)) = (&set, &next)
                && set.value != next.value
            {
                let text = format!("It contradicts {}. Remove one of the two.", set.variable);
                self.fault(&next.variable, &text);
            }
            set = set.or(next);
        }
        set
    }

    /// Takes the password, which has two names. It is used only with the host of the environment: with
    /// another host, an administrator could have it sent to any server.
    fn password(&mut self, has_host: bool, signs_in: bool) -> Option<SetBy<SecretString>> {
        let mut set: Option<SetBy<SecretString>> = None;
        for name in ["SMTP_PASS", "SMTP_PASSWORD"] {
            let Some(found) = self.found.remove(name) else {
                continue;
            };
            let variable = found.set_by();
            // The line end at the end of a file is not part of the password.
            let text = match found.is_file {
                true => found.value.expose().trim_end_matches(['\r', '\n']),
                false => found.value.expose(),
            };
            if let Some(fault) = password_fault(text) {
                self.fault(&variable, fault);
                continue;
            }
            self.meanings.push(VariableMeaning {
                variable: variable.clone(),
                value: None,
                is_followed: true,
                meaning: "The password, which is not shown.".to_owned(),
            });
            if !has_host {
                self.ignore(
                    "Not followed without SMTP_HOST: a password goes with the relay it is for.",
                );
            } else if !signs_in {
                self.ignore("Not followed, as SMTP_AUTH says that there is no sign-in.");
            } else if let Some(set) = &set {
                if set.value.expose() != text {
                    let text = format!("It differs from {}. Remove one of the two.", set.variable);
                    self.fault(&variable, &text);
                }
            } else {
                set = Some(SetBy {
                    value: SecretString::new(text),
                    variable,
                });
            }
        }
        set
    }

    /// Takes `MAIL_FROM`, with or without a display name, and `MAIL_FROM_NAME`, which has precedence.
    fn sender(&mut self) -> Sender {
        let from = self.take("MAIL_FROM", |text| {
            let (name, address) = match text.strip_suffix('>').and_then(|text| text.split_once('<'))
            {
                Some((name, address)) => (name.trim().trim_matches('"').trim(), address),
                None => ("", text),
            };
            let address = address.parse::<EmailAddress>().map_err(str::to_owned)?;
            valid(Label::FromName, name)?;
            Ok((name.to_owned(), address.to_string()))
        });
        self.explain(from.as_ref(), |(name, address)| match name.as_str() {
            "" => format!("Mail without a From has {address}."),
            name => format!("Mail without a From has {address} and the name {name}."),
        });
        let name = self.take("MAIL_FROM_NAME", |text| {
            valid(Label::FromName, text)?;
            Ok(text.to_owned())
        });
        self.explain(name.as_ref(), |name| {
            format!("The name beside it is {name}.")
        });
        let Some(SetBy { value, variable }) = from else {
            return Sender {
                address: None,
                name,
            };
        };
        let (of_address, address) = value;
        let of_address = (!of_address.is_empty()).then(|| SetBy {
            value: of_address,
            variable: variable.clone(),
        });
        Sender {
            address: Some(SetBy {
                value: address,
                variable,
            }),
            name: name.or(of_address),
        }
    }

    fn insecure(&mut self, allowed: bool) -> Option<String> {
        let set = self.take("EMAIL_ALLOW_INSECURE", switch)?;
        match (set.value, allowed) {
            (false, _) => {
                let text = "Certificates are checked, and passwords are sent inside TLS only.";
                self.explain(Some(&set), |_| text.to_owned());
                None
            }
            (true, false) => {
                self.ignore(
                    "Not followed without --allow-insecure: certificates are checked, and passwords are sent inside TLS only.",
                );
                None
            }
            (true, true) => {
                let text = "Certificates are not checked, and passwords are sent without encryption where there is none.";
                let variable = set.variable.clone();
                self.explain(Some(&set), |_| text.to_owned());
                Some(variable)
            }
        }
    }

    /// Records the remaining variables, which have no effect.
    fn others(&mut self) {
        for (name, found) in std::mem::take(&mut self.found) {
            if !is_of_mailer(&name) {
                continue;
            }
            let meaning = match name.as_str() {
                name if LOGGING.contains(&name) => {
                    "Not followed: the log of Postern is set with POSTERN_LOG and RUST_LOG."
                }
                "SMTP_FROM" => "Not followed: the From address is set with MAIL_FROM.",
                _ => "Not followed: Postern does not know this variable.",
            };
            self.meanings.push(VariableMeaning {
                variable: found.set_by(),
                value: None,
                is_followed: false,
                meaning: meaning.to_owned(),
            });
        }
    }
}

struct Sender {
    address: Option<SetBy<String>>,
    name: Option<SetBy<String>>,
}

/// Checks the text of a field.
fn valid(label: Label, text: &str) -> Result<(), String> {
    match Form::default().with(label, text).fault(label) {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("This is true or false.".to_owned()),
    }
}

/// Parses the authentication type: none, the default, or a mechanism by its name.
fn authentication(text: &str) -> Result<String, String> {
    let mechanism = match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "none" => AuthenticationType::None,
        "plain" => AuthenticationType::Plain,
        "login" => AuthenticationType::Login,
        "cram-md5" => AuthenticationType::CramMd5,
        _ => match switch(text) {
            Ok(true) => AuthenticationType::Plain,
            Ok(false) => AuthenticationType::None,
            Err(_) => return Err("This is true, false, PLAIN, LOGIN or CRAM-MD5.".to_owned()),
        },
    };
    Ok(mechanism.as_str().to_owned())
}

/// Converts milliseconds to whole seconds, rounded up, and at most the longest time-out.
fn milliseconds(text: &str) -> Result<u64, String> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(milliseconds @ 1..) if digits => Ok(milliseconds.div_ceil(1000).min(TIMEOUT_MAX)),
        _ => Err("This is a whole number of milliseconds from 1 on, as in 15000.".to_owned()),
    }
}
