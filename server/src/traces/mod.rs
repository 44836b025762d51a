//! Traces of mail for an OpenTelemetry collector, by OTLP over HTTP (cargo feature `otel`).
//!
//! The id of a trace is the 128 bits of a message id. Its root is the span of the acceptance, with the lower
//! 64 bits as its id. So every node that has the message adds to its trace, and nothing is stored for it. Spans are made when their step is done, with the time it began.
//! `tracing-opentelemetry` makes them from spans of `tracing`, whose ids and times cannot be given.

mod client;
mod span;
#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use engine::Postern;
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::SpanKind;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SamplingDecision, ShouldSample, SpanProcessor,
};

use client::ExportClient;

/// The variables that name a collector; without one of them nothing is exported.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// How long the last spans may take when the process stops.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// The export of spans, until it is stopped.
pub struct Traces(Option<Arc<BatchSpanProcessor>>);

impl Traces {
    /// Exports the spans of mail to the collector that the environment names.
    pub fn start(postern: &Postern) -> Result<Self, Box<dyn Error>> {
        let is_set = |name: &&str| variable(name).is_some();
        let is_disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| is_true(&value));
        if is_disabled || !ENDPOINTS.iter().any(is_set) {
            return Ok(Self(None));
        }
        Self::export(postern, None, sampler()?)
    }

    /// Exports to an endpoint, or to that of the environment.
    fn export(
        postern: &Postern,
        endpoint: Option<&str>,
        sampler: Sampler,
    ) -> Result<Self, Box<dyn Error>> {
        let mut builder = SpanExporter::builder()
            .with_http()
            .with_http_client(ExportClient::new()?);
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let exporter = builder
            .build()
            .map_err(|error| format!("the variables OTEL_EXPORTER_OTLP_*: {error}"))?;
        let mut resource = Resource::builder();
        if variable("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("postern");
        }
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&resource.build());
        let processor = Arc::new(processor);
        let scope = InstrumentationScope::builder("postern")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let queue = processor.clone();
        postern.outbox().spans().give_to(move |mail| {
            let trace = mail.trace.into();
            let sampled = sampler.should_sample(None, trace, "", &SpanKind::Internal, &[], &[]);
            if sampled.decision == SamplingDecision::RecordAndSample {
                // It does not block: beyond the queue's length spans are dropped.
                queue.on_end(span::of(mail, scope.clone()));
            }
        });
        Ok(Self(Some(processor)))
    }

    /// Exports what is left.
    pub async fn stop(self) {
        let Some(processor) = self.0 else {
            return;
        };
        let flush = move || processor.shutdown_with_timeout(LAST_SPANS);
        if !matches!(tokio::task::spawn_blocking(flush).await, Ok(Ok(()))) {
            tracing::warn!("the last spans were not exported");
        }
    }
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

/// The sampler of the environment. The parent of a span is the span of its message, whatever the request
/// says, so that those with and without `parentbased_` are the same.
fn sampler() -> Result<Sampler, String> {
    let name = variable("OTEL_TRACES_SAMPLER").unwrap_or_default();
    let ratio = variable("OTEL_TRACES_SAMPLER_ARG");
    sampler_of(&name, ratio.as_deref())
}

fn sampler_of(name: &str, ratio: Option<&str>) -> Result<Sampler, String> {
    match name.strip_prefix("parentbased_").unwrap_or(name) {
        "" | "always_on" => Ok(Sampler::AlwaysOn),
        "always_off" => Ok(Sampler::AlwaysOff),
        "traceidratio" => {
            let number = ratio.unwrap_or("1").parse::<f64>().ok();
            let number = number.filter(|number| (0.0..=1.0).contains(number));
            number.map(Sampler::TraceIdRatioBased).ok_or_else(|| {
                "OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1, as 0.01".to_owned()
            })
        }
        other => Err(format!(
            "OTEL_TRACES_SAMPLER is {other}: always_on, always_off and traceidratio are known"
        )),
    }
}
