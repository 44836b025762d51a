//! The acts that the audit log records.

use domain::audit::AuditObject;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// An act that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Action {
    /// An account signed in.
    Login,
    /// An account signed out.
    Logout,
    /// An account was created.
    #[strum(serialize = "create account")]
    CreateAccount,
    /// An account was created, and its person invited to set a password.
    #[strum(serialize = "invite account")]
    InviteAccount,
    /// The person of an account set its first password.
    #[strum(serialize = "accept invitation")]
    AcceptInvitation,
    /// The role of an account was changed, or it was disabled or enabled.
    #[strum(serialize = "change account")]
    ChangeAccount,
    /// An account was deleted.
    #[strum(serialize = "delete account")]
    DeleteAccount,
    /// A link to reset a forgotten password was requested.
    #[strum(serialize = "request reset")]
    RequestReset,
    /// The password of an account was changed.
    #[strum(serialize = "change password")]
    ChangePassword,
    /// A second factor was set up.
    #[strum(serialize = "set up second factor")]
    SetUpSecondFactor,
    /// A second factor was removed.
    #[strum(serialize = "remove second factor")]
    RemoveSecondFactor,
    /// A passkey was refused whose counter did not go up: there may be a copy of it.
    #[strum(serialize = "refuse copied passkey")]
    RefuseCopiedPasskey,
    /// The recovery codes of an account were replaced.
    #[strum(serialize = "create recovery codes")]
    CreateRecoveryCodes,
    /// The person of a session confirmed it.
    #[strum(serialize = "confirm session")]
    ConfirmSession,
    /// An administrator came from a network that is not allowed.
    #[strum(serialize = "admit administrator")]
    Admit,
    /// A session was ended.
    #[strum(serialize = "end session")]
    EndSession,
    /// An API token was created.
    #[strum(serialize = "create token")]
    CreateToken,
    /// An API token was revoked.
    #[strum(serialize = "revoke token")]
    RevokeToken,
    /// An address or a domain that an account may send from was added, or its confirmation requested.
    #[strum(serialize = "add sender")]
    AddSender,
    /// The holder of an address let an account send from it.
    #[strum(serialize = "confirm sender")]
    ConfirmSender,
    /// An address or a domain of an account was removed.
    #[strum(serialize = "remove sender")]
    RemoveSender,
    /// The limits of an account or of an API token were changed.
    #[strum(serialize = "change limits")]
    ChangeLimits,
    /// The settings were read.
    #[strum(serialize = "read settings")]
    ReadSettings,
    /// The certificates of a relay were read.
    #[strum(serialize = "read certificates")]
    ReadCertificates,
    /// The settings were saved.
    #[strum(serialize = "save settings")]
    SaveSettings,
    /// An earlier revision of the settings was brought back.
    #[strum(serialize = "restore revision")]
    RestoreRevision,
    /// The settings of all relays were exported.
    #[strum(serialize = "export settings")]
    ExportSettings,
    /// A relay was added.
    #[strum(serialize = "create relay")]
    CreateRelay,
    /// The name, order, rule or limits of a relay were changed, or it was switched on or off.
    #[strum(serialize = "change relay")]
    ChangeRelay,
    /// A relay was removed.
    #[strum(serialize = "remove relay")]
    RemoveRelay,
    /// A person had a relay checked.
    #[strum(serialize = "check relay")]
    CheckRelay,
    /// Checks found the state of a relay changed.
    #[strum(serialize = "relay health")]
    RelayHealth,
    /// The organisation's policy was read.
    #[strum(serialize = "read policy")]
    ReadPolicy,
    /// The organisation's policy was changed.
    #[strum(serialize = "change policy")]
    ChangePolicy,
    /// The open interfaces were read.
    #[strum(serialize = "read interfaces")]
    ReadInterfaces,
    /// The keys were read.
    #[strum(serialize = "read keys")]
    ReadKeys,
    /// A key was made in the place of another one.
    #[strum(serialize = "rotate keys")]
    RotateKeys,
    /// A key was retired.
    #[strum(serialize = "retire key")]
    RetireKey,
    /// The webhooks were read.
    #[strum(serialize = "read webhooks")]
    ReadWebhooks,
    /// A webhook was added.
    #[strum(serialize = "create webhook")]
    CreateWebhook,
    /// The URL or the secret of a webhook was changed, or it was switched on or off.
    #[strum(serialize = "change webhook")]
    ChangeWebhook,
    /// A webhook was removed.
    #[strum(serialize = "remove webhook")]
    RemoveWebhook,
    /// A test event was sent to a webhook.
    #[strum(serialize = "test webhook")]
    TestWebhook,
    /// The From domains, their checks or their DKIM keys were read.
    #[strum(serialize = "read domains")]
    ReadDomains,
    /// A DKIM key was made.
    #[strum(serialize = "create dkim key")]
    CreateDkimKey,
    /// A DKIM key was activated.
    #[strum(serialize = "activate dkim key")]
    ActivateDkimKey,
    /// A DKIM key was removed.
    #[strum(serialize = "remove dkim key")]
    RemoveDkimKey,
    /// A test mail was sent.
    #[strum(serialize = "send test")]
    SendTest,
    /// A relay was diagnosed.
    Diagnose,
    /// A relay was probed.
    Probe,
    /// The content of a message was read.
    #[strum(serialize = "read mail")]
    ReadMail,
    /// Messages were retried.
    #[strum(serialize = "retry mail")]
    RetryMail,
    /// Delivered mail is sent again.
    #[strum(serialize = "resend mail")]
    ResendMail,
    /// Messages were cancelled.
    #[strum(serialize = "cancel mail")]
    CancelMail,
    /// Messages were held.
    #[strum(serialize = "hold mail")]
    HoldMail,
    /// Held messages were released.
    #[strum(serialize = "release mail")]
    ReleaseMail,
    /// An action on many messages was stopped.
    #[strum(serialize = "stop action")]
    StopAction,
    /// Delivery was paused or resumed.
    #[strum(serialize = "pause delivery")]
    PauseDelivery,
    /// The database was backed up.
    #[strum(serialize = "back up")]
    BackUp,
    /// The database was restored from a backup.
    Restore,
    /// The database was moved to another server.
    #[strum(serialize = "move database")]
    MoveDatabase,
    /// An address was removed from the suppression list.
    #[strum(serialize = "remove suppression")]
    RemoveSuppression,
    /// The audit log was read or verified.
    #[strum(serialize = "read audit")]
    ReadAudit,
    /// Rows of the audit log in no chain were accepted.
    #[strum(serialize = "accept audit rows")]
    AcceptAuditRows,
    /// The audit log was exported.
    #[strum(serialize = "export audit")]
    ExportAudit,
}

