//! Brings what is on the page up to what was drawn since, and leaves alone what is the same: the
//! focus, a selection, what is unfolded.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, Node};

/// Brings every element up to date that has an id at the top of `html`.
pub fn patch(html: &str) {
    let Ok(drawn) = document().create_element("div") else {
        return;
    };
    drawn.set_inner_html(html);
    let mut next = drawn.first_element_child();
    while let Some(new) = next {
        next = new.next_element_sibling();
        if let Some(old) = document().get_element_by_id(&new.id()) {
            follow(&old, &new);
        }
    }
}

/// Gives `old` the children of `new`. Those that stay are never moved, because what moves loses the
/// focus: what is drawn has its lines in one order.
fn follow(old: &Node, new: &Node) {
    let mut at = old.first_child();
    while let Some(wanted) = new.first_child() {
        // Out of the way: what is wanted next is first again.
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

/// Whether one may become the other: of the same name, and of the same id where there is one.
fn is_kin(a: &Node, b: &Node) -> bool {
    a.node_name() == b.node_name() && id(a) == id(b)
}

fn id(node: &Node) -> Option<String> {
    node.dyn_ref::<Element>().map(Element::id)
}

/// Whether they differ in nothing but their children.
fn is_alike(a: &Node, b: &Node) -> bool {
    match (a.clone_node(), b.clone_node()) {
        (Ok(a), Ok(b)) => a.is_equal_node(Some(&b)),
        _ => false,
    }
}
