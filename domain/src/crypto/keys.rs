//! Views of keys: those that seal stored secrets, and the key pairs that browsers seal for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::Timestamp;

/// The age from which on a sealing key is reported as due for rotation. NIST SP 800-57 limits the
/// cryptoperiod of a key that seals data at rest to two years.
pub const ROTATION_AGE: Duration = Duration::from_secs(365 * 24 * 3600);

/// The kind of a sealed value.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SealedKind {
    /// The password of a relay.
    RelayPassword,
    /// The password of a relay in an earlier revision of its settings.
    EarlierPassword,
    /// The secret of an authenticator app.
    SecondFactor,
    /// The secret of a webhook.
    WebhookSecret,
    /// A private key of DKIM.
    DkimKey,
    /// The private key of a key pair for browsers.
    BrowserKey,
}

impl SealedKind {
    /// Whether a person must enter or make the value again when its key is lost. Other values expire
    /// without a replacement.
    pub const fn is_entered_again(self) -> bool {
        !matches!(self, Self::EarlierPassword | Self::BrowserKey)
    }

    /// Formats a number of values of this kind, as in `2 relay passwords`.
    pub fn counted(self, number: i64) -> String {
        let name = match self {
            Self::RelayPassword => "relay password",
            Self::EarlierPassword => "earlier password",
            Self::SecondFactor => "authenticator app",
            Self::WebhookSecret => "webhook secret",
            Self::DkimKey => "DKIM key",
            Self::BrowserKey => "browser key",
        };
        match number {
            1 => format!("1 {name}"),
            _ => format!("{number} {name}s"),
        }
    }
}

/// The number of values of a kind that a key seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedCount {
    /// The kind of the values.
    pub kind: SealedKind,
    /// The number of values.
    pub number: i64,
}

/// The state of a sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = "active"))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SealingKeyState {
    /// The key exists, and seals as soon as every node has its file.
    Waiting,
    /// The key seals new values.
    Active,
    /// The key opens the values that it sealed, and these are being sealed with the active key.
    Old,
    /// The key file is missing: the values that the key sealed do not open.
    Lost,
    /// The key file holds another key: the values that the key sealed do not open.
    Damaged,
}

impl SealingKeyState {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the values that the key sealed can be opened.
    pub const fn opens(self) -> bool {
        !matches!(self, Self::Lost | Self::Damaged)
    }
}

/// A key that seals stored secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKeyView {
    /// The id, which is the name of its file without `.key`.
    pub id: String,
    /// When the key was made.
    pub created_at: Timestamp,
    /// The state of the key in the process that answers the request.
    pub state: SealingKeyState,
    /// Whether the process that answers the request has the key only in memory because the key file is
    /// missing. The key is lost when the process ends.
    pub is_in_memory_only: bool,
    /// The number of sealed values of each kind; kinds without a value are left out.
    pub values: Vec<SealedCount>,
}

impl SealingKeyView {
    /// The number of values that the key seals.
    pub fn number(&self) -> i64 {
        self.values.iter().map(|count| count.number).sum()
    }

    /// Formats the sealed values, as in `1 relay password, 2 webhook secrets`.
    pub fn counted(&self) -> String {
        counted(&self.values)
    }

    /// The number of values that must be entered or made again; 0 while the key opens them.
    pub fn to_enter_again(&self) -> i64 {
        let is_lost = !self.state.opens();
        let values = self.values.iter();
        let lost = values.filter(|count| is_lost && count.kind.is_entered_again());
        lost.map(|count| count.number).sum()
    }
}

/// A key pair whose public key browsers seal passwords for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserKeyView {
    /// The id, the `kid` of the published key.
    pub id: String,
    /// When the key was made.
    pub created_at: Timestamp,
    /// Whether the key pair is the published one.
    pub is_published: bool,
    /// The time until which passwords sealed for this key pair are accepted.
    pub accepted_until: Timestamp,
    /// The number of passwords that were sealed for this key pair and used.
    pub uses: i64,
}

/// All keys, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysView {
    /// The keys that seal stored secrets.
    pub sealing: Vec<SealingKeyView>,
    /// The key pairs for browsers.
    pub browser: Vec<BrowserKeyView>,
    /// The nodes without the file of the waiting key, by host and folder.
    pub without_file: Vec<String>,
    /// The time at which the keys were read.
    pub now: Timestamp,
}

