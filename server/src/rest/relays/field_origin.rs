//! The origin of the fields of a configuration: defaults, the environment, or a save.

use std::collections::BTreeMap;

use domain::Label;
use domain::settings::{PasswordState, SettingsView};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::settings_fields::example_form;

/// The origin of the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum FieldOrigin {
    /// The field has its default.
    Default,
    /// A variable of the environment sets the field. Another value cannot be saved.
    Environment,
    /// The value was saved.
    Saved,
}

impl FieldOrigin {
    const ALL: [Self; 3] = [Self::Default, Self::Environment, Self::Saved];
}

/// The origin of each field, including the password: `default`, `environment` or `saved`. Fields that
/// the environment of Postern sets cannot be saved with other values.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Origins(BTreeMap<Label, FieldOrigin>);

impl Origins {
    pub fn of(view: &SettingsView) -> Self {
        let of_field = |(label, text): (Label, &str)| {
            let origin = match view.lock(label) {
                Some(_) => FieldOrigin::Environment,
                None if text == label.default_value() => FieldOrigin::Default,
                // A From address that follows from the user name.
                None if view.saved.is_none() => FieldOrigin::Environment,
                None => FieldOrigin::Saved,
            };
            (label, origin)
        };
        let password = match view.password {
            PasswordState::None => FieldOrigin::Default,
            PasswordState::Environment => FieldOrigin::Environment,
            PasswordState::Saved | PasswordState::ReEnter | PasswordState::OtherRelay => {
                FieldOrigin::Saved
            }
        };
        let fields = view.form.iter().map(of_field);
        Self(fields.chain([(Label::Password, password)]).collect())
    }
}

impl PartialSchema for Origins {
    fn schema() -> RefOr<Schema> {
        let labels = Label::SHOWN.into_iter().chain([Label::Password]);
        let object = ObjectBuilder::new()
            .description(Some(
                "Where each field is from, the password among them. What the environment of Postern sets cannot be saved otherwise.",
            ))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let values = FieldOrigin::ALL.map(|origin| serde_json::json!(origin));
        let form = example_form();
        labels
            .fold(object, |object, label| {
                let saved = label == Label::Password || form.get(label) != label.default_value();
                let example = if saved {
                    FieldOrigin::Saved
                } else {
                    FieldOrigin::Default
                };
                let origin = ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::String))
                    .enum_values(Some(values.clone()))
                    .examples([serde_json::json!(example)]);
                object
                    .property(label.as_str(), origin)
                    .required(label.as_str())
            })
            .into()
    }
}

impl ToSchema for Origins {}

#[cfg(test)]
mod tests {
    use domain::settings::{Stamp, Verification};
    use domain::{Form, Timestamp};

    use super::*;

    #[test]
    fn each_field_has_its_origin() {
        let mut view = SettingsView {
            form: Form::default()
                .with(Label::Host, "a.example")
                .with(Label::FromAddress, "alerts@example.org"),
            password: PasswordState::Environment,
            revision: 1,
            saved: None,
            verified: Verification::Never,
            earlier: Vec::new(),
            locks: vec![(Label::Host, "SMTP_HOST".to_owned())],
        };
        let origins = |view: &SettingsView| Origins::of(view).0;
        let found = origins(&view);
        assert_eq!(found.len(), Label::SHOWN.len() + 1);
        for (label, origin) in [
            (Label::Host, FieldOrigin::Environment),
            (Label::FromAddress, FieldOrigin::Environment),
            (Label::ConnectTimeout, FieldOrigin::Default),
            (Label::Password, FieldOrigin::Environment),
        ] {
            assert_eq!(found[&label], origin, "{label:?}");
        }
        view.saved = Some(Stamp {
            at: Timestamp(0),
            by: "a@example.org".to_owned(),
        });
        view.password = PasswordState::OtherRelay;
        let found = origins(&view);
        assert_eq!(found[&Label::FromAddress], FieldOrigin::Saved);
        assert_eq!(found[&Label::Password], FieldOrigin::Saved);
    }
}
