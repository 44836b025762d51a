//! The addresses of the outbox's pages: what they ask for, and how it is written.

use std::borrow::Cow;

use domain::outbox::{Cursor, MessageAction, Search, Selection};
use domain::{Kind, Refusal};
use url::form_urlencoded::{Serializer, parse};

/// The list, which every other page of the outbox is below.
pub const LIST: &str = "/outbox";

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The list: what was asked for, as name and value.
    List(Vec<(String, String)>),
    /// A message, by its id.
    Message(String),
}

impl Place {
    /// From a page's path and query.
    ///
    /// # Errors
    /// When it is no page of the outbox that changes by itself.
    pub fn read(address: &str) -> Result<Self, Refusal> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        match path.strip_prefix(LIST) {
            Some("") => Ok(Self::List(
                parse(query.as_bytes()).map(both(Cow::into_owned)).collect(),
            )),
            Some(id) if id.len() > 1 => Ok(Self::Message(id[1..].to_owned())),
            _ => Err(Refusal::new(
                Kind::NotFound,
                "No page of the outbox has this address.",
            )),
        }
    }

    pub fn written(&self) -> String {
        match self {
            Self::List(pairs) => {
                let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value));
                with_query(LIST, pairs)
            }
            Self::Message(id) => message(id),
        }
    }
}

fn both<T, U>(f: fn(T) -> U) -> impl Fn((T, T)) -> (U, U) {
    move |(a, b)| (f(a), f(b))
}

/// What the list is asked for.
///
/// # Errors
/// The faults of what is not understood, by name.
pub fn asked(pairs: &[(String, String)]) -> Result<(Search, Option<Cursor>), Refusal> {
    Search::read_from(pairs.iter().map(|(name, value)| (&**name, &**value)))
}

/// The list of what is searched for, from a place on.
pub fn list(search: &Search, before: Option<&Cursor>) -> String {
    let before = before.map(|cursor| ("before", cursor.to_string()));
    with_query(LIST, search.pairs().into_iter().chain(before))
}

/// A message.
pub fn message(id: &str) -> String {
    format!("{LIST}/{id}")
}

/// An act on mail: what somebody agrees to, or is asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    pub act: MessageAction,
    pub selection: Selection,
    /// How many mails were said to be touched.
    pub said: Option<i64>,
}

impl Errand {
    /// From name and value, as a form and a page's address have them: `message` and `position` for
    /// one, else a search.
    ///
    /// # Errors
    /// The faults of what is not understood, by name.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let named = |wanted: &str| {
            let found = pairs.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let invalid = |name: &str, fault: &str| Refusal::of(Kind::Invalid, name, fault);
        let number = |name: &str| {
            let number = named(name).map(str::parse::<i64>).transpose();
            number.map_err(|_| invalid(name, "This is a number."))
        };
        let act = named("act").unwrap_or_default();
        let act: MessageAction = act.parse().map_err(|fault| invalid("act", fault))?;
        let selection = match (named("message"), number("position")?) {
            (Some(id), Some(position)) => Selection::One(Cursor {
                id: id.to_owned(),
                position,
            }),
            (Some(id), None) => Selection::Message(id.to_owned()),
            (None, _) => Selection::Matching(Search::read(
                pairs.iter().map(|(name, value)| (&**name, &**value)),
            )?),
        };
        Ok(Self {
            act,
            selection,
            said: number("said")?,
        })
    }

    /// What a form sends, but for how many mails were said.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("act", self.act.as_str().to_owned())];
        match &self.selection {
            Selection::One(cursor) => {
                pairs.push(("message", cursor.id.clone()));
                pairs.push(("position", cursor.position.to_string()));
            }
            Selection::Message(id) => pairs.push(("message", id.clone())),
            Selection::Matching(search) => pairs.extend(search.pairs()),
        }
        pairs
    }

    /// The page that asks whether it is meant, and says so when it was asked with another number.
    pub fn question(&self) -> String {
        let said = self.said.map(|said| ("said", said.to_string()));
        with_query("/outbox/confirm", self.pairs().into_iter().chain(said))
    }

    /// The page it came from.
    pub fn back(&self) -> String {
        match &self.selection {
            Selection::One(cursor) => message(&cursor.id),
            Selection::Message(id) => message(id),
            Selection::Matching(search) => list(search, None),
        }
    }

    /// The same page, where it says how many mails were touched.
    pub fn told(&self, number: i64) -> String {
        let pairs = match &self.selection {
            Selection::Matching(search) => search.pairs(),
            _ => Vec::new(),
        };
        let told = [
            ("done", self.act.as_str().to_owned()),
            ("number", number.to_string()),
        ];
        let back = self.back();
        let path = back.split('?').next().unwrap_or_default();
        with_query(path, pairs.into_iter().chain(told))
    }
}

