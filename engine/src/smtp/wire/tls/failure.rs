//! The meaning of connection errors: certificates, old TLS versions, servers of other kinds.

use std::io;

use domain::Fault;
use domain::sanitize::printable;
use domain::smtp::stage::CertificateFault;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use thiserror::Error;

use crate::smtp::certificate::InvalidCertificate;

/// A failed handshake of which more is known than the error of rustls says.
#[derive(Debug, Error)]
pub(super) enum TlsFailure {
    /// The relay asked for a client certificate, got none and refused the handshake.
    #[error("the relay requires a client certificate, and Postern has none ({0})")]
    ClientCertificate(Error),
    /// The port begins in plain text; this is the relay's greeting.
    #[error("the answer was not TLS: {0}")]
    Greeting(String),
    #[error("a web server answered, and not with TLS: {0}")]
    WebServer(String),
    #[error("the answer was neither TLS nor SMTP: {0}")]
    OtherServer(String),
}

impl TlsFailure {
    /// Finds out more from whether the relay asked for a client certificate, and the first line
    /// that it sent. `None` where these say nothing about the error.
    pub fn find(error: &io::Error, asked: bool, line: Option<&[u8]>) -> Option<Self> {
        match error.get_ref()?.downcast_ref()? {
            // The alerts of TLS 1.2 to a client without a certificate (RFC 5246 section 7.4.6);
            // relays in Java send the second. Without a request they mean something else.
            error @ Error::AlertReceived(
                AlertDescription::HandshakeFailure | AlertDescription::BadCertificate,
            ) if asked => Some(Self::ClientCertificate(error.clone())),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::by_line(line?),
            _ => None,
        }
    }

    fn by_line(line: &[u8]) -> Option<Self> {
        let text = printable(&String::from_utf8_lossy(line), usize::MAX);
        match line {
            // A TLS record came first, and something else after it (RFC 8446 section 5.1).
            [] | [0x14..=0x17, ..] => None,
            [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] => Some(Self::Greeting(text)),
            _ if line.starts_with(b"HTTP/") => Some(Self::WebServer(text)),
            _ => Some(Self::OtherServer(text)),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::ClientCertificate(_) => Fault::ClientCertificateRequired,
            Self::Greeting(_) => Fault::NotTls,
            Self::WebServer(_) | Self::OtherServer(_) => Fault::NotSmtp,
        }
    }
}

/// The fault and the text for an error of a connection, encrypted or not.
pub(crate) fn explain(error: &io::Error) -> (Fault, String) {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return explain_tls(tls);
    }
    if let Some(failure) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        let failure: &TlsFailure = failure;
        return (failure.fault(), failure.to_string());
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => (Fault::Closed, "the connection was closed".to_owned()),
        io::ErrorKind::Other => (Fault::Handshake, error.to_string()),
        _ => (Fault::Reset, format!("the connection was cut: {error}")),
    }
}

fn explain_tls(error: &Error) -> (Fault, String) {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<InvalidCertificate>() {
                Some(invalid) => (Fault::Certificate(invalid.fault), invalid.to_string()),
                None => (
                    Fault::Certificate(CertificateFault::Invalid),
                    error.to_string(),
                ),
            }
        }
        Error::InvalidCertificate(_) => (
            Fault::Certificate(CertificateFault::Invalid),
            error.to_string(),
        ),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => (Fault::NotTls, "the answer was not TLS".to_owned()),
        // With TLS 1.3 it comes after the handshake.
        Error::AlertReceived(AlertDescription::CertificateRequired) => (
            Fault::ClientCertificateRequired,
            TlsFailure::ClientCertificate(error.clone()).to_string(),
        ),
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)
        | Error::AlertReceived(AlertDescription::ProtocolVersion) => (
            Fault::TlsTooOld,
            "the relay supports neither TLS 1.2 nor 1.3".to_owned(),
        ),
        Error::AlertReceived(AlertDescription::InternalError) => (
            Fault::TlsInternalError,
            "the relay ended the handshake with an internal error of its own".to_owned(),
        ),
        _ => (Fault::Handshake, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(error: Error, asked: bool, line: Option<&[u8]>) -> Option<Fault> {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        TlsFailure::find(&error, asked, line).map(|failure| failure.fault())
    }

    #[test]
    fn an_alert_is_about_a_client_certificate_where_one_was_requested() {
        let wanted = Some(Fault::ClientCertificateRequired);
        for (alert, asked, expected) in [
            (AlertDescription::HandshakeFailure, true, wanted.clone()),
            (AlertDescription::HandshakeFailure, false, None),
            (AlertDescription::BadCertificate, true, wanted),
            (AlertDescription::BadCertificate, false, None),
            (AlertDescription::InternalError, true, None),
        ] {
            let found = find(Error::AlertReceived(alert), asked, Some(b""));
            assert_eq!(found, expected, "{alert:?} {asked}");
        }
    }

    #[test]
    fn an_internal_error_is_the_relays_own() {
        for (alert, expected) in [
            (AlertDescription::InternalError, Fault::TlsInternalError),
            (AlertDescription::HandshakeFailure, Fault::Handshake),
        ] {
            let error = io::Error::new(io::ErrorKind::InvalidData, Error::AlertReceived(alert));
            assert_eq!(explain(&error).0, expected);
        }
    }

    #[test]
    fn plain_text_shows_the_kind_of_server() {
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
            assert_eq!(find(error.clone(), false, Some(line)), expected);
            assert_eq!(find(error, false, None), None);
        }
    }
}
