//! Settings of msmtp: the account of a configuration file.

use super::{CHECKED, SettingsImport, encryption_of, invalid};
use crate::{Label, Refusal, SecretString};

/// The name of the account that msmtp uses if none is named.
const DEFAULT: &str = "default";

/// An option and its value.
#[derive(Clone, Debug)]
struct AccountOption {
    name: String,
    value: String,
}

/// An account with its options. The options of accounts that it inherits from come first.
#[derive(Clone, Debug)]
struct MsmtpAccount {
    name: String,
    options: Vec<AccountOption>,
}

impl MsmtpAccount {
    /// The value in effect, which is the last one.
    fn get(&self, name: &str) -> &str {
        let option = self.options.iter().rfind(|option| option.name == name);
        option.map_or("", |option| option.value.as_str())
    }

    fn is_on(&self, name: &str, otherwise: bool) -> bool {
        match self.get(name) {
            "" => otherwise,
            value => value == "on",
        }
    }
}

/// Imports the settings of the account `default`, or of the only account.
///
/// # Errors
/// [`Kind::Invalid`](crate::Kind::Invalid) if an account or its host is missing, or a line cannot be
/// read.
pub fn import(text: &str) -> Result<SettingsImport, Refusal> {
    let accounts = accounts(text)?;
    let chosen = accounts.iter().rfind(|account| account.name == DEFAULT);
    let account = match (chosen, &accounts[..]) {
        (Some(account), _) | (None, [account]) => account,
        (None, []) => return Err(invalid("The file has no account.")),
        (None, all) => {
            let names: Vec<&str> = all.iter().map(|account| account.name.as_str()).collect();
            let text = format!(
                "The file has the accounts {} and no default. Add the line: account default : {}",
                names.join(", "),
                names[0]
            );
            return Err(invalid(text));
        }
    };
    let host = account.get("host");
    if host.is_empty() {
        let text = format!("The account {} has no host.", account.name);
        return Err(invalid(text));
    }
    let mut import = SettingsImport::default();
    import.follow("account", &account.name, "The account that is imported.");
    import.follow("host", host, format!("The host of the relay is {host}."));
    import.set(Label::Host, host);
    encryption(account, &mut import);
    sign_in(account, &mut import);
    others(account, &mut import);
    Ok(import)
}

fn encryption(account: &MsmtpAccount, import: &mut SettingsImport) {
    let tls = account.is_on("tls", false);
    let connection = match account.is_on("tls_starttls", true) {
        _ if !tls => "None",
        true => "TLS",
        false => "SSL",
    };
    let value = if tls { "on" } else { "off" };
    let meaning = encryption_of(connection);
    import.follow("tls", value, format!("{meaning} {CHECKED}"));
    import.set(Label::ConnectionType, connection);
    let port = match account.get("port") {
        "" if connection == "SSL" => "465",
        "" => "25",
        port => port,
    };
    import.follow("port", port, format!("The port of the relay is {port}."));
    import.set(Label::Port, port);
}

fn sign_in(account: &MsmtpAccount, import: &mut SettingsImport) {
    let auth = account.get("auth").to_ascii_lowercase();
    let user = account.get("user");
    let kind = match auth.as_str() {
        "" | "off" => {
            import.sign_in("None", "");
            return;
        }
        "login" => "Login",
        "cram-md5" => "Cram_MD5",
        _ => "Plain",
    };
    import.follow("auth", &auth, format!("Postern signs in by {kind}."));
    import.follow("user", user, format!("The user name is {user}."));
    import.sign_in(kind, user);
    let password = account.get("password");
    if !password.is_empty() {
        import.follow_secret("password", "The password, which is not shown.");
        import.password = Some(SecretString::new(password));
    } else if !account.get("passwordeval").is_empty() {
        let meaning = "Not followed: Postern runs no command for a password. Type it on the page of the relay.";
        import.ignore("passwordeval", None, meaning);
    }
}

fn others(account: &MsmtpAccount, import: &mut SettingsImport) {
    let mut take = |option: &str, label: Label, meaning: &str| {
        let value = account.get(option);
        // Patterns of addresses and placeholders of msmtp are not imported.
        if !value.is_empty() && !value.contains(['*', '%']) {
            import.follow(option, value, meaning);
            import.set(label, value);
        }
    };
    take("from", Label::FromAddress, "Mail without a From has it.");
    take("from_full_name", Label::FromName, "The name beside it.");
    let meaning = "The name that Postern introduces itself with.";
    take("domain", Label::EhloName, meaning);
    if let Ok(seconds @ 1..) = account.get("timeout").parse::<u64>() {
        let seconds = seconds.min(120).to_string();
        let meaning = format!("Connecting, and each reply, may take {seconds} s.");
        import.follow("timeout", account.get("timeout"), meaning);
        import.set(Label::ConnectTimeout, seconds.as_str());
        import.set(Label::CommandTimeout, seconds);
    }
    if !account.is_on("tls_certcheck", true) {
        import.ignore(
            "tls_certcheck",
            Some("off"),
            format!("Not followed. {CHECKED}"),
        );
    }
    let authorities = account.get("tls_trust_file");
    if !matches!(authorities, "" | "system") {
        let meaning = "Not followed: the roots of the system count. Add a CA of your own on the page of the relay.";
        import.ignore("tls_trust_file", Some(authorities), meaning);
    }
}

