//! Compares submitted mail with received mail and reports, and finds lost and duplicate ones.

use super::duplicates::{Duplicate, Phase, by_crash};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// The beginning of the addresses that the relay refuses.
pub const REFUSED: &str = "refused-";

/// One submitted mail.
#[derive(Clone, Debug)]
pub struct Submission {
    pub number: u64,
    /// Number of recipients.
    pub recipients: u64,
    /// So many of them, the last ones, are refused by the relay and reported to the sender.
    pub refused: u64,
    /// The number of the first mail in the same request.
    pub batch: u64,
    /// Whether it names the webhook of the run.
    pub names_webhook: bool,
    pub outcome: Outcome,
}

impl Submission {
    /// The message id, if the submission was acknowledged.
    pub fn id(&self) -> Option<&String> {
        match &self.outcome {
            Outcome::Acknowledged(id) => Some(id),
            Outcome::Refused | Outcome::Unknown => None,
        }
    }

    /// Whether the relay refuses a recipient, by its index from 1.
    pub fn is_refused(&self, recipient: u64) -> bool {
        recipient + self.refused > self.recipients
    }

    /// The addresses of all recipients.
    pub fn addresses(&self) -> Vec<String> {
        let all = (1..=self.recipients).map(|recipient| {
            let address = address(self.number, recipient);
            match self.is_refused(recipient) {
                true => format!("{REFUSED}{address}"),
                false => address,
            }
        });
        all.collect()
    }
}

/// Postern's response to a submission, over HTTP or over SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 202 or 250 with this id: the mail must arrive, or be reported as failed.
    Acknowledged(String),
    /// 4xx over HTTP, 5xx over SMTP: the mail must not arrive.
    Refused,
    /// No response, 5xx over HTTP, or 4xx over SMTP: the mail may arrive.
    Unknown,
}

/// One transaction that the relay accepted.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Number of the mail, also where it is a report on it.
    pub number: u64,
    /// Indices of the recipients, from 1; those that a report names as failed.
    pub recipients: Vec<u64>,
    /// Whether it is a report from the null sender to the sender of the mail.
    pub is_report: bool,
    /// The Message-ID, which differs for each acceptance.
    pub message: String,
    /// The part of the run in which it was.
    pub phase: Phase,
    /// When it was, since the first relay started.
    pub at: Duration,
}

/// The sender of the envelope of a mail over SMTP, who receives the reports on it.
pub fn sender(number: u64) -> String {
    format!("s{number}@example.org")
}

/// The address of a recipient that the relay accepts.
fn address(number: u64, recipient: u64) -> String {
    format!("n{number}-{recipient}@example.net")
}

/// Mail number and recipient index of the address of a recipient.
pub fn numbers(address: &str) -> Option<(u64, u64)> {
    let (number, recipient) = address
        .strip_prefix(REFUSED)
        .unwrap_or(address)
        .strip_prefix('n')?
        .split_once('@')?
        .0
        .split_once('-')?;
    Some((number.parse().ok()?, recipient.parse().ok()?))
}

/// The result of [`compare`]. The run has failed if `faults` is not empty.
#[derive(Debug, Default)]
pub struct Comparison {
    pub acknowledged: usize,
    pub unknown: usize,
    pub refused: usize,
    /// Recipients that the relay refused and a report named.
    pub reported: usize,
    /// Recipients of acknowledged mails that received nothing and were not reported.
    pub lost: usize,
    /// Mails that the relay accepted more than once.
    pub duplicates: usize,
    /// The largest number of duplicates caused by one crash.
    pub most: usize,
    pub faults: Vec<String>,
}