/// A path and what it is asked with, if anything.
pub fn with_query<'a>(
    path: &str,
    pairs: impl Iterator<Item = (&'a str, impl AsRef<str>)>,
) -> String {
    let query = pairs
        .fold(
            Serializer::new(String::new()),
            |mut query, (name, value)| {
                query.append_pair(name, value.as_ref());
                query
            },
        )
        .finish();
    match query.as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_it_is_written() {
        let text = "/outbox?address=d%C3%A9sk%2B1%40&before=01J00000000000000000000000.3";
        let place = Place::read(text).expect("a page");
        assert_eq!(place.written(), text);
        let Place::List(pairs) = &place else {
            panic!("{place:?}");
        };
        let (search, before) = asked(pairs).expect("understood");
        assert_eq!(search.address, "désk+1@");
        assert_eq!(list(&search, before.as_ref()), text);
        assert_eq!(
            Place::read("/outbox/01J00000000000000000000000"),
            Ok(Place::Message("01J00000000000000000000000".to_owned()))
        );
        for other in ["/", "/outbox/", "/account", ""] {
            assert!(Place::read(other).is_err(), "{other}");
        }
    }

    #[test]
    fn every_fault_of_a_search_is_told() {
        let pairs = [("since", "soon"), ("before", "here"), ("state", "failed")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let refusal = asked(&pairs).expect_err("refused");
        assert_eq!(
            refusal.fields.keys().collect::<Vec<_>>(),
            ["before", "since"]
        );
    }

    #[test]
    fn an_errand_is_read_as_it_is_written() {
        let one = Selection::One(Cursor {
            id: "01J00000000000000000000000".to_owned(),
            position: 2,
        });
        let search = Search {
            address: "desk@".to_owned(),
            ..Search::default()
        };
        for (selection, question, told) in [
            (
                one,
                "/outbox/confirm?act=cancel&message=01J00000000000000000000000&position=2&said=7",
                "/outbox/01J00000000000000000000000?done=cancel&number=7",
            ),
            (
                Selection::Message("01J00000000000000000000000".to_owned()),
                "/outbox/confirm?act=cancel&message=01J00000000000000000000000&said=7",
                "/outbox/01J00000000000000000000000?done=cancel&number=7",
            ),
            (
                Selection::Matching(search),
                "/outbox/confirm?act=cancel&address=desk%40&said=7",
                "/outbox?address=desk%40&done=cancel&number=7",
            ),
        ] {
            let errand = Errand {
                act: MessageAction::Cancel,
                selection,
                said: Some(7),
            };
            assert_eq!(errand.question(), question);
            assert_eq!(errand.told(7), told);
            let (_, query) = question.split_once('?').expect("a query");
            let pairs: Vec<_> = parse(query.as_bytes()).map(both(Cow::into_owned)).collect();
            assert_eq!(Errand::read(&pairs), Ok(errand));
        }
        let unknown = [("act".to_owned(), "burn".to_owned())];
        assert!(Errand::read(&unknown).is_err());
    }
}
