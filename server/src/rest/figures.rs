//! `/api/figures`: figures of mail by hour and day, as JSON or CSV.

use std::fmt::Write as _;
use std::time::Duration;

use app::figures::FIGURES_FILE;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use domain::Fields;
use domain::figures::{FigureParams, FigureQuery, FigureRow, Figures};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::extract::{QueryPairs, SignedIn};
use super::response::envelope::{Refused, Success};
use super::response::errors::{Always, Missing, Restricted};
use super::response::event_stream::accepts;
use crate::http::state::AppState;

/// The media type of CSV (RFC 4180).
const CSV: &str = "text/csv";

/// The names of the columns.
const COLUMNS: &str = "start,accepted,delivered,deferred,failed,p50_ms,p90_ms,p99_ms";

/// The format of figures.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FigureFormat {
    /// The format: `json` or `csv`. By default the header `Accept` decides.
    #[serde(default)]
    #[param(example = "json")]
    format: String,
}

impl FigureFormat {
    /// Whether the figures are sent as CSV.
    fn is_csv(&self, headers: &HeaderMap, fields: &mut Fields<'_>) -> bool {
        match self.format.as_str() {
            "" => accepts(headers, CSV) && !accepts(headers, "application/json"),
            "csv" => true,
            "json" => false,
            _ => {
                fields.add("format", "This must be “json” or “csv”.");
                false
            }
        }
    }
}

/// Figures of mail.
#[derive(Serialize, ToSchema)]
pub struct ApiFigures {
    /// The subject of the figures: `all`, `account`, `token` or `relay`.
    #[schema(example = "all")]
    subject: &'static str,
    /// The id of the account, token or relay; null for all mail.
    id: Option<String>,
    /// The length of time of a row: `hour` or `day`.
    #[schema(example = "hour")]
    step: &'static str,
    /// One row for each hour or day, in order of time.
    rows: Vec<ApiFigureRow>,
    /// The figures of the whole range.
    total: ApiFigureRow,
}

/// The figures of an hour or a day, in recipients.
#[derive(Serialize, ToSchema)]
pub struct ApiFigureRow {
    /// The start of the hour or day.
    #[schema(format = DateTime, example = "2026-11-20T05:00:00Z")]
    start: String,
    /// The number of recipients accepted for delivery. It is 0 for a relay, because the relay is chosen
    /// at delivery.
    #[schema(example = 130)]
    accepted: u64,
    /// The number of delivered recipients.
    #[schema(example = 128)]
    delivered: u64,
    /// The number of deferred attempts, each of which is followed by another.
    #[schema(example = 3)]
    deferred: u64,
    /// The number of recipients that failed permanently.
    #[schema(example = 1)]
    failed: u64,
    /// The latency from acceptance to delivery; null without deliveries.
    latency: Option<ApiLatency>,
}

/// The latency of deliveries in milliseconds, at most 5 % off.
#[derive(Serialize, ToSchema)]
pub struct ApiLatency {
    /// The median latency.
    #[schema(example = 840)]
    p50: u64,
    /// The 90th percentile of the latency.
    #[schema(example = 2100)]
    p90: u64,
    /// The 99th percentile of the latency.
    #[schema(example = 9400)]
    p99: u64,
}

