//! A request for an API token, and its validation.

use domain::account::Role;
use domain::outbox::{Priority, PriorityLimits};
use domain::timestamp::DAY;
use domain::{EmailAddress, Kind, Refusal, SendingLimits, SendingQuota, Timestamp};

use crate::mail::check_address;
use crate::store::accounts::Account;
use crate::store::accounts::tokens::{Token, TokenScope};

/// The longest name, in characters.
const NAME: usize = 64;
/// The longest lifetime, in days.
const MAX_DAYS: u32 = 3650;
/// The maximum number of senders.
const MAX_SENDERS: usize = 100;

/// The fault of a user's token that is to send from any address.
const ANY_SENDER: &str = "Only a token of an administrator may send from any address. Add sender \
                          addresses to the account instead.";

/// An API token to create.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// The address of its account; without one, the account of the actor.
    pub account: Option<String>,
    /// What it is for.
    pub name: String,
    /// The names of its scopes; without any, all that the role of the account allows, but for a user not
    /// the scope `admin`, which is for the settings of the own relay.
    pub scopes: Vec<String>,
    /// The days until it expires; without them it does not expire.
    pub expires_days: Option<u32>,
    /// The addresses it may send from; without any, every address.
    pub senders: Vec<String>,
    /// Whether it may send from addresses that its account may not: only a token of an administrator.
    pub any_sender: bool,
    /// The priority of messages that name none; without it, normal or the highest.
    pub default_priority: Option<Priority>,
    /// The highest priority of its messages; without it, every one.
    pub highest_priority: Option<Priority>,
    /// Its limits of what it submits.
    pub limits: SendingLimits,
}

