//! `/api/setup/email_smtp`: the configuration, read and saved.

use axum::extract::State;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::form::Edit;
use domain::view::{PasswordChange, SettingsView, Verification};
use domain::{Kind, Refusal};
use serde_json::{Map, Value, json};

use super::body::JsonObject;
use super::envelope::{Refused, Success};
use super::fields::{Absent, fields};
use crate::http::{AppState, Caller};

/// Answers the six fields and the options, all as they are stored; `password`, `revision` and
/// `verified` beside them. The ETag is the revision.
pub async fn read(State(state): State<AppState>, caller: Caller) -> Result<Response, Refused> {
    let view = state.postern.settings().view(caller.signed_in()?).await?;
    let etag =
        HeaderValue::try_from(format!("\"{}\"", view.revision)).map_err(|_| Refusal::internal())?;
    Ok(([(ETAG, etag)], success(&view)).into_response())
}

fn success(view: &SettingsView) -> Success {
    let data: Map<String, Value> = view
        .form
        .iter()
        .map(|(label, value)| (label.as_str().to_owned(), value.into()))
        .collect();
    Success::new(data.into())
        .beside("password", json!(view.password))
        .beside("revision", view.revision.into())
        .beside("verified", verified(&view.verified))
}

fn verified(verification: &Verification) -> Value {
    match verification {
        Verification::Never => json!({ "state": "never" }),
        Verification::Verified(by) => {
            json!({ "state": "verified", "at": by.at.rfc3339(), "by": by.by })
        }
        Verification::Changed(by) => {
            json!({ "state": "changed", "at": by.at.rfc3339(), "by": by.by })
        }
    }
}

/// Saves `{"data": {…}}`: the six fields, options and a sealed password if wanted. The whole answer
/// of [`read`] may be posted back; its `revision`, or If-Match, then names what it began from.
pub async fn save(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<JsonObject, Refused>,
) -> Result<Success, Refused> {
    let actor = caller.signed_in()?;
    let posted = Posted::read(body?.0, headers.get(IF_MATCH))?;
    state
        .postern
        .settings()
        .save(actor, posted.edit, posted.password, posted.from_revision)
        .await?;
    Ok(Success::new(json!({})))
}

/// What a body says, its form checked; what it means is the engine's to check.
#[derive(Debug, PartialEq)]
struct Posted {
    edit: Edit,
    password: PasswordChange,
    from_revision: Option<i64>,
}

impl Posted {
    fn read(mut body: Map<String, Value>, if_match: Option<&HeaderValue>) -> Result<Self, Refusal> {
        let mut faults = Refusal::invalid();
        let Some(Value::Object(data)) = body.remove("data") else {
            let text = "The body has one object “data”, which holds the fields.";
            return Err(Refusal::of(Kind::Invalid, "data", text));
        };
        let revision = body.remove("revision");
        for (name, value) in body {
            // What a GET answers beside `data` may come back with it.
            let answered = match name.as_str() {
                "status" => value == "success",
                "verified" => value.is_object(),
                "password" => matches!(value.as_str(), Some("saved" | "none" | "re-enter")),
                _ => false,
            };
            if !answered {
                faults.add(&name, "There is no such field beside “data”.");
            }
        }
        let from_revision = begun_from(revision, if_match, &mut faults);
        let (edit, password) = fields(data, Absent::Refused, &mut faults);
        faults.or_ok()?;
        Ok(Self {
            edit,
            password,
            from_revision,
        })
    }
}

fn begun_from(
    revision: Option<Value>,
    if_match: Option<&HeaderValue>,
    faults: &mut Refusal,
) -> Option<i64> {
    if let Some(header) = if_match {
        let number = header
            .to_str()
            .ok()
            .and_then(|tag| tag.trim().trim_matches('"').parse().ok());
        if number.is_none() {
            faults.add(
                "If-Match",
                "This is the ETag that a GET answered, as in \"7\".",
            );
        }
        return number;
    }
    let number = revision.as_ref().and_then(Value::as_i64);
    if revision.is_some() && number.is_none() {
        faults.add("revision", "This is the number that a GET answered.");
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Label;

    fn read(body: Value) -> Result<Posted, Vec<String>> {
        let body = body.as_object().expect("an object").clone();
        Posted::read(body, None).map_err(|refusal| refusal.fields.into_keys().collect())
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
    fn what_was_read_can_be_posted_back() {
        let body = json!({
            "status": "success", "data": six(), "password": "saved", "revision": 7,
            "verified": { "state": "never" },
        });
        assert_eq!(read(body).expect("read").from_revision, Some(7));
    }

    #[test]
    fn what_is_wrong_with_a_body_is_told_by_field() {
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
