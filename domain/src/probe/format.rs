//! A probe as lines of text, for the terminal.

use super::{ProbeReport, ProbeResult, ProbeRow};
use crate::ConnectionType;
use crate::diagnosis::transcript::{Tone, TranscriptLine};

impl ProbeResult {
    /// The outcome, encryption and mechanisms in a few words each.
    pub fn facts(&self) -> Vec<String> {
        let mut facts = vec![self.description()];
        facts.extend(self.encryption.clone());
        if self.certificate.is_some() && self.certificate_fault().is_none() {
            facts.push("the certificate passes".to_owned());
        }
        if self.failure.is_none() {
            facts.push(match self.authentication.join(" ") {
                names if names.is_empty() => "no AUTH".to_owned(),
                names => format!("AUTH {names}"),
            });
        }
        facts
    }
}

impl ProbeReport {
    /// The header of the table, once the candidates are known.
    pub fn header(&self) -> TranscriptLine {
        let (width, took) = (self.width(), "TIME");
        let text = format!("{:width$}  {:>5}  TYPE  {took:>8}  RESULT", "HOST", "PORT");
        (Tone::Faint, text)
    }

    /// A row of the table, followed by the fault of the certificate, if it has one.
    pub fn row_lines(&self, found: &ProbeResult) -> Vec<TranscriptLine> {
        let way = &found.candidate;
        let width = self.width();
        let (host, port, took) = (&way.host, way.port, found.milliseconds.to_string());
        let connection = way.connection_type.as_str();
        let facts = found.facts().join(", ");
        let tone = match (&found.failure, found.certificate_fault()) {
            (Some(_), _) => Tone::Bad,
            (None, None) if way.connection_type != ConnectionType::None => Tone::Good,
            (None, _) => Tone::Plain,
        };
        let text = format!("{host:width$}  {port:>5}  {connection:<4}  {took:>8}  {facts}");
        let mut lines = vec![(tone, text)];
        if let Some(seen) = found
            .certificate
            .as_ref()
            .filter(|seen| seen.fault.is_some())
        {
            lines.push((Tone::Plain, format!("    {}", seen.verdict)));
        }
        lines
    }

    /// The recommended settings with reasons, or why there are none.
    pub fn summary_lines(&self) -> Vec<TranscriptLine> {
        let Some(summary) = &self.summary else {
            let text = "The run was interrupted.";
            return vec![(Tone::Bad, text.to_owned())];
        };
        let recommendation = &summary.recommendation;
        let mut lines = vec![(Tone::Plain, String::new())];
        if self.recommends() {
            lines.push((Tone::Strong, "recommended settings:".to_owned()));
            lines.extend(recommendation.settings.iter().map(|(label, value)| {
                let text = format!("    {:<24}  {value}", label.as_str());
                (Tone::Good, text)
            }));
        } else {
            // Some may pass and still not be worth recommending, as a port without sign-in.
            let passed = |row: &ProbeRow| match row {
                ProbeRow::Pending(_) => false,
                ProbeRow::Finished(found) => found.failure.is_none(),
            };
            let text = match self.rows.iter().any(passed) {
                true => "no settings are recommended:",
                false => "nothing works:",
            };
            lines.push((Tone::Bad, text.to_owned()));
        }
        let sentences = recommendation.reason.iter();
        lines.extend(sentences.map(|sentence| (Tone::Plain, format!("    {sentence}"))));
        lines
    }

    fn width(&self) -> usize {
        let hosts = self
            .rows
            .iter()
            .map(|row| row.candidate().host.chars().count());
        hosts.max().unwrap_or_default().max("HOST".len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::event::Elapsed;
    use crate::probe::{
        Candidate, CertificateVerdict, ProbeEvent, ProbeSummary, Source, recommend,
    };
    use crate::smtp::stage::CertificateFault;

    #[test]
    fn a_table_has_a_line_for_each_attempt() {
        let candidate = Candidate {
            host: "a.example".to_owned(),
            port: 465,
            connection_type: ConnectionType::Ssl,
            source: Source::Given,
        };
        let found = ProbeResult {
            candidate: candidate.clone(),
            reachable: true,
            failure: None,
            cause: None,
            encryption: Some("TLS 1.3".to_owned()),
            cipher: None,
            certificate: Some(CertificateVerdict {
                fault: None,
                verdict: "It passes.".to_owned(),
            }),
            start_tls: false,
            authentication: vec!["PLAIN".to_owned(), "LOGIN".to_owned()],
            milliseconds: Elapsed(37_000),
        };
        let mut faulty = found.clone();
        faulty.certificate = Some(CertificateVerdict {
            fault: Some(CertificateFault::Expired),
            verdict: "It has expired.".to_owned(),
        });
        let mut probed = ProbeReport::default();
        probed.apply(ProbeEvent::Started {
            asked: "a.example".to_owned(),
            candidates: vec![candidate],
        });
        let good = "a.example    465  SSL      37 ms  works, TLS 1.3, the certificate passes, AUTH PLAIN LOGIN";
        assert_eq!(
            probed.header().1,
            "HOST        PORT  TYPE      TIME  RESULT"
        );
        assert_eq!(probed.row_lines(&found), [(Tone::Good, good.to_owned())]);
        let bad = "a.example    465  SSL      37 ms  works, but the certificate does not pass, TLS 1.3, AUTH PLAIN LOGIN";
        assert_eq!(
            probed.row_lines(&faulty),
            [
                (Tone::Plain, bad.to_owned()),
                (Tone::Plain, "    It has expired.".to_owned())
            ]
        );
        probed.apply(ProbeEvent::Finished(ProbeSummary {
            milliseconds: Elapsed(1),
            recommendation: recommend(&[found], None),
        }));
        let ending = probed.summary_lines();
        assert_eq!(ending[1].1, "recommended settings:");
        assert!(ending.contains(&(Tone::Good, "    smtp_port                 465".to_owned())));
    }
}
