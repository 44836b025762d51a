//! The tables of all rules, in the order in which they are tried.

use super::codes;
use super::faults::{certificate, encryption, hanging, reach};
use super::finding::Basis;
use super::rule::Rule;
use super::words::receiving::{mailbox, recipient, recipient_policy, relaying};
use super::words::sending::{account, domain_authentication, identity, reputation, sender};
use super::words::{content, network, policy, providers, rate, relay_fault, sign_in, size, tls};

/// Rules for failures without a reply, which Postern observed itself.
const FAULTS: [&[Rule]; 8] = [
    reach::FAULTS,
    certificate::FAULTS,
    encryption::FAULTS,
    identity::FAULTS,
    sign_in::FAULTS,
    size::FAULTS,
    content::FAULTS,
    hanging::FAULTS,
];

/// Rules for the words of replies. Words of one provider or filter come before those that many use.
const WORDS: [&[Rule]; 20] = [
    providers::WORDS,
    rate::SIGN_INS,
    rate::GREYLISTING,
    recipient_policy::WORDS,
    tls::WORDS,
    account::WORDS,
    domain_authentication::WORDS,
    identity::WORDS,
    sign_in::WORDS,
    sender::WORDS,
    reputation::WORDS,
    relaying::WORDS,
    mailbox::WORDS,
    size::WORDS,
    rate::WORDS,
    content::WORDS,
    recipient::WORDS,
    network::WORDS,
    relay_fault::WORDS,
    policy::WORDS,
];

/// Rules for codes, and for words that are too general to outrank codes.
const CODES: [&[Rule]; 4] = [codes::PROVIDERS, codes::CERTAIN, codes::HINTS, codes::RULES];

/// All rules, in their order.
pub(super) fn rules() -> impl Iterator<Item = (Basis, &'static Rule)> {
    let section = |basis, tables: &'static [&'static [Rule]]| {
        tables
            .iter()
            .copied()
            .flatten()
            .map(move |rule| (basis, rule))
    };
    section(Basis::Fault, &FAULTS)
        .chain(section(Basis::Words, &WORDS))
        .chain(section(Basis::Code, &CODES))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::rules;
    use crate::cause::Cause;

    #[test]
    fn every_cause_is_complete_and_its_title_unique() {
        let mut titles: BTreeMap<&str, &Cause> = BTreeMap::new();
        for (_, rule) in rules() {
            let known = rule.cause;
            let other = titles.insert(known.title, known);
            assert!(other.is_none_or(|other| other == known), "{}", known.title);
            assert!(!known.title.ends_with('.'), "{}", known.title);
            assert!(!known.steps.is_empty(), "{} without a step", known.title);
            for sentence in known.steps.iter().chain([&known.cause]) {
                assert!(sentence.ends_with('.'), "{}: {sentence}", known.title);
                assert!(!sentence.contains("  "), "{}: {sentence}", known.title);
                assert!(!sentence.contains("n't"), "{}: {sentence}", known.title);
            }
        }
    }
}
