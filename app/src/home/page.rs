//! The page Home, rendered once: it does not update itself.

use domain::figures::FigureStep;
use domain::home::next_step;
use engine::{HomeView, Postern};

use super::data::HomeData;
use super::failures::Failures;
use super::mail_status::MailStatusHeading;
use super::next_step::FirstThingToDo;
use super::relays::HomeRelays;
use super::waiting::WaitingMail;
use crate::components::refused;
use crate::figures::{FIGURES, FiguresChart};
use crate::layout::console_page;
use crate::server_prelude::*;

#[component]
pub fn HomePage() -> impl IntoView {
    console_page("Home", |actor| {
        let postern = expect_context::<Postern>();
        Suspend::new(async move {
            match HomeData::read(&postern, &actor).await {
                Ok(home) => view! { <HomeContent home /> }.into_any(),
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

#[component]
fn HomeContent(home: HomeData) -> AnyView {
    let HomeData { home, figures } = home;
    let HomeView {
        facts,
        counts,
        failures,
        now,
    } = home;
    let step = next_step(&facts);
    let admin = facts.admin;
    view! {
        <div class="page home">
            <MailStatusHeading facts=facts.clone() />
            {step.map(|step| view! { <FirstThingToDo step /> })}
            <WaitingMail counts now />
            <Failures failures />
            <HomeRelays relays=facts.relays admin />
            <section class="home-section" aria-labelledby="home-day">
                <h2 id="home-day">"The last 24 hours"</h2>
                <FiguresChart figures step=FigureStep::Hour />
                <p>
                    <a href=FIGURES>"More figures"</a>
                </p>
            </section>
        </div>
    }
    .into_any()
}
