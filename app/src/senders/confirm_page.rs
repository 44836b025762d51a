//! The page of a mailed link, with a button: programs that scan mail open links and press none.

use domain::Kind;
use engine::{Postern, RequestedSender};

use super::CONFIRM_SENDER;
use crate::components::ErrorNotice;
use crate::entrance::EntranceCard;
use crate::flash::{Flash, flash};
use crate::request::{other_fault, query, set_status};
use crate::server_prelude::*;

#[component]
pub fn SenderConfirmationPage() -> AnyView {
    if let Some(Flash::SenderConfirmed(account, address)) = flash() {
        return confirmed(account, address);
    }
    let postern = expect_context::<Postern>();
    let token = query("token").unwrap_or_default();
    let fault = other_fault(&[]);
    Suspend::new(async move {
        match postern.senders().asked(&token).await {
            Ok(Some(asked)) => question(token, asked, fault),
            Ok(None) => used(fault),
            Err(refusal) => {
                set_status(refusal.kind);
                view! {
                    <EntranceCard title="Not available at the moment" intro="The database does not answer.">
                        <ErrorNotice text=refusal.text().to_owned() />
                    </EntranceCard>
                }
                .into_any()
            }
        }
    })
    .into_any()
}

fn question(token: String, asked: RequestedSender, fault: Option<String>) -> AnyView {
    view! {
        <EntranceCard title="Confirm a sender address" intro="An account asks to send mail from your address.">
            {fault.map(|text| view! { <ErrorNotice text /> })}
            <p class="entrance-account">
                <strong>{asked.account}</strong> " asks to send mail from " <strong>{asked.address}</strong> "."
            </p>
            <form method="post" action=CONFIRM_SENDER>
                <input type="hidden" name="token" value=token />
                <button class="button button-primary" type="submit">
                    "Allow it"
                </button>
            </form>
            <p class="entrance-more">
                "If you do not want this, close the page. Nothing changes without the button."
            </p>
        </EntranceCard>
    }
    .into_any()
}

fn confirmed(account: String, address: String) -> AnyView {
    view! {
        <EntranceCard title="The address is confirmed" intro="You can close this page.">
            <p class="entrance-account" role="status">
                <strong>{account}</strong> " can send mail from " <strong>{address}</strong> " now."
            </p>
        </EntranceCard>
    }
    .into_any()
}

/// The content of the page for a link that is not valid, or no longer.
fn used(fault: Option<String>) -> AnyView {
    set_status(Kind::Forbidden);
    view! {
        <EntranceCard title="This link no longer works" intro="It has been used, has expired or is not the newest. The account can request a new link.">
            {fault.map(|text| view! { <ErrorNotice text /> })}
        </EntranceCard>
    }
    .into_any()
}
