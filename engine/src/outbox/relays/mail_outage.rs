//! Why mail of Postern itself would not leave now.

use std::fmt;

/// Why mail of Postern itself would not leave now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailOutage {
    /// No relay that is on has settings.
    NotConfigured,
    /// Delivery is paused.
    Paused,
    /// No process delivers.
    NoDelivery,
    /// All its relays back off; these are their names.
    RelaysFail(Vec<String>),
}

impl fmt::Display for MailOutage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured => f.write_str("no relay is set up"),
            Self::Paused => f.write_str("delivery is paused"),
            Self::NoDelivery => f.write_str("no process delivers mail"),
            Self::RelaysFail(names) => {
                let fail = if names.len() == 1 { "fails" } else { "fail" };
                write!(f, "{} {fail}", names.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_named_in_words() {
        let fail = |names: &[&str]| {
            MailOutage::RelaysFail(names.iter().map(ToString::to_string).collect())
        };
        for (outage, text) in [
            (MailOutage::NotConfigured, "no relay is set up"),
            (MailOutage::Paused, "delivery is paused"),
            (fail(&["Main relay"]), "Main relay fails"),
            (fail(&["Main relay", "News"]), "Main relay, News fail"),
        ] {
            assert_eq!(outage.to_string(), text);
        }
    }
}
