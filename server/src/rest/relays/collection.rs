//! `/api/relays` and `/api/relays/{id}`: relays, listed, added, read, changed and removed.

use std::collections::BTreeMap;

use axum::extract::State;
use domain::Refusal;
use domain::figures::FigureRow;
use domain::health::HealthView;
use domain::settings::relay::{self, RelayChange, RelayView};
use engine::{Action, Actor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::email_smtp::VerifiedState;
use super::health::ApiHealth;
use crate::http::state::AppState;
use crate::rest::figures::milliseconds;
use crate::rest::request::extract::{AdminBody, Administrative, PathParams, SignedIn};
use crate::rest::request::json::{Faults, lenient};
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{Always, Conflicting, JsonRefused, Missing, Restricted};

/// A relay, without its SMTP settings.
#[derive(Serialize, ToSchema)]
pub struct ApiRelay {
    /// The id: `global` for the first relay, whose settings are also those of `/api/setup/email_smtp`, a
    /// ULID for others.
    #[schema(example = "global")]
    id: String,
    #[schema(example = "Main relay")]
    name: String,
    /// The position in the order of relays, from 1 on.
    #[schema(example = 1)]
    position: i64,
    /// The domain of the From addresses whose mail the relay takes; null means all.
    from_domain: Option<String>,
    /// Whether mail is sent through the relay.
    #[schema(example = true)]
    enabled: bool,
    /// The maximum number of connections at a time.
    #[schema(example = 20)]
    max_connections: Option<u32>,
    /// The maximum number of messages a minute.
    per_minute: Option<u32>,
    /// The maximum number of messages an hour.
    per_hour: Option<u32>,
    /// The maximum number of messages a day.
    #[schema(example = 50_000)]
    per_day: Option<u32>,
    /// The number of changes; changes of the SMTP settings are not counted.
    #[schema(example = 3)]
    revision: i64,
    /// The host and port; null before the settings are saved.
    #[schema(example = "smtp.example.org:587")]
    address: Option<String>,
    verified: VerifiedState,
    /// The results of its checks; null for a relay that is not checked, because it is off or has no
    /// settings.
    health: Option<ApiHealth>,
    /// The number of open connections to the relay, of all processes that deliver.
    #[schema(example = 2)]
    connections: u64,
    last_day: RelayLastDay,
}

/// The mail of a relay in the last 24 hours, including the current one, in recipients.
#[derive(Default, Serialize, ToSchema)]
struct RelayLastDay {
    /// The number of delivered recipients.
    #[schema(example = 1204)]
    delivered: u64,
    /// The number of deferred attempts, each of which is followed by another.
    #[schema(example = 6)]
    deferred: u64,
    /// The number of recipients that failed permanently.
    #[schema(example = 2)]
    failed: u64,
    /// The median latency from acceptance to delivery, in milliseconds; null without deliveries.
    #[schema(example = 840)]
    p50_ms: Option<u64>,
}

impl From<FigureRow> for RelayLastDay {
    fn from(row: FigureRow) -> Self {
        Self {
            delivered: row.delivered,
            deferred: row.deferred,
            failed: row.failed,
            p50_ms: row.p50.map(milliseconds),
        }
    }
}

/// The activity of relays: health, connections and mail.
struct RelayActivity {
    health: Vec<HealthView>,
    connections: BTreeMap<String, u64>,
    last_day: BTreeMap<String, FigureRow>,
}

impl RelayActivity {
    async fn read(state: &AppState, actor: &Actor) -> Result<Self, Refusal> {
        let postern = &state.postern;
        Ok(Self {
            health: postern.health().list(actor).await?,
            connections: postern.outbox().connections(actor).await?,
            last_day: postern.figures().of_relays(actor).await?,
        })
    }

    /// A relay with its activity.
    fn of(&mut self, view: RelayView) -> ApiRelay {
        let mut health = self.health.iter();
        let health = health.position(|health| health.relay_id == view.id);
        let health = health.map(|index| self.health.swap_remove(index));
        let connections = self.connections.get(&view.id).copied();
        let last_day = self.last_day.remove(&view.id);
        let limits = view.config.limits;
        ApiRelay {
            id: view.id,
            name: view.config.name,
            position: view.position,
            from_domain: view.config.from_domain,
            enabled: view.config.enabled,
            max_connections: limits.max_connections,
            per_minute: limits.per_minute,
            per_hour: limits.per_hour,
            per_day: limits.per_day,
            revision: view.revision,
            address: view.address,
            verified: view.verified.into(),
            health: health.map(Into::into),
            connections: connections.unwrap_or_default(),
            last_day: last_day.map(Into::into).unwrap_or_default(),
        }
    }
}

impl ApiRelay {
    /// A relay with its activity.
    async fn read(state: &AppState, actor: &Actor, view: RelayView) -> Result<Self, Refusal> {
        Ok(RelayActivity::read(state, actor).await?.of(view))
    }
}

/// The fields of a relay. Absent ones keep their value; null removes a From domain or a limit.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct RelayFields {
    /// The name, 1 to 60 characters. It is unique among the relays.
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    /// Whether mail is sent through the relay.
    #[serde(default, deserialize_with = "lenient")]
    enabled: Option<bool>,
    /// The position in the order of relays, from 1 on.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(minimum = 1)]
    position: Option<i64>,
    /// The domain of the From addresses whose mail the relay takes, such as `example.org`.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<String>)]
    from_domain: relay::Change<String>,
    /// The maximum number of connections at a time, 1 to 1000.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    max_connections: relay::Change<i64>,
    /// The maximum number of messages a minute.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100_000_000)]
    per_minute: relay::Change<i64>,
    /// The maximum number of messages an hour.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100_000_000)]
    per_hour: relay::Change<i64>,
    /// The maximum number of messages a day.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100_000_000)]
    per_day: relay::Change<i64>,
}

