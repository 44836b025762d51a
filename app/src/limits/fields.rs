//! The fields of limits, in the form that changes them and in the one that creates a token.

use domain::Refusal;
use domain::limits::sending::LIMIT_NAMES;

use crate::components::FormField;
use crate::request::fault;
use crate::server_prelude::*;

/// The labels of the limits, in the order of [`LIMIT_NAMES`]: those of the periods, that of recipients.
pub const LABELS: [&str; 4] = [
    "Mails a minute",
    "Mails an hour",
    "Mails a day",
    "Recipients a mail",
];

/// A limit as typed; `None` where the field is empty or, with a fault under `name`, no number.
pub fn typed_limit(name: &str, text: &str, faults: &mut Refusal) -> Option<u32> {
    match text.trim() {
        "" => None,
        text => {
            let number = text.parse().ok();
            if number.is_none() {
                faults.add(name, "Enter a whole number, or nothing.");
            }
            number
        }
    }
}

/// A field for each limit. `values` are in the order of [`LIMIT_NAMES`].
#[component]
pub fn LimitFields(values: [String; 4]) -> AnyView {
    let fields = LIMIT_NAMES.into_iter().zip(LABELS).zip(values);
    let fields = fields.map(|((name, label), value)| {
        view! {
            <FormField
                name=name
                label=label
                autocomplete="off"
                inputmode="numeric"
                required=false
                value=value
                fault=fault(name)
            />
        }
    });
    view! { <div class="relay-limits">{fields.collect_view()}</div> }.into_any()
}