/// The accounts in their order.
fn accounts(text: &str) -> Result<Vec<MsmtpAccount>, Refusal> {
    let mut accounts: Vec<MsmtpAccount> = Vec::new();
    let mut defaults: Vec<AccountOption> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let value = unquoted(value.trim());
        match name {
            "defaults" => {
                // Options after this line belong to no account.
                accounts.push(MsmtpAccount {
                    name: String::new(),
                    options: Vec::new(),
                });
            }
            "account" => {
                let (name, bases) = value.split_once(':').unwrap_or((value, ""));
                let mut options = taken_defaults(&accounts, &defaults);
                defaults.clone_from(&options);
                for base in bases
                    .split(',')
                    .map(str::trim)
                    .filter(|base| !base.is_empty())
                {
                    let known = accounts.iter().rfind(|account| account.name == base);
                    let Some(known) = known else {
                        let text = format!(
                            "Line {number} refers to the account {base}, which is not above it."
                        );
                        return Err(invalid(text));
                    };
                    options.extend(known.options.iter().cloned());
                }
                accounts.push(MsmtpAccount {
                    name: name.trim().to_owned(),
                    options,
                });
            }
            name => {
                let Some(account) = accounts.last_mut() else {
                    let text = format!("Line {number} is before the first account.");
                    return Err(invalid(text));
                };
                account.options.push(AccountOption {
                    name: name.to_owned(),
                    value: value.to_owned(),
                });
            }
        }
    }
    accounts.retain(|account| !account.name.is_empty());
    Ok(accounts)
}

/// The defaults after the last line `defaults`, or those before it.
fn taken_defaults(accounts: &[MsmtpAccount], before: &[AccountOption]) -> Vec<AccountOption> {
    match accounts.last() {
        Some(section) if section.name.is_empty() => section.options.clone(),
        _ => before.to_vec(),
    }
}

/// A value without the double quotes around it.
fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# msmtp\ndefaults\nauth on\ntls on\ntimeout 30\n\naccount work\nhost smtp.example.org\n\
                        port 587\nfrom alerts@example.org\nuser alerts\npassword \"pass word\"\n\n\
                        account home : work\nhost mail.example.net\ntls_starttls off\nport 465\n\
                        auth login\n";

    fn field(import: &SettingsImport, label: Label) -> &str {
        let field = import.fields.iter().rfind(|(known, _)| *known == label);
        field.map_or("", |(_, text)| text)
    }

    #[test]
    fn the_account_default_is_imported_with_what_it_inherits() {
        for (last, host, port, connection, kind) in [
            (
                "account default : work",
                "smtp.example.org",
                "587",
                "TLS",
                "Plain",
            ),
            (
                "account default : home",
                "mail.example.net",
                "465",
                "SSL",
                "Login",
            ),
            (
                "account default : home, work",
                "smtp.example.org",
                "587",
                "SSL",
                "Plain",
            ),
        ] {
            let read = import(&format!("{FILE}{last}\n")).expect("readable");
            assert_eq!(field(&read, Label::Host), host, "{last}");
            assert_eq!(field(&read, Label::Port), port, "{last}");
            assert_eq!(field(&read, Label::ConnectionType), connection, "{last}");
            assert_eq!(field(&read, Label::AuthenticationType), kind, "{last}");
            assert_eq!(field(&read, Label::FromAddress), "alerts@example.org");
            assert_eq!(field(&read, Label::CommandTimeout), "30");
            let password = read.password.as_ref().map(SecretString::expose);
            assert_eq!(password, Some("pass word"));
            assert!(!format!("{:?}", read.read).contains("pass word"));
        }
    }

    #[test]
    fn options_have_the_defaults_of_msmtp() {
        for (options, port, connection) in [
            ("", "25", "None"),
            ("tls on", "25", "TLS"),
            ("tls on\ntls_starttls off", "465", "SSL"),
        ] {
            let read = import(&format!("account a\nhost a.example\n{options}\n"));
            let read = read.expect("readable");
            assert_eq!(field(&read, Label::Port), port, "{options}");
            assert_eq!(field(&read, Label::ConnectionType), connection);
            assert_eq!(field(&read, Label::AuthenticationType), "None");
        }
    }

    #[test]
    fn what_is_not_followed_is_explained() {
        let read = import(
            "account a\nhost a.example\nauth on\nuser u\npasswordeval pass show mail\ntls on\n\
             tls_certcheck off\ntls_trust_file /etc/ca.pem\nfrom *@example.org\n",
        );
        let read = read.expect("readable");
        assert!(read.password.is_none());
        assert_eq!(field(&read, Label::FromAddress), "");
        let ignored = read.read.iter().filter(|option| !option.is_followed);
        let ignored: Vec<&str> = ignored.map(|option| option.variable.as_str()).collect();
        assert_eq!(ignored, ["passwordeval", "tls_certcheck", "tls_trust_file"]);
    }

    #[test]
    fn faults_name_the_line_or_the_account() {
        for (text, reason) in [
            ("", "no account"),
            ("host a.example\n", "Line 1"),
            ("account a\n\naccount b : c\n", "Line 3"),
            ("account a\nport 25\n", "has no host"),
            ("account a\nhost x\naccount b\nhost y\n", "a, b"),
        ] {
            let refusal = import(text).expect_err(reason);
            assert!(refusal.text().contains(reason), "{reason}: {refusal}");
        }
    }
}
