//! The page that asks whether to delete an account.

use domain::Refusal;
use engine::{Actor, Postern};

use super::{DELETE_ACCOUNT, account_path};
use crate::components::{Question, refused};
use crate::layout::console_page;
use crate::request::{only_id, other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn AccountRemovalPage() -> impl IntoView {
    console_page("Delete an account", |actor| {
        let postern = expect_context::<Postern>();
        let id = only_id(&queries());
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
        <Question
            title=format!("Delete {}?", account.email)
            fault
            action=DELETE_ACCOUNT
            fields=vec![("id", account.id)]
            button=Some("Delete account".to_owned())
            back
        >
            <p>
                <strong>"Its sessions end, and its tokens are deleted."</strong>
                " This cannot be undone."
            </p>
        </Question>
    }
    .into_any())
}