/// Compares submissions and receipts. `in_doubt` is the number of mails that can be in doubt when
/// Postern is killed, and so the largest number of duplicates that one crash may cause.
pub fn compare(submissions: &[Submission], receipts: &[Receipt], in_doubt: usize) -> Comparison {
    let mut comparison = Comparison::default();
    let known: HashMap<u64, &Submission> =
        submissions.iter().map(|mail| (mail.number, mail)).collect();

    // Transaction index of the last receipt of each recipient.
    let mut served: HashMap<(u64, u64), usize> = HashMap::new();
    let mut messages: HashMap<u64, &str> = HashMap::new();
    let mut reports: HashMap<(u64, u64), &str> = HashMap::new();
    let mut repeated = Vec::new();
    for (transaction, mail) in receipts.iter().enumerate() {
        let number = mail.number;
        for recipient in &mail.recipients {
            let Some(before) = served.insert((number, *recipient), transaction) else {
                continue;
            };
            let earlier = &receipts[before];
            if earlier.phase == mail.phase {
                let crashes = mail.phase.crashes;
                comparison.faults.push(format!(
                    "number {number} was sent twice without a crash in between: after {crashes} of them, at \
                     {:.1} s and at {:.1} s",
                    earlier.at.as_secs_f64(),
                    mail.at.as_secs_f64()
                ));
            } else {
                repeated.push(Duplicate {
                    number,
                    transaction: before,
                    phase: earlier.phase,
                });
            }
        }
        if mail.is_report {
            for recipient in &mail.recipients {
                let key = (number, *recipient);
                if *reports.entry(key).or_insert(&mail.message) != mail.message {
                    let fault = format!("recipient {recipient} of {number} was reported twice");
                    comparison.faults.push(fault);
                }
            }
        } else if *messages.entry(number).or_insert(&mail.message) != mail.message {
            let fault = format!("number {number} was accepted twice");
            comparison.faults.push(fault);
        }
        match known.get(&number) {
            None => comparison
                .faults
                .push(format!("number {number} was never submitted")),
            Some(mail) if mail.outcome == Outcome::Refused => {
                let fault = format!("number {number} was refused and sent");
                comparison.faults.push(fault);
            }
            Some(submission) if mail.is_report => {
                let mut recipients = mail.recipients.iter();
                if recipients.any(|recipient| !submission.is_refused(*recipient)) {
                    let fault =
                        format!("a report on {number} names a recipient that is not refused");
                    comparison.faults.push(fault);
                }
            }
            Some(_) => {}
        }
    }
    comparison.reported = reports.len();
    for (crash, numbers) in by_crash(&repeated) {
        let count = numbers.len();
        comparison.duplicates += count;
        comparison.most = comparison.most.max(count);
        if count > in_doubt {
            let fault = format!(
                "crash {crash} made {count} duplicates with {in_doubt} in doubt: {numbers:?}"
            );
            comparison.faults.push(fault);
        }
    }

    let whole: HashSet<u64> = submissions
        .iter()
        .filter(|mail| missing(mail, &served).is_empty())
        .map(|mail| mail.number)
        .collect();
    for mail in submissions {
        match &mail.outcome {
            Outcome::Acknowledged(id) => {
                comparison.acknowledged += 1;
                for recipient in missing(mail, &served) {
                    comparison.lost += 1;
                    let number = mail.number;
                    let what = match mail.is_refused(recipient) {
                        true => "was refused by the relay and not reported",
                        false => "did not arrive",
                    };
                    let fault = format!("number {number}, acknowledged as {id}, {what}");
                    comparison.faults.push(fault);
                }
            }
            Outcome::Refused => comparison.refused += 1,
            Outcome::Unknown => {
                comparison.unknown += 1;
                let missing = missing(mail, &served).len() as u64;
                if missing > 0 && missing < mail.recipients {
                    let fault = format!("number {} arrived in part", mail.number);
                    comparison.faults.push(fault);
                }
                // An array is accepted as a whole or not at all.
                if whole.contains(&mail.number) != whole.contains(&mail.batch) {
                    let batch = mail.batch;
                    let fault = format!("the array that begins with {batch} arrived in part");
                    comparison.faults.push(fault);
                }
            }
        }
    }
    comparison
}

/// The recipients of a mail that received nothing and were not reported.
fn missing(mail: &Submission, served: &HashMap<(u64, u64), usize>) -> Vec<u64> {
    (1..=mail.recipients)
        .filter(|recipient| !served.contains_key(&(mail.number, *recipient)))
        .collect()
}

/// Number of recipients of acknowledged mails that received nothing and were not reported.
pub fn missing_recipients(submissions: &[Submission], receipts: &[Receipt]) -> usize {
    let served: HashSet<(u64, u64)> = receipts
        .iter()
        .flat_map(|mail| mail.recipients.iter().map(|one| (mail.number, *one)))
        .collect();
    let acknowledged = submissions.iter().filter(|mail| mail.id().is_some());
    let missing = acknowledged.flat_map(|mail| {
        let recipients = (1..=mail.recipients).map(|one| (mail.number, one));
        recipients.filter(|recipient| !served.contains(recipient))
    });
    missing.count()
}

