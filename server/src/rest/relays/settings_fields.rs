//! The fields of a configuration in a request: the changes, and the faults.

use std::collections::BTreeMap;

use domain::settings::PasswordChange;
use domain::settings::form::Edit;
use domain::{AuthenticationType, CertificateCheck, ConnectionType, Form, Label};
use indexmap::IndexMap;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::rest::request::json::Faults;

/// The meaning of an absent required field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    Refused,
    /// The field keeps its saved value.
    AsSaved,
}

/// Fields of the configuration by label.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct SettingsFields(IndexMap<String, FieldValue>);

/// The value of a field, of any type.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum FieldValue {
    Null,
    Text(String),
    Number(serde_json::Number),
    Other(IgnoredAny),
}

impl PartialSchema for SettingsFields {
    fn schema() -> RefOr<Schema> {
        let password = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some(
                "A new password, sealed for the key of `/api/keys/browser`: a JWE in compact serialisation with `RSA-OAEP-256` and `A256GCM`. Absent or empty keeps the saved one, null clears it. With the authentication type None no password is kept.",
            ));
        fields(Writing::Request)
            .property(Label::Password.as_str(), password)
            .into()
    }
}

impl ToSchema for SettingsFields {}

/// The saved fields by label. The password is not among them.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct SavedFields(pub BTreeMap<Label, String>);

impl PartialSchema for SavedFields {
    fn schema() -> RefOr<Schema> {
        let required = Label::SHOWN.into_iter();
        let form = example_form();
        let example = form.iter().map(|(label, value)| (label, value.to_owned()));
        let example = Self(example.collect());
        required
            .fold(fields(Writing::Response), |object, label| {
                object.required(label.as_str())
            })
            .examples([serde_json::json!(example)])
            .into()
    }
}

impl ToSchema for SavedFields {}

/// The saved configuration of examples.
pub(super) fn example_form() -> Form {
    Form::default()
        .with(Label::FromAddress, "alerts@example.org")
        .with(Label::Username, "postern")
        .with(Label::Host, "smtp.example.org")
        .with(Label::Port, "587")
        .with(Label::ConnectionType, "TLS")
        .with(Label::AuthenticationType, "Plain")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Request,
    Response,
}

/// The schema of an object with the fields that are shown.
fn fields(writing: Writing) -> ObjectBuilder {
    let object =
        ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    Label::SHOWN.into_iter().fold(object, |object, label| {
        let request = writing == Writing::Request;
        let mut types = vec![Type::String];
        if request && label == Label::Port {
            types.push(Type::Integer);
        }
        if request && label.is_option() {
            types.push(Type::Null);
        }
        let allowed = match label {
            Label::ConnectionType => Some(names(ConnectionType::ALL)),
            Label::AuthenticationType => Some(names(AuthenticationType::ALL)),
            Label::CertificateCheck => Some(names(CertificateCheck::ALL)),
            _ => None,
        };
        let mut description = label.title().to_owned();
        if let Some(allowed) = &allowed {
            description.push_str(&format!(": {allowed}"));
        }
        description.push('.');
        if label.is_option() {
            let default = label.default_value();
            let default = if default.is_empty() { "empty" } else { default };
            description.push_str(&format!(
                " Absent keeps the saved value, null returns to the default ({default})."
            ));
        }
        let field = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter(types))
            .description(Some(description));
        object.property(label.as_str(), field)
    })
}

/// The names of values, in their order.
fn names<T: Copy + Into<&'static str>>(all: &[T]) -> String {
    let names: Vec<&str> = all.iter().map(|each| (*each).into()).collect();
    names.join(", ")
}

impl SettingsFields {
    /// The changes. Fields that are missing, unknown or of a wrong type are reported together with
    /// those of an invalid text.
    pub fn read(self, absent: Absent, faults: &Faults) -> (Edit, PasswordChange) {
        let Self(mut fields) = self;
        let password = password(fields.shift_remove(Label::Password.as_str()), faults);
        let mut edit = BTreeMap::new();
        for label in Label::SHOWN {
            let name = label.as_str();
            let text = match (fields.shift_remove(name), label) {
                (None, _) if label.is_option() || absent == Absent::AsSaved => continue,
                (None, _) => {
                    faults.add_missing(name);
                    continue;
                }
                (Some(FieldValue::Null), _) if label.is_option() => None,
                (Some(FieldValue::Text(text)), _) => Some(text),
                (Some(FieldValue::Number(number)), Label::Port) => Some(number.to_string()),
                (Some(_), Label::Port) => {
                    faults.add(name, "This is a string, or a whole number.");
                    continue;
                }
                (Some(_), _) => {
                    faults.add(name, "This is a string.");
                    continue;
                }
            };
            edit.insert(label, text);
        }
        for name in fields.keys() {
            faults.add_unknown(name);
        }
        if !faults.is_empty() {
            let mut form = Form::default();
            form.apply(&Edit(edit.clone()));
            for label in edit.keys() {
                if let Some(fault) = form.fault(*label) {
                    faults.add(label.as_str(), &fault);
                }
            }
        }
        (Edit(edit), password)
    }
}

fn password(value: Option<FieldValue>, faults: &Faults) -> PasswordChange {
    match value {
        None => PasswordChange::Keep,
        Some(FieldValue::Null) => PasswordChange::Clear,
        Some(FieldValue::Text(text)) if text.is_empty() => PasswordChange::Keep,
        Some(FieldValue::Text(text)) => PasswordChange::Sealed(text),
        Some(_) => {
            let text = "This is a sealed password (a string), or null to clear it.";
            faults.add(Label::Password.as_str(), text);
            PasswordChange::Keep
        }
    }
}
