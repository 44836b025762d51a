//! The labels of the settings: storage keys, REST field names and keys of field errors.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// A field of the settings. Its text is the stored label, the REST field and the key of a fault.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = "smtp_host"))]
pub enum Label {
    /// The From address.
    #[serde(rename = "from_address")]
    #[strum(serialize = "from_address")]
    FromAddress,
    /// The user name of the sign-in.
    #[serde(rename = "smtp_username")]
    #[strum(serialize = "smtp_username")]
    Username,
    /// The password of the sign-in.
    #[serde(rename = "smtp_password")]
    #[strum(serialize = "smtp_password")]
    Password,
    /// The host name or IP address of the relay.
    #[serde(rename = "smtp_host")]
    #[strum(serialize = "smtp_host")]
    Host,
    /// The TCP port of the relay.
    #[serde(rename = "smtp_port")]
    #[strum(serialize = "smtp_port")]
    Port,
    /// A [`crate::ConnectionType`].
    #[serde(rename = "smtp_connection_type")]
    #[strum(serialize = "smtp_connection_type")]
    ConnectionType,
    /// A [`crate::AuthenticationType`].
    #[serde(rename = "smtp_authentication_type")]
    #[strum(serialize = "smtp_authentication_type")]
    AuthenticationType,
    /// The display name of the From header.
    #[serde(rename = "smtp_from_name")]
    #[strum(serialize = "smtp_from_name")]
    FromName,
    /// The Reply-To address.
    #[serde(rename = "smtp_reply_to")]
    #[strum(serialize = "smtp_reply_to")]
    ReplyTo,
    /// The argument of EHLO.
    #[serde(rename = "smtp_ehlo_name")]
    #[strum(serialize = "smtp_ehlo_name")]
    EhloName,
    /// The connect time-out in seconds.
    #[serde(rename = "smtp_connect_timeout")]
    #[strum(serialize = "smtp_connect_timeout")]
    ConnectTimeout,
    /// The command time-out in seconds.
    #[serde(rename = "smtp_command_timeout")]
    #[strum(serialize = "smtp_command_timeout")]
    CommandTimeout,
    /// A [`crate::CertificateCheck`].
    #[serde(rename = "smtp_certificate_check")]
    #[strum(serialize = "smtp_certificate_check")]
    CertificateCheck,
    /// Trusted certificates as PEM (RFC 7468). They apply with the certificate check `Trusted` and
    /// are otherwise only kept.
    #[serde(rename = "smtp_trusted_certificates")]
    #[strum(serialize = "smtp_trusted_certificates")]
    TrustedCertificates,
    /// Whether the password may be sent unencrypted: `0` or `1`.
    #[serde(rename = "smtp_plaintext_auth")]
    #[strum(serialize = "smtp_plaintext_auth")]
    PlaintextAuth,
}

impl Label {
    /// The fields of a form in its order: the six required ones, then the options. The password is
    /// not among them because it is never read back.
    pub const SHOWN: [Self; 14] = [
        Self::FromAddress,
        Self::Username,
        Self::Host,
        Self::Port,
        Self::ConnectionType,
        Self::AuthenticationType,
        Self::FromName,
        Self::ReplyTo,
        Self::EhloName,
        Self::ConnectTimeout,
        Self::CommandTimeout,
        Self::CertificateCheck,
        Self::TrustedCertificates,
        Self::PlaintextAuth,
    ];

    /// The stored text.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a label of [`Label::SHOWN`].
    pub fn shown(text: &str) -> Option<Self> {
        Self::SHOWN.into_iter().find(|label| label.as_str() == text)
    }

    /// The title of the field on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::FromAddress => "Email Address",
            Self::Username => "User Name",
            Self::Password => "Password",
            Self::Host => "Host Name",
            Self::Port => "Port",
            Self::ConnectionType => "Connection Type",
            Self::AuthenticationType => "Authentication Type",
            Self::FromName => "From Name",
            Self::ReplyTo => "Reply-To",
            Self::EhloName => "EHLO Name",
            Self::ConnectTimeout => "Connect Time-out",
            Self::CommandTimeout => "Command Time-out",
            Self::CertificateCheck => "Certificate Check",
            Self::TrustedCertificates => "Trusted Certificates",
            Self::PlaintextAuth => "Password Without Encryption",
        }
    }

    /// The value of a field that was not set; empty for required fields.
    pub const fn default_value(self) -> &'static str {
        match self {
            Self::ConnectionType | Self::AuthenticationType => "None",
            Self::ConnectTimeout => "5",
            Self::CommandTimeout => "15",
            Self::CertificateCheck => "Verify",
            Self::PlaintextAuth => "0",
            _ => "",
        }
    }

    /// Whether the field is optional.
    pub const fn is_option(self) -> bool {
        matches!(
            self,
            Self::FromName
                | Self::ReplyTo
                | Self::EhloName
                | Self::ConnectTimeout
                | Self::CommandTimeout
                | Self::CertificateCheck
                | Self::TrustedCertificates
                | Self::PlaintextAuth
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_spelt_the_same_stored_and_sent() {
        for label in Label::SHOWN {
            let sent = serde_json::to_string(&label).expect("a label serialises");
            assert_eq!(sent, format!("\"{}\"", label.as_str()));
            assert_eq!(Label::shown(label.as_str()), Some(label));
        }
        assert_eq!(Label::shown("smtp_password"), None);
    }

    #[test]
    fn options_are_the_optional_labels() {
        let options = Label::SHOWN.into_iter().filter(|label| label.is_option());
        assert_eq!(options.collect::<Vec<_>>(), Label::SHOWN[6..]);
        for (label, value) in [
            (Label::Host, ""),
            (Label::ConnectionType, "None"),
            (Label::AuthenticationType, "None"),
            (Label::ConnectTimeout, "5"),
            (Label::CommandTimeout, "15"),
            (Label::CertificateCheck, "Verify"),
            (Label::PlaintextAuth, "0"),
        ] {
            assert_eq!(label.default_value(), value);
        }
        assert_eq!(Label::Password.title(), "Password");
        assert_eq!(Label::ReplyTo.title(), "Reply-To");
    }
}
