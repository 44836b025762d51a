//! Revisions of settings: what each save changed, and whether its password is still kept.

use serde::Serialize;

use crate::settings::Stamp;
use crate::{Form, Label};

/// A save of the settings of a relay, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionView {
    /// The number of the revision, from 1 on.
    pub number: i64,
    /// When the revision was saved, and by which account or local user.
    pub saved: Stamp,
    /// The IP address that the revision was saved from, or `this machine`; empty if it was not recorded.
    pub origin: String,
    /// The earlier revision that this one restored.
    pub restored: Option<i64>,
    /// When a test mail was delivered with the revision, and by which account or local user the mail was
    /// sent.
    pub verified: Option<Stamp>,
    /// The password of the revision.
    pub password: RevisionPassword,
    /// Whether the revision is the removal of an account's own relay.
    pub is_removal: bool,
    /// The changes of the revision; `None` if the previous revision is no longer kept.
    pub changes: Option<Vec<FieldChange>>,
}

/// A revision compared with the settings in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionComparison {
    /// The revision.
    pub revision: RevisionView,
    /// The changes of a restore, without the password if that of the environment stays in use.
    pub changes: Vec<FieldChange>,
    /// The number of the newest revision.
    pub newest: i64,
    /// Whether the password is that of the environment, which stays in use.
    pub environment_password: bool,
    /// The fields that the environment sets to other values, each with its variable. With such a field
    /// the revision cannot be restored.
    pub locks: Vec<(Label, String)>,
}

/// The password of a revision. Its text is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = "kept"))]
#[serde(rename_all = "kebab-case")]
pub enum RevisionPassword {
    /// The revision has no password.
    None,
    /// The password is kept, and is restored with the revision.
    Kept,
    /// The password is not kept: more than three were saved since, or it was that of the environment.
    Forgotten,
    /// The password is kept, but the key that opens it is lost.
    ReEnter,
}

/// A field that differs between two revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The field.
    pub label: Label,
    /// The values of the field; `None` for a secret, for which only the fact of a change is known.
    pub values: Option<ChangedValues>,
}

/// The values of a field before and after a change; empty for a side without settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedValues {
    /// The value before.
    pub before: String,
    /// The value after.
    pub after: String,
}

/// The settings of a revision.
#[derive(Clone, Copy, Debug)]
pub struct RevisionSettings<'s> {
    /// All fields but the password.
    pub form: &'s Form,
    /// The revision that introduced the password; `None` without one.
    pub password_from: Option<i64>,
}

impl<'s> RevisionSettings<'s> {
    /// The text of a field.
    fn text(&self, label: Label) -> &'s str {
        self.form.get(label)
    }
}

impl FieldChange {
    /// The fields in which `before` and `after` differ, in the order of the form. `None` stands for no
    /// settings: before the first save, and after a removal.
    pub fn between(
        before: Option<RevisionSettings<'_>>,
        after: Option<RevisionSettings<'_>>,
    ) -> Vec<Self> {
        let values = |label| ChangedValues {
            before: before.map_or("", |state| state.text(label)).to_owned(),
            after: after.map_or("", |state| state.text(label)).to_owned(),
        };
        let fields = Label::SHOWN.into_iter().filter_map(|label| {
            let values = values(label);
            (values.before != values.after).then_some(Self {
                label,
                values: Some(values),
            })
        });
        let password = |state: Option<RevisionSettings<'_>>| state?.password_from;
        let secret = (password(before) != password(after)).then_some(Self {
            label: Label::Password,
            values: None,
        });
        fields.chain(secret).collect()
    }
}

/// Whether the form stands for a removal, which is stored as a form without a host; a save always has a
/// host.
pub fn is_removal(form: &Form) -> bool {
    form.get(Label::Host).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
    }

    fn settings(form: &Form, password_from: Option<i64>) -> RevisionSettings<'_> {
        RevisionSettings {
            form,
            password_from,
        }
    }

    /// The changes as texts; only the label for a secret.
    fn shown(
        before: Option<RevisionSettings<'_>>,
        after: Option<RevisionSettings<'_>>,
    ) -> Vec<String> {
        let changes = FieldChange::between(before, after).into_iter();
        let text = |change: FieldChange| match change.values {
            Some(ChangedValues { before, after }) => {
                format!("{} {before:?} {after:?}", change.label.as_str())
            }
            None => change.label.as_str().to_owned(),
        };
        changes.map(text).collect()
    }

    #[test]
    fn a_change_has_the_values_before_and_after() {
        let (before, after) = (form(), form().with(Label::Port, "465"));
        let (one, other) = (Some(settings(&before, None)), Some(settings(&after, None)));
        assert!(shown(one, one).is_empty());
        assert_eq!(shown(one, other), ["smtp_port \"587\" \"465\""]);
        let reset = after.clone().with(Label::FromName, "Alarms");
        assert_eq!(
            shown(Some(settings(&reset, None)), one),
            [
                "smtp_port \"465\" \"587\"",
                "smtp_from_name \"Alarms\" \"\""
            ]
        );
    }

    #[test]
    fn of_a_password_only_the_change_is_known() {
        let form = form();
        for (before, after, changed) in [
            (None, None, false),
            (None, Some(1), true),
            (Some(1), Some(1), false),
            (Some(1), Some(2), true),
            (Some(2), None, true),
        ] {
            let changes =
                FieldChange::between(Some(settings(&form, before)), Some(settings(&form, after)));
            let expected = FieldChange {
                label: Label::Password,
                values: None,
            };
            let expected: Vec<_> = changed.then_some(expected).into_iter().collect();
            assert_eq!(changes, expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn the_first_save_sets_what_a_removal_takes_away() {
        let form = form();
        let saved = Some(settings(&form, Some(1)));
        let first = shown(None, saved);
        assert!(first.contains(&"smtp_host \"\" \"smtp.example.org\"".to_owned()));
        assert!(first.contains(&"smtp_connection_type \"\" \"None\"".to_owned()));
        assert!(first.contains(&"smtp_password".to_owned()));
        assert!(
            !first
                .iter()
                .any(|change| change.starts_with("smtp_reply_to"))
        );
        let removed = shown(saved, None);
        assert!(removed.contains(&"smtp_host \"smtp.example.org\" \"\"".to_owned()));
        assert_eq!(removed.len(), first.len());
        assert!(is_removal(&Form::default()) && !is_removal(&form));
    }
}
