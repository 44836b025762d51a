//! How a command opens Postern, its actor and host name, and the passwords that it prompts for.

use std::error::Error;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use domain::SecretString;
use domain::settings::smtp_environment::ReadEnvironment;
use engine::smtp::{AddressPolicy, PublicAddresses};
use engine::{Actor, Clock, Config, HashCost, Inspection, Postern, inspect_data};

use crate::cli::Command;
use crate::http::origin::public_url::PublicUrl;
use crate::process::{data_folder, private_file, stderr};
use crate::smtp_variables;

/// What a command needs to open Postern, determined before the first thread starts.
pub struct Bootstrap {
    pub data: PathBuf,
    /// The PostgreSQL database that `migrate` moves to.
    pub move_to: Option<String>,
    database: Option<String>,
    database_insecure: bool,
    accept_lost_keys: bool,
    relays: AddressPolicy,
    account_relays: PublicAddresses,
    hold_mail: bool,
    queue_minfree: u64,
    environment: Option<ReadEnvironment>,
}

impl Bootstrap {
    pub fn new(command: &Command) -> Result<Self, Box<dyn Error>> {
        let data_args = command.data_args();
        let move_to = match command {
            Command::Migrate { args, .. } => {
                database("--to", "POSTERN_DATABASE_URL", args.to.as_deref())?
            }
            _ => None,
        };
        Ok(Self {
            move_to,
            database: database(
                "--database",
                "POSTERN_DATABASE",
                data_args.database.as_deref(),
            )?,
            database_insecure: data_args.database_insecure,
            relays: AddressPolicy::parse(&data_args.relay_allow, &data_args.relay_deny)?
                .with_nat64(&data_args.relay_nat64)?,
            account_relays: PublicAddresses::parse(command.user_relay_allow())?
                .with_nat64(&data_args.relay_nat64)?,
            accept_lost_keys: data_args.accept_lost_keys,
            hold_mail: command.holds_mail(),
            queue_minfree: command.queue_minfree(),
            environment: match command {
                Command::Serve { allow_insecure, .. } => {
                    Some(smtp_variables::of_process(*allow_insecure)?)
                }
                _ => None,
            },
            data: match command.only_looks() {
                true => data_folder::locate(&data_args.data)?,
                false => data_folder::prepare(&data_args.data, command.creates_data())?,
            },
        })
    }

    /// Whether the database is in the data folder, and not a PostgreSQL server.
    pub fn is_local(&self) -> bool {
        self.database.is_none()
    }

    /// Looks at the data folder and the database without opening them for use.
    pub async fn inspect(&self) -> Inspection {
        let database = self.database.as_deref();
        inspect_data(&self.data, database, self.database_insecure).await
    }

    /// Whether PostgreSQL may be on another machine without verified TLS.
    pub fn allows_insecure_database(&self) -> bool {
        self.database_insecure
    }

    /// Whether values of lost keys are given up.
    pub fn accepts_lost_keys(&self) -> bool {
        self.accept_lost_keys
    }

    pub async fn open(self, public_url: String) -> Result<Postern, Box<dyn Error>> {
        Ok(Postern::open(self.config(public_url)).await?)
    }

    /// What Postern is opened with.
    pub fn config(self, public_url: String) -> Config {
        Config {
            data: self.data,
            database: self.database,
            database_insecure: self.database_insecure,
            accept_lost_keys: self.accept_lost_keys,
            relays: self.relays,
            account_relays: self.account_relays,
            public_url,
            host: host(),
            hold_mail: self.hold_mail,
            queue_minfree: self.queue_minfree,
            environment: self.environment,
            clock: Clock::default(),
            browser_key: None,
            hash_cost: HashCost::Recommended,
        }
    }
}

/// The URL of a database: given, by a flag or its variable, or in the file that the variable with `_FILE`
/// names, or in the credential of systemd with the name of the variable in lower case. One with a password is
/// refused on the command line, which every user of the machine can read.
fn database(
    flag: &str,
    variable: &str,
    given: Option<&str>,
) -> Result<Option<String>, Box<dyn Error>> {
    let flagged = std::env::args_os()
        .filter_map(|argument| argument.into_string().ok())
        .any(|argument| {
            let rest = argument.strip_prefix(flag);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        });
    let in_file = format!("{variable}_FILE");
    if let Some(address) = given.filter(|set| !set.is_empty()) {
        if flagged && has_password(address) {
            let text = format!(
                "a password on the command line is visible to every user of this machine; put the URL into \
                 {variable} or into the file that {in_file} names"
            );
            return Err(text.into());
        }
        return Ok(Some(address.to_owned()));
    }
    if let Some(file) = std::env::var_os(&in_file) {
        let text = private_file::read(&in_file, Path::new(&file))?;
        return Ok(Some(text.trim().to_owned()));
    }
    // `LoadCredential=` of the unit gives it this name.
    let name = variable.to_lowercase();
    let credential = private_file::credentials().map(|folder| folder.join(&name));
    let Some(file) = credential.filter(|file| file.exists()) else {
        return Ok(None);
    };
    let text = private_file::read(&format!("the credential {name}"), &file)?;
    Ok(Some(text.trim().to_owned()))
}

/// Whether there is a password in `postgres://user:HERE@host/name`, or in `?password=HERE`.
fn has_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (authority, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
        || parameters
            .split('&')
            .any(|parameter| parameter.starts_with("password="))
}

/// The host name of this machine; empty where it has none.
pub fn host() -> String {
    let name = nix::unistd::gethostname().ok();
    name.and_then(|name| name.into_string().ok())
        .unwrap_or_default()
}

pub fn operator() -> Actor {
    Actor::local(nix::unistd::getuid().as_raw())
}

/// Warns that a link with this public URL works on this machine only, where it does.
pub fn warn_of_loopback(url: &PublicUrl) {
    if url.is_loopback() {
        stderr::line(&format!(
            "the link begins with {url} and works on this machine only; POSTERN_PUBLIC_URL or \
             --public-url changes it"
        ));
    }
}

/// Prompts for a password without echo, or reads a line where standard input is not a terminal.
pub fn one_password() -> Result<SecretString, Box<dyn Error>> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        return Ok(SecretString::new(line.trim_end_matches(['\r', '\n'])));
    }
    Ok(SecretString::new(rpassword::prompt_password("Password: ")?))
}

/// [`one_password`], confirmed by a second prompt.
pub fn password() -> Result<SecretString, Box<dyn Error>> {
    let first = one_password()?;
    if !io::stdin().is_terminal() {
        return Ok(first);
    }
    let second = SecretString::new(rpassword::prompt_password("Repeat the password: ")?);
    if first.expose() != second.expose() {
        return Err("the two passwords differ; nothing was changed".into());
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_in_any_part_of_a_url() {
        for (address, has) in [
            ("postgres://postern@localhost/postern", false),
            ("postgres://localhost:5432/postern", false),
            ("postgres://[::1]:5432/postern?user=postern", false),
            ("postgres://postern:secret@localhost/postern", true),
            ("postgres://postern:p@ss@localhost/postern", true),
            (
                "postgres://localhost/postern?user=postern&password=secret",
                true,
            ),
        ] {
            assert_eq!(has_password(address), has, "{address}");
        }
    }
}
