//! `/api/smtp/…`: the own relay of an account, in the form of the per-user SMTP service.

mod answers;
pub mod refusals;
mod request;
mod test;

use axum::Json;
use axum::extract::State;
use engine::AccountRelay;

use crate::http::state::AppState;
use answers::{CurrentSettings, OwnRelayRemoved, SettingsSaved};
use refusals::{SmtpFailures, SmtpRefusals, SmtpRefused, TEST};
use request::{SmtpBody, SmtpCaller, SmtpSettingsRequest};
use test::TestPassed;

/// Read the relay of your account
///
/// Returns your own relay, or without one, that of your organisation (`isGlobal`). The password is never
/// returned.
#[utoipa::path(
    get,
    path = "/api/smtp/settings",
    tag = "My relay",
    responses(
        (status = 200, description = "The relay that your mail leaves through", body = CurrentSettings),
        SmtpRefusals,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SmtpCaller(actor): SmtpCaller,
) -> Result<Json<CurrentSettings>, SmtpRefused> {
    let relay = state.postern.settings().account_relay(&actor).await?;
    Ok(Json(relay.into()))
}

/// Set up a relay of your own
///
/// Your mail is sent through the relay from the next message on. Its From address is that of your
/// account. With `secure` the connection uses TLS from the first byte (465), otherwise StartTLS if the
/// relay offers it. If `pass` is absent or empty, a saved password is kept while host, port, `secure`
/// and `user` do not change.
#[utoipa::path(
    post,
    path = "/api/smtp/settings",
    tag = "My relay",
    request_body = SmtpSettingsRequest,
    responses(
        (status = 200, description = "Saved", body = SettingsSaved),
        SmtpRefusals,
    )
)]
pub async fn save(
    State(state): State<AppState>,
    body: SmtpBody,
) -> Result<Json<SettingsSaved>, SmtpRefused> {
    let actor = body.caller.clone();
    let before = state.postern.settings().account_relay(&actor).await?;
    let typed = body.validate(&state, &before.own.form).await?;
    let own = state.postern.settings().of_account(&actor)?;
    let saved = own.save(&actor, typed.edit, typed.password, None).await?;
    let relay = AccountRelay {
        own: saved,
        ..before
    };
    Ok(Json(SettingsSaved::of(relay)))
}

/// Go back to the relay of your organisation
///
/// Deletes your own settings and their passwords. Their history is kept without passwords.
#[utoipa::path(
    delete,
    path = "/api/smtp/settings",
    tag = "My relay",
    responses(
        (status = 200, description = "Removed, or there were none", body = OwnRelayRemoved),
        SmtpRefusals,
    )
)]
pub async fn remove(
    State(state): State<AppState>,
    SmtpCaller(actor): SmtpCaller,
) -> Result<Json<OwnRelayRemoved>, SmtpRefused> {
    let own = state.postern.settings().of_account(&actor)?;
    own.remove(&actor).await?;
    Ok(Json(OwnRelayRemoved::default()))
}

/// Test a relay
///
/// Connects, encrypts and signs in, and then disconnects; no settings are saved and no mail is sent. If
/// `pass` is absent, the saved password is used under the rule of a save. An account starts at most
/// twelve tests a minute, two at a time.
#[utoipa::path(
    post,
    path = TEST,
    tag = "My relay",
    request_body = SmtpSettingsRequest,
    responses(
        (status = 200, description = "The relay accepts the sign-in", body = TestPassed),
        SmtpRefusals,
        SmtpFailures,
    )
)]
pub async fn test(
    State(state): State<AppState>,
    body: Result<SmtpBody, SmtpRefused>,
) -> Result<Json<TestPassed>, SmtpRefused> {
    let tested = async { test::run(&state, body?).await };
    tested.await.map(Json).map_err(SmtpRefused::of_test)
}
