//! The buttons in a picture. The server drew them, so they say in `data-…` what they are for.

use domain::Label;
use leptos::ev::MouseEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;
use web_sys::HtmlDocument;

use crate::dom;
use crate::email::editor::Editor;

/// Does what the button that was pressed is for.
pub fn clicked(editor: Editor, event: &MouseEvent) {
    let Some(button) = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok())
        .and_then(|target| target.closest("button").ok()?)
    else {
        return;
    };
    if let Some(id) = button.get_attribute("data-copy") {
        copy(&button, &id);
    } else if let Some(settings) = button.get_attribute("data-use") {
        fill(editor, &settings);
        dom::focus(Label::Host.as_str());
    } else if let Some(certificate) = button.get_attribute("data-trust") {
        editor.trust(certificate, false);
    } else if let Some(area) = button
        .get_attribute("data-add")
        .and_then(|id| dom::area(&id))
    {
        editor.trust(area.value(), true);
    } else if let Some(Ok(at)) = button.get_attribute("data-remove").map(|at| at.parse()) {
        editor.change(|state| state.distrust(at));
        dom::focus(Label::TrustedCertificates.as_str());
    }
}

/// Fills settings in, a line each: `label=value`, where `@` stands for the address on the form, and
/// `label?=value` for what is filled in only where nothing stands. Returns what else is said, as `note=…`.
pub fn fill(editor: Editor, settings: &str) -> Option<String> {
    let mut said = None;
    for (name, value) in settings.lines().filter_map(|line| line.split_once('=')) {
        let value = match value {
            "@" => editor.peek(|state| state.text(Label::FromAddress).to_owned()),
            _ => value.to_owned(),
        };
        let empty_only = name.strip_suffix('?');
        match Label::shown(empty_only.unwrap_or(name)) {
            Some(label)
                if empty_only.is_some() && !editor.peek(|state| state.text(label).is_empty()) => {}
            Some(label) => {
                // What was trusted, or not checked, was so for another relay.
                if label == Label::Host && editor.peek(|state| state.text(label) != value) {
                    editor.edit(Label::CertificateCheck, "Verify".to_owned());
                }
                editor.edit(label, value);
            }
            None => said = Some(value),
        }
    }
    said
}

/// Copies what an element holds. Not by the newer way, which browsers have on encrypted lines only.
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
