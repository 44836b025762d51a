//! The request for an action on messages: a form's fields, and the query of the confirm page.

use domain::outbox::{ActCount, Cursor, MessageAction, Search, Selection, is_id};
use domain::{Kind, Refusal};

use super::paths::{CONFIRM, list_url, message_path};
use crate::request::with_query;

/// An action on a selection of messages, as a form and the query of the confirm page have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRequest {
    pub action: MessageAction,
    pub selection: Selection,
    /// The count that the person was shown and confirms, of a search.
    pub confirmed: Option<ActCount>,
}

impl ActionRequest {
    /// Parses names and values: `message` and `position` select one recipient, `message` alone a whole
    /// message, and a search all that match.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with the fault of a value.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let value = |wanted: &str| {
            let found = pairs.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let invalid = |name: &str, fault: &str| Refusal::of(Kind::Invalid, name, fault);
        let number = |name: &str| {
            let number = value(name).map(str::parse::<i64>).transpose();
            number.map_err(|_| invalid(name, "This must be a number."))
        };
        let action = value("act").unwrap_or_default();
        let action: MessageAction = action.parse().map_err(|fault| invalid("act", fault))?;
        let selection = match (value("message"), number("position")?) {
            (Some(id), Some(position)) => Selection::One(Cursor {
                id: id.to_owned(),
                position,
            }),
            (Some(id), None) => Selection::Message(id.to_owned()),
            (None, _) => Selection::Matching(Search::read(
                pairs.iter().map(|(name, value)| (&**name, &**value)),
            )?),
        };
        let up_to = value("up_to").map(str::to_owned);
        if up_to.as_deref().is_some_and(|id| !is_id(id)) {
            return Err(invalid("up_to", "This must be the id of a message."));
        }
        let confirmed = number("number")?.map(|number| ActCount { number, up_to });
        Ok(Self {
            action,
            selection,
            confirmed,
        })
    }

    /// The names and values of a form, without the confirmed count.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("act", self.action.as_str().to_owned())];
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

    /// The page that asks for confirmation, and points out that the number has changed.
    pub fn confirm_url(&self) -> String {
        let number = self.confirmed.as_ref().map(|count| count.number);
        let number = number.map(|number| ("number", number.to_string()));
        with_query(CONFIRM, self.fields().into_iter().chain(number))
    }

    /// The page of the selection.
    pub fn page_url(&self) -> String {
        match &self.selection {
            Selection::One(cursor) => message_path(&cursor.id),
            Selection::Message(id) => message_path(id),
            Selection::Matching(search) => list_url(search, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use url::form_urlencoded::parse;

    use super::*;

    #[test]
    fn an_action_request_round_trips() {
        let one = Selection::One(Cursor {
            id: "01J00000000000000000000000".to_owned(),
            position: 2,
        });
        let search = Search {
            address: "desk@".to_owned(),
            ..Search::default()
        };
        for (selection, confirm, page) in [
            (
                one,
                "/outbox/confirm?act=cancel&message=01J00000000000000000000000&position=2&number=7",
                "/outbox/01J00000000000000000000000",
            ),
            (
                Selection::Message("01J00000000000000000000000".to_owned()),
                "/outbox/confirm?act=cancel&message=01J00000000000000000000000&number=7",
                "/outbox/01J00000000000000000000000",
            ),
            (
                Selection::Matching(search),
                "/outbox/confirm?act=cancel&address=desk%40&number=7",
                "/outbox?address=desk%40",
            ),
        ] {
            let request = ActionRequest {
                action: MessageAction::Cancel,
                selection,
                confirmed: Some(ActCount {
                    number: 7,
                    up_to: None,
                }),
            };
            assert_eq!(request.confirm_url(), confirm);
            assert_eq!(request.page_url(), page);
            let (_, query) = confirm.split_once('?').expect("a query");
            let pairs: Vec<_> = parse(query.as_bytes()).into_owned().collect();
            assert_eq!(ActionRequest::parse(&pairs), Ok(request));
        }
        for (name, value) in [
            ("act", "burn"),
            ("up_to", "newest"),
            // Longer than 128 bits.
            ("up_to", "80000000000000000000000000"),
            ("number", "all"),
        ] {
            let fields = [("act", "hold"), (name, value)];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let given = if name == "act" { &fields[1..] } else { &fields };
            let refusal = ActionRequest::parse(given).expect_err("refused");
            assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), [name]);
        }
    }
}
