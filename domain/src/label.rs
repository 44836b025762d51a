//! The labels under which settings are stored, sent and named in errors. Nobody else spells one.

use serde::{Deserialize, Serialize};

/// A field of the settings. Its name is the stored label, the REST field and the key of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Label {
    #[serde(rename = "from_address")]
    FromAddress,
    #[serde(rename = "smtp_username")]
    Username,
    #[serde(rename = "smtp_password")]
    Password,
    #[serde(rename = "smtp_host")]
    Host,
    #[serde(rename = "smtp_port")]
    Port,
    #[serde(rename = "smtp_connection_type")]
    ConnectionType,
    #[serde(rename = "smtp_authentication_type")]
    AuthenticationType,
    #[serde(rename = "smtp_from_name")]
    FromName,
    #[serde(rename = "smtp_reply_to")]
    ReplyTo,
    #[serde(rename = "smtp_ehlo_name")]
    EhloName,
    #[serde(rename = "smtp_connect_timeout")]
    ConnectTimeout,
    #[serde(rename = "smtp_command_timeout")]
    CommandTimeout,
    #[serde(rename = "smtp_certificate_check")]
    CertificateCheck,
    /// PEM (RFC 7468). They count with the certificate check `Trusted` alone; with another they are
    /// kept for later.
    #[serde(rename = "smtp_trusted_certificates")]
    TrustedCertificates,
    #[serde(rename = "smtp_plaintext_auth")]
    PlaintextAuth,
}

impl Label {
    /// The fields a form shows in the clear, in its order: the six, then the options. The
    /// password is not among them: it is never read back.
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

    /// The label spelt `text`, among those a form shows.
    pub fn shown(text: &str) -> Option<Self> {
        Self::SHOWN.into_iter().find(|label| label.as_str() == text)
    }

    /// What a person reads beside the field.
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

    /// What a field holds when nobody has set it. The required texts begin empty.
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

    /// Whether the field is one of the options, which may be absent.
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
