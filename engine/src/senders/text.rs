//! The text of the mail that asks the holder of an address to let an account send from it.

use domain::Timestamp;

pub const SUBJECT: &str = "Confirm a sender address for Postern";

/// `account` is the address of the account.
pub fn confirmation(account: &str, address: &str, link: &str, expires_at: Timestamp) -> String {
    format!(
        "{account} asks to send mail from {address} through Postern, the outgoing mail gateway of your \
         organisation.\n\
         \n\
         Allow it here:\n\
         \n\
         {link}\n\
         \n\
         The link can be used once, until {expires_at}. If you do not want this, ignore this mail: \
         without the link {account} cannot send from the address.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_a_line_of_its_own_and_its_end() {
        let link = "https://mail.example.org/senders/confirm?token=x";
        let text = confirmation("ann@example.org", "team@example.net", link, Timestamp(0));
        assert!(text.starts_with("ann@example.org asks to send mail from team@example.net"));
        assert!(text.lines().any(|line| line == link), "{text}");
        assert!(text.contains("until 1970-01-01 00:00 UTC"), "{text}");
    }
}
