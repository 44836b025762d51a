//! Passkeys (WebAuthn) as second factors: registration, list and removal.

mod assertion;
mod authenticator_data;
mod ceremony;
mod challenge;
mod options;
mod public_key;
mod relying_party;

pub(super) use assertion::AssertionResult;
pub use assertion::FactorChoices;
pub(super) use ceremony::Assertion;
pub use relying_party::RelyingParty;

use domain::{Kind, Refusal};

use super::renew_recovery_codes;
use crate::Actor;
use crate::accounts::Accounts;
use crate::audit::Action;
use crate::store::accounts::passkeys::{self, Passkey};
use crate::store::accounts::{self, second_factors, sessions};
use crate::store::commit;

/// The most passkeys of an account.
const MOST: usize = 10;
/// The longest name, in characters.
const NAME: usize = 64;

impl Accounts {
    /// Whether passkeys can be added and used at the public URL ([`RelyingParty::of`]).
    pub fn offers_passkeys(&self) -> bool {
        self.relying_party.is_some()
    }

    /// The passkeys of the actor's own account, oldest first.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is a session.
    pub async fn passkeys(&self, actor: &Actor) -> Result<Vec<Passkey>, Refusal> {
        let account = actor.person()?;
        Ok(passkeys::of_account(&mut *self.store.read().await?, &account.id).await?)
    }

    /// The options with which a browser makes a passkey for the actor's own account, in JSON; `None` where
    /// passkeys are not offered, or the account has the most it may have. They contain a new challenge of
    /// the session.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is a session that was confirmed recently.
    pub async fn new_passkey_options(&self, actor: &Actor) -> Result<Option<String>, Refusal> {
        let account = actor.person()?;
        self.recently_confirmed(actor)?;
        let known = self.passkeys(actor).await?;
        let Some(party) = self.relying_party.as_ref().filter(|_| known.len() < MOST) else {
            return Ok(None);
        };
        let holder = actor.session_id().unwrap_or_default();
        let challenge = self.issue_challenge(holder).await?;
        Ok(Some(options::creation(party, account, &challenge, &known)))
    }

    /// Adds the passkey that a browser made to the actor's own account. Where it is the first second factor,
    /// the other sessions of the account end, and its recovery codes are returned.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `name` and `passkey`; [`Kind::Conflict`] if the passkey is known already or the
    /// account has 10; [`Kind::Forbidden`] unless the actor is a session that was confirmed recently.
    pub async fn add_passkey(
        &self,
        actor: &Actor,
        name: &str,
        answer: &str,
    ) -> Result<Option<Vec<String>>, Refusal> {
        let adding = self.try_add_passkey(actor, name, answer);
        self.audit
            .audited(actor, Action::SetUpSecondFactor, adding)
            .await
    }

    async fn try_add_passkey(
        &self,
        actor: &Actor,
        name: &str,
        answer: &str,
    ) -> Result<Option<Vec<String>>, Refusal> {
        let account = actor.person()?;
        self.recently_confirmed(actor)?;
        let Some(party) = &self.relying_party else {
            let text = "Passkeys need a public URL of https with a host name, or of localhost. Set \
                        POSTERN_PUBLIC_URL, or use an authenticator app.";
            return Err(Refusal::of(Kind::Invalid, "passkey", text));
        };
        let name = parse_name(name)?;
        // It is used up also by an answer that is refused.
        let holder = actor.session_id().unwrap_or_default();
        let mut work = self.store.begin().await?;
        let challenge = self.take_challenge(&mut work, holder).await?;
        commit(work).await?;
        let registered =
            challenge.and_then(|challenge| ceremony::registered(party, &challenge, answer));
        let registered = registered.ok_or_else(|| {
            let text = "The passkey was not accepted: the answer of the browser is not valid for this \
                        page, or took longer than 5 minutes. Try again.";
            Refusal::of(Kind::Invalid, "passkey", text)
        })?;

        let mut work = self.store.begin().await?;
        accounts::lock(&mut work, &account.id).await?;
        if passkeys::of_account(&mut work, &account.id).await?.len() >= MOST {
            let text = "An account has at most 10 passkeys. Remove one that is not needed.";
            return Err(Refusal::new(Kind::Conflict, text));
        }
        let is_first = !second_factors::exists(&mut work, &account.id).await?;
        let passkey = Passkey {
            id: registered.id,
            name: name.to_owned(),
            public_key: registered.public_key,
            sign_count: registered.sign_count.into(),
            created_at: self.clock.now(),
            last_used_at: None,
        };
        let added = passkeys::add(&mut work, &account.id, &passkey).await;
        added.map_err(|error| match error.is_taken() {
            true => {
                let text = "This passkey is in use already. Choose another device or key.";
                Refusal::new(Kind::Conflict, text)
            }
            false => error.into(),
        })?;
        let codes = match is_first {
            true => {
                sessions::end_all(&mut work, &account.id, actor.session_id()).await?;
                Some(renew_recovery_codes(&mut work, account).await?)
            }
            false => None,
        };
        self.audit
            .record(&mut work, actor, Action::SetUpSecondFactor, "own passkey")
            .await?;
        commit(work).await?;
        Ok(codes)
    }

    /// Removes a passkey of the actor's own account. With the last second factor, the recovery codes go.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if the account has no such passkey; [`Kind::Forbidden`] unless the actor is a
    /// session that was confirmed recently.
    pub async fn remove_passkey(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let removing = async {
            let account = actor.person()?;
            self.recently_confirmed(actor)?;
            let mut work = self.store.begin().await?;
            accounts::lock(&mut work, &account.id).await?;
            // PostgreSQL accepts no NUL in a text.
            if id.contains(char::is_control)
                || !passkeys::remove(&mut work, &account.id, id).await?
            {
                let text = "This account has no such passkey any more. Reload the page.";
                return Err(Refusal::new(Kind::NotFound, text));
            }
            if !second_factors::exists(&mut work, &account.id).await? {
                second_factors::remove_recovery_codes(&mut work, &account.id).await?;
            }
            self.audit
                .record(&mut work, actor, Action::RemoveSecondFactor, "own passkey")
                .await?;
            commit(work).await?;
            Ok(())
        };
        self.audit
            .audited(actor, Action::RemoveSecondFactor, removing)
            .await
    }
}

/// The name of a passkey without the spaces around it.
fn parse_name(name: &str) -> Result<&str, Refusal> {
    let name = name.trim();
    let is_valid = (1..=NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
    is_valid.then_some(name).ok_or_else(|| {
        let text = "Give the passkey a name of 1 to 64 characters, such as that of the device.";
        Refusal::of(Kind::Invalid, "name", text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_lines() {
        let longest = "ä".repeat(64);
        for name in ["a", " blue key ", longest.as_str()] {
            assert_eq!(parse_name(name), Ok(name.trim()));
        }
        let too_long = format!("{longest}a");
        for name in ["", " ", "a\nb", "a\0", too_long.as_str()] {
            let refusal = parse_name(name).expect_err("refused");
            assert!(refusal.fields.contains_key("name"), "{name:?}");
        }
    }
}
