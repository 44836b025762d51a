//! TLS of the submission listener: a certificate chain and its key, from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Loads a certificate chain, the certificate of this server first, and its key.
///
/// # Errors
/// One line that names the file, and says what is wrong.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let unreadable = |path: &Path, what: &str, error: pem::Error| match error {
        pem::Error::NoItemsFound => format!("{} has no {what} in PEM", path.display()),
        error => format!("{} cannot be read: {error}", path.display()),
    };
    let no_certificate = |error| unreadable(certificate, "certificate", error);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .map_err(no_certificate)?
        .collect::<Result<_, _>>()
        .map_err(no_certificate)?;
    if chain.is_empty() {
        return Err(no_certificate(pem::Error::NoItemsFound));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, "private key", error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            format!("the certificate in {certificate} and the key in {key} cannot be used: {error}")
        })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["gate.test".to_owned()]);
        let made = made.expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_and_its_key_are_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let ((certificate, key), (_, other)) = (pair(), pair());
        fs::write(path("cert"), certificate).expect("written");
        fs::write(path("key"), key).expect("written");
        fs::write(path("other"), other).expect("written");
        fs::write(path("empty"), "").expect("written");
        let load = |certificate: &str, key: &str| {
            acceptor(&path(certificate), &path(key)).map(|_| "loaded".to_owned())
        };
        assert_eq!(load("cert", "key"), Ok("loaded".to_owned()));
        for (certificate, key, named) in [
            ("empty", "key", "empty has no certificate"),
            ("cert", "empty", "empty has no private key"),
            ("cert", "cert", "cert has no private key"),
            ("missing", "key", "missing cannot be read"),
            ("cert", "missing", "missing cannot be read"),
            ("cert", "other", "cannot be used"),
        ] {
            let fault = load(certificate, key).expect_err("refused");
            assert!(fault.contains(named), "{fault}");
        }
    }
}
