//! The forms of sender addresses: of the own account, and by a mailed link.

use domain::Refusal;

use super::{
    CONFIRM_SENDER, REMOVE_SENDER, SEND_AGAIN, SENDERS, SenderForm, SenderIdForm, SenderLinkForm,
};
use crate::entrance::link_path;
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(SENDERS, add),
        FormRoute::new(SEND_AGAIN, send_again),
        FormRoute::new(REMOVE_SENDER, remove),
        FormRoute::open(CONFIRM_SENDER, confirm),
    ]
}

async fn add(posted: FormRequest) -> FormAnswer {
    let mut form = SenderForm::default();
    let added = async {
        let actor = posted.actor()?;
        form = posted.read()?;
        posted.postern.senders().add(actor, &form.address).await
    };
    match added.await {
        Ok(sender) => FormAnswer::done(SENDERS, Flash::SenderAsked(sender.address)),
        Err(refusal) => FormAnswer::refused_with(SENDERS, form, refusal),
    }
}

async fn send_again(posted: FormRequest) -> FormAnswer {
    let sent = async {
        let actor = posted.actor()?;
        let form: SenderIdForm = posted.read()?;
        let senders = posted.postern.senders();
        let mut sent = senders.send_again(actor, &form.id).await;
        if let Err(refusal) = &mut sent {
            // Beside no field: the form has a button and nothing else.
            *refusal = Refusal {
                retry_after: refusal.retry_after,
                ..Refusal::new(refusal.kind, refusal.text())
            };
        }
        sent
    };
    match sent.await {
        Ok(sender) => FormAnswer::done(SENDERS, Flash::SenderAsked(sender.address)),
        Err(refusal) => FormAnswer::refused(SENDERS, refusal),
    }
}

async fn remove(posted: FormRequest) -> FormAnswer {
    let removed = async {
        let actor = posted.actor()?;
        let form: SenderIdForm = posted.read()?;
        posted.postern.senders().remove(actor, &form.id).await
    };
    match removed.await {
        Ok(()) => FormAnswer::done(SENDERS, Flash::SenderRemoved),
        Err(refusal) => FormAnswer::refused(SENDERS, refusal),
    }
}

/// Confirms an address by a mailed link. Its holder may have no account.
async fn confirm(posted: FormRequest) -> FormAnswer {
    let mut form = SenderLinkForm::default();
    let confirmed = async {
        form = posted.read()?;
        let senders = posted.postern.senders();
        senders.confirm(&form.token, &posted.origin).await
    };
    match confirmed.await {
        Ok(sender) => {
            let done = Flash::SenderConfirmed(sender.account, sender.address);
            FormAnswer::done(CONFIRM_SENDER, done)
        }
        Err(refusal) => FormAnswer::refused(link_path(CONFIRM_SENDER, &form.token), refusal),
    }
}
