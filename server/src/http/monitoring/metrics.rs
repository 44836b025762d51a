//! `/metrics` for Prometheus (text format 0.0.4): counters of this process, gauges of the database.

use std::fmt::Write as _;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use domain::health::HealthState;
use domain::outbox::RecipientState;
use engine::{Actor, KeyFigures, MetricsSnapshot};

use crate::http::authentication::Caller;
use crate::http::origin::allowed_hosts::is_loopback;
use crate::http::origin::host;
use crate::http::state::AppState;
use crate::rest::response::envelope::refuse;

/// The path for Prometheus.
pub const METRICS_PATH: &str = "/metrics";

/// For administrators, and for clients on this machine where nothing stands before Postern.
pub async fn metrics(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let here = state.local_metrics && is_local(&caller, &request);
    respond(read(&state, caller.actor.as_ref(), here).await)
}

/// For every client that can reach the port of `--metrics-listen`.
pub async fn open(State(state): State<AppState>) -> Response {
    respond(read(&state, None, true).await)
}

/// What is reported.
struct Figures {
    outbox: MetricsSnapshot,
    keys: KeyFigures,
}

async fn read(state: &AppState, actor: Option<&Actor>, here: bool) -> Result<Figures, Refusal> {
    Ok(Figures {
        outbox: state.postern.outbox().metrics(actor, here).await?,
        keys: state.postern.sealing_keys().figures(actor, here).await?,
    })
}

/// Whether the request was made on this machine, for this machine, and not passed on by a proxy.
fn is_local(caller: &Caller, request: &Request) -> bool {
    let passed_on = ["x-forwarded-for", "forwarded", "via"]
        .iter()
        .any(|name| request.headers().contains_key(*name));
    let host = host::named(request).ok().flatten();
    let address = caller.origin.address;
    !passed_on
        && host.is_some_and(|host| is_loopback(&host))
        && address.is_some_and(|address| address.to_canonical().is_loopback())
}

fn respond(figures: Result<Figures, Refusal>) -> Response {
    match figures {
        Ok(figures) => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            let text = text(&figures.outbox) + &key_text(&figures.keys);
            ([(CONTENT_TYPE, kind)], text).into_response()
        }
        Err(refusal) => refuse(refusal),
    }
}

fn text(figures: &MetricsSnapshot) -> String {
    let mut text = String::new();
    let reading = &figures.reading;
    for (name, about, value) in [
        (
            "postern_accepted_total",
            "Messages accepted.",
            reading.accepted,
        ),
        (
            "postern_delivered_total",
            "Mails that a relay accepted, counted per recipient.",
            reading.delivered,
        ),
        (
            "postern_deferred_total",
            "Attempts that deferred a mail.",
            reading.deferred,
        ),
        ("postern_failed_total", "Mails that failed.", reading.failed),
    ] {
        let _ = writeln!(
            text,
            "# HELP {name} {about}\n# TYPE {name} counter\n{name} {value}"
        );
    }
    text.push_str("# HELP postern_connections Open connections to relays.\n# TYPE postern_connections gauge\n");
    let _ = writeln!(text, "postern_connections {}", reading.connections);

    let waits = |state: RecipientState| {
        !matches!(state, RecipientState::Delivered | RecipientState::Cancelled)
    };
    let waiting = figures.counts.iter().filter(|count| waits(count.state));
    text.push_str(
        "# HELP postern_queue Mails in the outbox, counted per recipient.\n\
         # TYPE postern_queue gauge\n",
    );
    for count in waiting {
        let _ = writeln!(
            text,
            "postern_queue{{state=\"{}\"}} {}",
            count.state.as_str(),
            count.number
        );
    }
    let to_go =
        |state: RecipientState| matches!(state, RecipientState::Queued | RecipientState::Deferred);
    let oldest = figures.counts.iter().filter(|count| to_go(count.state));
    let oldest = oldest.filter_map(|count| count.oldest).min();
    let age = oldest.map_or(Duration::ZERO, |oldest| {
        figures.now.saturating_since(oldest)
    });
    text.push_str("# HELP postern_oldest_seconds Age of the oldest mail that is to be delivered.\n# TYPE postern_oldest_seconds gauge\n");
    let _ = writeln!(text, "postern_oldest_seconds {}", seconds(age));

    text.push_str(
        "# HELP postern_relays Relays of the organisation by what their checks found.\n\
         # TYPE postern_relays gauge\n",
    );
    for state in [
        HealthState::Unknown,
        HealthState::Healthy,
        HealthState::Degraded,
        HealthState::Down,
    ] {
        let number = figures.relays.iter().filter(|found| **found == state);
        let _ = writeln!(
            text,
            "postern_relays{{state=\"{}\"}} {}",
            state.as_str(),
            number.count()
        );
    }

    text + &histograms(figures)
}

fn histograms(figures: &MetricsSnapshot) -> String {
    let reading = &figures.reading;
    let mut text = String::new();
    for (name, about, reading) in [
        (
            "postern_delivery_seconds",
            "From acceptance to the relay's 250.",
            &reading.deliveries,
        ),
        (
            "postern_write_seconds",
            "Transactions that write, to the end of their commit. On SQLite there is one at a time.",
            &figures.writes,
        ),
        (
            "postern_claim_seconds",
            "Claims of mail that is due, from the request to the end of the commit.",
            &reading.claims,
        ),
    ] {
        let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} histogram");
        let mut sum = 0;
        for (bound, times) in reading.bounds.iter().zip(&reading.times) {
            sum += times;
            let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {sum}", seconds(*bound));
        }
        let (number, total) = (reading.number(), seconds(reading.total));
        let _ = writeln!(
            text,
            "{name}_bucket{{le=\"+Inf\"}} {number}\n{name}_sum {total}\n{name}_count {number}"
        );
    }
    text
}

