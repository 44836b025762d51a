//! The callers and the body of `/api/smtp/…`.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use domain::settings::PasswordChange;
use domain::settings::form::Edit;
use domain::{AuthenticationType, ConnectionType, Fields, Form, Label, Refusal, SecretString};
use engine::Actor;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

use super::refusals::SmtpRefused;
use crate::http::state::AppState;
use crate::rest::request::extract::{JsonBody, QueryPairs, SignedIn};
use crate::rest::request::json::{Faults, lenient};

/// The port that is encrypted from the first byte (RFC 8314 section 3.3).
const IMPLICIT_TLS: &str = "465";

/// The actor of a request without parameters.
pub struct SmtpCaller(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for SmtpCaller {
    type Rejection = SmtpRefused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SmtpRefused> {
        let SignedIn(actor) = SignedIn::from_request_parts(parts, state).await?;
        let QueryPairs(pairs) = QueryPairs::from_request_parts(parts, state).await?;
        Fields::of(&pairs).read(|_| ())?;
        Ok(Self(actor))
    }
}

/// A relay of your own.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "host": "smtp.example.org",
    "port": 465,
    "user": "ann",
    "pass": "correct horse battery",
}))]
pub struct SmtpSettingsRequest {
    #[serde(default, deserialize_with = "lenient")]
    #[schema(required, nullable = false)]
    host: Option<String>,
    /// The port, 1 to 65535.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = u16, required, nullable = false)]
    port: Option<PortValue>,
    /// Whether the connection is encrypted from the first byte. It always is at port 465, and by default
    /// not at others.
    #[serde(default, deserialize_with = "lenient")]
    secure: Option<bool>,
    /// The user of the sign-in. If it is absent or empty, there is no sign-in.
    #[serde(default, deserialize_with = "lenient")]
    user: Option<String>,
    /// The password, accepted only over HTTPS or from this machine.
    #[serde(default, deserialize_with = "lenient")]
    pass: Option<String>,
    /// The password, sealed for the key of `/api/keys/browser`: a JWE in compact serialisation with
    /// `RSA-OAEP-256` and `A256GCM`.
    #[serde(default, deserialize_with = "lenient")]
    sealed_pass: Option<String>,
}

/// The number, or its digits as a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PortValue {
    Number(serde_json::Number),
    Text(String),
    Other(IgnoredAny),
}

/// A caller and its body. Other actors are refused before the body is read.
pub struct SmtpBody {
    pub caller: Actor,
    request: SmtpSettingsRequest,
    faults: Faults,
}

impl FromRequest<AppState> for SmtpBody {
    type Rejection = SmtpRefused;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, SmtpRefused> {
        let (mut parts, body) = request.into_parts();
        let SmtpCaller(caller) = SmtpCaller::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        let JsonBody { request, faults } = JsonBody::from_request(request, state).await?;
        Ok(Self {
            caller,
            request,
            faults,
        })
    }
}

/// The settings of a body.
pub struct TypedSettings {
    pub edit: Edit,
    pub password: PasswordChange,
}

impl SmtpBody {
    /// The settings of the body, beside the saved ones in `saved`.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with every fault of the body.
    pub async fn validate(self, state: &AppState, saved: &Form) -> Result<TypedSettings, Refusal> {
        let Self {
            caller,
            request,
            faults,
        } = self;
        let loopback = caller
            .origin
            .address
            .is_some_and(|address| address.is_loopback());
        let protected = state.url.is_https() || loopback;
        let edit = edit(&request, caller.name(), saved, &faults);
        let password = password(request, protected, &faults);
        faults.into_result()?;
        let password = match password {
            TypedPassword::Change(change) => change,
            TypedPassword::Clear(text) => {
                PasswordChange::Sealed(state.postern.keys().seal(&text).await?)
            }
        };
        Ok(TypedSettings { edit, password })
    }
}

/// The fields that a body changes.
fn edit(request: &SmtpSettingsRequest, from: &str, saved: &Form, faults: &Faults) -> Edit {
    let port = match &request.port {
        None => {
            faults.add_missing("port");
            String::new()
        }
        Some(PortValue::Number(number)) => number.to_string(),
        Some(PortValue::Text(text)) => text.trim().to_owned(),
        Some(PortValue::Other(_)) => {
            faults.add("port", "This is a whole number.");
            String::new()
        }
    };
    let host = request.host.as_deref().unwrap_or_default().trim();
    if request.host.is_none() {
        faults.add_missing("host");
    }
    let connection = match request.secure.unwrap_or_default() || port == IMPLICIT_TLS {
        true => ConnectionType::Ssl,
        false => ConnectionType::None,
    };
    let user = request.user.as_deref().unwrap_or_default();
    let authentication = match user.trim().is_empty() {
        true => AuthenticationType::None,
        false => AuthenticationType::Plain,
    };
    let text = |text: &str| Some(text.to_owned());
    let mut edit = BTreeMap::from([
        (Label::FromAddress, text(from)),
        (Label::Host, text(host)),
        (Label::Port, Some(port)),
        (Label::ConnectionType, text(connection.as_str())),
        (Label::Username, text(user)),
        (Label::AuthenticationType, text(authentication.as_str())),
    ]);
    if !host.eq_ignore_ascii_case(saved.get(Label::Host)) {
        // Trusted certificates and a switched-off check belong to the previous host.
        for label in [
            Label::CertificateCheck,
            Label::TrustedCertificates,
            Label::PlaintextAuth,
        ] {
            edit.insert(label, None);
        }
    }
    Edit(edit)
}

