//! The variables of the environment of Postern that are about mail, each with what follows from it.

use domain::settings::smtp_environment::VariableMeaning;

use crate::server_prelude::*;

#[component]
pub fn EnvironmentCard(variables: Vec<VariableMeaning>) -> Option<AnyView> {
    if variables.is_empty() {
        return None;
    }
    let rows = variables.into_iter().map(|variable| {
        let (class, badge) = match variable.is_followed {
            true => ("badge badge-plain", "Set"),
            false => ("badge badge-warn", "Not followed"),
        };
        let value = variable.value.map(|value| view! { <code>{value}</code> });
        view! {
            <li>
                <div class="suppression-info">
                    <strong class="relay-name">
                        {variable.variable} <span class=class>{badge}</span>
                    </strong>
                    {value}
                    <span class="mail-detail">{variable.meaning}</span>
                </div>
            </li>
        }
    });
    let rows = rows.collect_view();
    Some(
        view! {
            <section class="card" aria-labelledby="environment-title">
                    <header class="card-head">
                        <h2 id="environment-title">"Environment"</h2>
                        <p>
                            "Variables that the last "<code>"postern serve"</code>
                            " was started with. They prevail over saved settings until it is started with others."
                        </p>
                    </header>
                    <ul class="suppressions">{rows}</ul>
            </section>
        }
        .into_any(),
    )
}
