//! The responses to refused requests in the `OpenAPI` document.

use std::collections::BTreeMap;

use utoipa::openapi::header::Header;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::envelope::ErrorEnvelope;

/// When a request has a foreign host, as every operation documents it.
pub const MISDIRECTED: &str = "The host name in the request is not one of this console's. A request with a token may have any.";

/// When Postern itself fails, as every operation documents it.
pub const INTERNAL: &str = "A fault of Postern itself. Its log has the cause.";

/// Declares types that stand for refusals in `#[utoipa::path(responses(…))]`.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $text:expr),+ $(,)? })+) => {$(
        $(#[$doc])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$(($status, $text)),+].into_iter().map(refusal).collect()
            }
        }
    )+};
}

refusals! {
    /// Responses of every operation with authentication or parameters.
    Always {
        "400": "The request is malformed: its Host, or its body, which is not JSON, has a name twice in one object, or is incomplete.",
        "422": "Fields or parameters are missing, unknown or invalid; all of them are reported.",
        "421": MISDIRECTED,
        "500": INTERNAL,
        "503": "The database does not answer, its disk is full, or a search took longer than 2 s. Nothing was changed; try again after Retry-After.",
    }
    /// Operations that need no authentication and read no parameters and no body.
    Anonymous {
        "400": "The request has not one Host, or a malformed one.",
        "403": "The request comes with the session or the token of an administrator: from a network that is not allowed, or without the second factor that the organisation requires.",
        "421": MISDIRECTED,
        "500": INTERNAL,
        "503": "The database does not answer. Try again after Retry-After.",
    }
    /// Operations for accounts and tokens.
    Restricted {
        "401": "Not signed in, or the token is not valid.",
        "403": "The account may not do this; or an administrator comes from a network that is not allowed, or has not the second factor that the organisation requires; or a browser sent a cookie from a page of another site. Under `confirmation`: the session neither began nor was confirmed within the last 10 minutes; /confirm asks its person. Tokens are not asked.",
    }
    /// Operations that take a JSON body.
    JsonRefused {
        "408": "The body did not arrive in time: 10 seconds, and more for a large mail at 32 KiB a second.",
        "413": "The body is too large, or has more than 120,000 values.",
        "415": "The Content-Type is not `application/json`.",
    }
    Missing {
        "404": "It does not exist, or it belongs to another account.",
    }
    Conflicting {
        "409": "It was changed by another request since; the text says what differs.",
    }
    /// Changes of accounts.
    Protected {
        "409": "The address has an account; or mail of the account is stored; or no other administrator could sign in.",
    }
    /// Additions of sender addresses.
    Allowed {
        "409": "The account may send from it already, or is disabled.",
    }
    /// Changes and tests of webhooks.
    Clashing {
        "409": "Another webhook has this URL; or there are 10 already; or it is switched off; or 20 events wait for it.",
    }
    /// Additions and activations of DKIM keys.
    KeyConflict {
        "409": "The record of the key is not in DNS, or DNS does not say so; or the domain has 10 keys already.",
    }
    /// Rotation and retirement of keys.
    KeyInUse {
        "409": "The key seals, or a value refers to it, or another key seals only since a few seconds; or a new key waits for nodes to have its file.",
    }
    StillRunning {
        "409": "Another request with this Idempotency-Key is still running.",
    }
    Throttled {
        "429": "Too many at a time or in a minute. Try again after Retry-After.",
    }
    /// Submissions beyond a limit of messages.
    AtLimit {
        "429": "The account or the token sent as many mails as it may in a minute, an hour or a day; the text says which limit is reached, and from when on the mail is accepted. Try again after Retry-After.",
    }
    /// Failures of a relay.
    RelayRefusals {
        "502": "The relay refused the mail, or could not be reached; the text says why and what to do.",
        "504": "The relay did not answer in time.",
    }
}

fn refusal((status, text): (&str, &str)) -> (String, RefOr<Response>) {
    let envelope = Ref::from_schema_name(ErrorEnvelope::name());
    let content = ContentBuilder::new().schema(Some(envelope)).build();
    let mut response = ResponseBuilder::new()
        .description(text)
        .content("application/json", content);
    if matches!(status, "429" | "503") {
        let mut seconds = Header::new(ObjectBuilder::new().schema_type(Type::Integer));
        seconds.description = Some("Seconds to wait.".to_owned());
        response = response.header("Retry-After", seconds);
    }
    (status.to_owned(), response.build().into())
}
