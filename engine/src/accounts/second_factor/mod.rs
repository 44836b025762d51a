//! Second factors: authenticator app, passkeys and recovery codes; set-up and removal.

mod confirmation;
mod passkey;
mod recovery_code;
mod sign_in;
mod totp;
mod verification;

pub use passkey::{FactorChoices, RelyingParty};
pub use sign_in::SECOND_STEP_LIFETIME;
pub use verification::VerifiedFactor;

use domain::account::Role;
use domain::{Kind, Refusal, SecretString};

use super::{Accounts, digest};
use crate::Actor;
use crate::audit::Action;
use crate::store::accounts::{self, Account, second_factors, sessions};
use crate::store::settings::policy;
use crate::store::{Connection, commit};

/// The scope that secrets are sealed for; the label is the id of the account.
const SCOPE: &str = "totp";

/// The second factor of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactorView {
    /// Whether the account signs in with one.
    pub is_on: bool,
    /// Whether it is, or one of them is, an authenticator app.
    pub has_app: bool,
    /// Whether the secret of the app does not open, as its key is lost: no code is right.
    pub is_app_lost: bool,
    /// How many recovery codes are not used yet.
    pub recovery_codes: i64,
}

/// The secret of an authenticator app that no code confirmed yet.
#[derive(Clone)]
pub struct TotpSetup {
    /// In Base32, for typing.
    pub secret: String,
    /// The `otpauth:` URI, for a QR code.
    pub uri: String,
}

impl Accounts {
    /// The second factor of the actor's own account.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is a session.
    pub async fn second_factor(&self, actor: &Actor) -> Result<SecondFactorView, Refusal> {
        let account = actor.person()?;
        let mut connection = self.store.read().await?;
        let app = second_factors::totp(&mut connection, &account.id).await?;
        let app = app.filter(|app| app.confirmed_at.is_some());
        Ok(SecondFactorView {
            has_app: app.is_some(),
            is_app_lost: app.is_some_and(|app| {
                let secret = self.vault.unseal(SCOPE, &account.id, &app.secret);
                secret.is_err()
            }),
            is_on: second_factors::exists(&mut connection, &account.id).await?,
            recovery_codes: second_factors::recovery_codes(&mut connection, &account.id).await?,
        })
    }

