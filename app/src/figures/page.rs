//! The page of figures: a subject and a range of time, the chart, the sums and the files.

use domain::figures::{FigureQuery, FigureRow, FigureSubject};
use domain::{Fields, Refusal};
use engine::{Actor, Postern};

use super::chart::FiguresChart;
use super::choices::{Choice, Chooser, choices};
use super::format::{latency, number};
use super::request::{FigureRange, FiguresRequest};
use crate::components::refused;
use crate::layout::console_page;
use crate::request::{queries, with_query};
use crate::server_prelude::*;

/// The figures as files, over REST.
pub const FIGURES_FILE: &str = "/api/figures";

#[component]
pub fn FiguresPage() -> impl IntoView {
    console_page("Figures", |actor| {
        let postern = expect_context::<Postern>();
        let request = Fields::of(&queries()).read(FiguresRequest::take);
        Suspend::new(async move {
            let view = async {
                let request = request?;
                shown(&postern, &actor, request).await
            };
            view.await.unwrap_or_else(|refusal| refused(&refusal))
        })
    })
}

async fn shown(
    postern: &Postern,
    actor: &Actor,
    request: FiguresRequest,
) -> Result<AnyView, Refusal> {
    let service = postern.figures();
    let query = request.query(service.now());
    let figures = service.read(actor, &query).await?;
    let choices = choices(postern, actor, &request.subject).await?;
    let of_shown = |choice: &&Choice| choice.subject == request.subject;
    let name = choices.iter().find(of_shown);
    let name = name.map(|choice| choice.name.clone()).unwrap_or_default();
    let of_relay = matches!(request.subject, FigureSubject::Relay(_)).then(|| {
        view! {
            <p class="field-hint">
                "A relay is chosen when mail is delivered: what is accepted is not counted for it."
            </p>
        }
    });
    let (step, total) = (query.step, figures.total.clone());
    Ok(view! {
        <div class="page">
            <header class="page-head">
                <h1>"Figures"</h1>
                <p>
                    "Recipients of mail by the hour or day in which they were accepted, delivered, deferred or failed, in UTC."
                </p>
            </header>
            <section class="card" aria-labelledby="figures-title">
                <header class="card-head">
                    <h2 id="figures-title">{name}</h2>
                    {of_relay}
                </header>
                <div class="card-body">
                    <Chooser choices request=request.clone() />
                    <Ranges request />
                    <FiguresChart figures step />
                    <Sums total />
                    <Files query />
                </div>
            </section>
        </div>
    }
    .into_any())
}

/// Links to the ranges of time.
#[component]
fn Ranges(request: FiguresRequest) -> AnyView {
    let links = FigureRange::ALL.iter().map(|&range| {
        let href = FiguresRequest {
            subject: request.subject.clone(),
            range,
        };
        let current = (range == request.range).then_some("page");
        view! {
            <li>
                <a class="button button-secondary button-small" href=href.path() aria-current=current>
                    {range.title()}
                </a>
            </li>
        }
    });
    let links = links.collect_view();
    view! {
        <nav aria-label="Time">
            <ul class="figures-ranges">{links}</ul>
        </nav>
    }
    .into_any()
}

/// How long deliveries took.
#[component]
fn Sums(total: FigureRow) -> AnyView {
    let settled = total.delivered.saturating_add(total.failed);
    let failed = (settled > 0).then(|| {
        let permille = u128::from(total.failed) * 1000 / u128::from(settled);
        let of = number(settled);
        view! {
            <dt>"Failed"</dt>
            <dd>{format!("{}.{} % of {of}", permille / 10, permille % 10)}</dd>
        }
    });
    view! {
        <dl class="facts">
            {failed} <dt>"50 % delivered within"</dt> <dd>{latency(total.p50)}</dd>
            <dt>"90 % delivered within"</dt> <dd>{latency(total.p90)}</dd>
            <dt>"99 % delivered within"</dt> <dd>{latency(total.p99)}</dd>
        </dl>
    }
    .into_any()
}

/// Links to what is shown as files.
#[component]
fn Files(query: FigureQuery) -> AnyView {
    let path = |format: &str| {
        let mut pairs = query.pairs();
        pairs.push(("format", format.to_owned()));
        with_query(FIGURES_FILE, pairs)
    };
    view! {
        <p class="figures-files">
            "What is shown, as a file: " <a href=path("csv")>"CSV"</a> " or " <a href=path("json")>"JSON"</a> "."
        </p>
    }
    .into_any()
}
