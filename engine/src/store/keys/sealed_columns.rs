//! The columns with values that a sealing key seals: counted by key, and sealed anew in batches.

use domain::crypto::keys::SealedKind;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::store::{Connection, StoreError};

/// A column with sealed values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedColumn {
    /// The kind of the values.
    pub kind: SealedKind,
    pub table: &'static str,
    pub column: &'static str,
    /// The column of text that identifies a row.
    key: &'static str,
    /// The number that identifies a row together with `key`; a constant for tables without one.
    number: &'static str,
    /// The condition for rows with sealed values.
    condition: &'static str,
}

/// The number of tables whose key is one column.
const NO_NUMBER: &str = "CAST(0 AS BIGINT)";

/// A column of a table whose key is one column.
const fn column(
    kind: SealedKind,
    table: &'static str,
    column: &'static str,
    key: &'static str,
) -> SealedColumn {
    SealedColumn {
        kind,
        table,
        column,
        key,
        number: NO_NUMBER,
        condition: "1 = 1",
    }
}

/// Every column with sealed values. The values of a key are counted and sealed anew by this list.
pub static SEALED_COLUMNS: [SealedColumn; 6] = [
    SealedColumn {
        condition: "label = 'smtp_password'",
        ..column(SealedKind::RelayPassword, "information", "value", "scope")
    },
    SealedColumn {
        number: "number",
        condition: "password IS NOT NULL",
        ..column(SealedKind::EarlierPassword, "revision", "password", "scope")
    },
    column(SealedKind::SecondFactor, "totp", "secret", "account_id"),
    column(SealedKind::WebhookSecret, "webhook", "secret", "id"),
    column(SealedKind::DkimKey, "dkim_key", "private_key", "id"),
    column(SealedKind::BrowserKey, "browser_key", "private_key", "kid"),
];

/// The number of values with the same prefix.
#[derive(Clone, Debug)]
pub struct PrefixCount {
    pub prefix: String,
    pub number: i64,
}

impl FromRow<'_, AnyRow> for PrefixCount {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            prefix: row.try_get(0)?,
            number: row.try_get(1)?,
        })
    }
}

fn count_sql(column: &SealedColumn, length: usize) -> String {
    let SealedColumn {
        table,
        column,
        condition,
        ..
    } = column;
    format!(
        "SELECT SUBSTR({column}, 1, {length}), COUNT(*) FROM {table} \
         WHERE {condition} AND {column} IS NOT NULL GROUP BY 1"
    )
}

/// Counts the values of a column by their first `length` characters, which name the key.
///
/// # Errors
/// Where the database fails.
pub async fn count(
    connection: &mut Connection,
    column: &SealedColumn,
    length: usize,
) -> Result<Vec<PrefixCount>, StoreError> {
    let query = sqlx::query_as(AssertSqlSafe(count_sql(column, length)));
    Ok(query.fetch_all(connection).await?)
}

/// The position of a row in the order of the rows of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedRowKey {
    pub key: String,
    pub number: i64,
}

/// A sealed value and its row.
#[derive(Clone, Debug)]
pub struct SealedRow {
    pub row: SealedRowKey,
    pub value: String,
}

impl FromRow<'_, AnyRow> for SealedRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            row: SealedRowKey {
                key: row.try_get(0)?,
                number: row.try_get(1)?,
            },
            value: row.try_get(2)?,
        })
    }
}

/// The first `limit` values behind `after` that begin with one of `prefixes`, which are equally long.
///
/// # Errors
/// Where the database fails.
pub async fn batch(
    connection: &mut Connection,
    column: &SealedColumn,
    prefixes: &[String],
    after: &SealedRowKey,
    limit: i64,
) -> Result<Vec<SealedRow>, StoreError> {
    let Some(length) = prefixes.first().map(String::len) else {
        return Ok(Vec::new());
    };
    let SealedColumn {
        table,
        column,
        key,
        number,
        condition,
        ..
    } = column;
    let places: Vec<String> = (4..)
        .take(prefixes.len())
        .map(|n| format!("${n}"))
        .collect();
    let places = places.join(", ");
    let sql = format!(
        "SELECT {key}, {number}, {column} FROM {table} WHERE {condition} \
         AND SUBSTR({column}, 1, {length}) IN ({places}) \
         AND ({key} > $1 OR ({key} = $1 AND {number} > $2)) ORDER BY {key}, {number} LIMIT $3"
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&after.key)
        .bind(after.number)
        .bind(limit);
    for prefix in prefixes {
        query = query.bind(prefix);
    }
    Ok(query.fetch_all(connection).await?)
}

/// Replaces a sealed value, unless it was replaced since it was read.
///
/// # Errors
/// Where the database fails.
pub async fn replace(
    connection: &mut Connection,
    column: &SealedColumn,
    row: &SealedRow,
    anew: &str,
) -> Result<(), StoreError> {
    let SealedColumn {
        table,
        column,
        key,
        number,
        condition,
        ..
    } = column;
    let sql = format!(
        "UPDATE {table} SET {column} = $1 \
         WHERE {key} = $2 AND {number} = $3 AND {condition} AND {column} = $4"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(anew)
        .bind(&row.row.key)
        .bind(row.row.number)
        .bind(&row.value)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::store::database::query_plan::query_plan;

    /// The files that seal values, with the tables that these are in. A new one comes with its column.
    const PLACES: [(&str, &[&str]); 7] = [
        // This file seals a cookie, which is not stored.
        ("accounts/sessions/device.rs", &[]),
        ("accounts/second_factor/mod.rs", &["totp"]),
        ("domains/keys.rs", &["dkim_key"]),
        ("notifications/endpoints.rs", &["webhook"]),
        ("settings/environment.rs", &["information"]),
        ("settings/save.rs", &["information", "revision"]),
        ("vault/browser.rs", &["browser_key"]),
    ];

    /// The files below a folder that call `Vault::seal` outside of tests, by their paths in `root`.
    fn sealing_files(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                sealing_files(root, &path, found);
                continue;
            }
            let name = path.strip_prefix(root).expect("below").to_string_lossy();
            if name.ends_with("_tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("text");
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let code: String = code.split_whitespace().collect();
            if code.contains("vault.seal(") {
                found.insert(name.into_owned());
            }
        }
    }

    /// Counts must use indexes: Home and `/metrics` count often, and every account has settings and
    /// revisions.
    #[tokio::test]
    async fn passwords_are_counted_by_indexes_of_their_own() {
        for (table, index) in [
            ("information", "information_password"),
            ("revision", "revision_password"),
        ] {
            let mut columns = SEALED_COLUMNS.iter();
            let column = columns.find(|column| column.table == table);
            let sql = count_sql(column.expect("a column"), 84);
            let plan = query_plan(&sql).await;
            assert!(plan[0].contains(index), "{plan:?}");
        }
    }

    #[test]
    fn what_is_sealed_is_in_a_listed_column() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = BTreeSet::new();
        sealing_files(&root, &root, &mut found);
        let known = PLACES.map(|(file, _)| file.to_owned());
        assert_eq!(found, BTreeSet::from(known));
        let tables: BTreeSet<&str> = PLACES
            .iter()
            .flat_map(|(_, tables)| tables.iter().copied())
            .collect();
        let listed: BTreeSet<&str> = SEALED_COLUMNS.iter().map(|column| column.table).collect();
        assert_eq!(tables, listed);
    }
}
