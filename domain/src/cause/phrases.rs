//! The phrases of all rules as one automaton, so that a reply is read once for all of them.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::tables::rules;

/// The phrases of all rules.
pub(super) static PHRASES: LazyLock<Phrases> = LazyLock::new(Phrases::of_rules);

/// An automaton that finds every phrase in a text.
pub(super) struct Phrases {
    automaton: AhoCorasick,
    /// The rule of each phrase, by its index in [`rules`].
    rule_of: Vec<u16>,
}

/// The rules of which a text contains a phrase, as bits.
#[derive(Default)]
pub(super) struct MatchedRules([u64; BLOCKS]);

/// The blocks of 64 bits in a set of rules.
const BLOCKS: usize = 8;

impl Phrases {
    fn of_rules() -> Self {
        let (phrases, rule_of): (Vec<&str>, Vec<u16>) = rules()
            .enumerate()
            .flat_map(|(index, (_, rule))| rule.words.iter().map(move |word| (*word, index as u16)))
            .unzip();
        assert!(
            rules().count() <= BLOCKS * 64,
            "the set of rules is too small"
        );
        Self {
            automaton: AhoCorasick::new(phrases).expect("the phrases fit into an automaton"),
            rule_of,
        }
    }

    /// The rules of which `text` contains a phrase.
    pub fn rules_in(&self, text: &str) -> MatchedRules {
        let mut matched = MatchedRules::default();
        for found in self.automaton.find_overlapping_iter(text) {
            let rule = usize::from(self.rule_of[found.pattern().as_usize()]);
            matched.0[rule / 64] |= 1 << (rule % 64);
        }
        matched
    }
}

impl MatchedRules {
    pub fn contains(&self, rule: usize) -> bool {
        self.0[rule / 64] & (1 << (rule % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::cause::tables::rules;

    #[test]
    fn phrases_are_written_as_replies_are_read() {
        for (_, rule) in rules() {
            let mut phrases = BTreeSet::new();
            for phrase in rule.words {
                let title = rule.cause.title;
                assert!(phrases.insert(phrase), "{title}: {phrase} twice");
                assert_eq!(*phrase, phrase.to_lowercase(), "{title}");
                assert!(
                    !phrase.contains("  ") && phrase.len() > 2,
                    "{title}: {phrase}"
                );
                let shorter = rule
                    .words
                    .iter()
                    .find(|other| phrase != *other && phrase.contains(**other));
                assert_eq!(shorter, None, "{title}: {phrase} is never needed");
            }
        }
    }
}
