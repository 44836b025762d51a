//! What an account may send from, on its page for administrators: the list, and its form.

use domain::account::Role;
use engine::SenderView;

use super::{ADD_SENDER_OF, REMOVE_SENDER_OF};
use crate::components::{FormField, HiddenFields};
use crate::request::fault;
use crate::senders::{SenderForm, SenderList};
use crate::server_prelude::*;

/// `account` is the id of the account.
#[component]
pub fn SendersSection(account: String, role: Role, senders: Vec<SenderView>) -> AnyView {
    let typed = use_context::<SenderForm>().unwrap_or_default();
    let text = match role {
        Role::User => "The From addresses that its mail may name.",
        Role::Admin => {
            "The From addresses that its mail may name. Signed in, and with tokens that were made so, an \
             administrator sends from any address."
        }
    };
    view! {
        <section class="card" aria-labelledby="senders-title">
            <header class="card-head">
                <h2 id="senders-title">"Sender addresses"</h2>
                <p>{text}</p>
            </header>
            <SenderList
                senders
                action=REMOVE_SENDER_OF
                fields=vec![("account", account.clone())]
            />
            <form class="card-body" method="post" action=ADD_SENDER_OF autocomplete="off">
                <HiddenFields fields=vec![("account", account)] />
                <div class="narrow">
                    <FormField
                        name="address"
                        label="Address or domain"
                        autocomplete="off"
                        hint="As in team@example.org; or example.org for every address of the domain, without its subdomains. Nothing is mailed."
                        value=typed.address
                        fault=fault("address")
                    />
                </div>
                <div class="buttons">
                    <button class="button button-secondary" type="submit">
                        "Add"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
