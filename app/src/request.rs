//! The request a page answers: who asks, what came back from a form, and what the answer's head
//! says. The one place where pages and server functions touch HTTP.

use domain::{Kind, Refusal};
use engine::{Actor, Postern};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_router::hooks::{use_location, use_query_map};
use leptos_router::location::Url;
use url::form_urlencoded;

/// What a plain form post was answered with, when the answer was no. The server gives it as
/// context and renders the form's page again.
#[derive(Clone, Debug)]
pub struct FormReply {
    pub refusal: Refusal,
    /// The address that was typed, so that it need not be typed again.
    pub email: String,
}

/// What the last post said about the field a form calls `name`.
pub fn fault(name: &str) -> Option<String> {
    use_context::<FormReply>()?.refusal.fields.remove(name)
}

/// What the last post was refused for beside the fields named.
pub fn beside(names: &[&str]) -> Option<String> {
    let fields = use_context::<FormReply>()?.refusal.fields.into_iter();
    let mut rest = fields.filter(|(field, _)| !names.contains(&field.as_str()));
    rest.next().map(|(_, text)| text)
}

/// The address typed in the last post.
pub fn typed_email() -> Option<String> {
    use_context::<FormReply>().map(|reply| reply.email)
}

/// Who asks; nobody when not signed in.
pub fn actor() -> Option<Actor> {
    use_context()
}

/// A parameter of the page's address.
pub fn query(name: &str) -> Option<String> {
    use_query_map().read_untracked().get(name)
}

/// All parameters of the page's address, by name and value.
pub fn queries() -> Vec<(String, String)> {
    let query = use_location().search.get_untracked();
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// The page's address: its path, and what it is asked with.
pub fn here() -> String {
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

/// Where to sign in, and come back to `next` afterwards. The address carries it, so that the page
/// still knows it after a refusal.
pub fn login_path(next: &str) -> String {
    format!("/login?next={}", Url::escape(next))
}

/// `path`, if it leads to a page of this Postern and nowhere else: browsers read `//host` and
/// `/\host` as another site.
pub fn local_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let elsewhere = rest.starts_with(['/', '\\']) || path.chars().any(char::is_control);
    (!elsewhere).then_some(path)
}

/// Gives the answer the status of a refusal, and says when to try again.
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

pub fn set_status(kind: Kind) {
    if let (Some(response), Ok(status)) =
        (use_context::<ResponseOptions>(), kind.status().try_into())
    {
        response.set_status(status);
    }
}

/// Lets a server function ask the engine, and answers with the status its answer has.
pub async fn asked<T, F>(ask: impl FnOnce(Postern) -> F) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    ask(expect_context()).await.inspect_err(refuse)
}

/// [`asked`], by who is signed in.
pub async fn asked_by<T, F>(ask: impl FnOnce(Postern, Actor) -> F) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    asked(|postern| {
        let asking = actor().map(|actor| ask(postern, actor));
        async {
            match asking {
                Some(asking) => asking.await,
                None => Err(Refusal::new(
                    Kind::Unauthenticated,
                    "You are no longer signed in. Sign in again; what you typed is still here.",
                )),
            }
        }
    })
    .await
}

/// Sends the browser elsewhere.
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
    fn only_paths_of_this_postern_are_followed() {
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
    fn a_refusal_is_told_beside_its_field_or_above_the_form() {
        let mut refusal = Refusal::new(Kind::Invalid, "whole");
        refusal.add("email", "field");
        let owner = Owner::new();
        owner.with(|| {
            assert_eq!(beside(&[]), None);
            provide_context(FormReply {
                refusal,
                email: "a@example.org".to_owned(),
            });
            assert_eq!(fault("email").as_deref(), Some("field"));
            assert_eq!(beside(&["email"]).as_deref(), Some("whole"));
            assert_eq!(beside(&["email", "request"]), None);
        });
    }
}