impl NewToken {
    /// A token of the account with this address that is not limited.
    pub fn new(account: &str, name: &str) -> Self {
        Self {
            account: Some(account.to_owned()),
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// The token of this account.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with all faults by field.
    pub(super) fn validate(self, account: Account, now: Timestamp) -> Result<Token, Refusal> {
        let mut faults = Refusal::invalid();
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
            faults.add("name", "A token has a name of 1 to 64 characters.");
        }
        let scopes = scopes(&self.scopes, account.role);
        let senders = senders(&self.senders);
        if self
            .expires_days
            .is_some_and(|days| days == 0 || days > MAX_DAYS)
        {
            let text = format!("A token expires after 1 to {MAX_DAYS} days, or never.");
            faults.add("expires_days", text);
        }
        if self.any_sender && account.role != Role::Admin {
            faults.add("any_sender", ANY_SENDER);
        }
        let priorities = PriorityLimits::new(self.default_priority, self.highest_priority);
        let priorities = priorities.unwrap_or_else(|text| {
            faults.add("default_priority", text);
            PriorityLimits::default()
        });
        if let Err(refusal) = self.limits.check() {
            faults.fields.extend(refusal.fields);
        }
        let (scopes, senders) = Refusal::both(scopes, senders).unwrap_or_else(|refusal| {
            faults.fields.extend(refusal.fields);
            Default::default()
        });
        faults.or_ok()?;
        Ok(Token {
            id: ulid::Ulid::new().to_string(),
            name,
            scopes,
            created_at: now,
            revoked_at: None,
            expires_at: self.expires_days.map(|days| now + DAY * days),
            last_used_at: None,
            senders,
            any_sender: self.any_sender,
            priorities,
            quota: SendingQuota {
                limits: self.limits,
                ..SendingQuota::default()
            },
            account,
        })
    }
}

/// Parses the names of scopes.
fn scopes(names: &[String], role: Role) -> Result<Vec<TokenScope>, Refusal> {
    let refused = |text: &str| Err(Refusal::of(Kind::Invalid, "scopes", text));
    if names.is_empty() {
        return Ok(match role {
            Role::Admin => vec![TokenScope::Admin, TokenScope::Send, TokenScope::Read],
            Role::User => vec![TokenScope::Send, TokenScope::Read],
        });
    }
    let mut scopes = Vec::new();
    for name in names {
        let Ok(scope) = name.trim().parse() else {
            return refused("The scopes of a token are send, read and admin.");
        };
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// Validates addresses that a token may send from.
fn senders(addresses: &[String]) -> Result<Vec<String>, Refusal> {
    let refused = |text: String| Err(Refusal::of(Kind::Invalid, "senders", text));
    if addresses.len() > MAX_SENDERS {
        return refused(format!("A token has at most {MAX_SENDERS} senders."));
    }
    let mut senders = Vec::new();
    for text in addresses {
        let parsed = text.parse::<EmailAddress>();
        match parsed.and_then(|address| check_address(&address).map(|()| address)) {
            Ok(address) => senders.push(address.to_string()),
            Err(fault) => {
                let shown = domain::sanitize::printable(text.trim(), 80);
                return refused(format!("“{shown}” is not an address to send from. {fault}"));
            }
        }
    }
    Ok(senders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(new: NewToken, role: Role) -> Result<Token, Vec<String>> {
        let account = Account {
            id: "1".to_owned(),
            email: "a@example.org".to_owned(),
            role,
        };
        let token = new.validate(account, Timestamp(5));
        token.map_err(|refusal| refusal.fields.into_keys().collect())
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_token_is_unlimited_unless_limits_are_given() {
        use TokenScope::{Admin, Read, Send};
        for (role, names, scopes) in [
            (Role::Admin, &[][..], Some(&[Admin, Send, Read][..])),
            (Role::User, &[], Some(&[Send, Read])),
            (Role::Admin, &["read"], Some(&[Read])),
            (Role::User, &["send", " send "], Some(&[Send])),
            (Role::User, &["send", "admin"], Some(&[Send, Admin])),
            (Role::Admin, &["sender"], None),
            (Role::Admin, &[""], None),
        ] {
            let new = NewToken {
                scopes: texts(names),
                ..NewToken::new("", "app")
            };
            match (validated(new, role), scopes) {
                (Ok(token), Some(scopes)) => {
                    assert_eq!(token.scopes, scopes);
                    assert!(token.expires_at.is_none() && token.senders.is_empty());
                    assert!(!token.any_sender, "it is to be asked for");
                }
                (Err(fields), None) => assert_eq!(fields, ["scopes"]),
                (other, _) => panic!("{role:?} {names:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_fault_is_reported() {
        let wrong = NewToken {
            scopes: texts(&["write"]),
            expires_days: Some(0),
            senders: texts(&["app@example.org", "nobody"]),
            default_priority: Some(Priority::High),
            highest_priority: Some(Priority::Normal),
            limits: SendingLimits::of_numbers([Some(0), None, None, Some(101)]),
            ..NewToken::new("", " ")
        };
        let fields = validated(wrong, Role::User).expect_err("refused");
        assert_eq!(
            fields,
            [
                "default_priority",
                "expires_days",
                "max_per_minute",
                "max_recipients",
                "name",
                "scopes",
                "senders"
            ]
        );
        let limited = NewToken {
            expires_days: Some(2),
            senders: texts(&[" app@example.org "]),
            ..NewToken::new("", "app")
        };
        let token = validated(limited, Role::User).expect("valid");
        assert_eq!(token.senders, ["app@example.org"]);
        assert_eq!(token.expires_at, Some(Timestamp(5 + 2 * 86_400_000)));
        assert!(!token.is_expired(Timestamp(4 + 2 * 86_400_000)));
        assert!(token.is_expired(Timestamp(5 + 2 * 86_400_000)));
    }

    #[test]
    fn only_a_token_of_an_administrator_sends_from_any_address() {
        let new = || NewToken {
            any_sender: true,
            ..NewToken::new("", "app")
        };
        let token = validated(new(), Role::Admin).expect("valid");
        assert!(token.any_sender);
        let fields = validated(new(), Role::User).expect_err("a user's");
        assert_eq!(fields, ["any_sender"]);
    }
}
