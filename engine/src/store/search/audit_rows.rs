//! The rows of the audit log that match a search, newest first.

use domain::Timestamp;
use domain::audit::{AuditCursor, AuditOutcome, AuditPlace, AuditRow, AuditSearch};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::connection::SearchConnection;
use super::parameter::Parameter;
use crate::store::StoreError;
use crate::store::database::rows::contains;

/// A part of the list.
#[derive(Debug)]
pub struct AuditRows<'a> {
    pub search: &'a AuditSearch,
    /// The names of the acts on the object of the search.
    pub acts: &'a [&'static str],
    /// The part begins after this row.
    pub behind: Option<&'a AuditCursor>,
    /// The maximum number of rows.
    pub limit: i64,
}

/// A row as stored.
struct StoredAuditRow(AuditRow);

impl FromRow<'_, AnyRow> for StoredAuditRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let node: Option<String> = row.try_get(7)?;
        let number: Option<i64> = row.try_get(8)?;
        let hash: Option<String> = row.try_get(9)?;
        Ok(Self(AuditRow {
            id: row.try_get(0)?,
            at: Timestamp(row.try_get(1)?),
            actor: row.try_get(2)?,
            origin: row.try_get(3)?,
            action: row.try_get(4)?,
            outcome: row.try_get(5)?,
            detail: row.try_get(6)?,
            place: node
                .zip(number)
                .zip(hash)
                .map(|((node, number), hash)| AuditPlace { node, number, hash }),
        }))
    }
}

/// A WHERE clause and its parameters.
struct AuditCondition {
    sql: String,
    parameters: Vec<Parameter>,
}

impl AuditCondition {
    fn of(part: &AuditRows<'_>) -> Self {
        let mut condition = Self {
            sql: "TRUE".to_owned(),
            parameters: Vec::new(),
        };
        let search = part.search;
        for (column, value) in [
            ("actor", &search.actor),
            ("origin", &search.origin),
            ("detail", &search.detail),
        ] {
            if !value.is_empty() {
                let number = condition.parameter(Parameter::Text(contains(value)));
                // The letters that `lower` changes depend on the database, which therefore folds both
                // texts.
                condition.and(&format!(
                    "lower({column}) LIKE lower(CAST(${number} AS TEXT)) ESCAPE '\\'"
                ));
            }
        }
        if !search.action.is_empty() {
            let number = condition.parameter(Parameter::Text(search.action.clone()));
            condition.and(&format!("action = ${number}"));
        }
        if search.object.is_some() {
            let names = part.acts.iter().map(|name| (*name).to_owned());
            let numbers: Vec<String> = names
                .map(|name| format!("${}", condition.parameter(Parameter::Text(name))))
                .collect();
            // Rows of several acts are read in the order of time, and not sorted.
            condition.and(&format!("(action || '') IN ({})", numbers.join(", ")));
        }
        match search.outcome {
            Some(AuditOutcome::Refused) => condition.and("outcome LIKE 'refused%'"),
            Some(AuditOutcome::Done) => condition.and("outcome IN ('done', 'verified')"),
            Some(AuditOutcome::Begun) => condition.and("outcome = 'begun'"),
            Some(AuditOutcome::Failed) => condition.and("outcome = 'failed'"),
            None => {}
        }
        if let Some(since) = search.since {
            let number = condition.parameter(Parameter::Number(since.0));
            condition.and(&format!("at >= ${number}"));
        }
        if let Some(until) = search.until {
            let number = condition.parameter(Parameter::Number(until.0));
            condition.and(&format!("at < ${number}"));
        }
        if let Some(row) = part.behind {
            let at = condition.parameter(Parameter::Number(row.at.0));
            let id = condition.parameter(Parameter::Text(row.id.clone()));
            // A range of the index, and in it the rows of the same time.
            condition.and(&format!(
                "at <= ${at} AND (at < ${at} OR (id || '') < ${id})"
            ));
        }
        condition
    }

    /// Adds a parameter, and returns its number.
    fn parameter(&mut self, parameter: Parameter) -> usize {
        self.parameters.push(parameter);
        self.parameters.len()
    }

    fn and(&mut self, sql: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
    }
}

/// The query of a part of the list, and its parameters.
fn query(part: &AuditRows<'_>) -> (String, Vec<Parameter>) {
    let mut condition = AuditCondition::of(part);
    let limit = condition.parameter(Parameter::Number(part.limit));
    let sql = format!(
        "SELECT id, at, actor, origin, action, outcome, detail, node, number, hash FROM audit WHERE {} \
         ORDER BY at DESC, id DESC LIMIT ${limit}",
        condition.sql
    );
    (sql, condition.parameters)
}

/// The rows of a part of the list.
///
/// # Errors
/// [`StoreError::TooSlow`] after the time limit of searches; where the database fails.
pub async fn audit_rows(
    connection: &mut SearchConnection,
    part: &AuditRows<'_>,
) -> Result<Vec<AuditRow>, StoreError> {
    let (sql, parameters) = query(part);
    let rows: Vec<StoredAuditRow> = connection.fetch(sql, parameters).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

#[cfg(test)]
mod tests {
    use domain::audit::AuditObject;

    use super::*;
    use crate::store::Store;
    use crate::store::search::parameter::bind_all;

    /// The plan of SQLite for a search behind a row.
    async fn plan(search: &AuditSearch) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let behind = AuditCursor {
            at: Timestamp(1),
            id: "01JD0000000000000000000000".to_owned(),
        };
        let (sql, parameters) = query(&AuditRows {
            search,
            acts: &["read policy", "change policy"],
            behind: Some(&behind),
            limit: 50,
        });
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let mut connection = store.read().await.expect("a connection");
        let plan = bind_all!(query, parameters)
            .fetch_all(&mut *connection)
            .await
            .expect("a plan");
        let plan: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
        plan.join("; ")
    }

    #[tokio::test]
    async fn a_page_is_a_range_of_an_index_in_its_order() {
        let by_actor = AuditSearch {
            actor: "admin".to_owned(),
            since: Some(Timestamp(0)),
            ..AuditSearch::default()
        };
        let by_action = AuditSearch {
            action: "login".to_owned(),
            ..AuditSearch::default()
        };
        let by_object = AuditSearch {
            object: Some(AuditObject::Policy),
            ..AuditSearch::default()
        };
        for (search, index) in [
            (AuditSearch::default(), "audit_by_time (at<?)"),
            (by_object, "audit_by_time (at<?)"),
            (by_actor, "audit_by_time (at>? AND at<?)"),
            (by_action, "audit_by_action (action=? AND at<?)"),
        ] {
            let plan = plan(&search).await;
            assert!(
                plan.contains(index) && !plan.contains("TEMP B-TREE"),
                "{plan}"
            );
        }
    }
}
