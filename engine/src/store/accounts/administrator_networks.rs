//! The table `administrator_network`: the networks from which administrators sign in and act.

use crate::store::{Connection, StoreError};

/// The networks in the order of their texts; none where every network is allowed.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT network FROM administrator_network ORDER BY network");
    Ok(query.fetch_all(connection).await?)
}

/// Replaces all networks. Each is named once.
///
/// # Errors
/// Where the database fails.
pub async fn replace(connection: &mut Connection, networks: &[String]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM administrator_network")
        .execute(&mut *connection)
        .await?;
    for network in networks {
        sqlx::query("INSERT INTO administrator_network (network) VALUES ($1)")
            .bind(network)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
