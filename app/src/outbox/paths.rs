//! The paths of the outbox, and the query of its list.

use domain::outbox::{Cursor, Search};
use domain::{Kind, Refusal};
use url::form_urlencoded::parse;

use crate::request::with_query;

/// The page of the list. The page of a message is below it.
pub const OUTBOX: &str = "/outbox";

/// The page that asks for confirmation of an action.
pub const CONFIRM: &str = "/outbox/confirm";

/// The form that acts on messages.
pub const ACT: &str = "/outbox/act";

/// The form that stops the action on many messages.
pub const STOP_ACT: &str = "/outbox/act/stop";

/// The form that pauses and resumes delivery.
pub const PAUSE: &str = "/outbox/pause";

/// The page of a message.
pub fn message_path(id: &str) -> String {
    format!("{OUTBOX}/{id}")
}

/// The source of a message, to download. The router's pattern has `{id}` for the id.
pub fn source_path(id: &str) -> String {
    format!("{OUTBOX}/{id}/source")
}

/// A page of the outbox that is kept up to date.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OutboxPage {
    /// The list, by its query.
    List(Vec<(String, String)>),
    /// A message, by its id.
    Message(String),
}

impl OutboxPage {
    /// Parses a path and query.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for any other page.
    pub fn parse(url: &str) -> Result<Self, Refusal> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        match path.strip_prefix(OUTBOX) {
            Some("") => Ok(Self::List(parse(query.as_bytes()).into_owned().collect())),
            Some(id) if id.len() > 1 => Ok(Self::Message(id[1..].to_owned())),
            _ => Err(Refusal::new(
                Kind::NotFound,
                "No page of the outbox has this address.",
            )),
        }
    }

    /// Its path and query.
    pub fn url(&self) -> String {
        match self {
            Self::List(query) => {
                let query = query.iter().map(|(name, value)| (name.as_str(), value));
                with_query(OUTBOX, query)
            }
            Self::Message(id) => message_path(id),
        }
    }
}

/// Parses the query of the list.
///
/// # Errors
/// [`Kind::Invalid`] with the fault of each parameter.
pub fn list_query(query: &[(String, String)]) -> Result<(Search, Option<Cursor>), Refusal> {
    Search::read_from(query)
}

/// The list of a search, from a cursor on.
pub fn list_url(search: &Search, before: Option<&Cursor>) -> String {
    let before = before.map(|cursor| ("before", cursor.to_string()));
    with_query(OUTBOX, search.pairs().into_iter().chain(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_list_round_trips() {
        let text = "/outbox?address=d%C3%A9sk%2B1%40&before=01J00000000000000000000000.3";
        let page = OutboxPage::parse(text).expect("a page");
        assert_eq!(page.url(), text);
        let OutboxPage::List(query) = &page else {
            panic!("{page:?}");
        };
        let (search, before) = list_query(query).expect("valid");
        assert_eq!(search.address, "désk+1@");
        assert_eq!(list_url(&search, before.as_ref()), text);
        assert_eq!(
            OutboxPage::parse("/outbox/01J00000000000000000000000"),
            Ok(OutboxPage::Message("01J00000000000000000000000".to_owned()))
        );
        for other in ["/", "/outbox/", "/account", ""] {
            assert!(OutboxPage::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn every_fault_of_a_search_is_reported() {
        let pairs = [("since", "soon"), ("before", "here"), ("state", "failed")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let refusal = list_query(&pairs).expect_err("refused");
        assert_eq!(
            refusal.fields.keys().collect::<Vec<_>>(),
            ["before", "since"]
        );
    }
}
