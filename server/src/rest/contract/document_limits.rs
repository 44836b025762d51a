//! The limits in the texts of the `OpenAPI` document are those of the code.

use domain::outbox::Suppression;
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
    ] {
        let text = operation["description"].as_str().expect("a description");
        assert!(text.contains(&limit), "{limit}: {text}");
    }
}
