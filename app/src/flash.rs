//! What the last form did, which the next page shows once.

use domain::outbox::MessageAction;
use leptos::prelude::use_context;
use serde::{Deserialize, Serialize};

/// What a form did. The server crate keeps it in a cookie until the next page, and provides it as context
/// of that page: a link to the page shows nothing that did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flash {
    /// An action changed this number of recipients.
    Acted(MessageAction, i64),
    /// Delivery was paused.
    Paused,
    /// Delivery was resumed.
    Resumed,
    /// This address was removed from the suppression list.
    SuppressionRemoved(String),
    /// This number of addresses was removed from the suppression list.
    SuppressionsRemoved(i64),
    /// A relay of this name was added.
    RelayAdded(String),
    /// The relay of this name was changed.
    RelayChanged(String),
    /// The relay of this name was removed.
    RelayRemoved(String),
    /// The revision of a relay's settings with this number was brought back.
    RevisionRestored(i64),
    /// The same, without the password that the revision had.
    RevisionRestoredWithoutPassword(i64),
    /// A check of a relay was requested.
    CheckRequested,
    /// The own relay was removed.
    OwnRelayRemoved,
    /// The organisation's policy was saved.
    PolicySaved,
    /// The networks of administrators were saved.
    NetworksSaved,
    /// The own password was changed.
    PasswordChanged,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey was removed.
    PasskeyRemoved,
    /// The second factor of the own account was removed.
    SecondFactorRemoved,
    /// An account with this address was created.
    AccountCreated(String),
    /// The person with this address was invited by a mail.
    AccountInvited(String),
    /// The account with this address was changed.
    AccountChanged(String),
    /// The account with this address was disabled.
    AccountDisabled(String),
    /// The account with this address was enabled.
    AccountEnabled(String),
    /// The limits of the account or the token of this name were changed.
    LimitsChanged(String),
    /// The account with this address was deleted.
    AccountDeleted(String),
    /// A link to reset a password was requested.
    ResetRequested,
    /// The password of the account with this address was set by a link.
    PasswordSet(String),
    /// A link was mailed to this address, from which the account asks to send.
    SenderAsked(String),
    /// The account with the first address may send from the second.
    SenderConfirmed(String, String),
    /// An administrator let an account send from this address or domain.
    SenderAdded(String),
    /// An account no longer sends from an address or a domain.
    SenderRemoved,
    /// A webhook got a URL at this host.
    WebhookMoved(String),
    /// The webhook at this host was switched on.
    WebhookOn(String),
    /// The webhook at this host was switched off.
    WebhookOff(String),
    /// A test event was queued for the webhook at this host.
    WebhookTested(String),
    /// The webhook at this host was removed.
    WebhookRemoved(String),
    /// A DKIM key with this selector was made.
    DkimKeyMade(String),
    /// The DKIM key with this selector was activated.
    DkimKeyActivated(String),
    /// The DKIM key with this selector was removed.
    DkimKeyRemoved(String),
    /// A key for stored secrets was made.
    KeyMade,
    /// A key for browsers was made.
    BrowserKeyMade,
    /// The key with this id was retired.
    KeyRetired(String),
    /// A session was ended.
    SessionEnded,
    /// This number of sessions of an account was ended.
    SessionsEnded(u64),
    /// A token was revoked.
    TokenRevoked,
}

/// What the form before this page did.
pub fn flash() -> Option<Flash> {
    use_context()
}
