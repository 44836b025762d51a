//! The check of the From domain beside the session of a diagnosis, which hardly waits for it.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use domain::mail::domain_check::DiagnosedDomain;
use domain::{Host, SmtpSettings};
use futures::future::{Either, select};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::service::Domains;
use crate::smtp::to_ascii;

/// The time that DNS has after the session has ended, where the relay has a name in DNS itself.
const GRACE: Duration = Duration::from_secs(1);

/// The top-level domains that public DNS does not have (RFC 2606, RFC 6762).
const OFFLINE: [&str; 5] = ["example", "invalid", "local", "localhost", "test"];

/// Checks the From domain of a relay's settings while a session with the relay goes on.
pub(crate) struct SessionCheck {
    domains: Domains,
    /// In ASCII.
    domain: String,
    host: Host,
    grace: Duration,
}

impl SessionCheck {
    /// `None` where the From domain is no name of public DNS.
    pub fn new(domains: Domains, settings: &SmtpSettings) -> Option<Self> {
        Some(Self {
            domains,
            domain: public_domain(settings.from_address.domain())?,
            host: settings.host.clone(),
            grace: match settings.host {
                Host::Name(_) => GRACE,
                Host::Address(_) => Duration::ZERO,
            },
        })
    }

    /// Runs `session`, and beside it the check, from when `connected` has the address of the relay. No check
    /// is made of a relay on this machine, which is not what receivers see, and of one that is not connected
    /// to.
    pub async fn beside<T>(
        &self,
        session: impl Future<Output = T>,
        connected: oneshot::Receiver<IpAddr>,
    ) -> (T, Option<DiagnosedDomain>) {
        let mut session = pin!(session);
        let address = tokio::select! {
            biased;
            address = connected => address,
            ended = &mut session => return (ended, None),
        };
        let Some(address) = address.ok().filter(|address| !address.is_loopback()) else {
            return (session.await, None);
        };
        let check = self
            .domains
            .findings_through(&self.domain, &self.host, address);
        let (ended, found) = match select(session, pin!(check)).await {
            Either::Left((ended, check)) => (ended, timeout(self.grace, check).await.ok()),
            Either::Right((found, session)) => (session.await, Some(found)),
        };
        let found = match found {
            Some(Ok(findings)) => Some(findings),
            // The reason is in the log.
            Some(Err(_)) => return (ended, None),
            None => None,
        };
        let checked = DiagnosedDomain {
            domain: self.domain.clone(),
            answered: found.is_some(),
            findings: found.unwrap_or_default(),
        };
        (ended, Some(checked))
    }
}

/// A domain in ASCII and lower case; `None` for an address literal, and for what public DNS does not have.
fn public_domain(domain: &str) -> Option<String> {
    let ascii = to_ascii(domain)?.to_ascii_lowercase();
    let (_, top) = ascii.rsplit_once('.')?;
    let is_public = !ascii.starts_with('[') && !OFFLINE.contains(&top);
    is_public.then_some(ascii)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::mail::domain_check::{CheckKind, CheckState};
    use domain::{Form, Label};
    use futures::FutureExt as _;
    use futures::future::BoxFuture;

    use super::*;
    use crate::domains::dns::Dns;
    use crate::domains::service_tests::TestServices;
    use crate::domains::zone_tests::TestZone;
    use crate::smtp::{DnsData, DnsFailure, DnsType};

    /// Never answers.
    struct SilentDns;

    impl Dns for SilentDns {
        fn records<'a>(
            &'a self,
            _: &'a str,
            _: DnsType,
        ) -> BoxFuture<'a, Result<Vec<DnsData>, DnsFailure>> {
            std::future::pending().boxed()
        }
    }

    fn settings(from: &str, host: &str) -> SmtpSettings {
        let form = Form::default()
            .with(Label::FromAddress, from)
            .with(Label::Host, host)
            .with(Label::Port, "25");
        form.parse().expect("valid")
    }

    /// The result beside a session that has connected to an address and ends at once.
    async fn beside(check: &SessionCheck, address: &str) -> Option<DiagnosedDomain> {
        let (sender, connected) = oneshot::channel();
        let address: IpAddr = address.parse().expect("an address");
        sender.send(address).expect("a receiver");
        let (ended, checked) = check.beside(std::future::ready("ended"), connected).await;
        assert_eq!(ended, "ended");
        checked
    }

    #[test]
    fn only_names_of_public_dns_are_checked() {
        for (domain, expected) in [
            ("Example.org", Some("example.org")),
            ("bücher.example.org", Some("xn--bcher-kva.example.org")),
            ("example.invalid", None),
            ("mail.test", None),
            ("host.local", None),
            ("localhost", None),
            ("[192.0.2.1]", None),
            ("[IPv6:2001:db8::1]", None),
        ] {
            assert_eq!(public_domain(domain).as_deref(), expected, "{domain}");
        }
    }

    #[tokio::test]
    async fn spf_is_compared_with_the_address_that_was_connected_to() {
        let services = TestServices::open().await;
        // The host has another address in DNS than the one connected to.
        let zone = "
            example.org TXT v=spf1 ip4:198.51.100.7 -all
            mail.example.org A 198.51.100.1
            example.org MX 10 mail.example.org
            _dmarc.example.org TXT v=DMARC1; p=reject
        ";
        let domains = services.domains_with(Arc::new(TestZone::parse(zone)));
        let settings = settings("alerts@example.org", "mail.example.org");
        let check = SessionCheck {
            // The findings are awaited, however slow the machine is.
            grace: Duration::from_secs(60),
            ..SessionCheck::new(domains, &settings).expect("a public domain")
        };
        for (address, state) in [
            ("198.51.100.7", CheckState::Ok),
            ("198.51.100.1", CheckState::Fault),
        ] {
            let checked = beside(&check, address).await.expect("a check");
            assert_eq!(
                (checked.domain.as_str(), checked.answered),
                ("example.org", true)
            );
            let kinds: Vec<CheckKind> = checked.findings.iter().map(|one| one.kind).collect();
            assert_eq!(kinds, CheckKind::ALL);
            assert_eq!(
                checked.findings[0].state, state,
                "{:?}",
                checked.findings[0]
            );
            assert!(checked.findings[0].why.contains("mail.example.org"));
        }
    }

    #[tokio::test]
    async fn a_session_does_not_wait_for_dns_that_is_silent() {
        let services = TestServices::open().await;
        let domains = || services.domains_with(Arc::new(SilentDns));
        let literal = settings("alerts@example.org", "198.51.100.1");
        let check = SessionCheck::new(domains(), &literal).expect("a public domain");
        assert_eq!(check.grace, Duration::ZERO);
        let checked = beside(&check, "198.51.100.1").await.expect("a check");
        assert!(!checked.answered && checked.findings.is_empty());
        // A relay on this machine is not checked, nor is one that was not connected to.
        assert_eq!(beside(&check, "127.0.0.1").await, None);
        let (_sender, connected) = oneshot::channel();
        let ((), checked) = check.beside(std::future::ready(()), connected).await;
        assert_eq!(checked, None);

        let named = settings("alerts@example.org", "mail.example.org");
        let check = SessionCheck::new(domains(), &named).expect("a public domain");
        assert_eq!(check.grace, GRACE);
        let offline = settings("alerts@example.invalid", "mail.example.org");
        assert!(SessionCheck::new(domains(), &offline).is_none());
    }
}
