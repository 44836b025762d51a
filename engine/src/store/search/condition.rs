//! The WHERE clause of a search, its parameters, and the index that it uses.

use std::fmt::Write as _;

use domain::Timestamp;
use domain::outbox::{Cursor, RecipientState, Search, Selection};

use super::connection::SearchConnection;
use super::first_id;
use super::parameter::Parameter;
use crate::store::database::fold::fold;
use crate::store::database::rows::contains;
use crate::store::recipients::in_states;
use crate::store::{StoreError, after};

/// The indexed form of an address.
const ADDRESS: &str = "COALESCE(r.address_folded, lower(r.address))";

/// The number of rows up to which finding them by address and sorting is faster than reading in the
/// order of time.
const FEW: i64 = 2000;

/// A condition on recipients.
pub(super) struct Condition {
    pub sql: String,
    pub parameters: Vec<Parameter>,
    /// Whether the condition names columns of the message.
    pub of_message: bool,
    pub access: Access,
}

/// The access path to the rows. The databases would choose it without knowing how many rows match.
#[derive(Clone, Copy, PartialEq)]
pub enum Access {
    /// Rows are found by the index of addresses.
    Addresses,
    /// Rows are read newest first, or by the index of states, until enough are found.
    Newest,
}

impl Access {
    /// The access for addresses with this prefix.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn choose(
        connection: &mut SearchConnection,
        address: &str,
    ) -> Result<Self, StoreError> {
        if address.is_empty() {
            return Ok(Self::Newest);
        }
        let prefix = fold(address);
        let sql = format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM recipient r \
             WHERE {ADDRESS} >= $1 AND {ADDRESS} < $2 LIMIT $3) AS found"
        );
        let parameters = vec![
            Parameter::Text(prefix.clone()),
            Parameter::Text(after(&prefix)),
            Parameter::Number(FEW + 1),
        ];
        let found: Vec<(i64,)> = connection.fetch(sql, parameters).await?;
        Ok(match found.as_slice() {
            [(0..=FEW,)] => Self::Addresses,
            _ => Self::Newest,
        })
    }
}

/// An expression that no index matches.
fn hidden(column: &str) -> String {
    format!("({column} || '')")
}

impl Condition {
    /// Matches all mail, or with an account, the mail that it submitted.
    pub fn new(account: Option<&str>, access: Access) -> Self {
        let mut condition = Self {
            access,
            sql: "TRUE".to_owned(),
            parameters: Vec::new(),
            of_message: false,
        };
        if let Some(account) = account {
            condition.and("m.account_id = ", Parameter::Text(account.to_owned()));
            condition.of_message = true;
        }
        condition
    }

    /// Adds a parameter, and returns its number.
    pub fn parameter(&mut self, parameter: Parameter) -> usize {
        self.parameters.push(parameter);
        self.parameters.len()
    }

    /// Adds a condition: `before`, then the placeholder of `parameter`.
    pub fn and(&mut self, before: &str, parameter: Parameter) {
        let number = self.parameter(parameter);
        let _ = write!(self.sql, " AND {before}${number}");
    }

    pub fn states(&mut self, states: &[RecipientState]) {
        let column = match self.access {
            Access::Addresses => hidden("r.state"),
            Access::Newest => "r.state".to_owned(),
        };
        let _ = write!(self.sql, " AND {}", in_states(&column, states));
    }

    /// Matches rows without a lease, or with a lease that has ended at this time.
    pub fn not_leased(&mut self, now: Timestamp) {
        let before = "(r.owner IS NULL OR r.due_at <= ";
        self.and(before, Parameter::Number(now.0));
        self.sql.push(')');
    }