/// To the nearest millisecond.
pub(super) fn milliseconds(latency: Duration) -> u64 {
    u64::try_from((latency.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}

impl From<&FigureRow> for ApiFigureRow {
    fn from(row: &FigureRow) -> Self {
        let latency = match (row.p50, row.p90, row.p99) {
            (Some(p50), Some(p90), Some(p99)) => Some(ApiLatency {
                p50: milliseconds(p50),
                p90: milliseconds(p90),
                p99: milliseconds(p99),
            }),
            _ => None,
        };
        Self {
            start: row.start.rfc3339(),
            accepted: row.accepted,
            delivered: row.delivered,
            deferred: row.deferred,
            failed: row.failed,
            latency,
        }
    }
}

/// Read figures of mail
///
/// Counts of recipients that were accepted, delivered, deferred and failed, and the latency from
/// acceptance to delivery, by hour or day. Results are counted when they are recorded: mail that is
/// accepted in one hour may be delivered in the next, and mail that is sent again is delivered again.
/// Administrators read the figures of all mail, and of every account, token and relay; other accounts
/// those of their own.
///
/// The response is CSV (RFC 4180) with `format=csv` or the header `Accept: text/csv`.
#[utoipa::path(
    get,
    path = FIGURES_FILE,
    tag = "Outbox",
    params(FigureParams, FigureFormat),
    responses(
        (
            status = 200,
            description = "The figures",
            content((Success<ApiFigures> = "application/json"), (String = "text/csv"))
        ),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    headers: HeaderMap,
    QueryPairs(query): QueryPairs,
) -> Result<Response, Refused> {
    let service = state.postern.figures();
    let (query, as_csv) = Fields::of(&query).read(|fields| {
        let format: FigureFormat = fields.decode();
        let as_csv = format.is_csv(&headers, fields);
        (FigureQuery::take(fields, service.now()), as_csv)
    })?;
    let figures = service.read(&actor, &query).await?;
    let vary = [(VARY, ACCEPT.as_str())];
    if as_csv {
        let head = [
            (CONTENT_TYPE, CSV.to_owned()),
            (CONTENT_DISPOSITION, disposition(&query, &figures)),
        ];
        return Ok((vary, head, csv(&figures)).into_response());
    }
    let body = Success::new(ApiFigures {
        subject: query.subject.kind(),
        id: query.subject.id().map(str::to_owned),
        step: query.step.as_str(),
        rows: figures.rows.iter().map(Into::into).collect(),
        total: (&figures.total).into(),
    });
    Ok((vary, body).into_response())
}

/// The name of the file that a browser saves.
fn disposition(query: &FigureQuery, figures: &Figures) -> String {
    let start = figures.total.start.rfc3339();
    let (date, _) = start.split_once('T').unwrap_or_default();
    let (subject, step) = (query.subject.kind(), query.step.as_str());
    format!("attachment; filename=\"figures-{subject}-{step}-{date}.csv\"")
}

/// The rows as CSV. All cells are times and numbers, which need no quotes and which no spreadsheet takes for
/// formulas.
fn csv(figures: &Figures) -> String {
    let mut text = format!("{COLUMNS}\r\n");
    for row in &figures.rows {
        let start = row.start.rfc3339();
        let (accepted, delivered) = (row.accepted, row.delivered);
        let (deferred, failed) = (row.deferred, row.failed);
        let _ = write!(text, "{start},{accepted},{delivered},{deferred},{failed}");
        for latency in [row.p50, row.p90, row.p99] {
            let cell = latency.map(|latency| milliseconds(latency).to_string());
            let _ = write!(text, ",{}", cell.unwrap_or_default());
        }
        text.push_str("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::figures::{FigureCounts, FigureStep, FigureSubject};

    use super::*;

    #[test]
    fn csv_has_a_line_for_each_row_and_cells_of_numbers() {
        let mut counts = FigureCounts {
            accepted: 7,
            delivered: 2,
            deferred: 3,
            failed: 1,
            ..FigureCounts::default()
        };
        counts.latency.record(Duration::from_secs(1));
        let start = Timestamp(1_795_150_800_000);
        let step = FigureStep::Hour;
        let range = start..start + 2 * step.length();
        let figures = Figures::of(step, range.clone(), [(start, &counts)]);
        let middle = milliseconds(counts.latency.percentile(50).expect("a delivery"));
        assert!((950..1050).contains(&middle), "{middle}");
        let expected = format!(
            "start,accepted,delivered,deferred,failed,p50_ms,p90_ms,p99_ms\r\n\
             2026-11-20T05:00:00Z,7,2,3,1,{middle},{middle},{middle}\r\n\
             2026-11-20T06:00:00Z,0,0,0,0,,,\r\n"
        );
        assert_eq!(csv(&figures), expected);
        let query = FigureQuery {
            subject: FigureSubject::Token("01J\"\r\n".to_owned()),
            step,
            from: range.start,
            until: range.end,
        };
        let expected = "attachment; filename=\"figures-token-hour-2026-11-20.csv\"";
        assert_eq!(disposition(&query, &figures), expected);
    }
}
