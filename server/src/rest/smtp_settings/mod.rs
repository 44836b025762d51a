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
use refusals::{SmtpFailures, SmtpRefusals, SmtpRefused};
use request::{SmtpBody, SmtpCaller, SmtpSettingsRequest};
use test::TestPassed;

/// Read the relay of your account
///
/// Your own relay, or where you have none, that of your organisation (`isGlobal`). The password is never
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
/// Your mail leaves through it from the next message on. Its From address is that of your account.
/// `secure` is TLS from the first byte (465), and otherwise StartTLS where the relay offers it. A saved
/// password is kept where `pass` is absent or empty, while host, port, `secure` and `user` stay the same.
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
/// Your own settings and their passwords are deleted. Their history stays, without passwords.
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
/// Connects, encrypts and signs in, and ends then; nothing is saved and no mail is sent. Where `pass` is
/// absent, the saved password is used under the rule of a save. Twelve a minute, two at a time.
#[utoipa::path(
    post,
    path = "/api/smtp/test",
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
