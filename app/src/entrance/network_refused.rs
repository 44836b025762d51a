//! The page of an administrator who comes from a network that is not allowed.

use super::{EntranceCard, LOGOUT};
use crate::components::ErrorNotice;
use crate::server_prelude::*;

/// Why the caller gets no page. The server crate provides it as context of the page that it renders
/// instead.
#[derive(Clone, Debug)]
pub struct NetworkRefusal(pub String);

/// The reason, and the way out: another account is not affected.
pub fn network_refused(NetworkRefusal(text): NetworkRefusal) -> AnyView {
    view! {
        <EntranceCard title="Not from this network" intro="You are signed in as an administrator, and nothing was read or changed.">
            <ErrorNotice text />
            <form method="post" action=LOGOUT>
                <button class="button button-secondary" type="submit">
                    "Sign out"
                </button>
            </form>
        </EntranceCard>
    }
    .into_any()
}
