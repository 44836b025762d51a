//! The figures service: what was accepted, delivered, deferred and failed, by hour and day.

use std::collections::BTreeMap;

use domain::figures::{FigureQuery, FigureRow, FigureStep, FigureSubject, Figures};
use domain::timestamp::DAY;
use domain::{Kind, Refusal, Timestamp};

use crate::store::accounts::{self, tokens};
use crate::store::{Connection, Scope, Store, StoreError, figures, relays};
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

    /// The figures of each relay of the organisation in the last 24 hours, by its id, for
    /// administrators. The last of these hours is the present one.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn of_relays(&self, actor: &Actor) -> Result<BTreeMap<String, FigureRow>, Refusal> {
        actor.must_oversee()?;
        let (now, step) = (self.clock.now(), FigureStep::Hour);
        let range = FigureQuery::last(FigureSubject::All, step, DAY, now).range(now)?;
        let start = range.start;
        let mut connection = self.store.read().await?;
        let relays = relays::all(&mut connection).await?;
        let ids: Vec<String> = relays.iter().map(|row| row.scope.relay_id()).collect();
        let subject = |id: &String| FigureSubject::Relay(id.clone()).to_string();
        let subjects: Vec<String> = ids.iter().map(subject).collect();
        let mut sums = figures::sums(&mut connection, &subjects, step, range).await?;
        let rows = ids.into_iter().zip(subjects).map(|(id, subject)| {
            let counts = sums.remove(&subject).unwrap_or_default();
            (id, counts.row(start))
        });
        Ok(rows.collect())
    }

    /// The figures of the own relay of the actor's account in the last 24 hours, as
    /// [`FigureReader::of_relays`]; `None` for an actor without an account.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token without the scopes `read` and `admin`.
    pub async fn of_own_relay(&self, actor: &Actor) -> Result<Option<FigureRow>, Refusal> {
        let Some(relay) = self.own_relay(actor) else {
            return Ok(None);
        };
        let query = FigureQuery::last(relay, FigureStep::Hour, DAY, self.clock.now());
        Ok(Some(self.read(actor, &query).await?.total))
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
        FigureSubject::Relay(id) => match Scope::of_relay_id(id) {
            None => false,
            Some(Scope::Global) => true,
            Some(scope @ Scope::Relay(_)) => relays::contains(connection, scope).await?,
            Some(Scope::Account(account)) => {
                let account = accounts::by_id(connection, &account.to_string()).await?;
                account.is_some()
            }
        },
    })
}

fn not_found(subject: &FigureSubject) -> Refusal {
    let text = format!("There is no such {}.", subject.kind());
    Refusal::of(Kind::NotFound, "id", text)
}
