//! Patches a snapshot into the page; focus, selection and open `<details>` stay as they are.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, Node};

/// Gives each element on the page the children of the top-level element in `html` with its id.
pub fn patch(html: &str) {
    let Ok(snapshot) = document().create_element("div") else {
        return;
    };
    snapshot.set_inner_html(html);
    let mut next = snapshot.first_element_child();
    while let Some(new) = next {
        next = new.next_element_sibling();
        if let Some(old) = document().get_element_by_id(&new.id()) {
            follow(&old, &new);
        }
    }
}

/// Empties an element.
pub fn clear(id: &str) {
    if let Some(element) = document().get_element_by_id(id) {
        element.set_text_content(None);
    }
}

/// Gives `old` the children of `new`. Kept nodes are never moved, because moving an element takes
/// its focus. This relies on a constant order of the rows of a snapshot.
fn follow(old: &Node, new: &Node) {
    let mut at = old.first_child();
    while let Some(wanted) = new.first_child() {
        // Removing it makes the next wanted child the first one.
        let _ = new.remove_child(&wanted);
        let mut stays = at.clone();
        while let Some(node) = &stays {
            if is_kin(node, &wanted) {
                break;
            }
            stays = node.next_sibling();
        }
        let Some(stays) = stays else {
            let _ = old.insert_before(&wanted, at.as_ref());
            continue;
        };
        while let Some(gone) = at.filter(|node| !node.is_same_node(Some(&stays))) {
            at = gone.next_sibling();
            let _ = old.remove_child(&gone);
        }
        at = stays.next_sibling();
        if stays.is_equal_node(Some(&wanted)) {
            continue;
        }
        if is_alike(&stays, &wanted) {
            follow(&stays, &wanted);
        } else {
            let _ = old.replace_child(&wanted, &stays);
        }
    }
    while let Some(gone) = at {
        at = gone.next_sibling();
        let _ = old.remove_child(&gone);
    }
}

/// Whether a node can be patched into the other: same name, and same id if it has one.
fn is_kin(a: &Node, b: &Node) -> bool {
    a.node_name() == b.node_name() && id(a) == id(b)
}

fn id(node: &Node) -> Option<String> {
    node.dyn_ref::<Element>().map(Element::id)
}

/// Whether the nodes differ in their children only.
fn is_alike(a: &Node, b: &Node) -> bool {
    match (a.clone_node(), b.clone_node()) {
        (Ok(a), Ok(b)) => a.is_equal_node(Some(&b)),
        _ => false,
    }
}
