//! Passwords of accounts: how long they are, and their argon2id hashes.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::{Kind, Refusal, SecretString};
use rand::RngCore;
use rand::rngs::OsRng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Characters.
const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// Hashes and verifies, as many at once as there are cores: each takes 46 MiB and a core.
#[derive(Clone)]
pub struct Hasher {
    argon2: Argon2<'static>,
    places: Arc<Semaphore>,
}

/// Room for one computation. Whoever waits for one sees what came of those before.
pub struct Place {
    argon2: Argon2<'static>,
    permit: OwnedSemaphorePermit,
}

impl Default for Hasher {
    fn default() -> Self {
        // OWASP's first choice for one lane; 31 ms on the machine it was measured on.
        let params = Params::new(47_104, 1, 1, None).expect("the parameters are within bounds");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            places: Arc::new(Semaphore::new(cores)),
        }
    }
}

/// Refuses a password that is too short or too long, under `password`.
pub fn check(password: &SecretString) -> Result<(), Refusal> {
    if LENGTH.contains(&password.expose().chars().count()) {
        return Ok(());
    }
    let text = "A password has 12 to 128 characters.";
    Err(Refusal::of(Kind::Invalid, "password", text))
}

impl Hasher {
    /// The hash of a new password; refuses one that is too short or too long, under `password`.
    pub async fn hash(&self, password: SecretString) -> Result<String, Refusal> {
        check(&password)?;
        let place = self.place().await?;
        place
            .compute(move |argon2| hash(argon2, &password))
            .await?
            .ok_or_else(Refusal::internal)
    }

    /// Waits for room.
    pub async fn place(&self) -> Result<Place, Refusal> {
        let permit = self.places.clone().acquire_owned().await;
        Ok(Place {
            argon2: self.argon2.clone(),
            permit: permit.map_err(|_| Refusal::internal())?,
        })
    }

    /// Waits until nothing is computed.
    #[cfg(test)]
    pub async fn until_idle(&self) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let all = u32::try_from(cores).expect("a number of cores");
        let _ = self.places.acquire_many(all).await.expect("never closed");
    }
}

impl Place {
    /// Computes to the end and keeps the place until then, whoever stops waiting for it: hanging
    /// up neither makes room nor takes back what `work` does.
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

/// Whether `password` has this hash. Without one it takes as long and says no, so that the time
/// does not tell whether an account exists.
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

    #[tokio::test]
    async fn a_computation_keeps_its_place_though_nobody_waits_for_it() {
        let hasher = Hasher::default();
        let cores = hasher.places.available_permits();
        let (end, ended) = mpsc::channel::<()>();
        let place = hasher.place().await.expect("room");
        let begun = place.compute(move |_| ended.recv()).now_or_never();
        assert!(begun.is_none(), "it runs, and its caller has gone");
        assert_eq!(hasher.places.available_permits(), cores - 1);
        drop(end);
        hasher.until_idle().await;
    }
}
