//! The last failures by cause, each with a link to the newest message.

use domain::outbox::{FailureGroup, RecentFailures, RecipientState, Search};
use domain::sanitize::truncate;

use crate::components::Time;
use crate::outbox::{StateBadge, counted, list_url, message_path};
use crate::server_prelude::*;

/// The maximum number of groups that are shown.
const GROUPS: usize = 5;

/// The maximum length of a reply that is shown, in characters. The page of the message has all of it.
const REPLY_MAX: usize = 240;

#[component]
pub fn Failures(failures: RecentFailures) -> AnyView {
    let RecentFailures {
        groups,
        is_complete,
    } = failures;
    let more = groups.len().saturating_sub(GROUPS);
    let shown = match groups.is_empty() {
        true if is_complete => view! { <p>"No mail failed, and none is deferred."</p> }.into_any(),
        true => {
            view! { <p>"Of the newest mails none failed, and none is deferred."</p> }.into_any()
        }
        false => {
            let rows = groups.into_iter().take(GROUPS);
            let rows = rows.map(|group| view! { <Group group /> }).collect_view();
            view! { <ul class="home-list">{rows}</ul> }.into_any()
        }
    };
    let more = (more > 0).then(|| {
        let failed = Search {
            state: Some(RecipientState::Failed),
            ..Search::default()
        };
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        view! {
            <p>
                {counted(more, "more cause")} ". " <a href=list_url(&failed, None)>"All failed mail"</a>
            </p>
        }
    });
    view! {
        <section class="home-section" aria-labelledby="home-failures">
            <h2 id="home-failures">"Failed in 24 hours, or deferred"</h2>
            {shown}
            {more}
        </section>
    }
    .into_any()
}

#[component]
fn Group(group: FailureGroup) -> AnyView {
    let FailureGroup {
        cause,
        number,
        is_lower_bound,
        newest,
    } = group;
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let at_least = if is_lower_bound { "at least " } else { "" };
    let href = format!(
        "{}#recipient-{}",
        message_path(&newest.message_id),
        newest.position
    );
    let when = match newest.state {
        RecipientState::Failed => "the newest failed ",
        _ => "the newest was accepted ",
    };
    view! {
        <li>
            <StateBadge state=newest.state leased=false />
            <div>
                <a href=href>{cause}</a>
                <span class="mail-detail home-reply">{truncate(newest.reply, REPLY_MAX)}</span>
                <span class="mail-detail">
                    {at_least} {counted(number, "recipient")} ", " {when} <Time at=newest.at />
                </span>
            </div>
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::outbox::FailedRecipient;

    use super::*;

    fn html(groups: Vec<FailureGroup>, is_complete: bool) -> String {
        let failures = RecentFailures {
            groups,
            is_complete,
        };
        Owner::new().with(|| view! { <Failures failures /> }.to_html())
    }

    #[test]
    fn a_number_that_is_not_complete_is_shown_as_a_lower_bound() {
        let group = |is_lower_bound| FailureGroup {
            cause: "The mailbox does not exist".to_owned(),
            number: 1000,
            is_lower_bound,
            newest: FailedRecipient {
                message_id: "01JD0000000000000000000000".to_owned(),
                position: 0,
                state: RecipientState::Failed,
                at: Timestamp(0),
                reply: "550 5.1.1 No such user here".to_owned(),
            },
        };
        for is_lower_bound in [false, true] {
            let shown = html(vec![group(is_lower_bound)], !is_lower_bound);
            assert!(shown.contains("1,000 recipients"), "{shown}");
            assert_eq!(shown.contains("at least "), is_lower_bound, "{shown}");
        }
        for (is_complete, expected) in [
            (true, "No mail failed, and none is deferred."),
            (
                false,
                "Of the newest mails none failed, and none is deferred.",
            ),
        ] {
            let shown = html(Vec::new(), is_complete);
            assert!(shown.contains(expected), "{shown}");
        }
    }
}
