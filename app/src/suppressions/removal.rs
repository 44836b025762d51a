//! The request to remove addresses from the suppression list, as its forms have it.

use domain::outbox::SuppressionSearch;
use domain::{Fields, Refusal};

use super::SUPPRESSIONS;
use crate::request::with_query;

/// The addresses to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// This address.
    One(String),
    /// All that match the search, up to this number.
    All(i64),
}

/// The addresses to remove, and the search that the list was shown for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalRequest {
    pub removal: Removal,
    pub search: SuppressionSearch,
}

impl RemovalRequest {
    /// Parses names and values: `remove` is one address, `number` all that match the search.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with the fault of each value, and of names that are
    /// repeated or unknown.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| {
            let removal = match fields.take("remove") {
                Some(address) => Removal::One(address.to_owned()),
                None => Removal::All(number(fields)),
            };
            let search = fields.decode();
            Self { removal, search }
        })
    }

    /// The names and values of a form.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let removal = match &self.removal {
            Removal::One(address) => ("remove", address.clone()),
            Removal::All(number) => ("number", number.to_string()),
        };
        let mut fields = self.search.pairs();
        fields.push(removal);
        fields
    }

    /// The list of the search.
    pub fn page_url(&self) -> String {
        with_query(SUPPRESSIONS, self.search.pairs())
    }
}

/// Takes the number of addresses to remove.
fn number(fields: &mut Fields<'_>) -> i64 {
    let number = fields.take_number("number");
    if number.is_none() {
        fields.add(
            "remove",
            "Choose an address to remove, or the number of all.",
        );
    }
    number.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(pairs: &[(&str, &str)]) -> Result<RemovalRequest, Vec<String>> {
        let pairs = pairs.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let parsed = RemovalRequest::parse(&pairs);
        parsed.map_err(|refusal| refusal.fields.into_keys().collect())
    }

    #[test]
    fn a_removal_request_round_trips() {
        let search = SuppressionSearch {
            reply: "5.1.2".to_owned(),
            ..SuppressionSearch::default()
        };
        for removal in [Removal::One("desk@example.net".to_owned()), Removal::All(7)] {
            let request = RemovalRequest {
                removal,
                search: search.clone(),
            };
            assert_eq!(request.page_url(), "/suppressions?reply=5.1.2");
            let fields = request.fields();
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            assert_eq!(parsed(&fields), Ok(request));
        }
    }

    #[test]
    fn a_mistyped_request_removes_nothing() {
        for (fields, faults) in [
            (&[("reply", "x")][..], &["remove"][..]),
            (&[("number", "all")], &["number", "remove"]),
            (&[("number", "-1")], &["number", "remove"]),
            (&[("number", "7"), ("adress", "a")], &["adress"]),
            (&[("remove", "a@example.org"), ("number", "7")], &["number"]),
            (
                &[("remove", "a@example.org"), ("remove", "b@example.org")],
                &["remove"],
            ),
        ] {
            assert_eq!(parsed(fields).expect_err("refused"), faults);
        }
    }
}
