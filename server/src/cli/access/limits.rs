//! The arguments with limits of what an account or a token sends.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::Args;
use domain::SendingLimits;

/// Limits, each where it is given.
#[derive(Clone, Copy, Debug, Args)]
pub struct LimitArgs {
    /// The most mails in any minute [default: no limit]
    #[arg(long, env = "POSTERN_MAX_PER_MINUTE", value_name = "MAILS")]
    pub max_per_minute: Option<u32>,
    /// The most mails in any hour [default: no limit]
    #[arg(long, env = "POSTERN_MAX_PER_HOUR", value_name = "MAILS")]
    pub max_per_hour: Option<u32>,
    /// The most mails in any day [default: no limit]
    #[arg(long, env = "POSTERN_MAX_PER_DAY", value_name = "MAILS")]
    pub max_per_day: Option<u32>,
    /// The most recipients of a mail, 1 to 100 [default: no limit]
    #[arg(long, env = "POSTERN_MAX_RECIPIENTS", value_name = "N")]
    pub max_recipients: Option<u32>,
}

impl LimitArgs {
    /// The limits that are given, and those of `others` in the place of the rest.
    pub fn or(self, others: SendingLimits) -> SendingLimits {
        SendingLimits {
            max_per_minute: self.max_per_minute.or(others.max_per_minute),
            max_per_hour: self.max_per_hour.or(others.max_per_hour),
            max_per_day: self.max_per_day.or(others.max_per_day),
            max_recipients: self.max_recipients.or(others.max_recipients),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_given_replaces_another() {
        let args = LimitArgs {
            max_per_minute: None,
            max_per_hour: Some(7),
            max_per_day: None,
            max_recipients: Some(1),
        };
        let before = SendingLimits::of_numbers([Some(2), Some(3), None, None]);
        let after = SendingLimits::of_numbers([Some(2), Some(7), None, Some(1)]);
        assert_eq!(args.or(before), after);
    }
}
