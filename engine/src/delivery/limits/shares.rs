//! The share of each relay in the permits of a worker, and the order of those that wait.

use std::collections::{HashMap, VecDeque};

use crate::store::Scope;

/// A relay is charged at most this number of permits for each one that is left: with 1, a relay that
/// returns none leaves half of the permits, and each further one half of the rest.
const PER_PERMIT_LEFT: usize = 1;

/// The relays of accounts leave this part of the permits to those of the organisation: there can be as
/// many of them as accounts.
const RESERVED_PART: usize = 8;

/// Whether a relay that is charged this number of permits may get `wanted` more. `left`: the permits of all
/// that no relay is charged; those of results that are being recorded are free soon, whatever relays do.
fn may_enter(charged: usize, wanted: usize, left: usize, all: usize, is_own: bool) -> bool {
    let reserved = match is_own {
        true => all / RESERVED_PART,
        false => 0,
    };
    charged + wanted <= left.saturating_sub(reserved) * PER_PERMIT_LEFT
}

/// The permits of a worker, of which each relay has a share.
pub(in crate::delivery) struct RelayShares<W> {
    /// How many there are.
    size: usize,
    free: usize,
    /// Those that relays are charged.
    charged: usize,
    /// Of relays that are charged permits, or wait for some.
    shares: HashMap<Scope, Share<W>>,
    /// The number of the next message that waits.
    next_turn: u64,
}

/// What a relay has of the permits.
struct Share<W> {
    charged: usize,
    waiting: VecDeque<Waiting<W>>,
}

/// A message that waits for permits.
struct Waiting<W> {
    turn: u64,
    wanted: usize,
    waiter: W,
}

/// Permits that a message got after it waited for them.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::delivery) struct Granted<W> {
    /// The relay that is charged them.
    pub relay: Scope,
    pub permits: usize,
    pub waiter: W,
}

impl<W> Share<W> {
    fn new() -> Self {
        Self {
            charged: 0,
            waiting: VecDeque::new(),
        }
    }
}