/// The ids in the response to one mail or to an array.
pub fn ids(answer: &Value) -> Vec<String> {
    let many = answer["ids"].as_array().cloned();
    let all = many.unwrap_or_else(|| vec![answer["id"].clone()]);
    all.iter()
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(number: u64, outcome: Outcome) -> Submission {
        Submission {
            number,
            recipients: 1,
            refused: 0,
            batch: number,
            names_webhook: false,
            outcome,
        }
    }

    /// An acknowledged mail with two recipients, of which the relay refuses the second.
    fn refused_by_relay(number: u64) -> Submission {
        Submission {
            recipients: 2,
            refused: 1,
            ..acknowledged(number)
        }
    }

    fn acknowledged(number: u64) -> Submission {
        submission(number, Outcome::Acknowledged(format!("id{number}")))
    }

    fn receipt(number: u64, crashes: usize) -> Receipt {
        Receipt {
            number,
            recipients: vec![1],
            is_report: false,
            message: format!("<{number}@example.org>"),
            phase: Phase {
                crashes,
                is_suspended: false,
            },
            at: Duration::from_secs(number),
        }
    }

    /// A report that names the second recipient.
    fn report(number: u64, crashes: usize) -> Receipt {
        Receipt {
            recipients: vec![2],
            is_report: true,
            message: format!("<report-{number}@example.org>"),
            ..receipt(number, crashes)
        }
    }

    #[test]
    fn an_acknowledged_mail_that_did_not_arrive_is_lost() {
        let comparison = compare(&[acknowledged(1), acknowledged(2)], &[receipt(2, 0)], 8);
        assert_eq!((comparison.acknowledged, comparison.lost), (2, 1));
        assert_eq!(
            comparison.faults,
            ["number 1, acknowledged as id1, did not arrive"]
        );
    }

    #[test]
    fn a_missing_recipient_is_a_loss() {
        let mut mail = acknowledged(1);
        mail.recipients = 2;
        assert_eq!(compare(&[mail], &[receipt(1, 0)], 8).lost, 1);
    }

    #[test]
    fn a_recipient_that_the_relay_refuses_is_reported_once() {
        let mail = [refused_by_relay(1)];
        let faults = |receipts: &[Receipt]| compare(&mail, receipts, 1).faults;
        assert_eq!(
            faults(&[receipt(1, 0)]),
            ["number 1, acknowledged as id1, was refused by the relay and not reported"]
        );
        let both = compare(&mail, &[receipt(1, 0), report(1, 0)], 1);
        assert!(both.faults.is_empty(), "{:?}", both.faults);
        assert_eq!((both.reported, both.lost, both.duplicates), (1, 0, 0));
        // A report in doubt arrives twice after a crash, as any mail. It stays the same mail.
        let again = compare(&mail, &[receipt(1, 0), report(1, 0), report(1, 1)], 1);
        assert!(again.faults.is_empty(), "{:?}", again.faults);
        assert_eq!((again.reported, again.duplicates), (1, 1));
        let mut second = report(1, 1);
        second.message = "<another@example.org>".to_owned();
        assert_eq!(
            faults(&[receipt(1, 0), report(1, 0), second]),
            ["recipient 2 of 1 was reported twice"]
        );
        assert_eq!(
            faults(&[receipt(1, 0), report(1, 0), report(1, 0)]).len(),
            1
        );
    }

    #[test]
    fn only_what_the_relay_refuses_is_reported() {
        let mut mail = refused_by_relay(1);
        mail.refused = 0;
        let faults = compare(&[mail], &[receipt(1, 0), report(1, 0)], 8).faults;
        assert_eq!(
            faults,
            ["a report on 1 names a recipient that is not refused"]
        );
        assert_eq!(compare(&[], &[report(0, 0)], 8).faults.len(), 1);
    }

    #[test]
    fn recipients_are_missing_until_they_have_received_an_acknowledged_mail() {
        let mut mails = [acknowledged(1), submission(2, Outcome::Unknown)];
        mails[0].recipients = 2;
        assert_eq!(missing_recipients(&mails, &[]), 2);
        assert_eq!(missing_recipients(&mails, &[receipt(1, 0)]), 1);
    }

    #[test]
    fn a_submission_without_response_may_arrive_or_not() {
        let unknown = [
            submission(1, Outcome::Unknown),
            submission(2, Outcome::Unknown),
        ];
        assert!(compare(&unknown, &[receipt(2, 0)], 8).faults.is_empty());
        let mut mail = refused_by_relay(3);
        mail.outcome = Outcome::Unknown;
        let faults = compare(&[mail], &[receipt(3, 0)], 8).faults;
        assert_eq!(faults, ["number 3 arrived in part"]);
    }

    #[test]
    fn a_refused_mail_must_not_arrive() {
        let refused = [submission(1, Outcome::Refused)];
        assert!(compare(&refused, &[], 8).faults.is_empty());
        assert_eq!(compare(&refused, &[receipt(1, 0)], 8).faults.len(), 1);
    }

    #[test]
    fn an_array_arrives_whole_or_not_at_all() {
        let mut array = [
            submission(1, Outcome::Unknown),
            submission(2, Outcome::Unknown),
        ];
        array[1].batch = 1;
        assert!(compare(&array, &[], 8).faults.is_empty());
        assert!(
            compare(&array, &[receipt(1, 0), receipt(2, 0)], 8)
                .faults
                .is_empty()
        );
        assert!(!compare(&array, &[receipt(1, 0)], 8).faults.is_empty());
        assert!(!compare(&array, &[receipt(2, 0)], 8).faults.is_empty());
    }

    #[test]
    fn a_crash_may_repeat_as_many_as_are_in_doubt() {
        let submissions: Vec<_> = (1..=3).map(acknowledged).collect();
        let mut receipts: Vec<_> = (1..=3).map(|number| receipt(number, 0)).collect();
        receipts.extend([receipt(1, 1), receipt(2, 1)]);
        let comparison = compare(&submissions, &receipts, 2);
        assert_eq!((comparison.duplicates, comparison.most), (2, 2));
        assert!(comparison.faults.is_empty(), "{:?}", comparison.faults);
        receipts.push(receipt(3, 1));
        assert_eq!(compare(&submissions, &receipts, 2).faults.len(), 1);
    }

    #[test]
    fn a_suspension_and_its_end_may_repeat_as_many_as_are_in_doubt() {
        let submissions: Vec<_> = (1..=3).map(acknowledged).collect();
        let suspended = Phase::default().suspended();
        let at = |number, phase| Receipt {
            phase,
            ..receipt(number, 0)
        };
        let start = Phase::default();
        // Two in doubt are sent by another node, which also sends one that the node ends later.
        let mut receipts = vec![at(1, start), at(2, start)];
        receipts.extend((1..=3).map(|number| at(number, suspended)));
        receipts.push(at(3, suspended.resumed()));
        let comparison = compare(&submissions, &receipts, 3);
        assert_eq!((comparison.duplicates, comparison.most), (3, 3));
        assert!(comparison.faults.is_empty(), "{:?}", comparison.faults);
        assert_eq!(compare(&submissions, &receipts, 2).faults.len(), 1);
        receipts.push(at(3, suspended.resumed()));
        assert_eq!(compare(&submissions, &receipts, 3).faults.len(), 1);
    }

    #[test]
    fn a_mail_repeated_by_recipient_is_one_duplicate() {
        let mut mail = acknowledged(1);
        mail.recipients = 2;
        let mut receipts = [receipt(1, 0), receipt(1, 1), receipt(1, 1)];
        receipts[0].recipients = vec![1, 2];
        receipts[2].recipients = vec![2];
        let comparison = compare(&[mail], &receipts, 1);
        assert_eq!((comparison.duplicates, comparison.most), (1, 1));
        assert!(comparison.faults.is_empty(), "{:?}", comparison.faults);
    }

    #[test]
    fn a_repeated_request_makes_one_mail() {
        let mut receipts = [receipt(1, 0), receipt(1, 1)];
        assert!(compare(&[acknowledged(1)], &receipts, 8).faults.is_empty());
        receipts[1].message = "<another@example.org>".to_owned();
        let comparison = compare(&[acknowledged(1)], &receipts, 8);
        assert_eq!(comparison.faults, ["number 1 was accepted twice"]);
    }

    #[test]
    fn nothing_is_repeated_without_a_crash() {
        let receipts = [receipt(1, 1), receipt(1, 1)];
        assert_eq!(compare(&[acknowledged(1)], &receipts, 8).faults.len(), 1);
    }

    #[test]
    fn an_address_contains_its_numbers() {
        let addresses = refused_by_relay(12).addresses();
        assert_eq!(addresses[1], "refused-n12-2@example.net");
        let found: Vec<_> = addresses.iter().map(|address| numbers(address)).collect();
        assert_eq!(found, [Some((12, 1)), Some((12, 2))]);
        assert_eq!(numbers("someone@example.net"), None);
    }
}
