//! The share of each relay in the messages in doubt, and the order in which waiting ones get room.

use std::collections::{HashMap, VecDeque};

use crate::store::Scope;

/// A relay has at most so many unanswered messages for each permit that is left: with 1, a relay that
/// does not answer leaves half of the permits, and each further one half of the rest.
const PER_PERMIT_LEFT: usize = 1;

/// The relays of accounts leave this part of the permits to those of the organisation: there can be as
/// many of them as accounts.
const RESERVED_PART: usize = 8;

/// Whether a relay may get another message. `left`: the permits of the window that are not of
/// unanswered messages; those of results that are being recorded are free soon, whatever relays do.
fn may_enter(unanswered: usize, left: usize, window: usize, is_own: bool) -> bool {
    let reserved = match is_own {
        true => window / RESERVED_PART,
        false => 0,
    };
    unanswered < left.saturating_sub(reserved) * PER_PERMIT_LEFT
}

/// The permits for messages in doubt.
pub(super) struct Window<W> {
    /// How many there are.
    size: usize,
    free: usize,
    /// Those of unanswered messages.
    unanswered: usize,
    /// Of relays with messages that are unanswered or wait.
    shares: HashMap<Scope, Share<W>>,
    /// The number of the next message that waits.
    next_turn: u64,
}

/// What a relay has of the permits.
struct Share<W> {
    unanswered: usize,
    /// The messages that wait, with their turn.
    waiting: VecDeque<(u64, W)>,
}

impl<W> Share<W> {
    fn new() -> Self {
        Self {
            unanswered: 0,
            waiting: VecDeque::new(),
        }
    }
}

