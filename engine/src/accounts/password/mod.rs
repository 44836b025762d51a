//! Account passwords: strength, and argon2id (RFC 9106) hashing with bounded concurrency.

pub(super) mod attempt;
mod change;
pub(super) mod throttle;

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::account::password::{PASSWORD_LENGTH, password_rule};
use domain::{Kind, Refusal, SecretString};
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use crate::shares::{FullShare, Share, ShareLimit, Shares};

/// How many passwords wait to be hashed, of one account and in all. With two cores the last one waits
/// for 2 s.
const UNKNOWN: ShareLimit = ShareLimit { own: 2, all: 64 };
/// How many more wait from people who are known. There are no more of them than accounts: a limit in
/// all would let some accounts keep out the others.
const KNOWN: ShareLimit = ShareLimit {
    own: 2,
    all: usize::MAX,
};
/// When to try again after a refusal, in seconds.
const RETRY_AFTER: u64 = 2;

/// What a new hash of a password costs. A hash is verified at the cost that it was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashCost {
    /// The first parameters that OWASP recommends: 46 MiB of memory, and about 31 ms.
    #[default]
    Recommended,
    /// The least that Argon2 allows: 8 KiB of memory. For tests of other things.
    Least,
}

impl HashCost {
    /// The memory of a hash, in KiB.
    const fn memory(self) -> u32 {
        match self {
            Self::Recommended => 47_104,
            Self::Least => Params::MIN_M_COST,
        }
    }
}

/// Hashes passwords, as many at a time as there are cores but one: each hash uses one core, and at the
/// recommended cost 46 MiB of memory.
#[derive(Clone)]
pub struct Hasher {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    unknown: Shares<AccountKey>,
    known: Shares<AccountKey>,
    /// Of the unknown, one at a time waits for a permit, so that the known wait behind one of them.
    turn: Arc<Semaphore>,
}

/// The SHA-256 of an account's address, whether or not there is such an account.
type AccountKey = [u8; 32];

/// Where a password waits to be hashed.
#[derive(Clone, Copy, Debug)]
pub enum HashQueue {
    /// Sign-ins from unknown browsers. Guesses may fill it.
    Unknown,
    /// Sign-ins from browsers that signed in before, and new passwords.
    Known,
}

/// A place in a queue.
pub struct HashPlace {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    place: Share<AccountKey>,
    turn: Option<Arc<Semaphore>>,
}

/// A permit for one computation. Permits are granted in the order of requests; those of
/// [`HashQueue::Known`] pass all but one of the others.
pub struct HashPermit {
    argon2: Argon2<'static>,
    permit: OwnedSemaphorePermit,
}

/// All cores but one, which is left to everything else; at least one.
fn most_at_once() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).max(1)
}

/// How many characters of a password are estimated: the estimate of a long one takes seconds.
const ESTIMATED: usize = 40;

/// Estimates how easily a password of the account with address `email` is guessed.
///
/// # Errors
/// [`Kind::Invalid`] under `password` with the reason, below the score 3 of 4 of zxcvbn: fewer than
/// 10^8 guesses.
fn check_strength(password: &SecretString, email: &str) -> Result<(), Refusal> {
    let start: String = password.expose().chars().take(ESTIMATED).collect();
    let start = Zeroizing::new(start);
    let mut known = vec!["postern", email];
    known.extend(email.split(|c: char| !c.is_alphanumeric()));
    let estimate = zxcvbn(&start, &known);
    if estimate.score() >= Score::Three {
        return Ok(());
    }
    let mut text = "This password is too easy to guess.".to_owned();
    if let Some(feedback) = estimate.feedback() {
        let warning = feedback.warning().map(|warning| warning.to_string());
        let suggestions = feedback.suggestions().iter().map(ToString::to_string);
        for sentence in warning.into_iter().chain(suggestions) {
            text.push(' ');
            text.push_str(&sentence);
        }
    }
    Err(Refusal::of(Kind::Invalid, "password", text))
}

/// Checks the length of a password.
///
/// # Errors
/// [`Kind::Invalid`] under `password`.
pub fn check(password: &SecretString) -> Result<(), Refusal> {
    if PASSWORD_LENGTH.contains(&password.expose().chars().count()) {
        return Ok(());
    }
    let text = format!("A password has {}.", password_rule());
    Err(Refusal::of(Kind::Invalid, "password", text))
}

