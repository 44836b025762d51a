//! `/api/relays/{id}/revisions`: the history of a relay's configuration, and rollback.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use domain::settings::relay::Change;
use domain::settings::revision::{FieldChange, RevisionPassword, RevisionView};
use domain::settings::{PasswordChange, Stamp};
use domain::{Label, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::collection::change;
use super::email_smtp::revision_of;
use crate::http::state::AppState;
use crate::rest::request::extract::{JsonBody, PathParams, SignedIn};
use crate::rest::request::json::{Faults, lenient};
use crate::rest::response::envelope::{Refused, Success};
use crate::rest::response::errors::{
    Always, Conflicting, JsonRefused, Missing, Restricted, Throttled,
};

/// A save of the configuration of a relay.
#[derive(Serialize, ToSchema)]
pub struct ApiRevision {
    #[schema(example = 7)]
    number: i64,
    #[schema(format = DateTime, example = "2026-11-20T05:00:00Z")]
    saved_at: String,
    /// The address of the account, or the local user, that saved the revision.
    #[schema(example = "admin@example.org")]
    saved_by: String,
    /// The IP address that the revision was saved from, or `this machine`; null if it was not recorded.
    #[schema(example = "192.0.2.7")]
    saved_from: Option<String>,
    /// The earlier revision that this one restored.
    restored_from: Option<i64>,
    /// When a test mail was delivered with the revision.
    #[schema(format = DateTime, example = "2026-11-20T05:13:30Z")]
    verified_at: Option<String>,
    /// The account or local user that sent that test mail.
    #[schema(example = "admin@example.org")]
    verified_by: Option<String>,
    /// The password of the revision: `none`; `kept`, which a restore brings back; `forgotten`, because
    /// it is older than the last three or was that of the environment; or `re-enter`, because its key is
    /// lost.
    password: RevisionPassword,
    /// Whether the revision is the removal of an own relay.
    removed: bool,
    /// The changes of the revision; null if the previous revision is no longer kept.
    changes: Option<Vec<ApiFieldChange>>,
}

/// A field that a revision changed.
#[derive(Serialize, ToSchema)]
pub struct ApiFieldChange {
    field: Label,
    /// The value before; null for the password, for which only the fact of a change is known.
    #[schema(example = "mail.example.org")]
    before: Option<String>,
    /// The value after; null for the password.
    #[schema(example = "smtp.example.org")]
    after: Option<String>,
}

impl From<FieldChange> for ApiFieldChange {
    fn from(change: FieldChange) -> Self {
        let values = change.values;
        let (before, after) = values.map(|values| (values.before, values.after)).unzip();
        Self {
            field: change.label,
            before,
            after,
        }
    }
}

impl From<RevisionView> for ApiRevision {
    fn from(view: RevisionView) -> Self {
        let stamp = |stamp: Stamp| (stamp.at.rfc3339(), stamp.by);
        let (verified_at, verified_by) = view.verified.map(stamp).unzip();
        let changes = view
            .changes
            .map(|changes| changes.into_iter().map(Into::into).collect());
        Self {
            number: view.number,
            saved_at: view.saved.at.rfc3339(),
            saved_by: view.saved.by,
            saved_from: Some(view.origin).filter(|origin| !origin.is_empty()),
            restored_from: view.restored,
            verified_at,
            verified_by,
            password: view.password,
            removed: view.is_removal,
            changes,
        }
    }
}

/// List the revisions of a configuration
///
/// Lists every save of a relay's configuration, newest first, with its changes. The last 100 are kept,
/// in addition to those whose password is kept and the last that a test mail verified. Every account
/// lists those of its own relay, with `own` as the id.
#[utoipa::path(
    get,
    path = "/api/relays/{id}/revisions",
    tag = "Relays",
    params(("id" = String, Path, description = "The id in the list, or `own`")),
    responses(
        (status = 200, description = "The revisions", body = Success<Vec<ApiRevision>>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Vec<ApiRevision>>, Refused> {
    let settings = state.postern.settings().of_id(&actor, &id)?;
    let kept = settings.revisions(&actor).await?;
    Ok(Success::new(kept.into_iter().map(Into::into).collect()))
}

/// The restore of a revision.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "revision": 7 }))]
pub struct RestoreRevision {
    /// The newest revision that the client read. If another was saved since, the restore is refused.
    #[serde(default, deserialize_with = "lenient")]
    revision: Option<i64>,
    /// A password in place of that of the revision, sealed for the key of `/api/keys/browser`. If it is
    /// absent or empty, the password of the revision is restored; with null none is.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<String>)]
    smtp_password: Change<String>,
}

/// A requested rollback.
#[derive(Debug, PartialEq)]
struct Rollback {
    password: PasswordChange,
    from_revision: Option<i64>,
}

impl RestoreRevision {
    /// # Errors
    /// [`domain::Kind::Invalid`] with all faults of the body and of the header If-Match.
    fn validate(self, headers: &HeaderMap, faults: Faults) -> Result<Rollback, Refusal> {
        let from_revision = match headers.get(IF_MATCH) {
            Some(header) => revision_of(header, &faults),
            None => self.revision,
        };
        faults.into_result()?;
        let password = match self.smtp_password {
            Change::Keep => PasswordChange::Keep,
            Change::Set(text) if text.is_empty() => PasswordChange::Keep,
            Change::Set(sealed) => PasswordChange::Sealed(sealed),
            Change::Clear => PasswordChange::Clear,
        };
        Ok(Rollback {
            password,
            from_revision,
        })
    }
}

/// The answer to a rollback.
#[derive(Serialize, ToSchema)]
pub struct RestoredRevision {
    /// The number of the newest revision. If the restored settings are those that are saved, there is no
    /// new revision.
    #[schema(example = 8)]
    revision: i64,
}

/// Bring a revision back
///
/// Saves the settings of the revision as a new one, with its password if that is kept: a password is
/// used only for the relay and the user that it was given for. If it is not kept, send another one, or
/// null. Every account restores revisions of its own relay, with `own` as the id.
#[utoipa::path(
    post,
    path = "/api/relays/{id}/revisions/{number}/restore",
    tag = "Relays",
    params(
        ("id" = String, Path, description = "The id in the list, or `own`"),
        ("number" = i64, Path, description = "The number of the revision"),
        (
            "If-Match" = Option<String>,
            Header,
            description = "The ETag of a GET of the configuration, in the place of `revision`",
            pattern = "^\"[0-9]{1,18}\"$"
        )
    ),
    request_body = RestoreRevision,
    responses(
        (status = 200, description = "Restored", body = Success<RestoredRevision>),
        Restricted,
        Missing,
        Conflicting,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn restore(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams((id, number)): PathParams<(String, String)>,
    headers: HeaderMap,
    JsonBody { request, faults }: JsonBody<RestoreRevision>,
) -> Result<Success<RestoredRevision>, Refused> {
    let Rollback {
        password,
        from_revision,
    } = request.validate(&headers, faults)?;
    let settings = state.postern.settings().of_id(&actor, &id)?;
    // No revision has the number 0, which stands for an invalid number.
    let number = number.parse().unwrap_or_default();
    let saved = settings
        .restore(&actor, number, password, from_revision)
        .await?;
    Ok(Success::new(RestoredRevision {
        revision: saved.revision,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<Rollback, Vec<String>> {
        JsonBody::<RestoreRevision>::decode(body.to_string().as_bytes())
            .and_then(|JsonBody { request, faults }| request.validate(&HeaderMap::new(), faults))
            .map_err(|refusal| refusal.fields.into_keys().collect())
    }

    #[test]
    fn the_password_of_the_revision_another_or_none_comes_back() {
        let sealed = || PasswordChange::Sealed("a.b.c.d.e".to_owned());
        for (body, password) in [
            (json!({}), PasswordChange::Keep),
            (json!({ "smtp_password": "" }), PasswordChange::Keep),
            (json!({ "smtp_password": null }), PasswordChange::Clear),
            (json!({ "smtp_password": "a.b.c.d.e" }), sealed()),
        ] {
            let rollback = read(body.clone()).expect("valid");
            assert_eq!(
                (rollback.password, rollback.from_revision),
                (password, None)
            );
        }
        let seen = read(json!({ "revision": 7 })).expect("valid");
        assert_eq!(seen.from_revision, Some(7));
    }

    #[test]
    fn faults_are_reported_by_field() {
        let wrong = json!({ "revision": "7", "smtp_password": 1, "form": {} });
        let fields = read(wrong).expect_err("refused");
        assert_eq!(fields, ["form", "revision", "smtp_password"]);
    }
}
