//! How a test ended: the relay's own words, and what to do.

use domain::{Kind, Refusal, Reply};
use leptos::prelude::*;

use super::run::{End, Run, seconds};
use crate::dom;
use crate::email::faults::told_beside;
use crate::email::outcome::SignIn;

/// Where the end is told.
pub const VERDICT: &str = "test-verdict";

#[component]
pub fn Verdict(run: RwSignal<Option<Run>>) -> impl IntoView {
    let told = move || {
        let told = run.read().as_ref().and_then(told)?;
        Some(view! {
            <div class=format!("notice {}", told.tone)>
                <p>
                    <strong>{told.title}</strong>
                    " "
                    {told.text}
                </p>
                {told
                    .words
                    .map(|words| {
                        view! {
                            <figure class="words">
                                <figcaption>"The relay said"</figcaption>
                                <pre>{words}</pre>
                            </figure>
                        }
                    })}
                {told
                    .advice
                    .map(|advice| {
                        view! {
                            <p>
                                <strong>"What to do: "</strong>
                                {advice}
                            </p>
                        }
                    })}
                <p class="verdict-more">{told.more}</p>
                <SignIn hidden=dom::flag(move || !told.sign_in) />
            </div>
        })
    };
    view! {
        <div class="verdict" id=VERDICT role="status">
            {told}
        </div>
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    tone: &'static str,
    title: String,
    text: String,
    /// The relay's own, line by line as it said them.
    words: Option<String>,
    advice: Option<String>,
    more: String,
    sign_in: bool,
}

fn told(run: &Run) -> Option<Told> {
    let tested = match run.revision {
        Some(_) => "This was the saved configuration.",
        None => "These were changes that are not saved yet.",
    };
    Some(match run.end.as_ref()? {
        End::Sent {
            milliseconds,
            reply,
            encryption,
        } => Told {
            tone: "notice-good",
            title: format!("Sent in {}.", seconds(*milliseconds)),
            text: "The relay accepted the mail; it should arrive shortly.".to_owned(),
            words: Some(words(reply)),
            more: match encryption {
                Some(encryption) => format!("Encrypted with {encryption}. {tested}"),
                None => format!("Not encrypted. {tested}"),
            },
            ..Told::default()
        },
        End::Failed {
            milliseconds,
            failure,
            advice,
        } => Told {
            tone: "notice-bad",
            title: format!(
                "Failed after {} at “{}”.",
                seconds(*milliseconds),
                failure.stage.title()
            ),
            text: failure.detail.clone(),
            words: failure.reply.as_ref().map(words),
            advice: Some(advice.clone()),
            more: tested.to_owned(),
            ..Told::default()
        },
        End::Refused(refusal) => refused(refusal),
        End::Cancelled => broken("Cancelled.", run),
        End::Lost => broken("The line to Postern broke before the test ended.", run),
    })
}

fn refused(refusal: &Refusal) -> Told {
    let fields = || "Correct the marked fields and try again.".to_owned();
    Told {
        tone: "notice-bad",
        title: "The test did not begin.".to_owned(),
        text: told_beside(refusal).unwrap_or_else(fields),
        sign_in: refusal.kind == Kind::Unauthenticated,
        ..Told::default()
    }
}

fn broken(title: &str, run: &Run) -> Told {
    let text = if run.may_have_arrived() {
        "The mail was being handed over, so it may arrive all the same."
    } else {
        "No mail was sent."
    };
    Told {
        tone: "notice-info",
        title: title.to_owned(),
        text: text.to_owned(),
        ..Told::default()
    }
}

fn words(reply: &Reply) -> String {
    format!("{} {}", reply.code, reply.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Failure, Label, Stage};

    fn ended(end: End) -> Told {
        told(&Run {
            end: Some(end),
            stages: vec![Stage::Data],
            revision: Some(1),
            ..Run::default()
        })
        .expect("it ended")
    }

    #[test]
    fn a_failure_keeps_the_words_of_the_relay() {
        let reply = Reply::new(550, [b"5.1.1 nobody".as_slice(), b"here"].into_iter());
        let told = ended(End::Failed {
            milliseconds: 1200,
            failure: Failure::rejected(Stage::Rcpt, reply),
            advice: "Check it.".to_owned(),
        });
        assert_eq!(told.words.as_deref(), Some("550 5.1.1 nobody\nhere"));
        assert_eq!(told.title, "Failed after 1.2 s at “Naming the recipient”.");
        assert_eq!(told.advice.as_deref(), Some("Check it."));
    }

    #[test]
    fn success_says_whether_the_line_was_encrypted() {
        for (encryption, more) in [
            (
                Some("TLS 1.3"),
                "Encrypted with TLS 1.3. This was the saved configuration.",
            ),
            (None, "Not encrypted. This was the saved configuration."),
        ] {
            let told = ended(End::Sent {
                milliseconds: 3,
                reply: Reply::new(250, [b"ok".as_slice()].into_iter()),
                encryption: encryption.map(str::to_owned),
            });
            assert_eq!(told.more, more);
        }
    }

    #[test]
    fn what_was_cut_short_says_whether_mail_may_be_on_its_way() {
        assert!(ended(End::Cancelled).text.contains("may arrive"));
        let before = Run {
            end: Some(End::Lost),
            ..Run::default()
        };
        assert_eq!(told(&before).expect("it ended").text, "No mail was sent.");
        assert_eq!(told(&Run::default()), None);
    }

    #[test]
    fn a_refusal_speaks_for_itself_or_points_to_the_fields() {
        for (refusal, text) in [
            (Refusal::too_many(9, "Wait 9 s."), "Wait 9 s."),
            (
                Refusal::field(Label::Port, "no"),
                "Correct the marked fields and try again.",
            ),
        ] {
            assert_eq!(ended(End::Refused(refusal)).text, text);
        }
    }
}
