//! `/api/audit`: the audit log, in pages, and exported as JSON lines or CSV.

use app::audit::EXPORT_FILE;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::audit::{AuditPosition, AuditSearch, PAGE_ROWS};
use domain::{Fields, Refusal};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::extract::{QueryPairs, SignedIn};
use super::response::envelope::{Refused, SUCCESS};
use super::response::errors::{Always, Restricted};
use crate::audit_lines::AuditLine;
use crate::cli::AuditFormat;
use crate::http::state::AppState;

/// The format of a file.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditFile {
    /// The format of the file: `lines` for JSON lines, `csv` for CSV. The default is `lines`.
    #[serde(default)]
    #[param(example = "lines")]
    format: String,
}

impl AuditFile {
    fn validate(&self, fields: &mut Fields<'_>) -> AuditFormat {
        match self.format.as_str() {
            "" | "lines" => AuditFormat::Lines,
            "csv" => AuditFormat::Csv,
            _ => {
                fields.add("format", "This must be “lines” or “csv”.");
                AuditFormat::Lines
            }
        }
    }
}

/// Rows that match, newest first.
#[derive(Serialize, ToSchema)]
pub struct AuditListing {
    /// The status, always `success`.
    #[schema(value_type = String, pattern = "^success$", example = json!(SUCCESS))]
    status: &'static str,
    data: Vec<AuditLine>,
    /// The value of `before` for the next rows; null at the end.
    #[schema(example = "1795151610000.01M7VNZG4GP5Q7R9S2T4V6W8X0")]
    next: Option<String>,
}

/// Read the audit log
///
/// Reads the rows that match all criteria of the query, newest first, fifty at a time. The audit log has
/// acts on settings, relays, accounts, sessions, tokens and mail, and their refusals. A search that
/// takes longer than 2 s is ended: narrow it. For administrators.
#[utoipa::path(
    get,
    path = "/api/audit",
    tag = "Audit",
    params(AuditSearch, AuditPosition),
    responses(
        (status = 200, description = "The rows", body = AuditListing),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    QueryPairs(query): QueryPairs,
) -> Result<Json<AuditListing>, Refused> {
    let (search, AuditPosition { before }) =
        Fields::of(&query).read(|fields| (fields.decode::<AuditSearch>(), fields.decode()))?;
    let audit = state.postern.audit();
    let page = audit.list(&actor, &search, before.as_ref(), PAGE_ROWS);
    let page = page.await?;
    Ok(Json(AuditListing {
        status: SUCCESS,
        data: page.rows.into_iter().map(Into::into).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

/// Export the audit log
///
/// Returns a file with all rows that match, newest first. The export is an act in the audit log itself.
/// A text in CSV that begins like a formula has an apostrophe before it. A search that takes longer than
/// 2 s is ended: narrow it. For administrators; a session needs a sign-in or a confirmation within the
/// last 10 minutes. A browser is redirected to the page that requests the confirmation.
#[utoipa::path(
    get,
    path = EXPORT_FILE,
    tag = "Audit",
    params(AuditSearch, AuditFile),
    responses(
        (
            status = 200,
            description = "The file",
            content((AuditLine = "application/x-ndjson"), (String = "text/csv"))
        ),
        Restricted,
        Always,
    )
)]
pub async fn export(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    QueryPairs(query): QueryPairs,
) -> Result<Response, Refused> {
    let (search, format) = Fields::of(&query).read(|fields| {
        let file: AuditFile = fields.decode();
        (fields.decode::<AuditSearch>(), file.validate(fields))
    })?;
    let header = stream::once(async move { Ok::<_, Refusal>(format.header().to_owned()) });
    let rows = state.postern.audit().export(&actor, search).await?;
    let lines = rows.map(move |rows| rows.and_then(|rows| format.lines(rows)));
    let name = format.file_name();
    let head = [
        (CONTENT_TYPE, format.media_type().to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    Ok((head, Body::from_stream(header.chain(lines))).into_response())
}

#[cfg(test)]
mod tests {
    use domain::audit::{AuditObject, AuditOutcome};

    use super::*;

    #[test]
    fn the_descriptions_name_every_kind_of_object_and_outcome() {
        let parameters = AuditSearch::into_params(|| None);
        let objects = AuditObject::ALL.iter().map(|object| object.as_str());
        let objects = objects.map(|name| ("object", name));
        let outcomes = AuditOutcome::ALL.iter().map(|outcome| outcome.as_str());
        let outcomes = outcomes.map(|name| ("outcome", name));
        for (parameter, name) in objects.chain(outcomes) {
            let given = parameters.iter().find(|given| given.name == parameter);
            let description = given.and_then(|given| given.description.clone());
            let description = description.expect("a text");
            let name = format!("`{name}`");
            assert!(description.contains(&name), "{name}: {description}");
        }
    }
}