/// The gauges of the keys, as this process sees them.
fn key_text(figures: &KeyFigures) -> String {
    let mut text = format!(
        "# HELP postern_lost_secrets Stored secrets to be entered again, as the file of their key is lost.\n\
         # TYPE postern_lost_secrets gauge\n\
         postern_lost_secrets {}\n\
         # HELP postern_key_files_missing Keys in use whose file is gone or damaged on this node.\n\
         # TYPE postern_key_files_missing gauge\n\
         postern_key_files_missing {}\n",
        figures.lost_values, figures.without_file
    );
    if let Some(age) = figures.age {
        let _ = writeln!(
            text,
            "# HELP postern_key_age_seconds Age of the key that seals stored secrets.\n\
             # TYPE postern_key_age_seconds gauge\n\
             postern_key_age_seconds {}",
            age.as_secs()
        );
    }
    text
}

/// With at most three decimals.
fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::outbox::Count;
    use engine::{HistogramReading, Meter, MeterReading};

    /// What dashboards and alerts are made of.
    const OPS: [&str; 3] = [
        include_str!("../../../../ops/grafana-dashboard.json"),
        include_str!("../../../../ops/prometheus-rules.yml"),
        include_str!("../../../../ops/prometheus-rules.test.yml"),
    ];

    #[test]
    fn alerts_and_the_dashboard_select_states_that_are_reported() {
        let figures = MetricsSnapshot {
            reading: MeterReading::default(),
            counts: RecipientState::ALL
                .iter()
                .map(|state| Count {
                    state: *state,
                    number: 0,
                    oldest: None,
                })
                .collect(),
            relays: Vec::new(),
            writes: HistogramReading::default(),
            now: Timestamp(0),
        };
        let text = text(&figures);
        let mut selected = 0;
        for file in OPS {
            // Quotes are escaped in JSON.
            let file = file.replace('\\', "");
            for name in ["postern_queue{", "postern_relays{"] {
                for selector in file.split(name).skip(1) {
                    let selector = selector.split('}').next().unwrap_or_default();
                    let exact = selector.split_once("state=\"");
                    let states = exact.or_else(|| selector.split_once("state=~\""));
                    let Some((_, states)) = states else {
                        continue;
                    };
                    let states = states.split('"').next().unwrap_or_default();
                    for state in states.split('|') {
                        let series = format!("{name}state=\"{state}\"}} ");
                        assert!(text.contains(&series), "{series}is not in {text}");
                        selected += 1;
                    }
                }
            }
        }
        assert!(selected > 10, "{selected} selectors of states");
    }

    #[test]
    fn metrics_have_lost_secrets_and_the_age_of_the_key() {
        let figures = KeyFigures {
            lost_values: 3,
            without_file: 1,
            age: Some(Duration::from_millis(86_400_900)),
        };
        let text = key_text(&figures);
        for line in [
            "postern_lost_secrets 3",
            "postern_key_files_missing 1",
            "postern_key_age_seconds 86400",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        let without_key = key_text(&KeyFigures::default());
        assert!(!without_key.contains("postern_key_age"), "{without_key}");
    }

    #[test]
    fn metrics_have_counts_and_times() {
        let MeterReading {
            deliveries, claims, ..
        } = Meter::default().read();
        let figures = MetricsSnapshot {
            reading: MeterReading {
                accepted: 9,
                delivered: 3,
                deliveries: HistogramReading {
                    times: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1].to_vec(),
                    total: Duration::from_millis(1_500),
                    ..deliveries
                },
                claims: HistogramReading {
                    times: [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec(),
                    total: Duration::from_millis(3),
                    ..claims
                },
                ..MeterReading::default()
            },
            counts: vec![
                Count {
                    state: RecipientState::Queued,
                    number: 4,
                    oldest: Some(Timestamp(1_000)),
                },
                Count {
                    state: RecipientState::Delivered,
                    number: 3,
                    oldest: Some(Timestamp(0)),
                },
            ],
            relays: vec![HealthState::Down, HealthState::Healthy, HealthState::Down],
            writes: HistogramReading {
                bounds: claims.bounds,
                times: [4, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 1].to_vec(),
                total: Duration::from_micros(7_250_999),
            },
            now: Timestamp(61_500),
        };
        let text = text(&figures);
        for line in [
            "postern_accepted_total 9",
            "postern_queue{state=\"queued\"} 4",
            "postern_oldest_seconds 60.5",
            "postern_relays{state=\"down\"} 2",
            "postern_relays{state=\"degraded\"} 0",
            "postern_delivery_seconds_bucket{le=\"0.005\"} 1",
            "postern_delivery_seconds_bucket{le=\"0.25\"} 2",
            "postern_delivery_seconds_bucket{le=\"3600\"} 2",
            "postern_delivery_seconds_bucket{le=\"+Inf\"} 3",
            "postern_delivery_seconds_sum 1.5",
            "postern_delivery_seconds_count 3",
            "postern_write_seconds_bucket{le=\"0.001\"} 4",
            "postern_write_seconds_bucket{le=\"0.05\"} 6",
            "postern_write_seconds_bucket{le=\"0.075\"} 7",
            "postern_write_seconds_bucket{le=\"5\"} 7",
            "postern_write_seconds_bucket{le=\"+Inf\"} 8",
            "postern_write_seconds_sum 7.25",
            "postern_write_seconds_count 8",
            "postern_claim_seconds_bucket{le=\"0.001\"} 2",
            "postern_claim_seconds_bucket{le=\"0.002\"} 3",
            "postern_claim_seconds_sum 0.003",
            "postern_claim_seconds_count 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(!text.contains("state=\"delivered\""));
    }
}
