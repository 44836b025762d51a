//! Elements of the page by their id: focus, scrolling, data attributes, text areas.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{
    HtmlElement, HtmlTextAreaElement, ScrollIntoViewOptions, ScrollLogicalPosition,
};

/// Focuses an element after the next rendering, and opens the `<details>` it is in.
pub fn focus(id: &'static str) {
    request_animation_frame(move || {
        let Some(element) = document().get_element_by_id(id) else {
            return;
        };
        if let Ok(Some(folded)) = element.closest("details") {
            // A failure leaves it closed, and the element without focus.
            let _ = folded.set_attribute("open", "");
        }
        if let Ok(element) = element.dyn_into::<HtmlElement>() {
            let _ = element.focus();
        }
    });
}

/// Scrolls an element into view after the next rendering, as little as needed.
pub fn scroll_into_view(id: &'static str) {
    request_animation_frame(move || {
        if let Some(element) = document().get_element_by_id(id) {
            let options = ScrollIntoViewOptions::new();
            options.set_block(ScrollLogicalPosition::Nearest);
            element.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
}

/// The attribute `data-source` of an element; `None` on the server, which has no document.
pub fn data_source(id: &str) -> Option<String> {
    if is_server() {
        return None;
    }
    document()
        .get_element_by_id(id)?
        .get_attribute("data-source")
}

/// The text area with this id.
pub fn text_area(id: &str) -> Option<HtmlTextAreaElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}
