//! TLS of HTTP and SMTP: a certificate chain and its key from PEM files that may change.
//!
//! rustls reads the files, and not `domain::crypto::pem`: its base64 of a private key has no table look-ups that
//! depend on it, and it accepts explanatory text that is not UTF-8.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at, at most: most handshakes do not wait for the disk.
const RELOAD: Duration = Duration::from_secs(1);

/// The name of HTTP/2 in ALPN (RFC 9113 section 3.2).
pub const HTTP2: &[u8] = b"h2";

/// The name of HTTP/1.1 in ALPN (RFC 7301 section 6).
const HTTP11: &[u8] = b"http/1.1";

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateUse {
    /// The console and the REST API.
    Http,
    /// SMTP submission.
    Submission,
}

impl CertificateUse {
    /// The protocols that are offered, in the order of preference.
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http => vec![HTTP2.to_owned(), HTTP11.to_owned()],
            Self::Submission => Vec::new(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Submission => "SMTP submission",
        }
    }
}

/// Accepts TLS with a certificate chain, the certificate of this server first, and its key. The files are read
/// again after they were replaced.
///
/// # Errors
/// One line that names the file, and says what is wrong.
pub fn acceptor(files: CertificateFiles, used: CertificateUse) -> Result<TlsAcceptor, String> {
    let certificate = RenewedCertificate::load(files, used)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be used: {error}"))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = used.protocols();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificate of the files, as they were when they were looked at last.
#[derive(Debug)]
struct RenewedCertificate {
    files: CertificateFiles,
    used: CertificateUse,
    current: Mutex<LoadedCertificate>,
}

#[derive(Debug)]
struct LoadedCertificate {
    certificate: Arc<CertifiedKey>,
    written: Option<Written>,
    /// The newer files whose fault is in the log.
    refused: Option<Written>,
    looked_at: Instant,
}

/// When the files of the certificate and of the key were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    certificate: SystemTime,
    key: SystemTime,
}

/// The PEM files of a certificate chain and of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl CertificateFiles {
    /// The files that two arguments name, of which empty ones are ignored; `None` without them.
    ///
    /// # Errors
    /// One line with the names of the arguments, where one of them is missing.
    pub fn given(
        certificate: Option<&PathBuf>,
        key: Option<&PathBuf>,
        arguments: &str,
    ) -> Result<Option<Self>, String> {
        let named = |path: &&PathBuf| !path.as_os_str().is_empty();
        match (certificate.filter(named), key.filter(named)) {
            (Some(certificate), Some(key)) => Ok(Some(Self {
                certificate: certificate.clone(),
                key: key.clone(),
            })),
            (None, None) => Ok(None),
            _ => Err(format!("{arguments} belong together")),
        }
    }

    fn written(&self) -> io::Result<Written> {
        Ok(Written {
            certificate: fs::metadata(&self.certificate)?.modified()?,
            key: fs::metadata(&self.key)?.modified()?,
        })
    }

    /// Reads the chain, and the key that belongs to its first certificate.
    ///
    /// # Errors
    /// One line that names the file, and says what is wrong.
    pub fn read(&self) -> Result<CertifiedKey, String> {
        let unreadable = |path: &Path, what: &str, error: pem::Error| match error {
            pem::Error::NoItemsFound => format!("{} has no {what} in PEM", path.display()),
            error => format!("{} cannot be read: {error}", path.display()),
        };
        let no_certificate = |error| unreadable(&self.certificate, "certificate", error);
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .map_err(no_certificate)?
            .collect::<Result<_, _>>()
            .map_err(no_certificate)?;
        if chain.is_empty() {
            return Err(no_certificate(pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| unreadable(&self.key, "private key", error))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            format!("the certificate in {certificate} and the key in {key} cannot be used: {error}")
        })
    }
}

impl RenewedCertificate {
    fn load(files: CertificateFiles, used: CertificateUse) -> Result<Self, String> {
        // Before they are read: one that is replaced meanwhile is read again.
        let written = files.written().ok();
        let certificate = Arc::new(files.read()?);
        Ok(Self {
            files,
            used,
            current: Mutex::new(LoadedCertificate {
                certificate,
                written,
                refused: None,
                looked_at: Instant::now(),
            }),
        })
    }

