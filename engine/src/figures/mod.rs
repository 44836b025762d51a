//! The figures service: what was accepted, delivered, deferred and failed, by hour and day.

use domain::figures::{FigureQuery, FigureSubject, Figures};
use domain::{Kind, Refusal, Timestamp};

use crate::store::{Connection, Scope, Store, StoreError, accounts, figures, relays, tokens};
use crate::{Actor, Clock};

/// Figures of mail. Cheap to clone.
#[derive(Clone)]
pub struct FigureReader {
    store: Store,
    clock: Clock,
}

impl FigureReader {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// The time up to which there are figures.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The mail of the actor's own account; `None` for an actor without one.
    pub fn own_account(&self, actor: &Actor) -> Option<FigureSubject> {
        let account = actor.account()?;
        Some(FigureSubject::Account(account.id.clone()))
    }

    /// The relay of the actor's own account, whether it has one or not; `None` for an actor without an
    /// account.
    pub fn own_relay(&self, actor: &Actor) -> Option<FigureSubject> {
        let scope = Scope::of_account(&actor.account()?.id)?;
        Some(FigureSubject::Relay(scope.relay_id()))
    }

    /// The figures of a subject: administrators those of all, others those of their own account, tokens
    /// and relay. For these all mail is the mail of their account.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` for a subject that there is not, or that is of another account;
    /// [`Kind::Invalid`] under `from` for a range without figures; [`Kind::Forbidden`] for a token without
    /// the scopes `read` and `admin`.
    pub async fn read(&self, actor: &Actor, query: &FigureQuery) -> Result<Figures, Refusal> {
        actor.reads()?;
        let range = query.range(self.clock.now())?;
        let mut connection = self.store.read().await?;
        let subject = permitted(&mut connection, actor, &query.subject).await?;
        let stored = subject.to_string();
        let rows = figures::read(&mut connection, &stored, query.step, range.clone()).await?;
        // What is deleted has figures for as long as they are kept.
        if rows.is_empty() && !exists(&mut connection, &subject).await? {
            return Err(not_found(&subject));
        }
        let counted = rows.iter().map(|row| (row.start, &row.counts));
        Ok(Figures::of(query.step, range, counted))
    }
}

/// The subject whose figures an actor gets that asks for one.
async fn permitted(
    connection: &mut Connection,
    actor: &Actor,
    subject: &FigureSubject,
) -> Result<FigureSubject, Refusal> {
    if actor.oversees() {
        return Ok(subject.clone());
    }
    let Some(account) = actor.account() else {
        return Err(not_found(subject));
    };
    let is_own = match subject {
        FigureSubject::All => return Ok(FigureSubject::Account(account.id.clone())),
        FigureSubject::Account(id) => *id == account.id,
        FigureSubject::Token(id) => {
            let token = tokens::by_id(connection, id).await?;
            token.is_some_and(|token| token.account.id == account.id)
        }
        FigureSubject::Relay(id) => {
            let own = Scope::of_account(&account.id);
            own.is_some_and(|own| own.relay_id() == *id)
        }
    };
    match is_own {
        true => Ok(subject.clone()),
        false => Err(not_found(subject)),
    }
}

/// Whether there is an account, a token or a relay.
async fn exists(connection: &mut Connection, subject: &FigureSubject) -> Result<bool, StoreError> {
    Ok(match subject {
        FigureSubject::All => true,
        FigureSubject::Account(id) => accounts::by_id(connection, id).await?.is_some(),
        FigureSubject::Token(id) => tokens::by_id(connection, id).await?.is_some(),
        FigureSubject::Relay(id) => match id.strip_prefix("account:") {
            Some(account) => accounts::by_id(connection, account).await?.is_some(),
            None => match Scope::of_relay(id) {
                Some(Scope::Global) => true,
                Some(scope) => relays::contains(connection, scope).await?,
                None => false,
            },
        },
    })
}

fn not_found(subject: &FigureSubject) -> Refusal {
    let text = format!("There is no such {}.", subject.kind());
    Refusal::of(Kind::NotFound, "id", text)
}
