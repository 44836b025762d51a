//! The limits in the texts of the `OpenAPI` document are those of the code.

use app::audit::EXPORT_FILE;
use domain::account::mailed_link::{INVITATION_LIFETIME, SENDER_LINK_LIFETIME};
use domain::account::session::CONFIRMATION_LIFETIME;
use domain::health::HISTORY_SHOWN;
use domain::mail::dkim::DKIM_RETENTION;
use domain::outbox::Suppression;
use domain::timestamp::in_words;
use domain::webhook::WEBHOOK_RETENTION;
use engine::Submissions;

use crate::rest::openapi;

#[test]
fn texts_name_the_limits_of_the_code() {
    let _ = crate::rest::router();
    let paths = &openapi::published()["paths"];
    for (operation, limit) in [
        (
            &paths["/api/suppressions"]["get"],
            format!("{} at most", Suppression::LISTED_MAX),
        ),
        (
            &paths["/api/messages/send-email"]["post"],
            format!("an array of up to {},", Submissions::MAX),
        ),
        (
            &paths["/api/senders"]["post"],
            format!("within {}.", in_words(SENDER_LINK_LIFETIME)),
        ),
        (
            &paths["/api/accounts"]["post"],
            format!("within {}.", in_words(INVITATION_LIFETIME)),
        ),
        (
            &paths["/api/domains/{domain}/keys/{id}/activate"]["post"],
            format!("deleted after {}.", in_words(DKIM_RETENTION)),
        ),
        (
            &paths["/api/webhooks/{id}/deliveries"]["get"],
            format!("kept for {}.", in_words(WEBHOOK_RETENTION)),
        ),
        (
            &paths["/api/message-webhooks/{id}/deliveries"]["get"],
            format!("kept for {}.", in_words(WEBHOOK_RETENTION)),
        ),
        (
            &paths["/api/relays/{id}/health"]["get"],
            format!("of the last {},", in_words(HISTORY_SHOWN)),
        ),
        (
            &paths[EXPORT_FILE]["get"],
            format!("within the last {}.", in_words(CONFIRMATION_LIFETIME)),
        ),
    ] {
        let text = operation["description"].as_str().expect("a description");
        let text = text.replace('\n', " ");
        assert!(text.contains(&limit), "{limit}: {text}");
    }
}
