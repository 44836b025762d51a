//! The canonical encoding of a row of the audit log, and its hash in the chain of its node.

use data_encoding::HEXLOWER;
use domain::Timestamp;
use sha2::{Digest, Sha256};

/// The first field: the version of the encoding.
const VERSION: &str = "postern-audit-1";

/// The fields that the hash of a row covers.
///
/// Encoded are eleven fields in this order: the text `postern-audit-1`; the hash of the row before, which is empty for
/// the first row of a chain; the node; the number in the chain, in decimal; the id; the time in milliseconds since
/// 1970-01-01T00:00:00Z, in decimal; the actor; the origin; the action; the outcome; the detail. Each is in UTF-8,
/// behind its length in octets as a 64-bit big-endian number, so that the fields of two rows differ wherever their
/// encodings do, and the other way round. The hash is the SHA-256 of the encoding, in 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct HashedRow<'a> {
    /// The hash of the row before; empty for the first row of a chain.
    pub previous: &'a str,
    pub node: &'a str,
    /// The number in the chain, from 1.
    pub number: i64,
    pub id: &'a str,
    pub at: Timestamp,
    pub actor: &'a str,
    pub origin: &'a str,
    pub action: &'a str,
    pub outcome: &'a str,
    pub detail: &'a str,
}

impl HashedRow<'_> {
    /// The hash of the row.
    pub fn hash(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.encode()))
    }

    /// The canonical encoding.
    fn encode(&self) -> Vec<u8> {
        let (number, at) = (self.number.to_string(), self.at.0.to_string());
        let fields = [
            VERSION,
            self.previous,
            self.node,
            &number,
            self.id,
            &at,
            self.actor,
            self.origin,
            self.action,
            self.outcome,
            self.detail,
        ];
        let mut encoded = Vec::with_capacity(512);
        for field in fields {
            encoded.extend_from_slice(&length(field.len()));
            encoded.extend_from_slice(field.as_bytes());
        }
        encoded
    }
}

fn length(octets: usize) -> [u8; 8] {
    u64::try_from(octets).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected hashes were computed by another program from the description above.
    const FIRST: &str = "5406b13c7c8945d091a910430a1a51b737822c2ad3140a6ce874b70d376423cb";
    const SECOND: &str = "43557652f0ef7420c3d730244ee9c633f0f4999e690b4d7474ba009d94f1ab22";

    const ROW: HashedRow<'_> = HashedRow {
        previous: "",
        node: "gate",
        number: 1,
        id: "01JD0000000000000000000000",
        at: Timestamp(1000),
        actor: "admin@example.org",
        origin: "192.0.2.7",
        action: "login",
        outcome: "done",
        detail: "code",
    };

    #[test]
    fn a_row_has_the_hash_that_the_description_says() {
        let second = HashedRow {
            previous: FIRST,
            number: 2,
            id: "01JD0000000000000000000001",
            at: Timestamp(-1),
            actor: "",
            origin: "",
            action: "remove relay",
            outcome: "refused (403)",
            detail: "“Büro”\n",
            ..ROW
        };
        for (row, expected) in [(ROW, FIRST), (second, SECOND)] {
            assert_eq!(row.hash(), expected, "{row:?}");
        }
    }

    #[test]
    fn the_encoding_begins_with_its_version_and_has_the_length_of_each_field() {
        let row = HashedRow {
            actor: "a",
            origin: "",
            action: "ü",
            outcome: "d",
            detail: "",
            ..ROW
        };
        let encoded = row.encode();
        let (first, rest) = encoded.split_at(8 + VERSION.len());
        assert_eq!(first, b"\0\0\0\0\0\0\0\x0fpostern-audit-1");
        let expected = b"\0\0\0\0\0\0\0\0\
            \0\0\0\0\0\0\0\x04gate\
            \0\0\0\0\0\0\0\x011\
            \0\0\0\0\0\0\0\x1a01JD0000000000000000000000\
            \0\0\0\0\0\0\0\x041000\
            \0\0\0\0\0\0\0\x01a\
            \0\0\0\0\0\0\0\0\
            \0\0\0\0\0\0\0\x02\xc3\xbc\
            \0\0\0\0\0\0\0\x01d\
            \0\0\0\0\0\0\0\0";
        assert_eq!(rest, expected);
    }

    /// Rows with a text moved from one field to the next, and rows with each field changed.
    #[test]
    fn rows_that_differ_have_other_hashes() {
        let rows = [
            ROW,
            HashedRow {
                previous: FIRST,
                ..ROW
            },
            HashedRow {
                node: "gate2",
                ..ROW
            },
            HashedRow {
                node: "gat",
                number: 2,
                ..ROW
            },
            HashedRow { number: 11, ..ROW },
            HashedRow {
                id: "01JD0000000000000000000001",
                ..ROW
            },
            HashedRow {
                at: Timestamp(1001),
                ..ROW
            },
            HashedRow {
                at: Timestamp(-1000),
                ..ROW
            },
            HashedRow {
                actor: "",
                origin: "admin@example.org192.0.2.7",
                ..ROW
            },
            HashedRow {
                actor: "admin@example.org192.0.2.7",
                origin: "",
                ..ROW
            },
            HashedRow {
                actor: "admin@example.org1",
                origin: "92.0.2.7",
                ..ROW
            },
            HashedRow {
                action: "logindone",
                outcome: "",
                ..ROW
            },
            HashedRow {
                outcome: "donecode",
                detail: "",
                ..ROW
            },
            HashedRow {
                detail: "code ",
                ..ROW
            },
            HashedRow {
                detail: "code\0",
                ..ROW
            },
        ];
        let hashes: std::collections::BTreeSet<String> = rows.iter().map(HashedRow::hash).collect();
        assert_eq!(hashes.len(), rows.len());
    }
}