impl KeysView {
    /// The key that seals new values.
    pub fn active(&self) -> Option<&SealingKeyView> {
        let mut keys = self.sealing.iter();
        keys.find(|key| key.state == SealingKeyState::Active)
    }

    /// When the active key was made, if it is older than [`ROTATION_AGE`].
    pub fn due_for_rotation(&self) -> Option<Timestamp> {
        let made = self.active()?.created_at;
        (self.now.saturating_since(made) >= ROTATION_AGE).then_some(made)
    }

    /// The keys whose files are missing and that are lost when the process that answers the request
    /// ends.
    pub fn in_memory_only(&self) -> impl Iterator<Item = &SealingKeyView> {
        self.sealing.iter().filter(|key| key.is_in_memory_only)
    }

    /// The number of sealed values.
    pub fn number(&self) -> i64 {
        self.sealing.iter().map(SealingKeyView::number).sum()
    }

    /// The number of values that are not yet sealed with the active key.
    pub fn to_seal_anew(&self) -> i64 {
        let old = self
            .sealing
            .iter()
            .filter(|key| key.state == SealingKeyState::Old);
        old.map(SealingKeyView::number).sum()
    }

    /// The number of values that must be entered or made again because their keys are lost.
    pub fn to_enter_again(&self) -> i64 {
        let keys = self.sealing.iter();
        keys.map(SealingKeyView::to_enter_again).sum()
    }
}

/// Formats counts of values, as in `1 relay password, 2 webhook secrets`.
pub fn counted(values: &[SealedCount]) -> String {
    let texts = values.iter().map(|count| count.kind.counted(count.number));
    match values {
        [] => "no values".to_owned(),
        _ => texts.collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(state: SealingKeyState, values: &[(SealedKind, i64)]) -> SealingKeyView {
        let values = values.iter();
        SealingKeyView {
            id: state.as_str().to_owned(),
            created_at: Timestamp(0),
            state,
            is_in_memory_only: false,
            values: values
                .map(|&(kind, number)| SealedCount { kind, number })
                .collect(),
        }
    }

    fn view(sealing: Vec<SealingKeyView>, age: Duration) -> KeysView {
        KeysView {
            sealing,
            browser: Vec::new(),
            without_file: Vec::new(),
            now: Timestamp(0) + age,
        }
    }

    #[test]
    fn values_of_lost_keys_are_entered_again_and_those_of_old_ones_sealed_anew() {
        use SealedKind::{BrowserKey, EarlierPassword, RelayPassword, WebhookSecret};
        let view = view(
            vec![
                key(SealingKeyState::Active, &[(RelayPassword, 3)]),
                key(SealingKeyState::Old, &[(RelayPassword, 1), (BrowserKey, 1)]),
                key(
                    SealingKeyState::Lost,
                    &[(RelayPassword, 1), (EarlierPassword, 5)],
                ),
                key(
                    SealingKeyState::Damaged,
                    &[(WebhookSecret, 2), (BrowserKey, 1)],
                ),
            ],
            Duration::ZERO,
        );
        assert_eq!(view.number(), 14);
        assert_eq!(view.to_seal_anew(), 2);
        assert_eq!(view.to_enter_again(), 3);
        let texts: Vec<String> = view.sealing.iter().map(SealingKeyView::counted).collect();
        assert_eq!(
            texts[2..],
            [
                "1 relay password, 5 earlier passwords",
                "2 webhook secrets, 1 browser key"
            ]
        );
        assert_eq!(key(SealingKeyState::Old, &[]).counted(), "no values");
    }

    #[test]
    fn a_key_is_due_for_rotation_after_a_year() {
        let of_age = |state, age| view(vec![key(state, &[])], age).due_for_rotation();
        let day = Duration::from_hours(24);
        let before = ROTATION_AGE.saturating_sub(day);
        for (state, age, expected) in [
            (SealingKeyState::Active, before, None),
            (SealingKeyState::Active, ROTATION_AGE, Some(Timestamp(0))),
            (SealingKeyState::Old, ROTATION_AGE + day, None),
        ] {
            assert_eq!(of_age(state, age), expected, "{state:?} {age:?}");
        }
    }
}
