//! `/api/setup/email_smtp`: the configuration, read and saved.

use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use domain::settings::form::Edit;
use domain::settings::{PasswordChange, PasswordState, SettingsView, Stamp, Verification};
use engine::{Action, Actor, Settings};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field_origin::Origins;
use super::settings_fields::{Absent, SavedFields, SettingsFields};
use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, SignedIn};
use crate::rest::request::json::{Faults, lenient};
use crate::rest::response::envelope::{Nothing, Refused, SUCCESS, Success};
use crate::rest::response::errors::{Always, Conflicting, JsonRefused, Restricted, Throttled};

/// The saved configuration.
#[derive(Serialize, ToSchema)]
pub struct SavedSettings {
    /// The status, always `success`.
    #[schema(value_type = String, pattern = "^success$", example = json!(SUCCESS))]
    status: &'static str,
    data: SavedFields,
    origin: Origins,
    /// The state of the password. The password itself is never returned.
    password: PasswordState,
    /// The number of the last save; 0 before the first.
    #[schema(example = 7)]
    revision: i64,
    verified: VerifiedState,
}

/// Whether a test mail has verified the configuration.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[schema(example = json!({ "state": "verified", "at": "2026-11-20T05:13:30Z", "by": "admin@example.org" }))]
pub enum VerifiedState {
    /// No revision was verified.
    Never,
    /// This revision was verified.
    Verified {
        #[schema(format = DateTime)]
        at: String,
        by: String,
    },
    /// An earlier revision was verified.
    Changed {
        #[schema(format = DateTime)]
        at: String,
        by: String,
    },
}

impl From<Verification> for VerifiedState {
    fn from(verification: Verification) -> Self {
        match verification {
            Verification::Never => Self::Never,
            Verification::Verified(Stamp { at, by }) => Self::Verified {
                at: at.rfc3339(),
                by,
            },
            Verification::Changed(Stamp { at, by }) => Self::Changed {
                at: at.rfc3339(),
                by,
            },
        }
    }
}

impl From<SettingsView> for SavedSettings {
    fn from(view: SettingsView) -> Self {
        let fields = view.form.iter();
        let origin = Origins::of(&view);
        Self {
            status: SUCCESS,
            origin,
            data: SavedFields(
                fields
                    .map(|(label, value)| (label, value.to_owned()))
                    .collect(),
            ),
            password: view.password,
            revision: view.revision,
            verified: view.verified.into(),
        }
    }
}

/// Read the configuration
///
/// Returns all fields as they are stored. The ETag is the revision.
#[utoipa::path(
    get,
    path = "/api/setup/email_smtp",
    tag = "Configuration",
    responses(
        (
            status = 200,
            description = "The saved configuration",
            body = SavedSettings,
            headers(("ETag" = String, description = "The revision, quoted"))
        ),
        Restricted,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Response, Refused> {
    answer(state.postern.settings(), &actor).await
}

/// The saved configuration of a relay as a response.
pub async fn answer(settings: &Settings, actor: &Actor) -> Result<Response, Refused> {
    let view = settings.view(actor).await?;
    let etag =
        HeaderValue::try_from(format!("\"{}\"", view.revision)).map_err(|_| Refusal::internal())?;
    Ok(([(ETAG, etag)], Json(SavedSettings::from(view))).into_response())
}

/// A configuration to save. The whole response of a GET may be posted back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({
    "data": {
        "from_address": "alerts@example.org",
        "smtp_username": "",
        "smtp_host": "smtp.example.org",
        "smtp_port": "587",
        "smtp_connection_type": "TLS",
        "smtp_authentication_type": "None",
    },
    "revision": 7,
}))]
pub struct SaveSettings {
    /// The six required fields, and any of the options.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = SettingsFields, required)]
    data: Option<SettingsFields>,
    /// The revision that the changes are based on. If another was saved since, nothing is saved.
    #[serde(default, deserialize_with = "lenient")]
    revision: Option<i64>,
    /// The value that GET returns. It is accepted so that the response may be posted back, and changes
    /// nothing.
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    /// The value that GET returns. It is accepted so that the response may be posted back, and changes
    /// nothing.
    #[serde(default, deserialize_with = "lenient")]
    password: Option<String>,
    /// The value that GET returns. It is accepted so that the response may be posted back, and changes
    /// nothing.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = Option<Object>)]
    #[expect(dead_code, reason = "only its type is validated")]
    verified: Option<IndexMap<String, serde_json::Value>>,
    /// The value that GET returns. It is accepted so that the response may be posted back, and changes
    /// nothing.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = Option<Object>)]
    #[expect(dead_code, reason = "only its type is validated")]
    origin: Option<IndexMap<String, serde_json::Value>>,
}

