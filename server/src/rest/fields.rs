//! The fields of a configuration as JSON: what they change, and what is wrong with them.

use std::collections::BTreeMap;

use domain::form::Edit;
use domain::view::PasswordChange;
use domain::{Form, Label, Refusal};
use serde_json::{Map, Value};

/// What it means that a required field is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    Refused,
    /// It is as it is saved.
    AsSaved,
}

/// The fields of `data`. What is missing or of a wrong type is told together with the fields whose
/// text is at fault.
pub fn fields(
    mut data: Map<String, Value>,
    absent: Absent,
    faults: &mut Refusal,
) -> (Edit, PasswordChange) {
    let password = password(data.remove(Label::Password.as_str()), faults);
    let mut edit = BTreeMap::new();
    for label in Label::SHOWN {
        let text = match (data.remove(label.as_str()), label) {
            (None, _) if label.is_option() || absent == Absent::AsSaved => continue,
            (None, _) => {
                faults.add(label.as_str(), "This field is required.");
                continue;
            }
            (Some(Value::Null), _) if label.is_option() => None,
            (Some(Value::String(text)), _) => Some(text),
            (Some(Value::Number(number)), Label::Port) => Some(number.to_string()),
            (Some(_), Label::Port) => {
                faults.add(label.as_str(), "This is a string, or a whole number.");
                continue;
            }
            (Some(_), _) => {
                faults.add(label.as_str(), "This is a string.");
                continue;
            }
        };
        edit.insert(label, text);
    }
    for (name, _) in data {
        faults.add(&name, "There is no such field.");
    }
    if !faults.fields.is_empty() {
        let mut form = Form::default();
        form.apply(&Edit(edit.clone()));
        for label in edit.keys() {
            if let Some(fault) = form.fault(*label) {
                faults.add(label.as_str(), fault);
            }
        }
    }
    (Edit(edit), password)
}

fn password(value: Option<Value>, faults: &mut Refusal) -> PasswordChange {
    match value {
        None => PasswordChange::Keep,
        Some(Value::Null) => PasswordChange::Clear,
        Some(Value::String(text)) if text.is_empty() => PasswordChange::Keep,
        Some(Value::String(text)) => PasswordChange::Sealed(text),
        Some(_) => {
            faults.add(
                Label::Password.as_str(),
                "This is a sealed password (a string), or null to clear it.",
            );
            PasswordChange::Keep
        }
    }
}
