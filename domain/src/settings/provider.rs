//! Presets of mail providers: relays, ports, connection types and notes.
//!
//! Only the server uses this table; the browser receives it as HTML.

use crate::Label;
use crate::mail::host;
use crate::settings::{AuthenticationType, ConnectionType};

/// The settings of a provider, from its documentation as of November 2026.
#[derive(Debug)]
pub struct Provider {
    /// The name shown in the list.
    pub name: &'static str,
    /// Its relays, at least one.
    pub relays: &'static [ProviderRelay],
    /// The TCP port of its relays.
    pub port: u16,
    /// How connections to its relays are encrypted.
    pub connection: ConnectionType,
    /// The mechanism of the sign-in.
    pub authentication: AuthenticationType,
    /// The kind of user name it expects.
    pub user: ProviderUser,
    /// Notes for its users, in a sentence or two.
    pub note: &'static str,
}

/// A relay of a provider.
#[derive(Debug)]
pub struct ProviderRelay {
    /// The region of the relay; empty when the provider has only one relay.
    pub region: &'static str,
    /// The host name of the relay.
    pub host: &'static str,
    /// The parent domains of the MX hosts of its customers.
    exchanges: &'static [&'static str],
}

/// The kind of user name a provider expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderUser {
    /// The e-mail address.
    Address,
    /// The same name for every account.
    Fixed(&'static str),
    /// A name issued by the provider.
    Own,
    /// No sign-in.
    Nobody,
}

impl Provider {
    /// The form values for one of its relays, without the user name.
    pub fn values(&self, relay: &ProviderRelay) -> [(Label, String); 4] {
        [
            (Label::Host, relay.host.to_owned()),
            (Label::Port, self.port.to_string()),
            (Label::ConnectionType, self.connection.to_string()),
            (Label::AuthenticationType, self.authentication.to_string()),
        ]
    }
}

/// Finds the provider by the host name of a relay.
pub fn by_host(host: &str) -> Option<&'static Provider> {
    PROVIDERS
        .iter()
        .find(|provider| provider.relays.iter().any(|relay| relay.host == host))
}

/// Finds the relay by the MX host of a customer's domain.
pub fn by_exchange(exchange: &str) -> Option<&'static ProviderRelay> {
    let exchange = exchange.trim_end_matches('.').to_ascii_lowercase();
    let within = |domain: &&str| host::is_within(&exchange, domain);
    PROVIDERS
        .iter()
        .flat_map(|provider| provider.relays)
        .find(|relay| relay.exchanges.iter().any(within))
}

const fn only(host: &'static str) -> ProviderRelay {
    relay("", host, &[])
}

const fn of(region: &'static str, host: &'static str) -> ProviderRelay {
    relay(region, host, &[])
}

const fn relay(
    region: &'static str,
    host: &'static str,
    exchanges: &'static [&'static str],
) -> ProviderRelay {
    ProviderRelay {
        region,
        host,
        exchanges,
    }
}

