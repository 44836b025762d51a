//! What the page Home shows: the `HomeView` of the actor, and the figures of the day.

use domain::figures::{FigureQuery, FigureStep, FigureSubject, Figures};
use domain::timestamp::DAY;
use domain::{Refusal, Timestamp};
use engine::{Actor, HomeView, Postern};

/// What the page shows.
pub struct HomeData {
    pub home: HomeView,
    /// Of the last 24 hours, by hour.
    pub figures: Figures,
}

impl HomeData {
    /// Reads it, as far as the actor may see it.
    ///
    /// # Errors
    /// Those of the services.
    pub async fn read(postern: &Postern, actor: &Actor) -> Result<Self, Refusal> {
        let home = postern.home().view(actor).await?;
        let figures = postern.figures().read(actor, &day(home.now)).await?;
        Ok(Self { home, figures })
    }
}

/// The last 24 hours with the one that has begun.
fn day(now: Timestamp) -> FigureQuery {
    FigureQuery::last(FigureSubject::All, FigureStep::Hour, DAY, now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_day_is_24_whole_hours() {
        let hour = |number| Timestamp(0) + Duration::from_hours(number);
        let millisecond = Duration::from_millis(1);
        for now in [hour(100), hour(100) + millisecond, hour(101) - millisecond] {
            let query = day(now);
            assert_eq!(query.from, hour(77));
            assert_eq!(query.until, hour(101));
        }
    }
}