    /// The certificate for a handshake at `now`. Where the new files cannot be used, it stays the one before.
    fn at(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut current = self.current.lock();
        if now.saturating_duration_since(current.looked_at) >= RELOAD {
            current.looked_at = now;
            self.renew(&mut current);
        }
        current.certificate.clone()
    }

    /// Reads files that were replaced. Those with a fault are read at each look, as a repair of their mode
    /// changes no time, and the fault is logged once.
    fn renew(&self, current: &mut LoadedCertificate) {
        let written = self.files.written().ok();
        if written.is_none() || written == current.written {
            return;
        }
        match self.files.read() {
            Ok(certificate) => {
                current.certificate = Arc::new(certificate);
                current.written = written;
                tracing::info!("the renewed certificate of {} is used", self.used.name());
            }
            Err(error) if written != current.refused => {
                current.refused = written;
                tracing::error!(error, "the old certificate of {} stays", self.used.name());
            }
            Err(_) => {}
        }
    }
}

impl ResolvesServerCert for RenewedCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.at(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate and its key, in PEM.
    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["gate.test".to_owned()]);
        let made = made.expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    /// Writes a file with a time of its own.
    fn write(path: &Path, text: &str, seconds: u64) {
        fs::write(path, text).expect("written");
        let file = fs::File::options().write(true).open(path).expect("a file");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(time).expect("a time");
    }

    #[test]
    fn a_certificate_and_its_key_are_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let ((certificate, key), (_, other)) = (pair(), pair());
        fs::write(path("cert"), certificate).expect("written");
        fs::write(path("key"), key).expect("written");
        fs::write(path("other"), &other).expect("written");
        fs::write(path("empty"), "").expect("written");
        let encrypted = other.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        fs::write(path("encrypted"), encrypted).expect("written");
        let load = |certificate: &str, key: &str| {
            let files = CertificateFiles {
                certificate: path(certificate),
                key: path(key),
            };
            acceptor(files, CertificateUse::Http).map(|_| "loaded".to_owned())
        };
        assert_eq!(load("cert", "key"), Ok("loaded".to_owned()));
        for (certificate, key, named) in [
            ("empty", "key", "empty has no certificate"),
            ("cert", "empty", "empty has no private key"),
            ("cert", "cert", "cert has no private key"),
            ("missing", "key", "missing cannot be read"),
            ("cert", "missing", "missing cannot be read"),
            ("cert", "other", "cannot be used"),
            ("cert", "encrypted", "encrypted has no private key"),
        ] {
            let fault = load(certificate, key).expect_err("refused");
            assert!(fault.contains(named), "{fault}");
        }
    }

    #[test]
    fn a_renewed_certificate_is_used_within_a_second() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
        let (first, second) = (pair(), pair());
        write(&certificate, &first.0, 1);
        write(&key, &first.1, 1);
        let files = CertificateFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let renewed = RenewedCertificate::load(files, CertificateUse::Submission);
        let renewed = renewed.expect("loaded");
        let begun = Instant::now();
        let at = |seconds: u64| {
            let now = begun + Duration::from_secs(seconds);
            renewed.at(now).cert.clone()
        };
        let old = at(0);

        write(&certificate, &second.0, 2);
        assert_eq!(at(0), old, "not looked at yet");
        assert_eq!(at(1), old, "its key is not there yet");
        write(&key, &second.1, 2);
        let new = at(2);
        assert_ne!(new, old);

        fs::remove_file(&key).expect("removed");
        assert_eq!(at(3), new);
        write(&key, "", 3);
        assert_eq!(at(4), new);
    }

    #[test]
    fn two_arguments_name_the_files_of_a_certificate() {
        let given = |certificate: &str, key: &str| {
            let [certificate, key] = [certificate, key].map(PathBuf::from);
            CertificateFiles::given(Some(&certificate), Some(&key), "--cert and --key")
        };
        assert_eq!(given("", ""), Ok(None));
        let files = given("cert", "key").expect("valid").expect("files");
        assert_eq!(files.key, Path::new("key"));
        let fault = given("cert", "").expect_err("refused");
        assert_eq!(fault, "--cert and --key belong together");
    }
}