/// All providers, in display order.
pub const PROVIDERS: &[Provider] = &[
    Provider {
        name: "Gmail and Google Workspace",
        relays: &[relay(
            "",
            "smtp.gmail.com",
            &["google.com", "googlemail.com"],
        )],
        port: 465,
        connection: ConnectionType::Ssl,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Address,
        note: "The password is an app password of 16 letters, created at myaccount.google.com/apppasswords once 2-Step Verification is on; the ordinary password is refused. The From address must be the account's own or one of its aliases.",
    },
    Provider {
        name: "Microsoft 365",
        relays: &[relay(
            "",
            "smtp.office365.com",
            &["mail.protection.outlook.com", "mx.microsoft"],
        )],
        port: 587,
        connection: ConnectionType::Tls,
        authentication: AuthenticationType::Login,
        user: ProviderUser::Address,
        note: "An administrator of Microsoft 365 has to enable Authenticated SMTP for the mailbox, and security defaults forbid it. Microsoft is retiring it: from the end of December 2026 it is disabled unless an administrator enables it again.",
    },
    Provider {
        name: "Amazon SES",
        relays: &[
            of("us-east-1", "email-smtp.us-east-1.amazonaws.com"),
            of("us-east-2", "email-smtp.us-east-2.amazonaws.com"),
            of("us-west-1", "email-smtp.us-west-1.amazonaws.com"),
            of("us-west-2", "email-smtp.us-west-2.amazonaws.com"),
            of("ca-central-1", "email-smtp.ca-central-1.amazonaws.com"),
            of("sa-east-1", "email-smtp.sa-east-1.amazonaws.com"),
            of("eu-central-1", "email-smtp.eu-central-1.amazonaws.com"),
            of("eu-north-1", "email-smtp.eu-north-1.amazonaws.com"),
            of("eu-west-1", "email-smtp.eu-west-1.amazonaws.com"),
            of("eu-west-2", "email-smtp.eu-west-2.amazonaws.com"),
            of("eu-west-3", "email-smtp.eu-west-3.amazonaws.com"),
            of("ap-south-1", "email-smtp.ap-south-1.amazonaws.com"),
            of("ap-southeast-1", "email-smtp.ap-southeast-1.amazonaws.com"),
            of("ap-southeast-2", "email-smtp.ap-southeast-2.amazonaws.com"),
            of("ap-northeast-1", "email-smtp.ap-northeast-1.amazonaws.com"),
            of("ap-northeast-2", "email-smtp.ap-northeast-2.amazonaws.com"),
            of("ap-northeast-3", "email-smtp.ap-northeast-3.amazonaws.com"),
        ],
        port: 465,
        connection: ConnectionType::Ssl,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Own,
        note: "User name and password are SMTP credentials created in the SES console for this region; IAM access keys do not work. The From address must be a verified identity, and in the sandbox every recipient too.",
    },
    Provider {
        name: "SendGrid",
        relays: &[only("smtp.sendgrid.net")],
        port: 465,
        connection: ConnectionType::Ssl,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Fixed("apikey"),
        note: "The user name is the word apikey itself; the password is an API key with the permission Mail Send. The From address must belong to a verified sender.",
    },
    Provider {
        name: "Mailgun",
        relays: &[
            of("US", "smtp.mailgun.org"),
            of("EU", "smtp.eu.mailgun.org"),
        ],
        port: 465,
        connection: ConnectionType::Ssl,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Own,
        note: "User name and password are SMTP credentials of the sending domain, as in postmaster@mg.example.org; the API key does not work. Choose the region the domain was added in.",
    },
    Provider {
        name: "Postmark",
        relays: &[only("smtp.postmarkapp.com")],
        port: 587,
        connection: ConnectionType::Tls,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Own,
        note: "Use the Server API Token as both user name and password, or the two keys of an SMTP Token. The From address must be a confirmed sender signature or domain.",
    },
    Provider {
        name: "Mailjet",
        relays: &[only("in-v3.mailjet.com")],
        port: 465,
        connection: ConnectionType::Ssl,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Own,
        note: "The user name is the API key, the password its secret key. The From address must be a validated sender.",
    },
    Provider {
        name: "Brevo",
        relays: &[only("smtp-relay.brevo.com")],
        port: 465,
        connection: ConnectionType::Ssl,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Own,
        note: "The user name is the login shown under SMTP & API, the password an SMTP key from there; an API key does not work.",
    },
    Provider {
        name: "Zoho Mail",
        relays: &[
            relay("United States", "smtppro.zoho.com", &["zoho.com"]),
            relay("Europe", "smtppro.zoho.eu", &["zoho.eu"]),
            relay("India", "smtppro.zoho.in", &["zoho.in"]),
            relay("Australia", "smtppro.zoho.com.au", &["zoho.com.au"]),
            relay("Japan", "smtppro.zoho.jp", &["zoho.jp"]),
        ],
        port: 465,
        connection: ConnectionType::Ssl,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Address,
        note: "Choose the region of the account. These hosts are for addresses of your own domain; for personal addresses replace smtppro with smtp. With two-factor authentication the password is an application-specific one.",
    },
    Provider {
        name: "Fastmail",
        relays: &[relay("", "smtp.fastmail.com", &["messagingengine.com"])],
        port: 465,
        connection: ConnectionType::Ssl,
        authentication: AuthenticationType::Plain,
        user: ProviderUser::Address,
        note: "The password is an app password created in Fastmail's settings; the ordinary one is refused.",
    },
    Provider {
        name: "A relay on this machine",
        relays: &[only("localhost")],
        port: 25,
        connection: ConnectionType::None,
        authentication: AuthenticationType::None,
        user: ProviderUser::Nobody,
        note: "Postfix, Exim and similar servers accept mail from their own machine without a password. If the relay offers StartTLS with a self-signed certificate, trust that certificate first.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Form;
    use crate::settings::warnings::settings_warnings;

    #[test]
    fn every_preset_is_valid_and_without_warnings() {
        for provider in PROVIDERS {
            assert!(!provider.note.is_empty() && !provider.relays.is_empty());
            let several = provider.relays.len() > 1;
            for relay in provider.relays {
                let mut form = Form::default().with(Label::FromAddress, "alerts@example.org");
                for (label, value) in provider.values(relay) {
                    form.set(label, value);
                }
                form.set(
                    Label::Username,
                    match provider.user {
                        ProviderUser::Address => "alerts@example.org",
                        ProviderUser::Fixed(name) => name,
                        ProviderUser::Own => "handed out",
                        ProviderUser::Nobody => "",
                    },
                );
                let settings = form.parse().expect("valid");
                let signs_in = settings.authentication != AuthenticationType::None;
                assert_eq!(
                    signs_in,
                    provider.user != ProviderUser::Nobody,
                    "{}",
                    relay.host
                );
                assert_eq!(settings_warnings(&form, signs_in), [], "{}", relay.host);
                assert_eq!(!relay.region.is_empty(), several, "{}", relay.host);
                assert_eq!(by_host(relay.host).map(|p| p.name), Some(provider.name));
            }
        }
    }

    #[test]
    fn a_provider_is_recognised_by_its_mail_exchangers() {
        for (exchange, host) in [
            ("aspmx.l.google.com.", Some("smtp.gmail.com")),
            ("smtp.google.com", Some("smtp.gmail.com")),
            (
                "example-org.mail.protection.outlook.com",
                Some("smtp.office365.com"),
            ),
            ("MX.zoho.EU", Some("smtppro.zoho.eu")),
            ("mx.notzoho.eu", None),
            ("mail.example.org", None),
        ] {
            assert_eq!(
                by_exchange(exchange).map(|relay| relay.host),
                host,
                "{exchange}"
            );
        }
    }
}
