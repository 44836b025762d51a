//! The request to remove addresses from the suppression list, as its forms have it.

use domain::outbox::SuppressionSearch;
use domain::{Kind, Refusal};

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
    /// [`Kind::Invalid`] with the fault of a value.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let value = |wanted: &str| {
            let found = pairs.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let invalid = |name: &str, fault: &str| Refusal::of(Kind::Invalid, name, fault);
        let removal = match (value("remove"), value("number")) {
            (Some(address), _) => Removal::One(address.to_owned()),
            (None, Some(number)) => {
                let number = number.parse();
                Removal::All(number.map_err(|_| invalid("number", "This must be a number."))?)
            }
            (None, None) => return Err(invalid("remove", "Choose an address to remove.")),
        };
        let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
        let search = SuppressionSearch::read(pairs)?;
        Ok(Self { removal, search })
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

#[cfg(test)]
mod tests {
    use super::*;

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
            let fields = request.fields().into_iter();
            let fields: Vec<_> = fields
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            assert_eq!(RemovalRequest::parse(&fields), Ok(request));
        }
        for fields in [&[("reply", "x")][..], &[("number", "all")]] {
            let fields = fields.iter();
            let fields: Vec<_> = fields
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert!(RemovalRequest::parse(&fields).is_err());
        }
    }
}
