//! The filters of the audit log, a GET form whose result can be bookmarked.

use domain::audit::{AuditObject, AuditOutcome, AuditSearch};
use engine::Action;

use super::AUDIT;
use crate::components::{SearchField, TimeField};
use crate::server_prelude::*;

#[component]
pub fn SearchForm(search: AuditSearch) -> AnyView {
    let any = !search.pairs().is_empty();
    let rare = search.since.is_some()
        || search.until.is_some()
        || search.outcome.is_some()
        || !search.origin.is_empty()
        || !search.detail.is_empty();
    let objects = AuditObject::ALL.iter().map(|object| {
        let chosen = search.object == Some(*object);
        view! {
            <option value=object.as_str() selected=chosen>
                {object.title()}
            </option>
        }
    });
    let outcomes = AuditOutcome::ALL.iter().map(|outcome| {
        let chosen = search.outcome == Some(*outcome);
        view! {
            <option value=outcome.as_str() selected=chosen>
                {outcome.title()}
            </option>
        }
    });
    let clear = any.then(|| view! { <a class="button button-quiet" href=AUDIT>"Clear"</a> });
    view! {
        <form
            class="card search-form"
            method="get"
            action=AUDIT
            role="search"
            aria-label="Audit log"
        >
            <div class="search-line">
                <SearchField name="actor" label="Who contains" value=search.actor.clone() />
                <div class="field">
                    <label for="search-action">"What"</label>
                    <select class="control" id="search-action" name="action">
                        <option value="">"Any act"</option>
                        {acts(&search.action)}
                    </select>
                </div>
                <div class="field">
                    <label for="search-object">"Kind of object"</label>
                    <select class="control" id="search-object" name="object">
                        <option value="">"Any"</option>
                        {objects.collect_view()}
                    </select>
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Search"
                    </button>
                    {clear}
                </div>
            </div>
            <details class="search-filters" open=rare>
                <summary>"By time, origin, outcome or detail"</summary>
                <div class="search-line">
                    <TimeField name="since" label="From (UTC)" value=search.since />
                    <TimeField name="until" label="Before (UTC)" value=search.until />
                    <SearchField name="origin" label="Address contains" value=search.origin.clone() />
                    <SearchField name="detail" label="Detail contains" value=search.detail.clone() />
                    <div class="field">
                        <label for="search-outcome">"Outcome"</label>
                        <select class="control" id="search-outcome" name="outcome">
                            <option value="">"Any"</option>
                            {outcomes.collect_view()}
                        </select>
                    </div>
                </div>
            </details>
        </form>
    }
    .into_any()
}

/// The acts, grouped by what they are on.
fn acts(chosen: &str) -> AnyView {
    let groups = AuditObject::ALL.iter().map(|object| {
        let acts = Action::ALL.iter().filter(|act| act.object() == *object);
        let options = acts.map(|act| {
            let name = act.as_str();
            let is_chosen = name == chosen;
            view! {
                <option value=name selected=is_chosen>
                    {name}
                </option>
            }
        });
        view! { <optgroup label=object.title()>{options.collect_view()}</optgroup> }
    });
    groups.collect_view().into_any()
}
