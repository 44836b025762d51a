//! The texts of mail about accounts.

use domain::Timestamp;

use crate::Origin;

pub const INVITATION_SUBJECT: &str = "Your invitation to Postern";

pub const RESET_SUBJECT: &str = "Reset your password for Postern";

pub const WAS_RESET_SUBJECT: &str = "Your password for Postern was reset";

/// The text of an invitation. `by` is the address of the account that invites; `None` on the command line,
/// where a person is a number.
pub fn invitation(by: Option<&str>, link: &str, expires_at: Timestamp) -> String {
    let invited = by.map_or_else(
        || "You are invited".to_owned(),
        |by| format!("{by} invites you"),
    );
    format!(
        "{invited} to Postern, the outgoing mail gateway of your organisation.\n\
         \n\
         Set your password here, and sign in with it:\n\
         \n\
         {link}\n\
         \n\
         The link can be used once, until {expires_at}. If you do not expect this mail, ignore it.\n"
    )
}

/// The text with a link that resets a password.
pub fn reset(link: &str, expires_at: Timestamp) -> String {
    format!(
        "Somebody asked for a new password of your account at Postern. Set one here:\n\
         \n\
         {link}\n\
         \n\
         The link can be used once, until {expires_at}. If it was not you, ignore this mail: your \
         password stays as it is.\n"
    )
}

/// The text that reports the reset of a password.
pub fn was_reset(origin: &Origin, public_url: &str) -> String {
    format!(
        "The password of your account at {public_url} was set with a mailed link, from {origin}, and \
         your sessions were ended.\n\
         \n\
         If it was not you, ask an administrator to disable the account.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_a_line_of_its_own_and_its_end() {
        let link = "https://mail.example.org/invitation?token=x";
        for text in [
            invitation(Some("admin@example.org"), link, Timestamp(0)),
            reset(link, Timestamp(0)),
        ] {
            assert!(text.lines().any(|line| line == link), "{text}");
            assert!(text.contains("until 1970-01-01 00:00 UTC"), "{text}");
        }
    }

    #[test]
    fn an_invitation_names_an_account_or_nobody() {
        for (by, expected) in [
            (
                Some("admin@example.org"),
                "admin@example.org invites you to Postern, the",
            ),
            (None, "You are invited to Postern, the"),
        ] {
            let text = invitation(by, "https://mail.example.org", Timestamp(0));
            assert!(text.starts_with(expected), "{text}");
        }
    }
}