impl Hasher {
    /// New hashes have this cost.
    pub fn new(cost: HashCost) -> Self {
        let params = Params::new(cost.memory(), 1, 1, None);
        let params = params.expect("the parameters are within bounds");
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            permits: Arc::new(Semaphore::new(most_at_once())),
            unknown: Shares::default(),
            known: Shares::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Hashes a new password of the account with address `email`, and returns the hash as PHC string.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `password` if it is too short, too long or too easy to guess;
    /// [`Kind::TooMany`] while too many of the account wait.
    pub async fn hash(&self, password: SecretString, email: &str) -> Result<String, Refusal> {
        check(&password)?;
        let permit = self.queue(HashQueue::Known, email)?.permit().await?;
        let email = email.to_owned();
        let computing = permit.compute(move |argon2| {
            check_strength(&password, &email)?;
            hash(argon2, &password).ok_or_else(Refusal::internal)
        });
        computing.await?
    }

    /// Takes a place in a queue for a password of the account with address `email`.
    ///
    /// # Errors
    /// With the seconds to wait: [`Kind::TooMany`] if the account has its places, and
    /// [`Kind::Unavailable`] if the queue is full.
    pub fn queue(&self, queue: HashQueue, email: &str) -> Result<HashPlace, Refusal> {
        let key = Sha256::digest(email).into();
        let (place, turn) = match queue {
            HashQueue::Unknown => (
                self.unknown.take(key, UNKNOWN),
                Some(Arc::clone(&self.turn)),
            ),
            HashQueue::Known => (self.known.take(key, KNOWN), None),
        };
        let place = place.map_err(|full| {
            let (kind, text) = match full {
                FullShare::Own => (Kind::TooMany, "Too many passwords of this account at once."),
                FullShare::All => (Kind::Unavailable, "Too many sign-ins at once."),
            };
            Refusal {
                retry_after: Some(RETRY_AFTER),
                ..Refusal::new(kind, format!("{text} Try again in {RETRY_AFTER} s."))
            }
        })?;
        Ok(HashPlace {
            argon2: self.argon2.clone(),
            permits: Arc::clone(&self.permits),
            place,
            turn,
        })
    }

    /// Waits until no computation is running.
    #[cfg(test)]
    pub async fn until_idle(&self) {
        let all = u32::try_from(most_at_once()).expect("a number of cores");
        let _ = self.permits.acquire_many(all).await.expect("never closed");
    }
}

impl HashPlace {
    /// Waits for a permit.
    ///
    /// # Errors
    /// Never in practice, because the semaphore is not closed.
    pub async fn permit(self) -> Result<HashPermit, Refusal> {
        let turn = match self.turn {
            Some(turn) => Some(
                turn.acquire_owned()
                    .await
                    .map_err(|_| Refusal::internal())?,
            ),
            None => None,
        };
        let permit = self.permits.acquire_owned().await;
        drop((turn, self.place));
        Ok(HashPermit {
            argon2: self.argon2,
            permit: permit.map_err(|_| Refusal::internal())?,
        })
    }
}

impl HashPermit {
    /// Runs `work` to its end and holds the permit until then, even if the returned future is
    /// dropped.
    ///
    /// # Errors
    /// [`Kind::Internal`] if `work` panics.
    pub async fn compute<T: Send + 'static>(
        self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let Self { argon2, permit } = self;
        let computing = tokio::task::spawn_blocking(move || {
            let result = work(&argon2);
            drop(permit);
            result
        });
        computing.await.map_err(|_| Refusal::internal())
    }
}

/// Whether `password` has the hash `expected`. Without a hash it computes one all the same and
/// returns `false`, so that timing does not reveal whether an account exists.
pub fn verify(argon2: &Argon2<'_>, password: &SecretString, expected: Option<&str>) -> bool {
    match expected {
        Some(expected) => PasswordHash::new(expected).is_ok_and(|hash| {
            argon2
                .verify_password(password.expose().as_bytes(), &hash)
                .is_ok()
        }),
        None => {
            hash(argon2, password);
            false
        }
    }
}

