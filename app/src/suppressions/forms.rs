//! The form of the suppression list: remove an address, or all that match a search.

use super::removal::{Removal, RemovalRequest};
use super::{REMOVE, SUPPRESSIONS};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Its route.
pub fn forms() -> Vec<FormRoute> {
    vec![FormRoute::new(REMOVE, remove)]
}

async fn remove(posted: FormRequest) -> FormAnswer {
    let mut page = SUPPRESSIONS.to_owned();
    let removed = async {
        let actor = posted.actor()?;
        let request = RemovalRequest::parse(posted.fields()?)?;
        page = request.page_url();
        let outbox = posted.postern.outbox();
        Ok(match request.removal {
            Removal::One(address) => {
                outbox.remove_suppression(actor, &address).await?;
                Flash::SuppressionRemoved(address)
            }
            Removal::All(number) => {
                let search = &request.search;
                let removed = outbox.remove_suppressions(actor, search, number).await?;
                Flash::SuppressionsRemoved(removed)
            }
        })
    };
    match removed.await {
        Ok(done) => FormAnswer::done(page, done),
        Err(refusal) => FormAnswer::refused(page, refusal),
    }
}
