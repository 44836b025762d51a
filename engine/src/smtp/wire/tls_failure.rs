//! Why there is no handshake, where more is known of it than the error says.

use std::io;

use domain::Fault;
use domain::sanitize::printable;
use rustls::{AlertDescription, Error, InvalidMessage};
use thiserror::Error;

/// What became of a handshake that rustls gave up.
#[derive(Debug, Error)]
pub(crate) enum TlsFailure {
    /// It asked for one, was shown none and said no.
    #[error("the relay wants a certificate from its clients, and Postern has none ({0})")]
    ClientCertificate(Error),
    /// A port that begins in plain text: what came of its greeting.
    #[error("the answer was not TLS: {0}")]
    Greeting(String),
    #[error("a web server answered, and not with TLS: {0}")]
    WebServer(String),
    #[error("the answer was neither TLS nor SMTP: {0}")]
    Stranger(String),
}

impl TlsFailure {
    /// By the error, whether the relay asked for a certificate, and the line that came in plain
    /// text; none where it cannot tell anything.
    pub fn of(error: &io::Error, asked: bool, line: Option<&[u8]>) -> Option<Self> {
        match error.get_ref()?.downcast_ref()? {
            // Alerts of TLS 1.2 to somebody without a certificate (RFC 5246 section 7.4.6); relays
            // in Java say the second. Neither says it to somebody who was not asked.
            error @ Error::AlertReceived(
                AlertDescription::HandshakeFailure | AlertDescription::BadCertificate,
            ) if asked => Some(Self::ClientCertificate(error.clone())),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::by(line?),
            _ => None,
        }
    }

    fn by(line: &[u8]) -> Option<Self> {
        let said = printable(&String::from_utf8_lossy(line), usize::MAX);
        match line {
            // Records of TLS came before what is none (RFC 8446 section 5.1).
            [] | [0x14..=0x17, ..] => None,
            [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] => Some(Self::Greeting(said)),
            _ if line.starts_with(b"HTTP/") => Some(Self::WebServer(said)),
            _ => Some(Self::Stranger(said)),
        }
    }

    pub fn fault(&self) -> Fault {
        match self {
            Self::ClientCertificate(_) => Fault::ClientCertificateRequired,
            Self::Greeting(_) => Fault::NotTls,
            Self::WebServer(_) | Self::Stranger(_) => Fault::NotSmtp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: Error, asked: bool, line: Option<&[u8]>) -> Option<Fault> {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        TlsFailure::of(&error, asked, line).map(|unsecured| unsecured.fault())
    }

    #[test]
    fn an_alert_is_about_a_certificate_where_one_was_asked_for() {
        let wanted = Some(Fault::ClientCertificateRequired);
        for (alert, asked, expected) in [
            (AlertDescription::HandshakeFailure, true, wanted.clone()),
            (AlertDescription::HandshakeFailure, false, None),
            (AlertDescription::BadCertificate, true, wanted),
            (AlertDescription::BadCertificate, false, None),
            (AlertDescription::InternalError, true, None),
        ] {
            let told = of(Error::AlertReceived(alert), asked, Some(b""));
            assert_eq!(told, expected, "{alert:?} {asked}");
        }
    }

    #[test]
    fn plain_text_tells_who_answers() {
        for (line, expected) in [
            (&b"220 relay.example.org"[..], Some(Fault::NotTls)),
            (b"554-No", Some(Fault::NotTls)),
            (b"HTTP/1.1 400 Bad Request", Some(Fault::NotSmtp)),
            (b"SSH-2.0-OpenSSH_9.2p1", Some(Fault::NotSmtp)),
            (b"+OK POP3 ready", Some(Fault::NotSmtp)),
            (b"2201", Some(Fault::NotSmtp)),
            (b"J\0\0\0\n", Some(Fault::NotSmtp)),
            (b"\x16\x03\x03", None),
            (b"", None),
        ] {
            let error = Error::InvalidMessage(InvalidMessage::InvalidContentType);
            assert_eq!(of(error.clone(), false, Some(line)), expected);
            assert_eq!(of(error, false, None), None);
        }
    }
}
