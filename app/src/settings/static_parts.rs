//! The parts of the form that only the server draws, as a snapshot in the page.
//!
//! They are rendered in a `<template>` and patched into the island on hydration. In the island they
//! would add to the bundle, and as its children they would need type-erased views there.

use leptos::prelude::*;

use crate::live;

/// The ids of the elements that the parts are patched into.
pub const PROVIDERS: &str = "providers";
pub const CERTIFICATE_BOX: &str = "certificate-box";

/// The id of the template.
pub const TEMPLATE: &str = "static-parts";

/// Patches the parts into the island.
pub fn insert() {
    if let Some(template) = document().get_element_by_id(TEMPLATE) {
        live::patch(&template.inner_html());
    }
}
