//! Signs messages: the header field DKIM-Signature of each active key of the From domain.

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::mail::dkim::DkimAlgorithm;
use sha2::{Digest as _, Sha256};

use super::canonical;
use super::key::PrivateDkimKey;
use crate::mail::header::raw::RawHeader;
use crate::smtp::to_ascii;

/// The name of the header field.
const NAME: &str = "DKIM-Signature";

/// The fields that are signed, as often as they are there up to [`MOST`] (RFC 6376 section 5.4.1).
const SIGNED: [&str; 20] = [
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
];

/// The most fields of a name that are signed, the last ones: `h=` has a name for each.
const MOST: usize = 16;

/// The length at which lines of the field are folded, in octets.
const FOLD: usize = 72;

/// An active key.
pub struct DkimSigner {
    domain: String,
    selector: String,
    key: PrivateDkimKey,
}

impl fmt::Debug for DkimSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DkimSigner({} of {})", self.selector, self.domain)
    }
}

impl DkimSigner {
    /// The key of a domain in ASCII and lower case. `private` is PKCS #8 in Base64; `None` where it is not
    /// of this algorithm.
    pub fn new(
        domain: &str,
        selector: &str,
        algorithm: DkimAlgorithm,
        private: &str,
    ) -> Option<Self> {
        Some(Self {
            domain: domain.to_owned(),
            selector: selector.to_owned(),
            key: PrivateDkimKey::parse(algorithm, private)?,
        })
    }

    /// Appends the field to `out`. `fields` are the canonical signed fields, `names` their names.
    fn write(
        &self,
        fields: &[u8],
        names: &str,
        body_hash: &str,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) {
        let value = format!(
            " v=1; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};\r\n\th={names};\r\n\tbh={body_hash};\r\n\tb=",
            self.key.algorithm().signature(),
            self.domain,
            self.selector,
            now.unix_seconds(),
        );
        let mut data = fields.to_vec();
        canonical::field(NAME, value.as_bytes(), &mut data);
        // RFC 6376 section 3.7: without its line end.
        data.truncate(data.len() - 2);
        let Some(signature) = self.key.sign(&data) else {
            tracing::error!(domain = self.domain, "a message was not signed with DKIM");
            return;
        };
        out.extend_from_slice(NAME.as_bytes());
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
        for (index, part) in signature.as_bytes().chunks(FOLD).enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\r\n\t");
            }
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The active keys of all domains.
#[derive(Debug, Default)]
pub struct DkimSigners(HashMap<String, Vec<DkimSigner>>);

impl DkimSigners {
    /// Adds a key.
    pub fn add(&mut self, signer: DkimSigner) {
        self.0
            .entry(signer.domain.clone())
            .or_default()
            .push(signer);
    }

    /// Whether no mail is signed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The message with a signature of each active key of its From domain before it; unchanged where that
    /// has none.
    pub fn sign(&self, message: Vec<u8>, now: Timestamp) -> Vec<u8> {
        if self.is_empty() {
            return message;
        }
        match self.signatures(&message, now) {
            Some(mut signed) => {
                signed.extend_from_slice(&message);
                signed
            }
            None => message,
        }
    }

    /// The fields to put before a message.
    fn signatures(&self, message: &[u8], now: Timestamp) -> Option<Vec<u8>> {
        let header = RawHeader::read(message).ok()?;
        let signers = self.of_author(&header)?;
        let mut fields = Vec::with_capacity(1024);
        let mut names = NameList::default();
        for name in SIGNED {
            let present: Vec<_> = header.named(name).collect();
            // RFC 6376 section 5.4.2: several fields of a name are signed from the last to the first.
            for field in present.into_iter().rev().take(MOST) {
                let value = &message[field.name.end + 1..field.all.end];
                canonical::field(name, value, &mut fields);
                names.push(name);
            }
            if name == "From" {
                names.push(name);
            }
        }
        let end = header.fields.last().map_or(0, |field| field.all.end);
        let body = &message[end..];
        let mut hash = Sha256::new();
        canonical::body(body.strip_prefix(b"\r\n").unwrap_or(body), |part| {
            hash.update(part);
        });
        let body_hash = STANDARD.encode(hash.finalize());
        let mut signed = Vec::with_capacity(message.len() + 1024 * signers.len());
        for signer in signers {
            signer.write(&fields, &names.text, &body_hash, now, &mut signed);
        }
        Some(signed)
    }

    /// The keys of the domain of the first author.
    fn of_author(&self, header: &RawHeader<'_>) -> Option<&[DkimSigner]> {
        let authors = header.addresses("From");
        let (_, domain) = authors.first()?.rsplit_once('@')?;
        let domain = to_ascii(domain)?.to_ascii_lowercase();
        self.0.get(&domain).map(Vec::as_slice)
    }
}

/// The tag `h=`, folded.
#[derive(Default)]
struct NameList {
    text: String,
    line: usize,
}

impl NameList {
    fn push(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push(':');
            self.line += 1;
        }
        if self.line + name.len() > FOLD {
            self.text.push_str("\r\n\t ");
            self.line = 0;
        }
        self.text.push_str(name);
        self.line += name.len();
    }
}
