//! The one way to say no. Every door refuses with a [`Refusal`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Label;

/// Why something was refused. One table says which HTTP status that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    BadRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    UnsupportedMediaType,
    Invalid,
    TooMany,
    Internal,
    RelayFailed,
    Unavailable,
    RelayTimedOut,
}

impl Kind {
    /// The HTTP status (RFC 9110 section 15).
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::RelayFailed => 502,
            Self::Unavailable => 503,
            Self::RelayTimedOut => 504,
        }
    }
}

/// The name under which a fault of no field stands.
pub const REQUEST: &str = "request";

/// What was refused, field by field: each text names the fault and the repair, and nothing of the
/// inside. A fault of no field stands under [`REQUEST`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub kind: Kind,
    pub fields: BTreeMap<String, String>,
    /// Seconds to wait, with [`Kind::TooMany`] and [`Kind::Unavailable`].
    #[serde(default)]
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal of the request as a whole.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self::of(kind, REQUEST, text)
    }

    /// A refusal of one field.
    pub fn of(kind: Kind, field: &str, text: impl Into<String>) -> Self {
        let mut refusal = Self {
            kind,
            ..Self::invalid()
        };
        refusal.add(field, text);
        refusal
    }

    /// A fault of one settings field.
    pub fn field(label: Label, text: impl Into<String>) -> Self {
        Self::of(Kind::Invalid, label.as_str(), text)
    }

    /// An empty [`Kind::Invalid`], to collect faults into.
    pub fn invalid() -> Self {
        Self {
            kind: Kind::Invalid,
            fields: BTreeMap::new(),
            retry_after: None,
        }
    }

    /// Too many of something; worth trying again after so many seconds.
    pub fn too_many(seconds: u64, text: impl Into<String>) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(Kind::TooMany, text)
        }
    }

    /// Something inside failed; what it was stands in the log, not here.
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "Postern could not do this because of a fault of its own; its log says which. Nothing was changed.",
        )
    }

    /// Adds the fault of a field.
    pub fn add(&mut self, field: &str, text: impl Into<String>) {
        self.fields.insert(field.to_owned(), text.into());
    }

    /// `Err(self)` when a fault was collected.
    pub fn or_ok(self) -> Result<(), Self> {
        if self.fields.is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }

    /// Both values, or the faults of both at once. A refusal that is not of fields stands alone.
    pub fn both<A, B>(a: Result<A, Self>, b: Result<B, Self>) -> Result<(A, B), Self> {
        match (a, b) {
            (Ok(a), Ok(b)) => Ok((a, b)),
            (Err(mut first), Err(second)) if second.kind == Kind::Invalid => {
                first.fields.extend(second.fields);
                Err(first)
            }
            (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
        }
    }

    /// The text of the request as a whole, or the first of a field.
    pub fn text(&self) -> &str {
        self.fields
            .get(REQUEST)
            .or_else(|| self.fields.values().next())
            .map_or("", String::as_str)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (field, text)) in self.fields.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            if field != REQUEST {
                write!(f, "{field}: ")?;
            }
            f.write_str(text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(feature = "server-fn")]
mod server_function {
    use server_fn::codec::PostcardEncoding;
    use server_fn::error::{FromServerFnError, ServerFnErrorErr};

    use super::{Kind, Refusal};

    impl FromServerFnError for Refusal {
        type Encoder = PostcardEncoding;

        fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
            match error {
                ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => Self::new(
                    Kind::Unavailable,
                    "Postern does not answer. Check your connection and try again; what you typed is still here.",
                ),
                ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => Self::new(
                    Kind::BadRequest,
                    "Postern did not understand the page. Load it again.",
                ),
                _ => Self::internal(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faults_of_both_are_told_unless_one_is_no_fault_of_fields() {
        let fault = |field| Refusal::of(Kind::Invalid, field, "wrong");
        let down = || Refusal::new(Kind::Unavailable, "later");
        for (a, b, kind, fields) in [
            (
                Some(fault("a")),
                Some(fault("b")),
                Kind::Invalid,
                &["a", "b"][..],
            ),
            (Some(fault("a")), None, Kind::Invalid, &["a"]),
            (None, Some(fault("b")), Kind::Invalid, &["b"]),
            (Some(fault("a")), Some(down()), Kind::Invalid, &["a"]),
            (None, Some(down()), Kind::Unavailable, &["request"]),
        ] {
            let result = |fault: Option<Refusal>| fault.map_or(Ok(()), Err);
            let refusal = Refusal::both(result(a), result(b)).expect_err("refused");
            assert_eq!(refusal.kind, kind);
            assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), fields);
        }
        assert_eq!(Refusal::both(Ok(1), Ok("b")), Ok((1, "b")));
    }
}
