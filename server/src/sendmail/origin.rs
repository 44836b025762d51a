//! The calling user, and the domain of addresses that have none.

use std::fs;

use domain::EmailAddress;
use nix::unistd::{User, getuid};

use crate::commands::bootstrap::host;

/// Debian's file with the domain of mail from this machine.
const MAILNAME: &str = "/etc/mailname";

/// The domain of local addresses: that of `/etc/mailname`, or else the name of this machine.
pub fn domain() -> String {
    let configured = fs::read_to_string(MAILNAME).unwrap_or_default();
    first_valid([configured.lines().next().unwrap_or_default(), &host()])
}

fn first_valid(names: [&str; 2]) -> String {
    let mut names = names.iter().map(|name| name.trim());
    let valid = names.find(|name| format!("user@{name}").parse::<EmailAddress>().is_ok());
    valid.unwrap_or("localhost").to_owned()
}

/// The user that calls.
pub struct LocalUser {
    /// The login name.
    pub login: String,
    /// The name of the person; empty where it is not known.
    pub full_name: String,
}

/// The user that calls. `NAME` in the environment is the name of the person.
pub fn user() -> LocalUser {
    let uid = getuid();
    let found = User::from_uid(uid).ok().flatten();
    let named = std::env::var("NAME").ok().filter(|name| !name.is_empty());
    match found {
        Some(user) => LocalUser {
            full_name: named.unwrap_or_else(|| person(&user.gecos.to_string_lossy(), &user.name)),
            login: user.name,
        },
        None => LocalUser {
            login: format!("uid{uid}"),
            full_name: named.unwrap_or_default(),
        },
    }
}

/// The name in the field of a user for comments, where `&` stands for the login name.
fn person(comment: &str, login: &str) -> String {
    let name = comment.split(',').next().unwrap_or_default();
    let mut login = login.to_owned();
    if let Some(first) = login.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name.replace('&', &login)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_valid_name_is_the_domain() {
        for (names, expected) in [
            (["example.org", "web1"], "example.org"),
            (["  example.org\n", "web1"], "example.org"),
            (["", "web1"], "web1"),
            (["not a domain", "web1"], "web1"),
            (["", ""], "localhost"),
        ] {
            assert_eq!(first_valid(names), expected);
        }
    }

    #[test]
    fn the_name_of_a_person_is_before_the_first_comma() {
        for (comment, expected) in [
            ("Ann Lee,Room 1,,", "Ann Lee"),
            ("& Lee", "Ann Lee"),
            ("", ""),
        ] {
            assert_eq!(person(comment, "ann"), expected);
        }
    }
}
