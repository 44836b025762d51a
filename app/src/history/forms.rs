//! The forms of histories: bring a revision of a relay's settings back.

use domain::Refusal;

use super::request::RestoreRequest;
use super::{MY_RELAY_HISTORY, RESTORE_MY_RELAY, RESTORE_RELAY};
use crate::form::{FormAnswer, FormRequest, FormRoute};
use crate::relays::RELAYS;

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(RESTORE_RELAY, |posted| {
            restore(posted, RELAYS, RestoreRequest::of_relay)
        }),
        FormRoute::new(RESTORE_MY_RELAY, |posted| {
            restore(posted, MY_RELAY_HISTORY, RestoreRequest::of_own)
        }),
    ]
}

/// Parses a form.
type Parse = fn(&[(String, String)]) -> Result<RestoreRequest, Refusal>;

/// Brings a revision back. A form that cannot be read is answered with the page at `unread`.
async fn restore(posted: FormRequest, unread: &'static str, parse: Parse) -> FormAnswer {
    let mut page = unread.to_owned();
    let restored = async {
        let actor = posted.actor()?;
        let request = parse(posted.fields()?)?;
        page = request.page();
        let settings = posted.postern.settings().of_id(actor, &request.id)?;
        settings
            .restore(actor, request.number, request.password(), request.newest)
            .await?;
        Ok::<_, Refusal>(request)
    };
    match restored.await {
        Ok(request) => FormAnswer::done(request.history(), request.flash()),
        Err(refusal) => FormAnswer::refused(page, refusal),
    }
}