    /// Whether the actor is the session of an administrator who has no second factor although the
    /// organisation's policy requires one. Until it is set up, the session is for nothing else.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lacks_required_factor(&self, actor: &Actor) -> Result<bool, Refusal> {
        let is_asked = actor.as_session().is_some_and(|session| {
            session.account.role == Role::Admin && !session.has_second_factor
        });
        if !is_asked {
            return Ok(false);
        }
        let policy = policy::read(&mut *self.store.read().await?).await?;
        Ok(policy.second_factor_for_administrators)
    }

    /// Generates the secret of an authenticator app for the actor's own account, in place of one that no
    /// code confirmed. It counts from [`Accounts::confirm_totp`] on.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the account has an app already; [`Kind::Forbidden`] unless the actor is a
    /// session that was confirmed recently ([`Accounts::recently_confirmed`]).
    pub async fn propose_totp(&self, actor: &Actor) -> Result<(), Refusal> {
        let proposing = async {
            let account = actor.person()?;
            self.recently_confirmed(actor)?;
            let secret = totp::new_secret();
            let sealed = self.vault.seal(SCOPE, &account.id, secret.as_bytes());
            let mut work = self.store.begin().await?;
            let now = self.clock.now();
            if !second_factors::propose(&mut work, &account.id, &sealed, now).await? {
                return Err(already_on());
            }
            commit(work).await?;
            Ok(())
        };
        self.audit
            .audited(actor, Action::SetUpSecondFactor, proposing)
            .await
    }

    /// The secret that no code confirmed yet; `None` if there is none, or if its key is lost.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is a session that was confirmed recently.
    pub async fn proposed_totp(&self, actor: &Actor) -> Result<Option<TotpSetup>, Refusal> {
        let account = actor.person()?;
        self.recently_confirmed(actor)?;
        let found = second_factors::totp(&mut *self.store.read().await?, &account.id).await?;
        let Some(row) = found.filter(|row| row.confirmed_at.is_none()) else {
            return Ok(None);
        };
        let secret = self.vault.unseal(SCOPE, &account.id, &row.secret);
        Ok(secret.ok().map(|secret| TotpSetup {
            secret: secret.expose().to_owned(),
            uri: totp::uri(secret.expose(), &account.email),
        }))
    }

    /// Makes the proposed secret count, with a code of the app that has it. Ends the other sessions of the
    /// account, and returns its recovery codes, of which only the digests are stored.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `code`; [`Kind::Conflict`] if there is no proposed secret;
    /// [`Kind::Forbidden`] unless the actor is a session that was confirmed recently.
    pub async fn confirm_totp(
        &self,
        actor: &Actor,
        code: SecretString,
    ) -> Result<Vec<String>, Refusal> {
        let confirming = self.try_confirm_totp(actor, code);
        self.audit
            .audited(actor, Action::SetUpSecondFactor, confirming)
            .await
    }

    async fn try_confirm_totp(
        &self,
        actor: &Actor,
        code: SecretString,
    ) -> Result<Vec<String>, Refusal> {
        let account = actor.person()?;
        self.recently_confirmed(actor)?;
        let mut work = self.store.begin().await?;
        accounts::lock(&mut work, &account.id).await?;
        let row = second_factors::totp(&mut work, &account.id).await?;
        let row = match row {
            Some(row) if row.confirmed_at.is_some() => return Err(already_on()),
            Some(row) => row,
            None => return Err(Refusal::new(Kind::Conflict, "Begin the set-up again.")),
        };
        if !self.use_code(&mut work, account, &row, &code).await? {
            let text = "This is not the present code of the app. Check the clock of the device, and \
                        type the code that the app shows now.";
            return Err(Refusal::of(Kind::Invalid, "code", text));
        }
        second_factors::confirm(&mut work, &account.id, self.clock.now()).await?;
        let codes = renew_recovery_codes(&mut work, account).await?;
        sessions::end_all(&mut work, &account.id, actor.session_id()).await?;
        self.audit
            .record(&mut work, actor, Action::SetUpSecondFactor, "own")
            .await?;
        commit(work).await?;
        Ok(codes)
    }

    /// Replaces the recovery codes of the actor's own account.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the account has no second factor; [`Kind::Forbidden`] unless the actor is
    /// a session that was confirmed recently.
    pub async fn new_recovery_codes(&self, actor: &Actor) -> Result<Vec<String>, Refusal> {
        let renewing = async {
            let account = actor.person()?;
            self.recently_confirmed(actor)?;
            let mut work = self.store.begin().await?;
            accounts::lock(&mut work, &account.id).await?;
            if !second_factors::exists(&mut work, &account.id).await? {
                return Err(off());
            }
            let codes = renew_recovery_codes(&mut work, account).await?;
            self.audit
                .record(&mut work, actor, Action::CreateRecoveryCodes, "own")
                .await?;
            commit(work).await?;
            Ok(codes)
        };
        self.audit
            .audited(actor, Action::CreateRecoveryCodes, renewing)
            .await
    }

    /// Removes every second factor of the actor's own account, with its recovery codes.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the account has none; [`Kind::Forbidden`] unless the actor is a session
    /// that was confirmed recently.
    pub async fn remove_own_second_factor(&self, actor: &Actor) -> Result<(), Refusal> {
        let removing = async {
            let account = actor.person()?;
            self.recently_confirmed(actor)?;
            self.try_remove(actor, account, "own").await
        };
        self.audit
            .audited(actor, Action::RemoveSecondFactor, removing)
            .await
    }

    /// Removes the second factor of any account, for a lost device. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::NotFound`] or [`Kind::Invalid`] under `email`; [`Kind::Conflict`] if the account has
    /// none; [`Kind::Forbidden`] unless the actor is an administrator who is signed in, or a local user.
    pub async fn remove_second_factor(&self, actor: &Actor, email: &str) -> Result<(), Refusal> {
        self.audit
            .administer(actor, Action::RemoveSecondFactor, async {
                actor.manages_people()?;
                let account = self.account(email).await?;
                self.try_remove(actor, &account, &account.email).await
            })
            .await
    }

    async fn try_remove(
        &self,
        actor: &Actor,
        account: &Account,
        detail: &str,
    ) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        accounts::lock(&mut work, &account.id).await?;
        if !second_factors::remove(&mut work, &account.id).await? {
            return Err(off());
        }
        self.audit
            .record(&mut work, actor, Action::RemoveSecondFactor, detail)
            .await?;
        commit(work).await?;
        Ok(())
    }
}

async fn renew_recovery_codes(
    work: &mut Connection,
    account: &Account,
) -> Result<Vec<String>, Refusal> {
    let codes = recovery_code::new_codes();
    let digests: Vec<String> = codes
        .iter()
        .filter_map(|code| recovery_code::parse(code))
        .map(|code| digest(&code))
        .collect();
    second_factors::set_recovery_codes(work, &account.id, &digests).await?;
    Ok(codes)
}

fn already_on() -> Refusal {
    let text = "This account has an authenticator app already. Remove it to set up another one.";
    Refusal::new(Kind::Conflict, text)
}

fn off() -> Refusal {
    Refusal::new(Kind::Conflict, "This account has no second factor.")
}
