//! The server functions: what the islands ask of the engine, and nothing decided in between.
//!
//! Questions are JSON: a page that was loaded before an upgrade still says what it means. Answers
//! are postcard, because reading JSON costs the browser some 25 kB more.

use domain::jwe::Jwk;
use domain::view::{PasswordChange, SettingsView};
use domain::{Form, Refusal};
use leptos::prelude::*;
use leptos::server_fn::codec::{ByteStream, Json, Postcard, Streaming};

#[cfg(feature = "ssr")]
use crate::request::{asked, asked_by};

/// The saved configuration.
#[server(prefix = "/fn", endpoint = "load_settings", input = Json, output = Postcard)]
pub async fn load_settings() -> Result<SettingsView, Refusal> {
    asked_by(|postern, actor| async move { postern.settings(&actor).await }).await
}

/// Saves, unless somebody else saved since `from_revision`.
#[server(prefix = "/fn", endpoint = "save_settings", input = Json, output = Postcard)]
pub async fn save_settings(
    form: Form,
    password: PasswordChange,
    from_revision: i64,
) -> Result<SettingsView, Refusal> {
    asked_by(|postern, actor| async move {
        let from = Some(from_revision);
        postern.save_settings(&actor, form, password, from).await
    })
    .await
}

/// The certificates that are listed and those that are added, as a save would store them; with
/// `authorities` only CA certificates are added.
#[server(prefix = "/fn", endpoint = "add_certificates", input = Json, output = Postcard)]
pub async fn add_certificates(
    listed: String,
    added: String,
    authorities: bool,
) -> Result<String, Refusal> {
    asked_by(|postern, actor| async move {
        postern
            .add_certificates(&actor, &listed, &added, authorities)
            .await
    })
    .await
}

/// The key passwords are sealed with in the browser.
#[server(prefix = "/fn", endpoint = "browser_key", input = Json, output = Postcard)]
pub async fn browser_key() -> Result<Jwk, Refusal> {
    asked(|postern| async move { postern.browser_key().await }).await
}

/// Tries what is on the form: sends a test mail (`mail`), or diagnoses without sending anything,
/// and tells picture by picture how it goes ([`crate::frames`]). The run lives exactly as long as
/// the answer is read.
#[server(prefix = "/fn", endpoint = "try_relay", input = Json, output = Streaming)]
pub async fn try_relay(
    form: Form,
    password: PasswordChange,
    recipient: String,
    mail: bool,
) -> Result<ByteStream<Refusal>, Refusal> {
    use futures::StreamExt;
    asked_by(|postern, actor| async move {
        let events = if mail {
            let test = postern.test(&actor, Some(form), password, recipient);
            test.await?.boxed()
        } else {
            let question = engine::Question {
                edit: form.into(),
                password,
                recipient: Some(recipient),
                ..Default::default()
            };
            postern.diagnose(&actor, question).await?.boxed()
        };
        let pictures = crate::report::pictures(events);
        Ok(ByteStream::from(crate::frames::written(pictures)))
    })
    .await
}

/// Tries every way to the host on the form at once, or without one what DNS says of the address;
/// told picture by picture as [`try_relay`] is.
#[server(prefix = "/fn", endpoint = "find_settings", input = Json, output = Streaming)]
pub async fn find_settings(
    host: String,
    address: String,
    port: String,
) -> Result<ByteStream<Refusal>, Refusal> {
    asked_by(|postern, actor| async move {
        let search = crate::report::search(host, address, port);
        let events = postern.probe(&actor, search).await;
        let events = events.map_err(crate::report::beside_its_field)?;
        let pictures = crate::report::probe_pictures(events);
        Ok(ByteStream::from(crate::frames::written(pictures)))
    })
    .await
}
