//! The table `relay`: the relays of the organisation, without their SMTP settings.

pub mod health;
pub mod health_changes;
pub mod outages;
pub mod pipelining_trials;
pub mod reports;
pub mod routing;
pub mod usage;

use domain::settings::relay::{RelayConfig, RelayLimits};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::{Connection, Scope, StoreError};

/// A relay.
#[derive(Clone, Debug)]
pub struct RelayRow {
    pub scope: Scope,
    /// The position in the order of relays. There may be gaps.
    pub position: i64,
    /// The number of changes of the row.
    pub revision: i64,
    pub config: RelayConfig,
}

impl FromRow<'_, AnyRow> for RelayRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let id: &str = row.try_get(0)?;
        let scope = Scope::of_relay(id)
            .ok_or_else(|| sqlx::Error::Decode(format!("the id of a relay: {id}").into()))?;
        let enabled: i64 = row.try_get(5)?;
        let limit = |index| -> Result<Option<u32>, sqlx::Error> {
            let stored: Option<i64> = row.try_get(index)?;
            Ok(stored.and_then(|stored| u32::try_from(stored).ok()))
        };
        Ok(Self {
            scope,
            position: row.try_get(1)?,
            revision: row.try_get(2)?,
            config: RelayConfig {
                name: row.try_get(3)?,
                from_domain: row.try_get(4)?,
                enabled: enabled != 0,
                limits: RelayLimits {
                    max_connections: limit(6)?,
                    per_minute: limit(7)?,
                    per_hour: limit(8)?,
                    per_day: limit(9)?,
                },
            },
        })
    }
}

/// All relays in their order.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut Connection) -> Result<Vec<RelayRow>, StoreError> {
    let query = sqlx::query_as(
        "SELECT id, position, revision, name, from_domain, enabled, \
         max_connections, per_minute, per_hour, per_day FROM relay ORDER BY position, id",
    );
    Ok(query.fetch_all(connection).await?)
}

/// The From domains of all rules.
///
/// # Errors
/// Where the database fails.
pub async fn from_domains(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let query =
        sqlx::query_scalar("SELECT DISTINCT from_domain FROM relay WHERE from_domain IS NOT NULL");
    Ok(query.fetch_all(connection).await?)
}

/// Whether a relay exists.
///
/// # Errors
/// Where the database fails.
pub async fn contains(connection: &mut Connection, scope: Scope) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM relay WHERE id = $1");
    let number: i64 = query.bind(scope.relay_id()).fetch_one(connection).await?;
    Ok(number > 0)
}

/// Inserts a relay, or overwrites the one of its scope.
///
/// # Errors
/// Where the database fails.
pub async fn write(connection: &mut Connection, relay: &RelayRow) -> Result<(), StoreError> {
    let RelayConfig {
        name,
        from_domain,
        enabled,
        limits,
    } = &relay.config;
    sqlx::query(
        "INSERT INTO relay (id, position, revision, name, from_domain, enabled, \
         max_connections, per_minute, per_hour, per_day) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET \
         position = excluded.position, revision = excluded.revision, name = excluded.name, \
         from_domain = excluded.from_domain, enabled = excluded.enabled, \
         max_connections = excluded.max_connections, per_minute = excluded.per_minute, \
         per_hour = excluded.per_hour, per_day = excluded.per_day",
    )
    .bind(relay.scope.relay_id())
    .bind(relay.position)
    .bind(relay.revision)
    .bind(name)
    .bind(from_domain.as_deref())
    .bind(i64::from(*enabled))
    .bind(limits.max_connections.map(i64::from))
    .bind(limits.per_minute.map(i64::from))
    .bind(limits.per_hour.map(i64::from))
    .bind(limits.per_day.map(i64::from))
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a relay.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, scope: Scope) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM relay WHERE id = $1")
        .bind(scope.relay_id())
        .execute(connection)
        .await?;
    Ok(())
}
