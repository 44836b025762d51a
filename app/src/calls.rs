//! The server functions: what the islands ask of the engine, and nothing decided in between.
//!
//! Questions are JSON: a page that was loaded before an upgrade still says what it means. Answers
//! are postcard, because reading JSON costs the browser some 25 kB more.

use domain::jwe::Jwk;
use domain::view::{PasswordChange, SettingsView};
use domain::{Form, Refusal};
use leptos::prelude::*;
use leptos::server_fn::codec::{ByteStream, Json, Postcard, Streaming};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::request::{asked, asked_by};

/// The saved configuration.
#[server(prefix = "/fn", endpoint = "load_settings", input = Json, output = Postcard)]
pub async fn load_settings() -> Result<SettingsView, Refusal> {
    asked_by(|postern, actor| async move { postern.settings().view(&actor).await }).await
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
        postern.settings().save(&actor, form, password, from).await
    })
    .await
}

/// The certificates that are listed and those that are added, as a save would store them. With
/// `authorities` a CA certificate must be among those added.
#[server(prefix = "/fn", endpoint = "add_certificates", input = Json, output = Postcard)]
pub async fn add_certificates(
    listed: String,
    added: String,
    authorities: bool,
) -> Result<String, Refusal> {
    asked_by(|postern, actor| async move {
        postern
            .settings()
            .add_certificates(&actor, &listed, &added, authorities)
            .await
    })
    .await
}

/// The key passwords are sealed with in the browser.
#[server(prefix = "/fn", endpoint = "browser_key", input = Json, output = Postcard)]
pub async fn browser_key() -> Result<Jwk, Refusal> {
    asked(|postern| async move { postern.keys().browser_key().await }).await
}

/// What is to be found out with what is on the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trial {
    /// Whether a test mail is taken.
    Mail,
    /// How far a session comes; nothing is sent.
    Diagnosis,
    /// Which settings work with the host, or with the domain of the address where there is none.
    /// No password is sent.
    Probe,
}

/// Tries what is on the form, and tells picture by picture how it goes ([`crate::frames`]). The run
/// lives exactly as long as the answer is read.
#[server(prefix = "/fn", endpoint = "try_relay", input = Json, output = Streaming)]
pub async fn try_relay(
    form: Form,
    password: PasswordChange,
    recipient: String,
    trial: Trial,
) -> Result<ByteStream<Refusal>, Refusal> {
    use crate::report;
    use futures::StreamExt;
    asked_by(|postern, actor| async move {
        let pictures = match trial {
            Trial::Mail => {
                let test = postern
                    .diagnosis()
                    .test(&actor, Some(form), password, recipient);
                report::pictures(test.await?).boxed()
            }
            Trial::Diagnosis => {
                let question = engine::DiagnosisRequest {
                    edit: form.into(),
                    password,
                    recipient: Some(recipient),
                    ..Default::default()
                };
                report::pictures(postern.diagnosis().diagnose(&actor, question).await?).boxed()
            }
            Trial::Probe => {
                let probe = postern
                    .diagnosis()
                    .probe(&actor, report::search(&form))
                    .await;
                report::probe_pictures(probe.map_err(report::beside_its_field)?).boxed()
            }
        };
        Ok(ByteStream::from(crate::frames::written(pictures)))
    })
    .await
}

/// Tells picture by picture what becomes of a page of the outbox, named by its path and query, until
/// it is to be asked again.
#[server(prefix = "/fn", endpoint = "watch_outbox", input = Json, output = Streaming)]
pub async fn watch_outbox(page: String) -> Result<ByteStream<Refusal>, Refusal> {
    asked_by(|postern, actor| async move {
        let looks = expect_context::<crate::outbox::Looks>();
        let pictures = crate::outbox::pictures(looks, postern, actor, &page).await?;
        Ok(ByteStream::from(crate::frames::written(pictures)))
    })
    .await
}
