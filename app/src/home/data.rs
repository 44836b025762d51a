//! What the page shows, read from the services.

use domain::figures::{FigureQuery, FigureStep, FigureSubject, Figures};
use domain::home::HomeFacts;
use domain::outbox::{Count, FailureGroup};
use domain::{Refusal, Timestamp};
use engine::{Actor, Clock, Postern};

use super::facts;

const HOUR: i64 = 3_600_000;

/// What the page shows.
pub struct HomeData {
    pub facts: HomeFacts,
    pub counts: Vec<Count>,
    pub failures: Vec<FailureGroup>,
    /// Of the last 24 hours, by hour.
    pub figures: Figures,
    pub now: Timestamp,
}

impl HomeData {
    /// Reads it, as far as the actor may see it.
    ///
    /// # Errors
    /// Those of the services.
    pub async fn read(postern: &Postern, actor: &Actor) -> Result<Self, Refusal> {
        let now = Clock::default().now();
        let overview = postern.outbox().overview(actor).await?;
        Ok(Self {
            facts: facts::read(postern, actor, &overview, now).await?,
            failures: postern.outbox().recent_failures(actor).await?,
            figures: postern.figures().read(actor, &day(now)).await?,
            counts: overview.counts,
            now,
        })
    }
}

/// The last 24 hours with the one that has begun.
fn day(now: Timestamp) -> FigureQuery {
    let hour = now.0 - now.0.rem_euclid(HOUR);
    FigureQuery {
        subject: FigureSubject::All,
        step: FigureStep::Hour,
        from: Timestamp(hour - 23 * HOUR),
        until: Timestamp(hour + HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_24_whole_hours() {
        for minute in [0, 1, HOUR - 1] {
            let query = day(Timestamp(100 * HOUR + minute));
            assert_eq!(query.from, Timestamp(77 * HOUR));
            assert_eq!(query.until, Timestamp(101 * HOUR));
        }
    }
}