impl<W> Window<W> {
    /// With so many permits.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            free: size,
            unanswered: 0,
            shares: HashMap::new(),
            next_turn: 0,
        }
    }

    fn may_enter(&self, relay: Scope, unanswered: usize) -> bool {
        let left = self.size - self.unanswered;
        self.free > 0 && may_enter(unanswered, left, self.size, relay.is_own())
    }

    /// Takes a permit for a message to a relay. `false` where there is no room for it.
    pub fn try_enter(&mut self, relay: Scope) -> bool {
        let share = self.shares.get(&relay);
        let entered = self.may_enter(relay, share.map_or(0, |share| share.unanswered));
        if entered {
            self.enter(relay);
        }
        entered
    }

    /// Takes a permit whatever the relay. `false` where none is free.
    pub fn try_take(&mut self) -> bool {
        let taken = self.free > 0;
        self.free -= usize::from(taken);
        taken
    }

    fn enter(&mut self, relay: Scope) {
        self.free -= 1;
        self.unanswered += 1;
        self.share(relay).unanswered += 1;
    }

    /// A message to a relay waits for a permit. Forgets those before it that gave up.
    pub fn wait(&mut self, relay: Scope, waiter: W, gave_up: impl Fn(&W) -> bool) {
        let turn = self.next_turn;
        self.next_turn += 1;
        let waiting = &mut self.share(relay).waiting;
        waiting.retain(|(_, before)| !gave_up(before));
        waiting.push_back((turn, waiter));
    }

    /// Takes a permit for the first message that waits and has room. Those that gave up get none.
    pub fn grant(&mut self, gave_up: impl Fn(&W) -> bool) -> Option<(Scope, W)> {
        while let Some(relay) = self.next_relay() {
            let (_, waiter) = self.share(relay).waiting.pop_front()?;
            if !gave_up(&waiter) {
                self.enter(relay);
                return Some((relay, waiter));
            }
            self.forget_idle(relay);
        }
        None
    }

    /// The relay of the first message that waits and has room.
    fn next_relay(&self) -> Option<Scope> {
        let shares = self.shares.iter();
        let turns = shares.filter_map(|(relay, share)| {
            let (turn, _) = share.waiting.front()?;
            let has_room = self.may_enter(*relay, share.unanswered);
            has_room.then_some((*turn, *relay))
        });
        turns.min().map(|(_, relay)| relay)
    }

    /// A relay answered a message, whose permit is not free yet.
    pub fn answered(&mut self, relay: Scope) {
        self.unanswered -= 1;
        self.share(relay).unanswered -= 1;
        self.forget_idle(relay);
    }

    /// A permit is free again. `relay`: it did not answer the message.
    pub fn leave(&mut self, relay: Option<Scope>) {
        self.free += 1;
        if let Some(relay) = relay {
            self.answered(relay);
        }
    }

    fn share(&mut self, relay: Scope) -> &mut Share<W> {
        self.shares.entry(relay).or_insert_with(Share::new)
    }

    fn forget_idle(&mut self, relay: Scope) {
        let is_idle = |share: &Share<W>| share.unanswered == 0 && share.waiting.is_empty();
        if self.shares.get(&relay).is_some_and(is_idle) {
            self.shares.remove(&relay);
        }
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;

    /// The permits that relays get one after the other, none of which answers.
    fn shares(window: usize, relays: u128, scope: fn(Ulid) -> Scope) -> Vec<usize> {
        let mut permits = Window::<()>::new(window);
        let share = |relay| {
            let relay = scope(Ulid(relay));
            let entered = std::iter::from_fn(|| permits.try_enter(relay).then_some(()));
            entered.count()
        };
        (0..relays).map(share).collect()
    }

    #[test]
    fn each_silent_relay_leaves_half_of_the_rest() {
        for (window, expected) in [
            (1, &[1, 0][..]),
            (2, &[1, 1, 0][..]),
            (3, &[2, 1, 0][..]),
            (5, &[3, 1, 1, 0][..]),
            (32, &[16, 8, 4, 2, 1, 1, 0][..]),
            (64, &[32, 16, 8, 4, 2, 1, 1, 0][..]),
            (1000, &[500, 250, 125, 63, 31, 16, 8, 4, 2, 1][..]),
        ] {
            let relays = u128::try_from(expected.len()).expect("few");
            assert_eq!(shares(window, relays, Scope::Relay), expected, "{window}");
        }
    }

    #[test]
    fn the_relays_of_accounts_leave_a_part_to_the_organisation() {
        for (window, expected) in [
            (1, &[1, 0][..]),
            (8, &[4, 2, 1, 0][..]),
            (64, &[28, 14, 7, 4, 2, 1, 0, 0][..]),
        ] {
            let relays = u128::try_from(expected.len()).expect("few");
            assert_eq!(shares(window, relays, Scope::Account), expected, "{window}");
        }
    }

    #[test]
    fn those_that_wait_get_room_in_their_turn() {
        let (a, b) = (Scope::Relay(Ulid(1)), Scope::Relay(Ulid(2)));
        let mut window = Window::new(3);
        assert!(window.try_enter(a) && window.try_enter(a) && window.try_enter(b));
        for (relay, waiter) in [(a, "first"), (b, "gone"), (b, "second"), (a, "third")] {
            assert!(!window.try_enter(relay));
            window.wait(relay, waiter, |_| false);
        }
        let grant = |window: &mut Window<&'static str>| {
            let granted = window.grant(|waiter| *waiter == "gone");
            granted.map(|(_, waiter)| waiter)
        };
        assert_eq!(grant(&mut window), None);
        // The first one's relay holds more than are free.
        window.leave(Some(b));
        assert_eq!(grant(&mut window), Some("second"));
        assert_eq!(grant(&mut window), None);
        window.leave(Some(a));
        assert_eq!(grant(&mut window), None, "it still holds as many");
        window.answered(a);
        assert_eq!(grant(&mut window), Some("first"));
        window.leave(None);
        window.leave(Some(a));
        assert_eq!(grant(&mut window), Some("third"));
        window.leave(Some(a));
        window.leave(Some(b));
        assert!(window.shares.is_empty() && window.free == window.size);
    }
}
