//! What a revision changes, field by field.

use domain::Label;
use domain::settings::revision::{ChangedValues, FieldChange};

use super::format::value;
use crate::server_prelude::*;

/// A table of the fields that differ. `before` and `after` are the titles of the values, `about` names the
/// table.
#[component]
pub fn Changes(
    changes: Vec<FieldChange>,
    before: &'static str,
    after: &'static str,
    about: String,
) -> AnyView {
    let rows = changes.into_iter().map(|change| {
        let label = change.label;
        let values = match change.values {
            Some(ChangedValues { before, after }) => view! {
                <td>
                    <FieldValue label text=before />
                </td>
                <td>
                    <FieldValue label text=after />
                </td>
            }
            .into_any(),
            None => view! { <td colspan="2">"changed"</td> }.into_any(),
        };
        view! {
            <tr>
                <th scope="row">{label.title()}</th>
                {values}
            </tr>
        }
    });
    view! {
        <table class="changes" aria-label=about>
            <thead>
                <tr>
                    <th scope="col">"Field"</th>
                    <th scope="col">{before}</th>
                    <th scope="col">{after}</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn FieldValue(label: Label, text: String) -> AnyView {
    let lines = value(label, &text);
    if lines.is_empty() {
        return view! { <span class="mail-detail">"empty"</span> }.into_any();
    }
    let lines = lines.into_iter();
    lines
        .map(|line| view! { <span class="change-line">{line}</span> })
        .collect_view()
        .into_any()
}
