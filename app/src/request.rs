//! The HTTP request and response of pages and server functions. Other modules do not access them.

use domain::{Fields, Kind, Refusal};
use engine::{Actor, Postern};
use leptos_axum::ResponseOptions;
use leptos_router::hooks::{use_location, use_params_map, use_query_map};
use url::form_urlencoded;

use crate::server_prelude::*;

/// Why a posted form was refused, as context of the page of the form, which is rendered again.
#[derive(Clone, Debug)]
pub struct FormReply {
    pub refusal: Refusal,
    /// The email address as typed, to fill the form in again.
    pub email: String,
}

/// The fault of the form field `name` in the last post.
pub fn fault(name: &str) -> Option<String> {
    use_context::<FormReply>()?.refusal.fields.remove(name)
}

/// The first fault of the last post that belongs to none of these fields.
pub fn other_fault(names: &[&str]) -> Option<String> {
    let fields = use_context::<FormReply>()?.refusal.fields.into_iter();
    let mut rest = fields.filter(|(field, _)| !names.contains(&field.as_str()));
    rest.next().map(|(_, text)| text)
}

/// The email address typed in the last post.
pub fn typed_email() -> Option<String> {
    use_context::<FormReply>().map(|reply| reply.email)
}

/// The actor of the request; `None` without a session.
pub fn actor() -> Option<Actor> {
    use_context()
}

/// A query parameter of the page.
pub fn query(name: &str) -> Option<String> {
    use_query_map().read_untracked().get(name)
}

/// A parameter in the path of the page.
pub fn param(name: &str) -> Option<String> {
    use_params_map().read_untracked().get(name)
}

/// All query parameters of the page.
pub fn queries() -> Vec<(String, String)> {
    let query = use_location().search.get_untracked();
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// The id in the fields of a form or a query that has nothing else.
///
/// # Errors
/// [`Kind::Invalid`] for names that are repeated or unknown.
pub fn only_id(pairs: &[(String, String)]) -> Result<String, Refusal> {
    Fields::of(pairs).read(|fields| fields.take("id").unwrap_or_default().to_owned())
}

/// Path and query of the page.
pub fn page_url() -> String {
    let location = use_location();
    let (path, query) = (
        location.pathname.get_untracked(),
        location.search.get_untracked(),
    );
    match query.as_str() {
        "" => path,
        query => format!("{path}?{query}"),
    }
}

/// A path with a query, or the path alone where the query is empty.
pub fn with_query<'a>(
    path: &str,
    query: impl IntoIterator<Item = (&'a str, impl AsRef<str>)>,
) -> String {
    let mut query = query.into_iter().fold(
        form_urlencoded::Serializer::new(String::new()),
        |mut query, (name, value)| {
            query.append_pair(name, value.as_ref());
            query
        },
    );
    match query.finish().as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// `path` if it is a path of this console. Browsers read `//host` and `/\host` as another site.
pub fn local_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let elsewhere = rest.starts_with(['/', '\\']) || path.chars().any(char::is_control);
    (!elsewhere).then_some(path)
}

/// Sets the status of a refusal and its Retry-After header.
pub fn refuse(refusal: &Refusal) {
    set_status(refusal.kind);
    let (Some(response), Some(seconds)) = (use_context::<ResponseOptions>(), refusal.retry_after)
    else {
        return;
    };
    if let Ok(name) = "retry-after".parse() {
        response.insert_header(name, seconds.into());
    }
}

/// Sets the status that belongs to `kind`.
pub fn set_status(kind: Kind) {
    if let (Some(response), Ok(status)) =
        (use_context::<ResponseOptions>(), kind.status().try_into())
    {
        response.set_status(status);
    }
}

/// Runs a server function against the engine.
pub async fn with_engine<T, F>(call: impl FnOnce(Postern) -> F) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    call(expect_context()).await
}

/// The refusal of a server function without a session.
pub fn signed_out() -> Refusal {
    Refusal::new(
        Kind::Unauthenticated,
        "You are no longer signed in. Sign in again; what you typed is still here.",
    )
}

/// [`with_engine`], for a signed-in account only.
pub async fn with_actor<T, F>(call: impl FnOnce(Postern, Actor) -> F) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    with_engine(|postern| {
        let result = actor().map(|actor| call(postern, actor));
        async {
            match result {
                Some(result) => result.await,
                None => Err(signed_out()),
            }
        }
    })
    .await
}

/// Redirects to `path` by 303 (RFC 9110 section 15.4.4).
pub fn redirect(path: &str) {
    let Some(response) = use_context::<ResponseOptions>() else {
        return;
    };
    if let (Ok(name), Ok(path), Ok(see_other)) = ("location".parse(), path.parse(), 303.try_into())
    {
        response.insert_header(name, path);
        response.set_status(see_other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_console_are_local() {
        for (path, local) in [
            ("/", true),
            ("/settings/email", true),
            ("/settings/email?a=//b", true),
            ("", false),
            ("settings", false),
            ("//example.org", false),
            ("/\\example.org", false),
            ("https://example.org", false),
            ("/a\r\nSet-Cookie: b", false),
            ("/\t/example.org", false),
        ] {
            assert_eq!(local_path(path).is_some(), local, "{path:?}");
        }
    }

    #[test]
    fn a_fault_belongs_to_its_field_or_to_the_whole_form() {
        let mut refusal = Refusal::new(Kind::Invalid, "whole");
        refusal.add("email", "field");
        let owner = Owner::new();
        owner.with(|| {
            assert_eq!(other_fault(&[]), None);
            provide_context(FormReply {
                refusal,
                email: "a@example.org".to_owned(),
            });
            assert_eq!(fault("email").as_deref(), Some("field"));
            assert_eq!(other_fault(&["email"]).as_deref(), Some("whole"));
            assert_eq!(other_fault(&["email", "request"]), None);
        });
    }
}
