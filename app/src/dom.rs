//! What no view can say: where the focus goes, how the page came here. And the few types reactive
//! values have on the page.

use std::sync::{Arc, Mutex};

use leptos::prelude::*;
use leptos::tachys::reactive_graph::SharedReactiveFunction;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{HtmlElement, HtmlTextAreaElement};

// Every type of a reactive value brings code of its own into the browser. The islands make do
// with these.

type Following<T> = SharedReactiveFunction<T>;

/// A text that follows `f`.
pub fn text(f: impl Fn() -> &'static str + Send + 'static) -> Following<&'static str> {
    Arc::new(Mutex::new(f))
}

/// A text that is there at times.
pub fn maybe(f: impl Fn() -> Option<String> + Send + 'static) -> Following<Option<String>> {
    Arc::new(Mutex::new(f))
}

/// An attribute that is there or not.
pub fn flag(f: impl Fn() -> bool + Send + 'static) -> Following<bool> {
    Arc::new(Mutex::new(f))
}

/// An ARIA state.
pub fn state(f: impl Fn() -> bool + Send + 'static) -> Following<&'static str> {
    text(move || if f() { "true" } else { "false" })
}

/// What an input holds.
pub fn value(f: impl Fn() -> String + Send + 'static) -> Following<String> {
    Arc::new(Mutex::new(f))
}

/// Puts the focus on an element once the page shows what it is to show, unfolding what hides it.
pub fn focus(id: &'static str) {
    request_animation_frame(move || {
        let Some(element) = document().get_element_by_id(id) else {
            return;
        };
        if let Ok(Some(folded)) = element.closest("details") {
            // Folded it could not take the focus; nothing is lost if it stays folded.
            let _ = folded.set_attribute("open", "");
        }
        if let Ok(element) = element.dyn_into::<HtmlElement>() {
            let _ = element.focus();
        }
    });
}

/// Brings an element into view, and what stands above it, once the page shows what it is to show.
pub fn show(id: &'static str) {
    request_animation_frame(move || {
        if let Some(element) = document().get_element_by_id(id) {
            element.scroll_into_view_with_bool(false);
        }
    });
}

/// What an element holds in `data-source`. Nothing on the server, which has no page to look into.
pub fn data(id: &str) -> Option<String> {
    if is_server() {
        return None;
    }
    document()
        .get_element_by_id(id)?
        .get_attribute("data-source")
}

/// A text area.
pub fn area(id: &str) -> Option<HtmlTextAreaElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

/// Protocol and host name of the page's address.
pub fn origin() -> Option<(String, String)> {
    let location = window().location();
    Some((location.protocol().ok()?, location.hostname().ok()?))
}
