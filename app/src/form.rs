//! A posted form, the answer to it, and the route that leads from one to the other.

use std::sync::Arc;

use domain::{Kind, Refusal};
use engine::{Actor, Origin, Postern};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use leptos::prelude::provide_context;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as ValueError, MapDeserializer};

use crate::flash::Flash;
use crate::request::FormReply;

/// A form as it was posted. The server crate has read it and resolved its actor.
pub struct FormRequest {
    pub postern: Postern,
    pub origin: Origin,
    actor: Result<Actor, Refusal>,
    fields: Result<Vec<(String, String)>, Refusal>,
}

impl FormRequest {
    /// `actor` is a refusal without a session, and `fields` where they could not be read. The fields of a form that
    /// needs a session are not read without one: then both are the same refusal.
    pub fn new(
        postern: Postern,
        origin: Origin,
        actor: Result<Actor, Refusal>,
        fields: Result<Vec<(String, String)>, Refusal>,
    ) -> Self {
        Self {
            postern,
            origin,
            actor,
            fields,
        }
    }

    /// The actor.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] where there is none.
    pub fn actor(&self) -> Result<&Actor, Refusal> {
        self.actor.as_ref().map_err(Refusal::clone)
    }

    /// Names and values, as typed.
    ///
    /// # Errors
    /// The reason why the form could not be read.
    pub fn fields(&self) -> Result<&[(String, String)], Refusal> {
        self.fields.as_deref().map_err(Refusal::clone)
    }

    /// The fields of a form that is a struct of texts.
    ///
    /// # Errors
    /// As [`FormRequest::fields`]; [`Kind::BadRequest`] for names that are repeated or that the struct refuses.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        read_fields(self.fields()?)
    }
}

/// The fields of a form that is a struct of texts.
///
/// # Errors
/// [`Kind::BadRequest`] for names that are repeated or that the struct refuses.
pub fn read_fields<T: DeserializeOwned>(fields: &[(String, String)]) -> Result<T, Refusal> {
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
    let read: Result<T, ValueError> =
        serde::Deserialize::deserialize(MapDeserializer::<_, ValueError>::new(fields));
    read.map_err(|_| unreadable_form(Kind::BadRequest))
}

/// The refusal of a form that could not be decoded.
pub fn unreadable_form(kind: Kind) -> Refusal {
    let text = "The form could not be read. Load the page and try again.";
    Refusal::new(kind, text)
}

/// The answer to a form.
pub enum FormAnswer {
    /// Continues at the page `next`, which shows what the form did.
    Redirect { next: String, flash: Option<Flash> },
    /// Renders the page at `path`, with `context`. A refused form has the status of its refusal.
    Page {
        path: String,
        context: PageContext,
        refusal: Option<Refusal>,
    },
}

/// Provides values as context of a page.
pub type PageContext = Arc<dyn Fn() + Send + Sync>;

impl FormAnswer {
    /// Continues at the page `next`, which shows what the form did.
    pub fn done(next: impl Into<String>, flash: Flash) -> Self {
        Self::Redirect {
            next: next.into(),
            flash: Some(flash),
        }
    }

    /// Continues at the page `next`.
    pub fn redirect(next: impl Into<String>) -> Self {
        Self::Redirect {
            next: next.into(),
            flash: None,
        }
    }

    /// Renders the page at `path` with `shown` in its context: what no other answer shows.
    pub fn page(path: impl Into<String>, shown: impl Clone + Send + Sync + 'static) -> Self {
        Self::Page {
            path: path.into(),
            context: Arc::new(move || provide_context(shown.clone())),
            refusal: None,
        }
    }

    /// Renders the page at `path` again for a refused form.
    pub fn refused(path: impl Into<String>, refusal: Refusal) -> Self {
        Self::refused_with_email(path, String::new(), refusal)
    }

    /// As [`FormAnswer::refused`], with the email address as typed.
    pub fn refused_with_email(path: impl Into<String>, email: String, refusal: Refusal) -> Self {
        Self::again(path.into(), email, refusal, || {})
    }

    /// As [`FormAnswer::refused`], with `typed` in the context of the page.
    pub fn refused_with(
        path: impl Into<String>,
        typed: impl Clone + Send + Sync + 'static,
        refusal: Refusal,
    ) -> Self {
        let provide_typed = move || provide_context(typed.clone());
        Self::again(path.into(), String::new(), refusal, provide_typed)
    }

    fn again(
        path: String,
        email: String,
        refusal: Refusal,
        provide_typed: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let reply = FormReply {
            refusal: refusal.clone(),
            email,
        };
        let context = move || {
            provide_context(reply.clone());
            provide_typed();
        };
        Self::Page {
            path,
            context: Arc::new(context),
            refusal: Some(refusal),
        }
    }
}

type FormHandler = Arc<dyn Fn(FormRequest) -> BoxFuture<'static, FormAnswer> + Send + Sync>;

/// The path that a form is posted to, and its handler.
#[derive(Clone)]
pub struct FormRoute {
    pub path: &'static str,
    /// Whether it may be posted without a session.
    pub is_open: bool,
    handler: FormHandler,
}

impl FormRoute {
    /// A form that needs a session.
    pub fn new<Answer>(
        path: &'static str,
        handler: impl Fn(FormRequest) -> Answer + Send + Sync + 'static,
    ) -> Self
    where
        Answer: Future<Output = FormAnswer> + Send + 'static,
    {
        Self {
            path,
            is_open: false,
            handler: Arc::new(move |posted: FormRequest| handler(posted).boxed()),
        }
    }

    /// A form that needs no session.
    pub fn open<Answer>(
        path: &'static str,
        handler: impl Fn(FormRequest) -> Answer + Send + Sync + 'static,
    ) -> Self
    where
        Answer: Future<Output = FormAnswer> + Send + 'static,
    {
        Self {
            is_open: true,
            ..Self::new(path, handler)
        }
    }

    /// Does what the form asks for.
    pub fn handle(&self, posted: FormRequest) -> BoxFuture<'static, FormAnswer> {
        (self.handler)(posted)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Eq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Texts {
        first: String,
        second: String,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        let owned = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn a_form_of_texts_has_each_name_once_and_no_other() {
        let texts: Texts = read_fields(&owned(&[("second", " a&b ")])).expect("absent is empty");
        assert_eq!((texts.first.as_str(), texts.second.as_str()), ("", " a&b "));
        assert_eq!(read_fields::<Nothing>(&[]), Ok(Nothing {}));
        for wrong in [
            &[("first", "1"), ("first", "2")][..],
            &[("first", "1"), ("third", "3")],
        ] {
            let refusal = read_fields::<Texts>(&owned(wrong)).expect_err("refused");
            assert_eq!(refusal.kind, Kind::BadRequest, "{wrong:?}");
        }
        assert!(read_fields::<Nothing>(&owned(&[("first", "1")])).is_err());
    }
}
