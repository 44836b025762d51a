//! The request for an action on messages: a form's fields, and the query of the confirm page.

use domain::outbox::{ActionCount, Cursor, MessageAction, Selection, is_id};
use domain::refusal::TextFault;
use domain::{Fields, Refusal};

use crate::outbox::paths::{CONFIRM, list_url, message_path};
use crate::request::with_query;

/// An action on a selection of messages, as a form and the query of the confirm page have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRequest {
    pub action: MessageAction,
    pub selection: Selection,
    /// The count that the person was shown and confirms, of a search.
    pub confirmed: Option<ActionCount>,
}

impl ActionRequest {
    /// Parses names and values: `message` and `position` select one recipient, `message` alone a whole
    /// message, and a search all that match. `number` and `up_to` are the confirmed count.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with the fault of each value, and of names that are
    /// repeated or unknown.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let request = Fields::of(pairs).read(|fields| {
            let action = fields.take("act").unwrap_or_default().parse();
            let action = action.map_err(|fault: TextFault| fields.add("act", fault));
            let selection = match fields.take("message").map(str::to_owned) {
                Some(id) => match fields.take_number("position") {
                    Some(position) => Selection::One(Cursor { id, position }),
                    None => Selection::Message(id),
                },
                None => Selection::Matching(fields.decode()),
            };
            let confirmed = confirmed(fields);
            action.ok().map(|action| Self {
                action,
                selection,
                confirmed,
            })
        })?;
        request.ok_or_else(Refusal::internal)
    }

    /// The names and values of a form.
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
        if let Some(ActionCount { number, up_to }) = &self.confirmed {
            pairs.push(("number", number.to_string()));
            pairs.extend(up_to.clone().map(|id| ("up_to", id)));
        }
        pairs
    }

    /// The page that asks for confirmation, and points out that the number has changed.
    pub fn confirm_url(&self) -> String {
        with_query(CONFIRM, self.fields())
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

/// Takes the confirmed count: a number and the newest message that was counted, of which there is none
/// behind 0.
fn confirmed(fields: &mut Fields<'_>) -> Option<ActionCount> {
    let number = fields.take_number("number");
    let up_to = fields.take("up_to").map(str::to_ascii_uppercase);
    match (number, &up_to) {
        (Some(1..), None) => fields.add("up_to", "This belongs to the number."),
        (None, Some(_)) => fields.add("number", "This belongs to up_to."),
        (_, Some(id)) if !is_id(id) => fields.add("up_to", "This must be the id of a message."),
        _ => {}
    }
    Some(ActionCount {
        number: number?,
        up_to,
    })
}

#[cfg(test)]
mod tests {
    use domain::outbox::Search;
    use url::form_urlencoded::parse;

    use super::*;

    const ID: &str = "01J00000000000000000000000";

    /// The page of [`ID`].
    const MESSAGE: &str = "/outbox/01J00000000000000000000000";

    /// Longer than 128 bits.
    const PAST: &str = "80000000000000000000000000";

    fn parsed(pairs: &[(&str, &str)]) -> Result<ActionRequest, Vec<String>> {
        let pairs = pairs.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let parsed = ActionRequest::parse(&pairs);
        parsed.map_err(|refusal| refusal.fields.into_keys().collect())
    }

    #[test]
    fn an_action_request_round_trips() {
        let one = Selection::One(Cursor {
            id: ID.to_owned(),
            position: 2,
        });
        let search = Search {
            address: "desk@".to_owned(),
            ..Search::default()
        };
        for (selection, query, page) in [
            (
                one,
                "message=01J00000000000000000000000&position=2",
                MESSAGE,
            ),
            (
                Selection::Message(ID.to_owned()),
                "message=01J00000000000000000000000",
                MESSAGE,
            ),
            (
                Selection::Matching(search),
                "address=desk%40",
                "/outbox?address=desk%40",
            ),
        ] {
            let request = ActionRequest {
                action: MessageAction::Cancel,
                selection,
                confirmed: Some(ActionCount {
                    number: 7,
                    up_to: Some(ID.to_owned()),
                }),
            };
            let confirm = format!("/outbox/confirm?act=cancel&{query}&number=7&up_to={ID}");
            assert_eq!(request.confirm_url(), confirm);
            assert_eq!(request.page_url(), page);
            let (_, query) = confirm.split_once('?').expect("a query");
            let pairs: Vec<_> = parse(query.as_bytes()).into_owned().collect();
            assert_eq!(ActionRequest::parse(&pairs), Ok(request));
        }
    }

    #[test]
    fn a_mistyped_request_selects_nothing() {
        for (fields, faults) in [
            (&[("act", "burn")][..], &["act"][..]),
            (&[("address", "a")], &["act"]),
            (&[("act", "hold"), ("adress", "a")], &["adress"]),
            (&[("act", "hold"), ("act", "cancel")], &["act"]),
            (&[("act", "hold"), ("position", "2")], &["position"]),
            (
                &[("act", "hold"), ("message", ID), ("address", "a")],
                &["address"],
            ),
            (
                &[("act", "hold"), ("message", ID), ("position", "x")],
                &["position"],
            ),
            (&[("act", "hold"), ("number", "7")], &["up_to"]),
            (&[("act", "hold"), ("up_to", ID)], &["number"]),
            (
                &[("act", "hold"), ("number", "7"), ("up_to", "newest")],
                &["up_to"],
            ),
            (
                &[("act", "hold"), ("number", "7"), ("up_to", PAST)],
                &["up_to"],
            ),
            (
                &[("act", "hold"), ("number", "-7"), ("up_to", ID)],
                &["number"],
            ),
            (&[("act", "hold"), ("since", "2026-02-30")], &["since"]),
        ] {
            let refused = parsed(fields).expect_err("refused");
            assert_eq!(refused, faults, "{fields:?}");
        }
        assert!(parsed(&[("act", "hold"), ("number", "0")]).is_ok());
    }
}
