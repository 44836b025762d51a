//! Why a relay takes the messages of a queue, and how long those wait that are pinned to one.

use std::time::Duration;

use domain::outbox::{RelayChoice, RelayCondition, SkippedRelay};
use tokio::time::Instant;

use super::Pool;
use super::state::{Choice, State};
use crate::delivery::relay::route::Route;
use crate::settings::OWN_RELAY;
use crate::store::messages::flows::{QueueClass, QueueTarget, is_pinned};

/// The shortest time until a pinned message is claimed again while its relay takes none.
const SHORTEST_WAIT: Duration = Duration::from_secs(10);

/// The longest time until it is claimed again.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

impl Pool {
    /// How long messages of a class wait for the relay that they are pinned to. `None` for those that it
    /// takes now, and for those that are pinned to none.
    pub fn pinned_wait(&self, class: &QueueClass, now: Instant) -> Option<Duration> {
        if !is_pinned(&class.queue) {
            return None;
        }
        match self.state().choose(&class.queue, now) {
            Choice::Relay(_) => None,
            Choice::After(wait) => Some(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)),
            Choice::None => Some(SHORTEST_WAIT),
        }
    }
}

impl State {
    /// The name of a relay as people see it.
    fn title(&self, route: &Route) -> String {
        match route.scope.is_own() {
            true => OWN_RELAY.to_owned(),
            false => {
                let title = self.titles.get(&route.scope);
                title.unwrap_or(&route.name).clone()
            }
        }
    }

    /// The relay at a position, and why it takes the messages of a queue at this moment.
    pub fn choice(&self, queue: &str, chosen: usize, now: Instant) -> RelayChoice {
        let before = self.candidates(queue).take_while(|index| *index != chosen);
        let skipped = before.filter_map(|index| {
            let relay = &self.relays[index];
            let day = self.now();
            let condition = relay.circuit.condition(day, now).or_else(|| {
                let quota = self.quotas.get(&relay.route.scope)?;
                quota.condition(&relay.route.limits, day)
            })?;
            Some(SkippedRelay {
                relay: self.title(&relay.route),
                own: relay.route.scope.is_own(),
                condition,
            })
        });
        let route = &self.relays[chosen].route;
        let target = QueueTarget::of(queue);
        // Where one of them was chosen after all, it was tried before those behind it.
        let is_avoided = target.avoids(route.scope);
        let avoided = self
            .avoided(target)
            .skip_while(|index| is_avoided && *index != chosen)
            .filter(|index| *index < chosen)
            .map(|index| SkippedRelay {
                relay: self.title(&self.relays[index].route),
                own: false,
                condition: RelayCondition::FailsChecks,
            });
        RelayChoice {
            relay: self.title(route),
            own: route.scope.is_own(),
            unnamed: false,
            pinned: target.pinned_to == Some(&*route.name),
            rule: route.from_domain.clone(),
            skipped: avoided.chain(skipped).collect(),
        }
    }
}
