//! The error type of every interface: refusals with a kind and faults by field.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Label;

/// The kind of a refusal. Each kind has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request cannot be parsed.
    BadRequest,
    /// The request carries no valid credentials.
    Unauthenticated,
    /// The actor lacks the permission.
    Forbidden,
    /// The resource does not exist.
    NotFound,
    /// The resource does not support the method.
    MethodNotAllowed,
    /// The request did not arrive in time.
    RequestTimedOut,
    /// The resource was changed since it was read.
    Conflict,
    /// The body exceeds its limit.
    TooLarge,
    /// The content type is not supported.
    UnsupportedMediaType,
    /// The request names a host that is not served here.
    Misdirected,
    /// A field is not valid.
    Invalid,
    /// A rate limit is exceeded.
    TooMany,
    /// Postern failed.
    Internal,
    /// The relay failed or refused.
    RelayFailed,
    /// The operation is temporarily not possible.
    Unavailable,
    /// The relay did not reply in time.
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
            Self::RequestTimedOut => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Misdirected => 421,
            Self::Invalid => 422,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::RelayFailed => 502,
            Self::Unavailable => 503,
            Self::RelayTimedOut => 504,
        }
    }
}

/// The fault of a text, as a sentence for the user.
pub type TextFault = &'static str;

/// The key of a fault that concerns no single field.
pub const REQUEST: &str = "request";

/// A refused request with its faults by field. Each text names the fault and the repair and contains
/// no internal detail. A fault that concerns no single field has the key [`REQUEST`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind, which determines the HTTP status.
    pub kind: Kind,
    /// The text of each fault by its field.
    pub fields: BTreeMap<String, String>,
    /// The seconds to wait before a retry, with [`Kind::TooMany`] and [`Kind::Unavailable`].
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

    /// An invalid field of the settings.
    pub fn field(label: Label, text: impl Into<String>) -> Self {
        Self::of(Kind::Invalid, label.as_str(), text)
    }

    /// An empty refusal of [`Kind::Invalid`] that collects faults.
    pub fn invalid() -> Self {
        Self {
            kind: Kind::Invalid,
            fields: BTreeMap::new(),
            retry_after: None,
        }
    }

    /// A refusal of [`Kind::TooMany`] that can be retried after `seconds`.
    pub fn too_many(seconds: u64, text: impl Into<String>) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(Kind::TooMany, text)
        }
    }

    /// A refusal of [`Kind::Internal`]. The error itself goes to the log.
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "Postern could not do this because of an internal error; see its log. Nothing was changed.",
        )
    }

    /// Adds the fault of a field.
    pub fn add(&mut self, field: &str, text: impl Into<String>) {
        self.fields.insert(field.to_owned(), text.into());
    }

    /// Succeeds when no fault was collected.
    ///
    /// # Errors
    /// `self` when a fault was collected.
    pub fn or_ok(self) -> Result<(), Self> {
        if self.fields.is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }

    /// Combines two results.
    ///
    /// # Errors
    /// The faults of both, when both are refused. A second refusal that is not of [`Kind::Invalid`]
    /// is dropped.
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

    /// The text under [`REQUEST`], or else that of the first field.
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
                // Arguments that the server cannot decode, and results that a page of an earlier version
                // cannot decode.
                ServerFnErrorErr::Args(_)
                | ServerFnErrorErr::MissingArg(_)
                | ServerFnErrorErr::Deserialization(_) => Self::new(
                    Kind::BadRequest,
                    "Postern did not understand the request of this page. Reload the page.",
                ),
                _ => Self::internal(),
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn errors_of_server_functions_are_refusals() {
            for (error, kind) in [
                (ServerFnErrorErr::Request("down".into()), Kind::Unavailable),
                (ServerFnErrorErr::Response("cut".into()), Kind::Unavailable),
                (ServerFnErrorErr::Args("wrong".into()), Kind::BadRequest),
                (
                    ServerFnErrorErr::MissingArg("none".into()),
                    Kind::BadRequest,
                ),
                (
                    ServerFnErrorErr::ServerError("fault".into()),
                    Kind::Internal,
                ),
                (
                    ServerFnErrorErr::Deserialization("x".into()),
                    Kind::BadRequest,
                ),
            ] {
                let detail = error.to_string();
                let refusal = Refusal::from_server_fn_error(error);
                assert_eq!(refusal.kind, kind, "{detail}");
                assert!(!refusal.text().is_empty());
                assert_ne!(refusal.text(), detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sets_of_field_faults_are_reported() {
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

    #[test]
    fn each_kind_has_its_status() {
        for (kind, status) in [
            (Kind::BadRequest, 400),
            (Kind::Unauthenticated, 401),
            (Kind::Forbidden, 403),
            (Kind::NotFound, 404),
            (Kind::MethodNotAllowed, 405),
            (Kind::Conflict, 409),
            (Kind::RequestTimedOut, 408),
            (Kind::TooLarge, 413),
            (Kind::Misdirected, 421),
            (Kind::UnsupportedMediaType, 415),
            (Kind::Invalid, 422),
            (Kind::TooMany, 429),
            (Kind::Internal, 500),
            (Kind::RelayFailed, 502),
            (Kind::Unavailable, 503),
            (Kind::RelayTimedOut, 504),
        ] {
            assert_eq!(kind.status(), status);
        }
    }

    #[test]
    fn texts_name_their_field_except_that_of_the_request() {
        let mut refusal = Refusal::field(Label::Port, "Enter the port.");
        assert_eq!((refusal.kind, refusal.retry_after), (Kind::Invalid, None));
        assert_eq!(refusal.to_string(), "smtp_port: Enter the port.");
        assert_eq!(refusal.text(), "Enter the port.");
        refusal.add(REQUEST, "Try again.");
        assert_eq!(
            refusal.to_string(),
            "Try again.\nsmtp_port: Enter the port."
        );
        assert_eq!(refusal.text(), "Try again.");
    }

    #[test]
    fn only_a_collected_fault_refuses() {
        assert_eq!(Refusal::invalid().or_ok(), Ok(()));
        let refusal = Refusal::new(Kind::NotFound, "It is gone.");
        assert_eq!(refusal.clone().or_ok(), Err(refusal));
    }

    #[test]
    fn too_many_has_retry_after() {
        let refusal = Refusal::too_many(30, "Wait.");
        assert_eq!(
            (refusal.kind, refusal.retry_after),
            (Kind::TooMany, Some(30))
        );
        assert_eq!(refusal.text(), "Wait.");
        assert_eq!(Refusal::internal().kind, Kind::Internal);
        assert!(Refusal::internal().text().contains("internal error"));
    }
}
