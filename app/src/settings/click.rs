//! Clicks on the buttons that carry a [`SettingsAction`].

use domain::Label;
use leptos::ev::MouseEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;
use web_sys::HtmlDocument;

use super::fields::{add_pasted, trust};
use super::state::{Editor, SettingsAction};
use crate::element;
use crate::live::from_attribute;

/// Carries out the action of the button that was clicked.
pub fn clicked(editor: Editor, event: &MouseEvent) {
    let button = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok())
        .and_then(|target| target.closest("button").ok()?);
    let action = button
        .as_ref()
        .and_then(|button| from_attribute(&button.get_attribute("data-action")?));
    let (Some(button), Some(action)) = (button, action) else {
        return;
    };
    match action {
        SettingsAction::Copy(id) => copy(&button, &id),
        SettingsAction::Fill(preset) => {
            editor.fill(preset);
            element::focus(Label::Host.as_str());
        }
        SettingsAction::Trust(certificate) => trust(editor, certificate, false),
        SettingsAction::AddCertificates => add_pasted(editor),
        SettingsAction::RemoveCertificate(index) => {
            editor.change(|state| state.distrust(index));
            element::focus(Label::TrustedCertificates.as_str());
        }
        SettingsAction::ChoosePassword(choice) => editor.choose(choice),
    }
}

/// Copies the text of an element by `execCommand`, because the clipboard API needs HTTPS.
fn copy(button: &Element, id: &str) {
    let text = document().get_element_by_id(id);
    let selection = window().get_selection();
    let page = document().dyn_into::<HtmlDocument>();
    let (Some(text), Ok(Some(selection)), Ok(page)) = (text, selection, page) else {
        return;
    };
    let selected = selection.select_all_children(&text).is_ok();
    if selected && page.exec_command("copy").unwrap_or(false) {
        button.set_text_content(Some("Copied"));
    }
}