impl Administrative for SaveSettings {
    const ACTION: Action = Action::SaveSettings;
}

/// Save the configuration
///
/// All fields are validated, and all faults are reported together.
#[utoipa::path(
    post,
    path = "/api/setup/email_smtp",
    tag = "Configuration",
    params((
        "If-Match" = Option<String>,
        Header,
        description = "The ETag of a GET, in the place of `revision`",
        pattern = "^\"[0-9]{1,18}\"$"
    )),
    request_body = SaveSettings,
    responses(
        (status = 200, description = "Saved", body = Success<Nothing>),
        Restricted,
        Conflicting,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn save(
    State(state): State<AppState>,
    headers: HeaderMap,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<SaveSettings>,
) -> Result<Success<Nothing>, Refused> {
    let changes = request.validate(&headers, faults)?;
    changes.save(state.postern.settings(), &actor).await
}

/// What a save changes.
#[derive(Debug, PartialEq)]
pub struct SettingsChanges {
    edit: Edit,
    password: PasswordChange,
    from_revision: Option<i64>,
}

impl SettingsChanges {
    /// Saves them as the configuration of a relay.
    pub async fn save(
        self,
        settings: &Settings,
        actor: &Actor,
    ) -> Result<Success<Nothing>, Refused> {
        settings
            .save(actor, self.edit, self.password, self.from_revision)
            .await?;
        Ok(Success::new(Nothing {}))
    }
}

impl SaveSettings {
    /// # Errors
    /// [`domain::Kind::Invalid`] with all faults of the body and of the header If-Match.
    pub fn validate(self, headers: &HeaderMap, faults: Faults) -> Result<SettingsChanges, Refusal> {
        let Some(fields) = self.data else {
            if !faults.has("data") {
                let text = "The body has one object “data”, which holds the fields.";
                faults.add("data", text);
            }
            return Err(faults.into_refusal());
        };
        let echoed = |value: Option<String>, allowed: &[&str]| {
            value.is_none_or(|value| allowed.contains(&value.as_str()))
        };
        if !echoed(self.status, &[SUCCESS]) {
            faults.add("status", NOT_ANSWERED);
        }
        if !echoed(self.password, PASSWORD_STATES) {
            faults.add("password", NOT_ANSWERED);
        }
        let from_revision = match headers.get(IF_MATCH) {
            Some(header) => revision_of(header, &faults),
            None => self.revision,
        };
        let (edit, password) = fields.read(Absent::Refused, &faults);
        faults.into_result()?;
        Ok(SettingsChanges {
            edit,
            password,
            from_revision,
        })
    }
}

/// The texts of a [`PasswordState`].
const PASSWORD_STATES: &[&str] = &["saved", "none", "re-enter", "other-relay", "environment"];

const NOT_ANSWERED: &str =
    "A GET returns no such value. A new password is “smtp_password” in “data”, sealed.";

/// The revision in an ETag, or a fault.
pub(super) fn revision_of(etag: &HeaderValue, faults: &Faults) -> Option<i64> {
    let number = etag
        .to_str()
        .ok()
        .and_then(|tag| tag.trim().trim_matches('"').parse().ok());
    if number.is_none() {
        let text = "This is the ETag of a GET, as in \"7\".";
        faults.add("If-Match", text);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::request::extract::JsonBody;
    use domain::Label;
    use serde_json::{Value, json};

    fn read(body: Value) -> Result<SettingsChanges, Vec<String>> {
        JsonBody::<SaveSettings>::decode(body.to_string().as_bytes())
            .and_then(|JsonBody { request, faults }| request.validate(&HeaderMap::new(), faults))
            .map_err(|refusal| refusal.fields.into_keys().collect())
    }

    fn six() -> Value {
        json!({
            "from_address": "a@example.org", "smtp_username": "", "smtp_host": "smtp.example.org",
            "smtp_port": 587, "smtp_connection_type": "TLS", "smtp_authentication_type": "None",
        })
    }

    fn six_and(name: &str, value: Value) -> Value {
        let mut data = six();
        data[name] = value;
        json!({ "data": data })
    }

    #[test]
    fn the_password_is_kept_cleared_or_sealed() {
        for (value, change) in [
            (json!(""), PasswordChange::Keep),
            (json!(null), PasswordChange::Clear),
            (
                json!("a.b.c.d.e"),
                PasswordChange::Sealed("a.b.c.d.e".into()),
            ),
        ] {
            assert_eq!(
                read(six_and("smtp_password", value))
                    .expect("read")
                    .password,
                change
            );
        }
        assert_eq!(
            read(json!({ "data": six() })).expect("read").password,
            PasswordChange::Keep
        );
    }

    #[test]
    fn an_absent_option_is_kept_and_null_is_its_default() {
        let absent = read(json!({ "data": six() })).expect("read").edit.0;
        assert_eq!(absent.get(&Label::FromName), None);
        let null = read(six_and("smtp_from_name", json!(null)))
            .expect("read")
            .edit
            .0;
        assert_eq!(null.get(&Label::FromName), Some(&None));
    }

    #[test]
    fn every_password_state_can_be_posted_back() {
        for state in [
            PasswordState::Saved,
            PasswordState::None,
            PasswordState::ReEnter,
            PasswordState::OtherRelay,
            PasswordState::Environment,
        ] {
            let body = json!({ "data": six(), "password": state });
            assert!(read(body).is_ok(), "{state:?}");
        }
    }

    #[test]
    fn read_settings_can_be_posted_back() {
        let body = json!({
            "status": "success", "data": six(), "password": "saved", "revision": 7,
            "verified": { "state": "never" }, "origin": { "smtp_host": "saved" },
        });
        assert_eq!(read(body).expect("read").from_revision, Some(7));
    }

    #[test]
    fn faults_of_a_body_are_reported_by_field() {
        for (body, fields) in [
            (json!({}), &["data"][..]),
            (json!({ "data": [] }), &["data"]),
            (json!({ "data": six(), "more": 1 }), &["more"]),
            (
                json!({ "data": six(), "password": "hunter2" }),
                &["password"],
            ),
            (json!({ "data": six(), "revision": "7" }), &["revision"]),
            (six_and("smtp_hosts", json!("x")), &["smtp_hosts"]),
            (six_and("smtp_port", json!(true)), &["smtp_port"]),
            (six_and("smtp_host", json!(null)), &["smtp_host"]),
            (six_and("smtp_password", json!(1)), &["smtp_password"]),
            (
                json!({ "data": { "smtp_port": "0", "smtp_host": "a b", "from_address": "x", "y": 1 } }),
                &[
                    "from_address",
                    "smtp_authentication_type",
                    "smtp_connection_type",
                    "smtp_host",
                    "smtp_port",
                    "smtp_username",
                    "y",
                ],
            ),
        ] {
            assert_eq!(read(body.clone()).expect_err("refused"), fields, "{body}");
        }
    }
}