/// A password in a body.
enum TypedPassword {
    Change(PasswordChange),
    /// The password in plain text.
    Clear(SecretString),
}

fn password(request: SmtpSettingsRequest, protected: bool, faults: &Faults) -> TypedPassword {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    match (given(request.pass), given(request.sealed_pass)) {
        (None, None) => TypedPassword::Change(PasswordChange::Keep),
        (None, Some(sealed)) => TypedPassword::Change(PasswordChange::Sealed(sealed)),
        (Some(_), Some(_)) => {
            faults.add("sealedPass", "Send pass or sealedPass, not both.");
            TypedPassword::Change(PasswordChange::Keep)
        }
        (Some(text), None) => {
            if !protected {
                let text = "This connection may not be encrypted, so the password is refused. Use \
                            the HTTPS address of this Postern, or seal it as sealedPass for the key \
                            at /api/keys/browser. Change it at the relay if it is in use.";
                faults.add("pass", text);
            }
            TypedPassword::Clear(SecretString::new(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The changes of a body, or the fields with faults.
    fn read(body: Value, saved: &Form) -> Result<Edit, Vec<String>> {
        let read = JsonBody::<SmtpSettingsRequest>::decode(body.to_string().as_bytes());
        let JsonBody { request, faults } = read.expect("an object");
        let edit = edit(&request, "ann@example.org", saved, &faults);
        password(request, false, &faults);
        let faulty = |refusal: Refusal| refusal.fields.into_keys().collect();
        faults.into_result().map(|()| edit).map_err(faulty)
    }

    fn value(edit: &Edit, label: Label) -> Option<&str> {
        edit.0.get(&label)?.as_deref()
    }

    #[test]
    fn secure_is_set_by_itself_at_port_465() {
        for (port, secure, connection) in [
            (json!(465), json!(null), "SSL"),
            (json!("465"), json!(false), "SSL"),
            (json!(587), json!(null), "None"),
            (json!(587), json!(false), "None"),
            (json!(2465), json!(true), "SSL"),
        ] {
            let body = json!({ "host": "smtp.example.org", "port": port, "secure": secure });
            let edit = read(body, &Form::default()).expect("valid");
            let found = value(&edit, Label::ConnectionType);
            assert_eq!(found, Some(connection), "{port} {secure}");
        }
    }

    #[test]
    fn a_user_signs_in_and_the_from_address_is_that_of_the_account() {
        for (user, authentication) in [(json!("ann"), "Plain"), (json!(""), "None")] {
            let body = json!({ "host": "smtp.example.org", "port": 587, "user": user });
            let edit = read(body, &Form::default()).expect("valid");
            let found = value(&edit, Label::AuthenticationType);
            assert_eq!(found, Some(authentication));
            assert_eq!(value(&edit, Label::FromAddress), Some("ann@example.org"));
        }
    }

    #[test]
    fn another_host_is_checked_again() {
        let saved = Form::default()
            .with(Label::Host, "smtp.example.org")
            .with(Label::CertificateCheck, "Off");
        for (host, kept) in [("SMTP.example.org", true), ("smtp.example.net", false)] {
            let edit = read(json!({ "host": host, "port": 25 }), &saved).expect("valid");
            let mut form = saved.clone();
            form.apply(&edit);
            assert_eq!(form.get(Label::CertificateCheck) == "Off", kept, "{host}");
        }
    }

    #[test]
    fn faults_are_reported_together_by_their_names() {
        for (body, fields) in [
            (json!({}), &["host", "port"][..]),
            (
                json!({ "host": 1, "port": true, "secure": "yes", "user": 1, "x": 1 }),
                &["host", "port", "secure", "user", "x"],
            ),
            (
                json!({ "host": "a", "port": 25, "pass": "hunter2" }),
                &["pass"],
            ),
            (
                json!({ "host": "a", "port": 25, "pass": "x", "sealedPass": "y" }),
                &["sealedPass"],
            ),
        ] {
            let found = read(body.clone(), &Form::default());
            assert_eq!(found.expect_err("refused"), fields, "{body}");
        }
    }

    #[test]
    fn a_password_in_the_clear_needs_a_protected_line() {
        let request = || SmtpSettingsRequest {
            pass: Some("hunter2".to_owned()),
            ..SmtpSettingsRequest::default()
        };
        for (protected, refused) in [(true, false), (false, true)] {
            let faults = Faults::default();
            password(request(), protected, &faults);
            assert_eq!(faults.has("pass"), refused);
        }
    }
}
