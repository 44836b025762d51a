//! The labels of the settings: storage keys, REST field names and keys of field errors.

use serde::{Deserialize, Serialize};

/// A field of the settings. Its text is the stored label, the REST field and the key of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Label {
    /// The From address.
    #[serde(rename = "from_address")]
    FromAddress,
    /// The user name of the sign-in.
    #[serde(rename = "smtp_username")]
    Username,
    /// The password of the sign-in.
    #[serde(rename = "smtp_password")]
    Password,
    /// The host name or IP address of the relay.
    #[serde(rename = "smtp_host")]
    Host,
    /// The TCP port of the relay.
    #[serde(rename = "smtp_port")]
    Port,
    /// A [`crate::ConnectionType`].
    #[serde(rename = "smtp_connection_type")]
    ConnectionType,
    /// A [`crate::AuthenticationType`].
    #[serde(rename = "smtp_authentication_type")]
    AuthenticationType,
    /// The display name of the From header.
    #[serde(rename = "smtp_from_name")]
    FromName,
    /// The Reply-To address.
    #[serde(rename = "smtp_reply_to")]
    ReplyTo,
    /// The argument of EHLO.
    #[serde(rename = "smtp_ehlo_name")]
    EhloName,
    /// The connect time-out in seconds.
    #[serde(rename = "smtp_connect_timeout")]
    ConnectTimeout,
    /// The command time-out in seconds.
    #[serde(rename = "smtp_command_timeout")]
    CommandTimeout,
    /// A [`crate::CertificateCheck`].
    #[serde(rename = "smtp_certificate_check")]
    CertificateCheck,
    /// Trusted certificates as PEM (RFC 7468). They apply with the certificate check `Trusted` and
    /// are otherwise only kept.
    #[serde(rename = "smtp_trusted_certificates")]
    TrustedCertificates,
    /// Whether the password may be sent unencrypted: `0` or `1`.
    #[serde(rename = "smtp_plaintext_auth")]
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

    /// The label as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FromAddress => "from_address",
            Self::Username => "smtp_username",
            Self::Password => "smtp_password",
            Self::Host => "smtp_host",
            Self::Port => "smtp_port",
            Self::ConnectionType => "smtp_connection_type",
            Self::AuthenticationType => "smtp_authentication_type",
            Self::FromName => "smtp_from_name",
            Self::ReplyTo => "smtp_reply_to",
            Self::EhloName => "smtp_ehlo_name",
            Self::ConnectTimeout => "smtp_connect_timeout",
            Self::CommandTimeout => "smtp_command_timeout",
            Self::CertificateCheck => "smtp_certificate_check",
            Self::TrustedCertificates => "smtp_trusted_certificates",
            Self::PlaintextAuth => "smtp_plaintext_auth",
        }
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
}
