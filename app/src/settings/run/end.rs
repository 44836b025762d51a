//! The notice about a run that ended without its last snapshot: refused, cancelled, lost.

use domain::Kind;

use crate::live::End;
use crate::settings::state::of_no_field;

/// The content of the notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndNotice {
    pub class: &'static str,
    pub title: &'static str,
    pub text: String,
    /// Whether to show a link to sign in, because the session has ended.
    pub sign_in: bool,
}

/// The notice about the end of a run; `None` if its report is complete. `data_begun`: the relay may
/// have the message.
pub fn end_notice(end: &End, data_begun: bool) -> Option<EndNotice> {
    let title = match end {
        End::Complete => return None,
        End::Refused(refusal) => {
            return Some(EndNotice {
                class: "notice notice-bad",
                title: "The test could not be started.",
                text: of_no_field(refusal)
                    .unwrap_or_else(|| "Correct the marked fields and try again.".to_owned()),
                sign_in: refusal.kind == Kind::Unauthenticated,
            });
        }
        End::Aborted => "Cancelled.",
        End::Lost => "The connection to Postern was lost before the end.",
    };
    let text = match data_begun {
        true => "The DATA stage had begun, so the message may still arrive.",
        false => "No message was sent.",
    };
    Some(EndNotice {
        class: "notice notice-info",
        title,
        text: text.to_owned(),
        sign_in: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Label, Refusal};

    fn text(end: End, data_begun: bool) -> Option<String> {
        end_notice(&end, data_begun).map(|notice| notice.text)
    }

    #[test]
    fn an_early_end_says_whether_the_message_may_arrive() {
        let cancelled = text(End::Aborted, true).expect("a notice");
        assert!(cancelled.contains("may still arrive"));
        assert_eq!(
            text(End::Lost, false).as_deref(),
            Some("No message was sent.")
        );
        assert_eq!(text(End::Complete, true), None);
    }

    #[test]
    fn a_refusal_shows_its_text_or_refers_to_the_fields() {
        for (refusal, expected) in [
            (Refusal::too_many(9, "Wait 9 s."), "Wait 9 s."),
            (
                Refusal::field(Label::Port, "no"),
                "Correct the marked fields and try again.",
            ),
        ] {
            assert_eq!(
                text(End::Refused(refusal), false).as_deref(),
                Some(expected)
            );
        }
    }
}
