//! The parts of the form that only the server draws, as a snapshot in the page.
//!
//! They stand in a `<template>` and are patched into the island when it is hydrated. In the island
//! they would be in the bundle, and as children of an island they need type-erased views there.

use leptos::prelude::*;

use crate::live;

/// The elements that they are patched into.
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