/// The hash of a password with a random salt, as PHC string.
fn hash(argon2: &Argon2<'_>, password: &SecretString) -> Option<String> {
    let mut salt = [0; 16];
    OsRng.fill_bytes(&mut salt);
    let salt = SaltString::encode_b64(&salt).ok()?;
    let hash = argon2
        .hash_password(password.expose().as_bytes(), &salt)
        .ok()?;
    Some(hash.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_password_has_12_to_128_characters() {
        for (length, accepted) in [
            (0, false),
            (11, false),
            (12, true),
            (128, true),
            (129, false),
        ] {
            let password = SecretString::new("ü".repeat(length));
            assert_eq!(check(&password).is_ok(), accepted, "{length}");
        }
    }

    #[test]
    fn a_password_that_is_easy_to_guess_is_refused_with_the_reason() {
        for (password, reason) in [
            ("correct horse battery", None),
            ("another password", None),
            ("aaaaaaaaaaaaaaaa", Some("Repeats")),
            ("Password1234!", Some("commonly used password")),
            ("mara.lindgren", Some("Add another word")),
            ("example.org1", Some("Add another word")),
            ("postern123456", Some("Add another word")),
            (&"4@8({[<369&#!1/|".repeat(8), None),
        ] {
            let checked = check_strength(&SecretString::new(password), "mara.lindgren@example.org");
            match (&checked, reason) {
                (Ok(()), None) => {}
                (Err(refusal), Some(reason)) => {
                    let text = &refusal.fields["password"];
                    assert!(
                        text.starts_with("This password is too easy to guess. "),
                        "{text}"
                    );
                    assert!(text.contains(reason), "{password}: {text}");
                }
                _ => panic!("{password}: {checked:?}"),
            }
        }
    }

    #[test]
    fn hashes_have_the_recommended_cost_unless_a_test_lowers_it() {
        for (cost, parameters) in [
            (HashCost::default(), "$argon2id$v=19$m=47104,t=1,p=1$"),
            (HashCost::Least, "$argon2id$v=19$m=8,t=1,p=1$"),
        ] {
            let argon2 = Hasher::new(cost).argon2;
            let hashed = hash(&argon2, &SecretString::new("correct horse battery"));
            let hashed = hashed.expect("a hash");
            assert!(hashed.starts_with(parameters), "{hashed}");
        }
    }

    #[test]
    fn only_the_password_of_a_hash_is_verified() {
        let argon2 = Hasher::new(HashCost::Recommended).argon2;
        let [right, wrong] = ["correct horse battery", "correct horse batterz"];
        let hashed = hash(&argon2, &SecretString::new(right)).expect("a hash");
        for (password, expected, verified) in [
            (right, Some(hashed.as_str()), true),
            (wrong, Some(hashed.as_str()), false),
            (right, Some("not a hash"), false),
            (right, None, false),
        ] {
            let password = SecretString::new(password);
            assert_eq!(verify(&argon2, &password, expected), verified);
        }
    }

    #[tokio::test]
    async fn a_cancelled_hash_keeps_its_permit() {
        let hasher = Hasher::new(HashCost::Least);
        let most = hasher.permits.available_permits();
        assert_eq!(most, most_at_once());
        let (end, ended) = mpsc::channel::<()>();
        let place = hasher.queue(HashQueue::Unknown, "a").expect("room");
        let permit = place.permit().await.expect("free");
        let begun = permit.compute(move |_| ended.recv()).now_or_never();
        assert!(begun.is_none(), "it runs, and its caller has gone");
        assert_eq!(hasher.permits.available_permits(), most - 1);
        drop(end);
        hasher.until_idle().await;
    }

    #[tokio::test]
    async fn known_people_pass_those_who_guess() {
        let hasher = Hasher::new(HashCost::Least);
        let all = u32::try_from(most_at_once()).expect("a number of cores");
        let busy = hasher
            .permits
            .acquire_many(all)
            .await
            .expect("never closed");
        let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
        let wait = |queue, name, email: &str| {
            let (place, sender) = (hasher.queue(queue, email).expect("room"), sender.clone());
            async move {
                let permit = place.permit().await.expect("a permit");
                sender.send(name).expect("a receiver");
                drop(permit);
            }
        };
        let unknown =
            (0..20).map(|number: u32| wait(HashQueue::Unknown, "unknown", &number.to_string()));
        let waiting: Vec<_> = unknown.map(tokio::spawn).collect();
        tokio::task::yield_now().await;
        let known = tokio::spawn(wait(HashQueue::Known, "known", "0"));
        tokio::task::yield_now().await;
        drop(busy);
        known.await.expect("no panic");
        for one in waiting {
            one.await.expect("no panic");
        }
        drop(sender);
        let mut names = Vec::new();
        while let Some(name) = order.recv().await {
            names.push(name);
        }
        let position = names.iter().position(|name| *name == "known");
        assert!(position.is_some_and(|before| before <= 1), "{names:?}");
        assert_eq!(names.len(), 21);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_others_than_known_people() {
        let hasher = Hasher::new(HashCost::Least);
        let place = |queue, email: usize| hasher.queue(queue, &email.to_string());
        let refused = |queue, email| {
            let refusal = place(queue, email).err().expect("refused");
            (refusal.kind, refusal.retry_after)
        };
        let waiting: Vec<_> = (0..UNKNOWN.all)
            .map(|number| place(HashQueue::Unknown, number / UNKNOWN.own))
            .collect();
        assert!(waiting.iter().all(Result::is_ok));
        let full = (Kind::Unavailable, Some(2));
        assert_eq!(refused(HashQueue::Unknown, UNKNOWN.all), full);
        let known = place(HashQueue::Known, 0).expect("room");
        known.permit().await.expect("free");
        drop(waiting);
        place(HashQueue::Unknown, 0).expect("room again");
        // Known people have places of their own, however many others wait.
        let waiting: Vec<_> = (0..200)
            .map(|number| place(HashQueue::Known, number / KNOWN.own))
            .collect();
        assert!(waiting.iter().all(Result::is_ok));
        let own = (Kind::TooMany, Some(2));
        assert_eq!(refused(HashQueue::Known, 0), own);
    }
}
