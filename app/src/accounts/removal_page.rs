//! The page that asks whether to delete an account.

use domain::Refusal;
use engine::{Actor, Postern};
use leptos::prelude::*;

use super::{DELETE_ACCOUNT, account_path, requests};
use crate::components::{ErrorNotice, HiddenFields, refused};
use crate::layout::console_page;
use crate::request::{other_fault, queries};

#[component]
pub fn AccountRemovalPage() -> impl IntoView {
    console_page("Delete an account", |actor| {
        let postern = expect_context::<Postern>();
        let id = requests::account_id(&queries());
        let fault = other_fault(&[]);
        Suspend::new(async move {
            match question(&postern, &actor, id, fault).await {
                Ok(page) => page,
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

async fn question(
    postern: &Postern,
    actor: &Actor,
    id: Result<String, Refusal>,
    fault: Option<String>,
) -> Result<AnyView, Refusal> {
    let account = postern.accounts().read(actor, &id?).await?;
    let back = account_path(&account.id);
    Ok(view! {
        <div class="page">
            <header class="page-head">
                <h1>{format!("Delete {}?", account.email)}</h1>
            </header>
            {fault.map(|text| view! { <ErrorNotice text /> })}
            <section class="card">
                <form class="card-body" method="post" action=DELETE_ACCOUNT>
                    <HiddenFields fields=vec![("id", account.id)] />
                    <p>
                        <strong>"Its sessions end, and its tokens are deleted."</strong>
                        " This cannot be undone."
                    </p>
                    <div class="buttons">
                        <button class="button button-danger" type="submit">
                            "Delete account"
                        </button>
                        <a class="button button-secondary" href=back>
                            "Back"
                        </a>
                    </div>
                </form>
            </section>
        </div>
    }
    .into_any())
}
