//! The server functions: calls of the islands to the engine, without logic of their own.
//!
//! Arguments are JSON, so that a page loaded before an upgrade still works. Results are postcard,
//! because a JSON reader costs the browser some 25 kB more.

use domain::crypto::jwe::Jwk;
#[cfg(feature = "ssr")]
use domain::settings::relay::id_or_main;
use domain::settings::{PasswordChange, SettingsView};
use domain::{Form, Refusal};
#[cfg(feature = "ssr")]
use engine::{Actor, Postern, Settings};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos::server_fn::ServerFn;
use leptos::server_fn::codec::{ByteStream, Json, Postcard, Streaming};

use crate::live::LiveSubject;
#[cfg(feature = "ssr")]
use crate::request::{with_actor, with_engine};

/// The settings of a relay of the organisation, of the first if none is named, or of the account's own.
#[cfg(feature = "ssr")]
fn settings_of(postern: &Postern, actor: &Actor, relay: Option<&str>) -> Result<Settings, Refusal> {
    postern.settings().of_id(actor, id_or_main(relay))
}

/// The saved settings of a relay; of the first, if none is named.
#[server(prefix = "/fn", endpoint = "load_settings", input = Json, output = Postcard)]
pub async fn load_settings(relay: Option<String>) -> Result<SettingsView, Refusal> {
    with_actor(|postern, actor| async move {
        let settings = settings_of(&postern, &actor, relay.as_deref())?;
        settings.view(&actor).await
    })
    .await
}

/// Saves the settings of a relay, unless they were saved since `from_revision`.
#[server(prefix = "/fn", endpoint = "save_settings", input = Json, output = Postcard)]
pub async fn save_settings(
    form: Form,
    password: PasswordChange,
    from_revision: i64,
    relay: Option<String>,
) -> Result<SettingsView, Refusal> {
    with_actor(|postern, actor| async move {
        let settings = settings_of(&postern, &actor, relay.as_deref())?;
        let from = Some(from_revision);
        settings.save(&actor, form, password, from).await
    })
    .await
}

/// The listed and the added certificates, as a save would store them. With `authorities` a CA
/// certificate must be among the added ones.
#[server(prefix = "/fn", endpoint = "add_certificates", input = Json, output = Postcard)]
pub async fn add_certificates(
    listed: String,
    added: String,
    authorities: bool,
) -> Result<String, Refusal> {
    with_actor(|postern, actor| async move {
        postern
            .settings()
            .add_certificates(&actor, &listed, &added, authorities)
            .await
    })
    .await
}

/// The key that passwords are sealed for in the browser.
#[server(prefix = "/fn", endpoint = "browser_key", input = Json, output = Postcard)]
pub async fn browser_key() -> Result<Jwk, Refusal> {
    with_engine(|postern| async move { postern.keys().browser_key().await }).await
}

/// The path of [`browser_key`], which needs no session.
#[cfg(feature = "ssr")]
pub const BROWSER_KEY: &str = BrowserKey::PATH;

/// The path of [`watch`].
#[cfg(feature = "ssr")]
pub const WATCH: &str = Watch::PATH;

/// A stream of snapshots ([`crate::live`]). The run or the feed ends when the response is dropped.
#[server(prefix = "/fn", endpoint = "watch", input = Json, output = Streaming)]
pub async fn watch(watched: LiveSubject) -> Result<ByteStream<Refusal>, Refusal> {
    with_actor(|postern, actor| async move {
        let snapshots = match watched {
            LiveSubject::Outbox { url } => {
                let public_url = expect_context();
                crate::outbox::snapshots(postern, actor, public_url, &url).await?
            }
            LiveSubject::Run(request) => {
                postern.accounts().touch(&actor).await?;
                crate::settings::report::snapshots(postern, actor, request).await?
            }
        };
        Ok(ByteStream::from(crate::live::encoded(snapshots)))
    })
    .await
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_stream_is_that_of_pages_from_before_an_upgrade() {
        assert_eq!(WATCH, "/fn/watch");
    }
}
