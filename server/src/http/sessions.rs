//! The cookie, and tower-sessions' store on the engine: only a hash of the id is kept.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use domain::Refusal;
use engine::{Account, Origin, Postern};
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use tower_sessions::{Expiry, Session, SessionManagerLayer, SessionStore};

use super::PublicUrl;

const ACCOUNT: &str = "account";
const ADDRESS: &str = "address";
const BROWSER: &str = "browser";

/// The layer that reads and sets the cookie. How long a session lives is the engine's to say; the
/// cookie itself goes with the browser.
pub fn layer(postern: Postern, url: &PublicUrl) -> SessionManagerLayer<Store> {
    // Chromium drops `__Host-` cookies over plain HTTP.
    let name = if url.is_https() {
        "__Host-postern"
    } else {
        "postern"
    };
    SessionManagerLayer::new(Store(postern))
        .with_name(name)
        .with_secure(url.is_https())
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnSessionEnd)
}

/// Signs in: whatever session the browser had ends, and a new one begins under a new id.
pub async fn begin(
    session: &Session,
    account: &Account,
    origin: &Origin,
) -> std::result::Result<(), Refusal> {
    let begun = async {
        // Without one it would be warned of in the log.
        if session.id().is_some() {
            session.flush().await?;
        }
        session.insert(ACCOUNT, &account.id).await?;
        session.insert(ADDRESS, origin.address).await?;
        session.insert(BROWSER, &origin.browser).await?;
        session.save().await
    };
    begun.await.map_err(refusal)
}

/// Signs out, and takes the cookie back.
pub async fn end(session: &Session) {
    if let Err(error) = session.flush().await {
        tracing::error!(%error, "a session could not end");
    }
}

/// Sessions as the engine keeps them.
#[derive(Clone)]
pub struct Store(Postern);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

/// A text is all that tower-sessions hands on of what a store says.
fn failed(refusal: Refusal) -> Error {
    Error::Backend(serde_json::to_string(&refusal).unwrap_or_default())
}

/// What [`failed`] was told, on the other side of tower-sessions.
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
        };
        // The record may still hold the id that the browser came with, and who planted that one
        // would share the session. 128 random bits make a collision impossible for all purposes.
        record.id = Id::default();
        self.0
            .accounts()
            .begin_session(&record.id.to_string(), text(ACCOUNT), &origin)
            .await
            .map_err(failed)
    }

    /// Nothing in a session changes: it begins whole and ends.
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
            expiry_date: OffsetDateTime::now_utc() + Duration::days(1),
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
    fn a_refusal_of_the_store_goes_through() {
        let full = Refusal {
            retry_after: Some(5),
            ..Refusal::new(Kind::Unavailable, "There is no room left on the disk.")
        };
        for told in [full, Refusal::internal()] {
            assert_eq!(refusal(failed(told.clone()).into()), told);
        }
        let other = Error::Decode("not by the store".to_owned());
        assert_eq!(refusal(other.into()), Refusal::internal());
    }
}
