//! The session cookie and the device cookie, and a store for tower-sessions on the engine.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use axum::http::HeaderMap;
use domain::{Refusal, Timestamp};
use engine::{DEVICE_LIFETIME, Login, Origin, Postern};
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::cookie::{Cookie, SameSite};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use tower_sessions::{Expiry, Session, SessionManagerLayer, SessionStore};

use super::names;
use crate::http::origin::public_url::PublicUrl;

/// The cookie of the session.
const SESSION: &str = "postern";
/// The device cookie.
const DEVICE: &str = "postern-device";

const LOGIN: &str = "login";
const ADDRESS: &str = "address";
const BROWSER: &str = "browser";

/// The layer that reads and sets the cookie. The engine limits the lifetime of a session; the cookie
/// lasts until the browser is closed.
pub fn layer(postern: Postern, url: &PublicUrl) -> SessionManagerLayer<Store> {
    SessionManagerLayer::new(Store(postern))
        .with_name(names::name(SESSION, url))
        .with_secure(url.is_https())
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnSessionEnd)
}

/// Begins a session under a new id, and ends the one the browser had.
pub async fn begin(
    session: &Session,
    login: &Login,
    origin: &Origin,
) -> std::result::Result<(), Refusal> {
    let begun = async {
        // Without an id, tower-sessions would log a warning.
        if session.id().is_some() {
            session.flush().await?;
        }
        session.insert(LOGIN, login).await?;
        session.insert(ADDRESS, origin.address).await?;
        session.insert(BROWSER, &origin.browser).await?;
        session.save().await
    };
    begun.await.map_err(refusal)
}

/// The device cookie that the browser sent.
pub fn device(headers: &HeaderMap, url: &PublicUrl) -> Option<String> {
    names::read(headers, &names::name(DEVICE, url))
}

/// The `Set-Cookie` of a device cookie. It is sent with the sign-in form of this site only.
pub fn device_cookie(value: &str, url: &PublicUrl) -> String {
    let cookie = Cookie::build((names::name(DEVICE, url), value))
        .path("/")
        .max_age(Duration::seconds(DEVICE_LIFETIME.as_secs() as i64))
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(url.is_https());
    cookie.to_string()
}

/// The `Set-Cookie` that removes the cookie of a session that has ended.
pub fn removal_cookie(url: &PublicUrl) -> String {
    let secure = if url.is_https() { "; Secure" } else { "" };
    let name = names::name(SESSION, url);
    format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")
}

/// The sessions of the engine. It stores only a hash of the id.
#[derive(Clone)]
pub struct Store(Postern);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

/// A day after `now`. tower-sessions does not read when a record expires: the engine ends sessions.
fn tomorrow(now: Timestamp) -> OffsetDateTime {
    let since_epoch = Duration::milliseconds(now.0);
    OffsetDateTime::UNIX_EPOCH.saturating_add(since_epoch + Duration::days(1))
}

/// tower-sessions passes on only a text of a store's error.
fn failed(refusal: Refusal) -> Error {
    Error::Backend(serde_json::to_string(&refusal).unwrap_or_default())
}

/// The refusal that was given to [`failed`].
fn refusal(error: tower_sessions::session::Error) -> Refusal {
    if let tower_sessions::session::Error::Store(Error::Backend(text)) = &error
        && let Ok(refusal) = serde_json::from_str(text)
    {
        return refusal;
    }
    tracing::error!(%error, "a session could not begin");
    Refusal::internal()
}

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let text = |key| {
            record
                .data
                .get(key)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        let origin = Origin {
            address: text(ADDRESS).parse().ok(),
            browser: text(BROWSER).to_owned(),
            device: None,
        };
        let login = record.data.get(LOGIN).cloned().unwrap_or_default();
        let login: Login =
            serde_json::from_value(login).map_err(|error| Error::Decode(error.to_string()))?;
        // The record may still have the id that the browser sent; keeping it would allow session
        // fixation. 128 random bits do not collide.
        record.id = Id::default();
        self.0
            .accounts()
            .begin_session(&record.id.to_string(), &login, &origin)
            .await
            .map_err(failed)
    }

    /// A session does not change after its creation.
    async fn save(&self, _: &Record) -> Result<()> {
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let actor = self
            .0
            .accounts()
            .session_actor(&id.to_string(), Origin::default())
            .await
            .map_err(failed)?;
        Ok(actor.map(|_| Record {
            id: *id,
            data: HashMap::new(),
            expiry_date: tomorrow(self.0.accounts().now()),
        }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0
            .accounts()
            .forget_session(&id.to_string())
            .await
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use domain::Kind;

    use super::*;

    #[test]
    fn an_error_of_the_store_is_returned() {
        let full = Refusal {
            retry_after: Some(5),
            ..Refusal::new(Kind::Unavailable, "There is no room left on the disk.")
        };
        for given in [full, Refusal::internal()] {
            assert_eq!(refusal(failed(given.clone()).into()), given);
        }
        let other = Error::Decode("not by the store".to_owned());
        assert_eq!(refusal(other.into()), Refusal::internal());
    }
}