/// A value. Null removes it, and an absent field keeps it.
pub(super) fn change<'de, D, T>(deserializer: D) -> Result<relay::Change<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let value: Option<T> = lenient(deserializer)?;
    Ok(value.map_or(relay::Change::Clear, relay::Change::Set))
}

impl RelayFields {
    fn change(fields: Option<Self>, faults: Faults) -> Result<RelayChange, Refusal> {
        if fields.is_none() && !faults.has("data") {
            faults.add(
                "data",
                "The body has one object “data”, which holds the fields.",
            );
        }
        faults.into_result()?;
        let fields = fields.unwrap_or_default();
        Ok(RelayChange {
            name: fields.name,
            from_domain: fields.from_domain,
            enabled: fields.enabled,
            position: fields.position,
            max_connections: fields.max_connections,
            per_minute: fields.per_minute,
            per_hour: fields.per_hour,
            per_day: fields.per_day,
        })
    }
}

/// A relay to add.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "data": { "name": "Newsletter", "from_domain": "news.example.org" } }))]
pub struct NewRelay {
    /// The name, and any other field.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = RelayFields, required)]
    data: Option<RelayFields>,
}

impl Administrative for NewRelay {
    const ACTION: Action = Action::CreateRelay;
}

/// A change of a relay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "data": { "enabled": false, "per_minute": null }, "revision": 3 }))]
pub struct RelayUpdate {
    /// The fields to change.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = RelayFields, required)]
    data: Option<RelayFields>,
    /// The revision that the change is based on. If the relay was changed since, nothing is stored.
    #[serde(default, deserialize_with = "lenient")]
    revision: Option<i64>,
}

impl Administrative for RelayUpdate {
    const ACTION: Action = Action::ChangeRelay;
}

