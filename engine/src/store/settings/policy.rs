//! The table `policy`: the organisation's policy, a flag for each name.

use domain::OrganisationPolicy;
use domain::account::policy::{FALLBACK, OPEN_TRACKING, OWN_RELAYS, SECOND_FACTOR};

use crate::store::{Connection, StoreError};

/// The policy, with the default for each flag that was never saved.
///
/// # Errors
/// Where the database fails.
pub async fn read(connection: &mut Connection) -> Result<OrganisationPolicy, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT name, value FROM policy")
        .fetch_all(connection)
        .await?;
    let mut policy = OrganisationPolicy::default();
    for (name, value) in rows {
        let on = value != 0;
        match name.as_str() {
            OWN_RELAYS => policy.own_relays = on,
            FALLBACK => policy.fallback = on,
            SECOND_FACTOR => policy.second_factor_for_administrators = on,
            OPEN_TRACKING => policy.open_tracking = on,
            _ => {}
        }
    }
    Ok(policy)
}

/// Replaces the policy.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    policy: &OrganisationPolicy,
) -> Result<(), StoreError> {
    for (name, on) in [
        (OWN_RELAYS, policy.own_relays),
        (FALLBACK, policy.fallback),
        (SECOND_FACTOR, policy.second_factor_for_administrators),
        (OPEN_TRACKING, policy.open_tracking),
    ] {
        sqlx::query(
            "INSERT INTO policy (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(i64::from(on))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
