//! The settings of mail servers that pass their mail on to Postern.

use domain::interface::InterfaceEncryption::{Implicit, None as Plain, StartTls};

use super::endpoint::SmtpEndpoint;
use super::smtp_settings::SmtpClientSettings;

/// What the account is allowed first. A bounce of the server is mail of its own domain.
const SENDERS: &str = "# Allow the account every domain that this server sends from, and its own name:\n\
                       # bounces are from MAILER-DAEMON at it.";

impl SmtpClientSettings<'_> {
    /// `main.cf` of Postfix, and the file with the password.
    pub fn postfix(&self) -> String {
        let SmtpEndpoint {
            host,
            port,
            encryption,
            ..
        } = self.endpoint;
        let user = self.user;
        let checked = "smtp_tls_security_level = secure\n\
                       smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n";
        let tls = match encryption {
            Plain => "smtp_tls_security_level = none\n".to_owned(),
            StartTls => checked.to_owned(),
            Implicit => format!("{checked}smtp_tls_wrappermode = yes\n"),
        };
        format!(
            "{SENDERS}\n\n\
             # main.cf\n\
             relayhost = [{host}]:{port}\n\
             {tls}\
             smtp_sasl_auth_enable = yes\n\
             smtp_sasl_security_options = noanonymous\n\
             smtp_sasl_password_maps = texthash:/etc/postfix/postern\n\n\
             # /etc/postfix/postern, readable by root alone\n\
             [{host}]:{port} {user}:POSTERN_TOKEN"
        )
    }

    /// A router, a transport and an authenticator of Exim.
    pub fn exim(&self) -> String {
        let SmtpEndpoint {
            host,
            port,
            encryption,
            ..
        } = self.endpoint;
        let user = self.user;
        // A colon separates hosts.
        let host = host.replace(':', "::");
        let tls = match encryption {
            Plain => "",
            StartTls => "  hosts_require_tls = *\n  tls_verify_hosts = *\n",
            Implicit => "  protocol = smtps\n  tls_verify_hosts = *\n",
        };
        // Exim takes a server at an address of this machine for itself.
        format!(
            "{SENDERS}\n\n\
             # Behind \"begin routers\", before the router for other domains\n\
             postern:\n  \
             driver = manualroute\n  \
             domains = ! +local_domains\n  \
             route_list = * {host}\n  \
             self = send\n  \
             transport = postern\n\n\
             # Behind \"begin transports\"\n\
             postern:\n  \
             driver = smtp\n  \
             port = {port}\n  \
             hosts_require_auth = *\n\
             {tls}\n\
             # Behind \"begin authenticators\"\n\
             postern:\n  \
             driver = plaintext\n  \
             public_name = PLAIN\n  \
             client_send = ^{user}^POSTERN_TOKEN"
        )
    }
}

#[cfg(test)]
mod tests {
    use domain::interface::InterfaceEncryption;

    use super::*;

    fn endpoint(host: &str, encryption: InterfaceEncryption) -> SmtpEndpoint {
        SmtpEndpoint {
            host: host.to_owned(),
            port: 2587,
            encryption,
            missing: None,
        }
    }

    /// The blocks of Postfix and Exim.
    fn blocks(host: &str, encryption: InterfaceEncryption) -> [String; 2] {
        let endpoint = endpoint(host, encryption);
        let settings = SmtpClientSettings {
            endpoint: &endpoint,
            user: "app@example.net",
        };
        [settings.postfix(), settings.exim()]
    }

    #[test]
    fn mail_servers_use_the_encryption_of_the_listener() {
        for (encryption, of_postfix, of_exim) in [
            (Plain, "2587\nsmtp_tls_security_level = none\nsmtp_sasl", ""),
            (
                StartTls,
                "2587\nsmtp_tls_security_level = secure\nsmtp_tls_CAfile = \
                 /etc/ssl/certs/ca-certificates.crt\nsmtp_sasl",
                "  hosts_require_tls = *\n  tls_verify_hosts = *\n",
            ),
            (
                Implicit,
                "certificates.crt\nsmtp_tls_wrappermode = yes\nsmtp_sasl",
                "  protocol = smtps\n  tls_verify_hosts = *\n",
            ),
        ] {
            let [postfix, exim] = blocks("mail.example.org", encryption);
            assert!(postfix.contains(of_postfix), "{postfix}");
            let transport = format!("  port = 2587\n  hosts_require_auth = *\n{of_exim}\n# Behind");
            assert!(exim.contains(&transport), "{exim}");
            for text in [&postfix, &exim] {
                assert!(!text.contains("  \n"), "{text}");
            }
        }
    }

    #[test]
    fn both_sign_in_with_a_token() {
        let [postfix, exim] = blocks("mail.example.org", StartTls);
        for line in [
            "relayhost = [mail.example.org]:2587",
            "[mail.example.org]:2587 app@example.net:POSTERN_TOKEN",
        ] {
            assert!(postfix.lines().any(|known| known == line), "{postfix}");
        }
        for line in [
            "  route_list = * mail.example.org",
            "  client_send = ^app@example.net^POSTERN_TOKEN",
        ] {
            assert!(exim.lines().any(|known| known == line), "{exim}");
        }
        let [postfix, exim] = blocks("::1", Plain);
        assert!(postfix.contains("relayhost = [::1]:2587\n"), "{postfix}");
        assert!(exim.contains("  route_list = * ::::1\n"), "{exim}");
    }
}