    /// The column of the message's id that the rows are found by.
    pub fn id(&self) -> &'static str {
        match (self.of_message, self.access) {
            (true, Access::Newest) => "m.id",
            _ => "r.message_id",
        }
    }

    /// Matches the rows after this one in the list, which is newest first.
    pub fn behind(&mut self, row: &Cursor) {
        let id = self.id();
        let at = self.parameter(Parameter::Text(row.id.clone()));
        let position = self.parameter(Parameter::Number(row.position));
        // Databases compare pairs by an index only where both columns are of one table.
        let _ = write!(
            self.sql,
            " AND {id} <= ${at} AND ({id} < ${at} OR r.position < ${position})"
        );
    }

    pub fn search(&mut self, search: &Search) {
        self.of_message |= !search.subject.is_empty();
        let id = self.id();
        if !search.id.is_empty() {
            self.and(&format!("{id} = "), Parameter::Text(search.id.clone()));
        }
        if let Some(state) = search.state {
            self.states(&[state]);
        }
        if !search.address.is_empty() {
            let prefix = fold(&search.address);
            let column = match self.access {
                Access::Addresses => ADDRESS.to_owned(),
                Access::Newest => hidden(ADDRESS),
            };
            self.and(&format!("{column} < "), Parameter::Text(after(&prefix)));
            self.and(&format!("{column} >= "), Parameter::Text(prefix));
        }
        if !search.subject.is_empty() {
            self.and(
                "COALESCE(m.subject_folded, lower(m.subject)) LIKE ",
                Parameter::Text(contains(&fold(&search.subject))),
            );
            self.sql.push_str(" ESCAPE '\\'");
        }
        if let Some(since) = search.since {
            self.and(&format!("{id} >= "), Parameter::Text(first_id(since)));
        }
        if let Some(until) = search.until {
            self.and(&format!("{id} < "), Parameter::Text(first_id(until)));
        }
    }

    pub fn selection(&mut self, selection: &Selection) {
        match selection {
            Selection::One(cursor) => {
                self.and("r.message_id = ", Parameter::Text(cursor.id.clone()));
                self.and("r.position = ", Parameter::Number(cursor.position));
            }
            Selection::Message(id) => self.and("r.message_id = ", Parameter::Text(id.clone())),
            Selection::Matching(search) => self.search(search),
        }
    }

    /// The FROM and WHERE clauses. SQLite joins the tables of a CROSS JOIN in their order, so that
    /// only matching rows are joined; the planner of PostgreSQL finds that itself.
    pub fn rows(&self) -> String {
        let condition = &self.sql;
        match (self.of_message, self.access) {
            (false, _) => format!("recipient r WHERE {condition}"),
            (true, Access::Newest) => {
                format!(
                    "message m CROSS JOIN recipient r WHERE r.message_id = m.id AND {condition}"
                )
            }
            (true, Access::Addresses) => {
                format!(
                    "recipient r CROSS JOIN message m WHERE m.id = r.message_id AND {condition}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;
    use crate::store::Store;
    use crate::store::search::parameter::bind_all;

    /// The plan of SQLite for a page of the list.
    async fn plan(condition: Condition) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT 1 FROM {} ORDER BY {} DESC, r.position DESC",
            condition.rows(),
            condition.id()
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql));
        let mut connection = store.read().await.expect("a connection");
        let plan = bind_all!(query, condition.parameters)
            .fetch_all(&mut *connection)
            .await
            .expect("a plan");
        let plan: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
        plan.join("; ")
    }

    #[tokio::test]
    async fn addresses_are_found_by_their_index() {
        let mut condition = Condition::new(None, Access::Addresses);
        condition.search(&Search {
            address: "desk@".to_owned(),
            state: Some(RecipientState::Failed),
            ..Search::default()
        });
        let plan = plan(condition).await;
        assert!(plan.contains("recipient_address"), "{plan}");
    }

    #[tokio::test]
    async fn a_page_of_an_account_is_a_range_of_its_own_mail() {
        let mut condition = Condition::new(Some("account"), Access::Newest);
        condition.search(&Search {
            subject: "fire".to_owned(),
            since: Some(Timestamp(0)),
            ..Search::default()
        });
        condition.behind(&Cursor {
            id: first_id(Timestamp(1)),
            position: 0,
        });
        let plan = plan(condition).await;
        let range = "message_account (account_id=? AND id>? AND id<?)";
        assert!(
            plan.contains(range) && !plan.contains("TEMP B-TREE FOR ORDER BY"),
            "{plan}"
        );
    }
}
