//! A conflict of two administrators: their saved settings beside the edits on this form.

use domain::crypto::pem::blocks;
use domain::{Form, Label};
use leptos::prelude::*;

use super::form_action::{CONFLICT, SUBMIT};
use crate::components::Time;
use crate::element;
use crate::settings::state::{Editor, FormState, PasswordPlan};

#[component]
pub fn Conflict(editor: Editor) -> impl IntoView {
    move || {
        let state = editor.state.read();
        let theirs = state.theirs()?;
        let rows = rows(&theirs.form, &state.form(), state.password_plan());
        let saved = theirs.saved.clone();
        Some(view! {
            <section class="notice notice-warn conflict" id=CONFLICT tabindex="-1" role="alert">
                <h2>"Other changes were saved first"</h2>
                <p>
                    {saved.map(|stamp| view! { {stamp.by} " saved at " <Time at=stamp.at /> ". " })}
                    "Your edits are kept and not saved yet."
                </p>
                <Table rows />
                <div class="buttons">
                    <Button editor text="Take theirs" act=FormState::take_theirs />
                    <Button editor text="Keep mine" act=FormState::keep_mine />
                </div>
            </section>
        })
    }
}

#[component]
fn Table(rows: Vec<[String; 3]>) -> impl IntoView {
    let rows = rows.into_iter().map(|[field, theirs, yours]| {
        view! {
            <tr>
                <th scope="row">{field}</th>
                <td>{theirs}</td>
                <td>{yours}</td>
            </tr>
        }
    });
    view! {
        <table>
            <thead>
                <tr>
                    <th scope="col">"Field"</th>
                    <th scope="col">"Theirs"</th>
                    <th scope="col">"Yours"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

#[component]
fn Button(editor: Editor, text: &'static str, act: fn(&mut FormState)) -> impl IntoView {
    view! {
        <button class="button button-secondary" type="button" on:click=move |_| {
                editor.change(act);
                element::focus(SUBMIT);
            }>
            {text}
        </button>
    }
}

/// The fields that differ: name, theirs, yours.
fn rows(theirs: &Form, yours: &Form, password_plan: PasswordPlan) -> Vec<[String; 3]> {
    let differing = theirs.differing(yours).into_iter().map(|label| {
        [
            label.title().to_owned(),
            shown(label, theirs),
            shown(label, yours),
        ]
    });
    let password = match password_plan {
        PasswordPlan::Typed => Some("the one you typed"),
        PasswordPlan::Cleared | PasswordPlan::NotSaved => Some("cleared"),
        PasswordPlan::Earlier(_) => Some("the earlier one you chose"),
        _ => None,
    };
    let password = password.map(|yours| {
        [
            Label::Password.title().to_owned(),
            "as they left it".to_owned(),
            yours.to_owned(),
        ]
    });
    differing.chain(password).collect()
}

fn shown(label: Label, form: &Form) -> String {
    match (label, form.get(label)) {
        (_, "") => "(empty)".to_owned(),
        (Label::PlaintextAuth, "1") => "allowed".to_owned(),
        (Label::PlaintextAuth, _) => "not allowed".to_owned(),
        (Label::TrustedCertificates, text) => blocks(text)
            .unwrap_or_default()
            .iter()
            .map(|block| block.preamble)
            .collect(),
        (_, text) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let theirs = Form::default().with(Label::Host, "a.example.org");
        let yours = theirs
            .clone()
            .with(Label::FromName, "Alerts")
            .with(Label::PlaintextAuth, "1");
        assert_eq!(
            rows(&theirs, &yours, PasswordPlan::Cleared),
            [
                ["From Name", "(empty)", "Alerts"],
                ["Password Without Encryption", "not allowed", "allowed"],
                ["Password", "as they left it", "cleared"],
            ]
        );
        assert!(rows(&theirs, &theirs, PasswordPlan::Kept).is_empty());
    }
}