impl<W> RelayShares<W> {
    /// With this number of permits.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            free: size,
            charged: 0,
            shares: HashMap::new(),
            next_turn: 0,
        }
    }

    fn may_enter(&self, relay: Scope, charged: usize, wanted: usize) -> bool {
        let left = self.size - self.charged;
        let is_own = relay.is_own();
        self.free >= wanted && may_enter(charged, wanted, left, self.size, is_own)
    }

    /// Takes permits for a message to a relay. `false` where there is no room for it.
    pub fn try_enter(&mut self, relay: Scope, wanted: usize) -> bool {
        let share = self.shares.get(&relay);
        let charged = share.map_or(0, |share| share.charged);
        let entered = self.may_enter(relay, charged, wanted);
        if entered {
            self.enter(relay, wanted);
        }
        entered
    }

    /// Takes a permit whatever the relay. `false` where none is free.
    pub fn try_take(&mut self) -> bool {
        let taken = self.free > 0;
        self.free -= usize::from(taken);
        taken
    }

    fn enter(&mut self, relay: Scope, wanted: usize) {
        self.free -= wanted;
        self.charged += wanted;
        self.share(relay).charged += wanted;
    }

    /// A message to a relay waits for permits. Forgets those before it that gave up.
    pub fn wait(&mut self, relay: Scope, wanted: usize, waiter: W, gave_up: impl Fn(&W) -> bool) {
        let turn = self.next_turn;
        self.next_turn += 1;
        let waiting = &mut self.share(relay).waiting;
        waiting.retain(|before| !gave_up(&before.waiter));
        waiting.push_back(Waiting {
            turn,
            wanted,
            waiter,
        });
    }

    /// Takes permits for the first message that waits and has room. Those that gave up get none.
    pub fn grant(&mut self, gave_up: impl Fn(&W) -> bool) -> Option<Granted<W>> {
        while let Some(relay) = self.next_relay() {
            let next = self.share(relay).waiting.pop_front()?;
            if !gave_up(&next.waiter) {
                self.enter(relay, next.wanted);
                return Some(Granted {
                    relay,
                    permits: next.wanted,
                    waiter: next.waiter,
                });
            }
            self.forget_idle(relay);
        }
        None
    }

    /// The relay of the first message that waits and has room.
    fn next_relay(&self) -> Option<Scope> {
        let shares = self.shares.iter();
        let turns = shares.filter_map(|(relay, share)| {
            let first = share.waiting.front()?;
            let has_capacity = self.may_enter(*relay, share.charged, first.wanted);
            has_capacity.then_some((first.turn, *relay))
        });
        turns.min().map(|(_, relay)| relay)
    }

    /// Permits no longer count against a relay, but are not free yet.
    pub fn discharge(&mut self, relay: Scope, permits: usize) {
        self.charged -= permits;
        self.share(relay).charged -= permits;
        self.forget_idle(relay);
    }

    /// Permits are free again. `relay`: it is still charged them.
    pub fn leave(&mut self, relay: Option<Scope>, permits: usize) {
        self.free += permits;
        if let Some(relay) = relay {
            self.discharge(relay, permits);
        }
    }

    fn share(&mut self, relay: Scope) -> &mut Share<W> {
        self.shares.entry(relay).or_insert_with(Share::new)
    }

    fn forget_idle(&mut self, relay: Scope) {
        let is_idle = |share: &Share<W>| share.charged == 0 && share.waiting.is_empty();
        if self.shares.get(&relay).is_some_and(is_idle) {
            self.shares.remove(&relay);
        }
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;

    /// The permits that relays get one after the other, none of which returns one.
    fn shares(window: usize, relays: u128, scope: fn(Ulid) -> Scope) -> Vec<usize> {
        let mut permits = RelayShares::<()>::new(window);
        let share = |relay| {
            let relay = scope(Ulid(relay));
            let entered = std::iter::from_fn(|| permits.try_enter(relay, 1).then_some(()));
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
        let mut window = RelayShares::new(3);
        assert!(window.try_enter(a, 1) && window.try_enter(a, 1) && window.try_enter(b, 1));
        for (relay, waiter) in [(a, "first"), (b, "gone"), (b, "second"), (a, "third")] {
            assert!(!window.try_enter(relay, 1));
            window.wait(relay, 1, waiter, |_| false);
        }
        let grant = |window: &mut RelayShares<&'static str>| {
            let granted = window.grant(|waiter| *waiter == "gone");
            granted.map(|granted| granted.waiter)
        };
        assert_eq!(grant(&mut window), None);
        // The first one's relay holds more than are free.
        window.leave(Some(b), 1);
        assert_eq!(grant(&mut window), Some("second"));
        assert_eq!(grant(&mut window), None);
        window.leave(Some(a), 1);
        assert_eq!(grant(&mut window), None, "it still holds as many");
        window.discharge(a, 1);
        assert_eq!(grant(&mut window), Some("first"));
        window.leave(None, 1);
        window.leave(Some(a), 1);
        assert_eq!(grant(&mut window), Some("third"));
        window.leave(Some(a), 1);
        window.leave(Some(b), 1);
        assert!(window.shares.is_empty() && window.free == window.size);
    }

    #[test]
    fn relays_that_hold_large_shares_leave_room_for_smaller_ones() {
        const MAX: usize = 25;
        let mut shares = RelayShares::<()>::new(128);
        let relay = |number| Scope::Relay(Ulid(number));
        for (number, expected) in [(1, 3), (2, 1), (3, 1), (4, 0)] {
            let entered = (0..5).filter(|_| shares.try_enter(relay(number), MAX));
            assert_eq!(entered.count(), expected, "{number}");
        }
        assert!(shares.try_enter(relay(4), 1), "a small one");
        shares.wait(relay(4), MAX, (), |()| false);
        assert!(shares.grant(|()| false).is_none());
        shares.leave(Some(relay(3)), MAX);
        let granted = Granted {
            relay: relay(4),
            permits: MAX,
            waiter: (),
        };
        assert_eq!(shares.grant(|()| false), Some(granted));
    }
}
