//! Keys: those that seal stored secrets, and the pairs that browsers seal passwords for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::Timestamp;

/// The age from which on a sealing key is to be rotated: the cryptoperiod of NIST SP 800-57 for a key that
/// seals data at rest is at most two years.
pub const ROTATION_AGE: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a sealed value is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SealedKind {
    /// The password of a relay.
    RelayPassword,
    /// The password of a relay as an earlier revision of its settings has it.
    EarlierPassword,
    /// The secret of an authenticator app.
    SecondFactor,
    /// The secret of a webhook.
    WebhookSecret,
    /// The private key of DKIM.
    DkimKey,
    /// The private key of a pair for browsers.
    BrowserKey,
}

impl SealedKind {
    /// Whether somebody has to enter or to make the value again when its key is lost. The others go by
    /// themselves.
    pub const fn is_entered_again(self) -> bool {
        !matches!(self, Self::EarlierPassword | Self::BrowserKey)
    }

    /// So many of them in words, as in `2 relay passwords`.
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

/// How many values of a kind a key seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedCount {
    /// What they are.
    pub kind: SealedKind,
    /// How many.
    pub number: i64,
}

/// The state of a sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = "active"))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SealingKeyState {
    /// It is made, and seals as soon as every node has its file.
    Waiting,
    /// It seals new values.
    Active,
    /// It opens the values that it sealed, and these are sealed anew.
    Old,
    /// Its file is missing: the values that it sealed do not open.
    Lost,
    /// Its file holds another key: the values that it sealed do not open.
    Damaged,
}

impl SealingKeyState {
    /// As in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the values that the key sealed open.
    pub const fn opens(self) -> bool {
        !matches!(self, Self::Lost | Self::Damaged)
    }
}

/// A key that seals stored secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKeyView {
    /// The id, which is the name of its file without `.key`.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its state in the process that answers.
    pub state: SealingKeyState,
    /// Whether the process that answers has the key in memory only, as its file is gone: the key is lost when the
    /// process ends.
    pub is_in_memory_only: bool,
    /// The values that it seals, by kind; none of zero.
    pub values: Vec<SealedCount>,
}

impl SealingKeyView {
    /// How many values it seals.
    pub fn number(&self) -> i64 {
        self.values.iter().map(|count| count.number).sum()
    }

    /// The values in words.
    pub fn counted(&self) -> String {
        counted(&self.values)
    }

    /// How many values have to be entered or made again; 0 while the key opens them.
    pub fn to_enter_again(&self) -> i64 {
        let is_lost = !self.state.opens();
        let values = self.values.iter();
        let lost = values.filter(|count| is_lost && count.kind.is_entered_again());
        lost.map(|count| count.number).sum()
    }
}

/// A pair that browsers seal passwords for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserKeyView {
    /// The id, as in the published key.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is the published one.
    pub is_published: bool,
    /// Until when passwords are accepted that were sealed for it.
    pub accepted_until: Timestamp,
    /// How many passwords were sealed for it and used.
    pub uses: i64,
}

/// All keys, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysView {
    /// The keys that seal stored secrets.
    pub sealing: Vec<SealingKeyView>,
    /// The pairs for browsers.
    pub browser: Vec<BrowserKeyView>,
    /// The nodes that have no file of the key that waits, by host and folder.
    pub without_file: Vec<String>,
    /// When it was read.
    pub now: Timestamp,
}

impl KeysView {
    /// The key that seals.
    pub fn active(&self) -> Option<&SealingKeyView> {
        let mut keys = self.sealing.iter();
        keys.find(|key| key.state == SealingKeyState::Active)
    }

    /// When the key was made that seals, if that is longer ago than [`ROTATION_AGE`].
    pub fn due_for_rotation(&self) -> Option<Timestamp> {
        let made = self.active()?.created_at;
        (self.now.saturating_since(made) >= ROTATION_AGE).then_some(made)
    }

    /// The keys that are lost when the process that answers ends, as their files are gone.
    pub fn in_memory_only(&self) -> impl Iterator<Item = &SealingKeyView> {
        self.sealing.iter().filter(|key| key.is_in_memory_only)
    }

    /// How many values are sealed.
    pub fn number(&self) -> i64 {
        self.sealing.iter().map(SealingKeyView::number).sum()
    }

    /// How many values are still to be sealed with the key that seals.
    pub fn to_seal_anew(&self) -> i64 {
        let old = self
            .sealing
            .iter()
            .filter(|key| key.state == SealingKeyState::Old);
        old.map(SealingKeyView::number).sum()
    }

    /// The values that have to be entered or made again, as their keys are lost.
    pub fn to_enter_again(&self) -> i64 {
        let keys = self.sealing.iter();
        keys.map(SealingKeyView::to_enter_again).sum()
    }
}

/// Counts in words, as in `1 relay password, 2 webhook secrets`.
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
