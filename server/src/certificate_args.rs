//! The certificate files that the arguments of HTTP and SMTP name.

use crate::cli::{SubmissionArgs, TlsArgs};
use crate::tls::CertificateFiles;

impl TlsArgs {
    /// The files; `None` where neither is given.
    ///
    /// # Errors
    /// One line, where only one is given.
    pub fn files(&self) -> Result<Option<CertificateFiles>, String> {
        let (certificate, key) = (self.tls_cert.as_ref(), self.tls_key.as_ref());
        CertificateFiles::given(certificate, key, "--tls-cert and --tls-key")
    }
}

impl SubmissionArgs {
    /// The files; `None` where neither is given.
    ///
    /// # Errors
    /// One line, where only one is given.
    pub fn files(&self) -> Result<Option<CertificateFiles>, String> {
        let (certificate, key) = (self.submission_cert.as_ref(), self.submission_key.as_ref());
        CertificateFiles::given(certificate, key, "--submission-cert and --submission-key")
    }

    /// The files of the certificate of SMTP: those of HTTP where no others are given.
    ///
    /// # Errors
    /// One line, where only one of two is given.
    pub fn with_files_of(self, tls: &TlsArgs) -> Result<Self, String> {
        let mut own = self.submission_cert.iter().chain(&self.submission_key);
        if own.any(|path| !path.as_os_str().is_empty()) {
            return Ok(self);
        }
        let files = tls.files()?;
        Ok(Self {
            submission_cert: files.as_ref().map(|files| files.certificate.clone()),
            submission_key: files.map(|files| files.key),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn smtp_has_the_certificate_of_http_unless_it_has_its_own() {
        let tls = TlsArgs {
            tls_cert: Some("http.pem".into()),
            tls_key: Some("http.key".into()),
        };
        let own = SubmissionArgs {
            submission_cert: Some("smtp.pem".into()),
            submission_key: Some("smtp.key".into()),
            ..SubmissionArgs::default()
        };
        let none = SubmissionArgs::default();
        for (args, tls, expected) in [
            (none.clone(), tls.clone(), Some("http.pem")),
            (own, tls.clone(), Some("smtp.pem")),
            (none.clone(), TlsArgs::default(), None),
        ] {
            let args = args.with_files_of(&tls).expect("valid");
            assert_eq!(args.submission_cert, expected.map(PathBuf::from));
            assert_eq!(args.submission_key.is_some(), expected.is_some());
        }
        let half = TlsArgs {
            tls_key: None,
            ..tls
        };
        let fault = none.with_files_of(&half).expect_err("refused");
        assert!(fault.contains("--tls-cert and --tls-key"), "{fault}");
    }
}
