//! How a run ended that could not tell its own end.

use domain::{Kind, Refusal};

use crate::email::faults::told_beside;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It told its end itself.
    Told,
    /// It never began.
    Refused(Refusal),
    Cancelled,
    /// The line to Postern broke before the end was told.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub tone: &'static str,
    pub title: &'static str,
    pub text: String,
    pub sign_in: bool,
}

impl End {
    /// What is said of it; `handing_over` is whether the relay may have the mail.
    pub fn told(&self, handing_over: bool) -> Option<Told> {
        let mail = if handing_over {
            "The mail was being handed over, so it may arrive all the same."
        } else {
            "No mail was sent."
        };
        let broken = |title| {
            Some(Told {
                tone: "notice notice-info",
                title,
                text: mail.to_owned(),
                sign_in: false,
            })
        };
        match self {
            Self::Told => None,
            Self::Refused(refusal) => Some(Told {
                tone: "notice notice-bad",
                title: "It did not begin.",
                text: told_beside(refusal)
                    .unwrap_or_else(|| "Correct the marked fields and try again.".to_owned()),
                sign_in: refusal.kind == Kind::Unauthenticated,
            }),
            Self::Cancelled => broken("Cancelled."),
            Self::Lost => broken("The line to Postern broke before it ended."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Label;

    #[test]
    fn what_was_cut_short_says_whether_mail_may_be_on_its_way() {
        let text = |end: End, handing_over| end.told(handing_over).map(|told| told.text);
        let cancelled = text(End::Cancelled, true).expect("told");
        assert!(cancelled.contains("may arrive"));
        assert_eq!(text(End::Lost, false).as_deref(), Some("No mail was sent."));
        assert_eq!(text(End::Told, true), None);
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
            assert_eq!(End::Refused(refusal).told(false).expect("told").text, text);
        }
    }
}
