//! The result of the last form of the outbox, shown above its pages.

use crate::components::{ErrorNotice, SuccessNotice};
use crate::flash::{Flash, flash};
use crate::outbox::format::done;
use crate::request::other_fault;
use crate::server_prelude::*;

/// The notice about the last form, if the page follows one.
pub fn form_result() -> Option<AnyView> {
    if let Some(text) = other_fault(&[]) {
        return Some(view! { <ErrorNotice text /> }.into_any());
    }
    let text = match flash()? {
        Flash::Paused => "Delivery is paused.".to_owned(),
        Flash::Resumed => "Delivery is running again.".to_owned(),
        Flash::Acted(action, number) => done(action, number),
        _ => return None,
    };
    Some(view! { <SuccessNotice text /> }.into_any())
}
