//! The page that exports the rows of the audit log that match a search, a plain form.

use domain::Fields;
use domain::audit::AuditSearch;
use engine::{Action, Postern};

use super::{AUDIT, EXPORT_FILE};
use crate::components::{HiddenFields, refused};
use crate::layout::console_page;
use crate::request::{queries, with_query};
use crate::server_prelude::*;

#[component]
pub fn AuditExportPage() -> impl IntoView {
    console_page("Export the audit log", |actor| {
        let postern = expect_context::<Postern>();
        let search = Fields::of(&queries()).read(Fields::decode::<AuditSearch>);
        Suspend::new(async move {
            let audit = postern.audit();
            let admitted = audit.admit(&actor, Action::ExportAudit).await;
            match admitted.and(search) {
                Ok(search) => view! { <ExportForm search /> }.into_any(),
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

#[component]
fn ExportForm(search: AuditSearch) -> AnyView {
    let fields = search.pairs();
    let rows = criteria(&fields);
    let back = with_query(AUDIT, fields.iter().map(|(name, value)| (*name, value)));
    view! {
        <div class="page">
            <header class="page-head outbox-head">
                <a class="page-back" href=back>
                    "Audit log"
                </a>
                <h1>"Export the audit log"</h1>
                <p>{rows}</p>
            </header>
            <section class="card">
                <form class="card-body" method="get" action=EXPORT_FILE>
                    <HiddenFields fields />
                    <div class="narrow field">
                        <label for="format">"Format"</label>
                        <select
                            class="control"
                            id="format"
                            name="format"
                            aria-describedby="format-hint"
                        >
                            <option value="csv">"CSV"</option>
                            <option value="lines">"JSON lines"</option>
                        </select>
                        <p class="field-hint" id="format-hint">
                            "In CSV a text that begins like a formula has an apostrophe before it. The export has a row of its own in the audit log."
                        </p>
                    </div>
                    <div class="buttons">
                        <button class="button button-primary" type="submit">
                            "Export"
                        </button>
                    </div>
                </form>
            </section>
        </div>
    }
    .into_any()
}

/// Which rows the file has, as in `The rows with actor “ann”, outcome “refused”.`
fn criteria(fields: &[(&str, String)]) -> String {
    let criteria = fields
        .iter()
        .map(|(name, value)| format!("{name} “{value}”"));
    match criteria.collect::<Vec<_>>().join(", ").as_str() {
        "" => "All rows.".to_owned(),
        criteria => format!("The rows with {criteria}."),
    }
}

#[cfg(test)]
mod tests {
    use super::criteria;

    #[test]
    fn the_page_names_the_criteria() {
        let fields = |number| {
            let all = [
                ("actor", "ann@".to_owned()),
                ("outcome", "refused".to_owned()),
            ];
            all.into_iter().take(number).collect::<Vec<_>>()
        };
        for (number, expected) in [
            (0, "All rows."),
            (1, "The rows with actor “ann@”."),
            (2, "The rows with actor “ann@”, outcome “refused”."),
        ] {
            assert_eq!(criteria(&fields(number)), expected);
        }
    }
}
