//! A field of the form: a line of text, a choice, a switch or certificates.

use domain::Label;
use leptos::either::EitherOf4;
use leptos::prelude::*;

use super::certificates::TrustedCertificates;
use super::control::{Control, control};
use super::row::{FieldRow, described, is_locked, is_required};
use super::warnings::Warnings;
use crate::reactive;
use crate::settings::state::Editor;

#[component]
pub fn Field(editor: Editor, label: Label) -> impl IntoView {
    let input = match control(label) {
        Control::Line {
            keyboard,
            placeholder,
        } => EitherOf4::A(view! { <Line editor label keyboard placeholder /> }),
        Control::Choice(choices) => EitherOf4::B(view! { <Choices editor label choices /> }),
        Control::Switch(words) => EitherOf4::C(view! { <Switch editor label words /> }),
        Control::Certificates => EitherOf4::D(view! { <TrustedCertificates editor /> }),
    };
    view! {
        <FieldRow editor label>
            {input}
            <Warnings editor label />
        </FieldRow>
    }
}

#[component]
fn Line(
    editor: Editor,
    label: Label,
    keyboard: &'static str,
    placeholder: &'static str,
) -> impl IntoView {
    let class = match keyboard {
        "numeric" => "control control-short",
        _ => "control",
    };
    view! {
        <input
            class=class
            id=label.as_str()
            name=label.as_str()
            type="text"
            inputmode=keyboard
            placeholder=placeholder
            disabled=is_locked(editor, label)
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            aria-required=if is_required(label) { "true" } else { "false" }
            aria-describedby=described(label)
            aria-invalid=reactive::state(move || editor.get(|state| state.fault(label).is_some()))
            value=editor.peek(|state| state.text(label).to_owned())
            prop:value=reactive::value(move || editor.get(|state| state.text(label).to_owned()))
            on:input:target=move |event| editor.edit(label, event.target().value())
        />
    }
}

#[component]
fn Choices(
    editor: Editor,
    label: Label,
    choices: &'static [(&'static str, &'static str)],
) -> impl IntoView {
    let option = move |(value, words): (&'static str, &'static str)| {
        let chosen = editor.peek(|state| state.text(label) == value);
        view! {
            <option value=value selected=chosen>
                {words}
            </option>
        }
    };
    view! {
        <select
            class="control"
            id=label.as_str()
            name=label.as_str()
            disabled=is_locked(editor, label)
            aria-describedby=described(label)
            aria-invalid=reactive::state(move || editor.get(|state| state.fault(label).is_some()))
            prop:value=reactive::value(move || editor.get(|state| state.text(label).to_owned()))
            on:change:target=move |event| editor.edit(label, event.target().value())
        >
            {choices.iter().copied().map(option).collect_view()}
        </select>
    }
}

#[component]
fn Switch(editor: Editor, label: Label, words: &'static str) -> impl IntoView {
    view! {
        <label class="check">
            <input
                id=label.as_str()
                name=label.as_str()
                type="checkbox"
                disabled=is_locked(editor, label)
                aria-describedby=described(label)
                checked=editor.peek(|state| state.text(label) == "1")
                prop:checked=reactive::flag(move || editor.get(|state| state.text(label) == "1"))
                on:change:target=move |event| {
                    let value = if event.target().checked() { "1" } else { "0" };
                    editor.edit(label, value.to_owned());
                }
            />
            {words}
        </label>
    }
}