impl Action {
    /// Every act.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in the audit log.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What it is on.
    pub const fn object(self) -> AuditObject {
        match self {
            Self::Login | Self::Logout | Self::Admit | Self::ConfirmSession | Self::EndSession => {
                AuditObject::Session
            }
            Self::CreateAccount
            | Self::InviteAccount
            | Self::AcceptInvitation
            | Self::ChangeAccount
            | Self::DeleteAccount
            | Self::RequestReset
            | Self::ChangePassword
            | Self::SetUpSecondFactor
            | Self::RemoveSecondFactor
            | Self::RefuseCopiedPasskey
            | Self::CreateRecoveryCodes => AuditObject::Account,
            Self::CreateToken | Self::RevokeToken => AuditObject::Token,
            Self::AddSender | Self::ConfirmSender | Self::RemoveSender => AuditObject::Sender,
            Self::ChangeLimits => AuditObject::Limits,
            Self::ReadSettings
            | Self::ReadCertificates
            | Self::SaveSettings
            | Self::RestoreRevision
            | Self::ExportSettings => AuditObject::Settings,
            Self::CreateRelay
            | Self::ChangeRelay
            | Self::RemoveRelay
            | Self::CheckRelay
            | Self::RelayHealth
            | Self::SendTest
            | Self::Diagnose
            | Self::Probe => AuditObject::Relay,
            Self::ReadPolicy | Self::ChangePolicy => AuditObject::Policy,
            Self::ReadWebhooks
            | Self::CreateWebhook
            | Self::ChangeWebhook
            | Self::RemoveWebhook
            | Self::TestWebhook => AuditObject::Webhook,
            Self::ReadDomains
            | Self::CreateDkimKey
            | Self::ActivateDkimKey
            | Self::RemoveDkimKey => AuditObject::Domain,
            Self::ReadMail
            | Self::RetryMail
            | Self::ResendMail
            | Self::CancelMail
            | Self::HoldMail
            | Self::ReleaseMail
            | Self::StopAction
            | Self::PauseDelivery => AuditObject::Mail,
            Self::RemoveSuppression => AuditObject::Suppression,
            Self::ReadKeys | Self::RotateKeys | Self::RetireKey => AuditObject::Key,
            Self::ReadInterfaces
            | Self::ReadAudit
            | Self::AcceptAuditRows
            | Self::ExportAudit
            | Self::BackUp
            | Self::Restore
            | Self::MoveDatabase => AuditObject::System,
        }
    }

    /// The names of the acts on these objects.
    pub(super) fn names_on(object: AuditObject) -> Vec<&'static str> {
        let acts = Self::ALL.iter().filter(|act| act.object() == object);
        acts.map(|act| act.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_their_names_in_the_log() {
        for (action, name) in [
            (Action::Login, "login"),
            (Action::CreateAccount, "create account"),
            (Action::SetUpSecondFactor, "set up second factor"),
            (Action::ConfirmSession, "confirm session"),
            (Action::Admit, "admit administrator"),
            (Action::AcceptInvitation, "accept invitation"),
            (Action::ReadCertificates, "read certificates"),
            (Action::RestoreRevision, "restore revision"),
            (Action::ExportSettings, "export settings"),
            (Action::ChangeRelay, "change relay"),
            (Action::CheckRelay, "check relay"),
            (Action::RelayHealth, "relay health"),
            (Action::ConfirmSender, "confirm sender"),
            (Action::ChangeLimits, "change limits"),
            (Action::ChangeWebhook, "change webhook"),
            (Action::CreateDkimKey, "create dkim key"),
            (Action::SendTest, "send test"),
            (Action::Diagnose, "diagnose"),
            (Action::HoldMail, "hold mail"),
            (Action::PauseDelivery, "pause delivery"),
            (Action::BackUp, "back up"),
            (Action::Restore, "restore"),
            (Action::MoveDatabase, "move database"),
            (Action::RemoveSuppression, "remove suppression"),
            (Action::AcceptAuditRows, "accept audit rows"),
            (Action::ExportAudit, "export audit"),
        ] {
            assert_eq!(action.as_str(), name);
            assert_eq!(name.parse(), Ok(action));
        }
    }

    #[test]
    fn every_kind_of_object_has_acts() {
        for object in AuditObject::ALL {
            assert!(!Action::names_on(*object).is_empty(), "{object:?}");
        }
        let on_policy = Action::names_on(AuditObject::Policy);
        assert_eq!(on_policy, ["read policy", "change policy"]);
    }
}