/// List the relays
///
/// Lists all relays in their order, also those that are switched off, with their health, connections and
/// mail of the last 24 hours.
#[utoipa::path(
    get,
    path = "/api/relays",
    tag = "Relays",
    responses(
        (status = 200, description = "The relays", body = Success<Vec<ApiRelay>>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<Vec<ApiRelay>>, Refused> {
    let listed = state.postern.relays().list(&actor).await?;
    let mut activity = RelayActivity::read(&state, &actor).await?;
    let relays = listed.into_iter().map(|view| activity.of(view));
    Ok(Success::new(relays.collect()))
}

/// Add a relay
///
/// Adds a relay as the last one, unless a position is given. Save its settings at
/// `/api/relays/{id}/email_smtp`.
#[utoipa::path(
    post,
    path = "/api/relays",
    tag = "Relays",
    request_body = NewRelay,
    responses(
        (status = 200, description = "Added", body = Success<ApiRelay>),
        Restricted,
        JsonRefused,
        Always,
    )
)]
pub async fn create(
    State(state): State<AppState>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<NewRelay>,
) -> Result<Success<ApiRelay>, Refused> {
    let new = RelayFields::change(request.data, faults)?;
    let created = state.postern.relays().create(&actor, new).await?;
    let created = ApiRelay::read(&state, &actor, created).await?;
    Ok(Success::new(created))
}

/// Read a relay
#[utoipa::path(
    get,
    path = "/api/relays/{id}",
    tag = "Relays",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "The relay", body = Success<ApiRelay>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<ApiRelay>, Refused> {
    let found = state.postern.relays().read(&actor, &id).await?;
    Ok(Success::new(ApiRelay::read(&state, &actor, found).await?))
}

/// Change a relay
///
/// Changes the name, order, From domain and limits of the relay, and whether it is on. The response has
/// the changed relay.
#[utoipa::path(
    post,
    path = "/api/relays/{id}",
    tag = "Relays",
    params(("id" = String, Path, description = "The id in the list")),
    request_body = RelayUpdate,
    responses(
        (status = 200, description = "Changed", body = Success<ApiRelay>),
        Restricted,
        Missing,
        Conflicting,
        JsonRefused,
        Always,
    )
)]
pub async fn change_one(
    State(state): State<AppState>,
    PathParams(id): PathParams<String>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<RelayUpdate>,
) -> Result<Success<ApiRelay>, Refused> {
    let change = RelayFields::change(request.data, faults)?;
    let relays = state.postern.relays();
    let changed = relays.change(&actor, &id, change, request.revision).await?;
    let changed = ApiRelay::read(&state, &actor, changed).await?;
    Ok(Success::new(changed))
}

/// Remove a relay
///
/// Removes the relay with its settings, their revisions and all its passwords. The relay `global` cannot
/// be removed, only switched off.
#[utoipa::path(
    delete,
    path = "/api/relays/{id}",
    tag = "Relays",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Removed", body = Success<Nothing>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn remove(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    state.postern.relays().remove(&actor, &id, None).await?;
    Ok(Success::new(Nothing {}))
}

#[cfg(test)]
mod tests {
    use domain::settings::relay::Change;
    use serde_json::{Value, json};

    use super::*;
    use crate::rest::request::extract::JsonBody;

    fn read(body: Value) -> Result<RelayChange, Vec<String>> {
        JsonBody::<RelayUpdate>::decode(body.to_string().as_bytes())
            .and_then(|JsonBody { request, faults }| RelayFields::change(request.data, faults))
            .map_err(|refusal| refusal.fields.into_keys().collect())
    }

    #[test]
    fn absent_fields_stay_and_null_removes() {
        let empty = read(json!({ "data": {} })).expect("read");
        assert_eq!(empty, RelayChange::default());
        let some = json!({ "from_domain": null, "per_day": 7, "per_hour": null, "enabled": false });
        let some = read(json!({ "data": some, "revision": 2 })).expect("read");
        assert_eq!(some.from_domain, Change::Clear);
        assert_eq!(
            (some.per_day, some.per_hour),
            (Change::Set(7), Change::Clear)
        );
        assert_eq!((some.per_minute, some.enabled), (Change::Keep, Some(false)));
    }

    #[test]
    fn faults_are_reported_by_field() {
        let wrong = json!({ "name": 1, "per_day": "7", "from_domain": 1, "max": 1 });
        for (body, fields) in [
            (json!({}), &["data"][..]),
            (json!({ "data": 1 }), &["data"]),
            (
                json!({ "data": wrong, "revision": "1", "name": "x" }),
                &["from_domain", "max", "name", "per_day", "revision"],
            ),
        ] {
            assert_eq!(read(body.clone()).expect_err("refused"), fields, "{body}");
        }
    }
}
