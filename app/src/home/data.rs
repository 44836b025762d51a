//! What the page Home shows: the `HomeView` of the actor, and the figures of the day.

use domain::figures::{FigureQuery, FigureStep, FigureSubject, Figures};
use domain::{Refusal, Timestamp};
use engine::{Actor, HomeView, Postern};

const HOUR: i64 = 3_600_000;

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
        for within in [0, 1, HOUR - 1] {
            let query = day(Timestamp(100 * HOUR + within));
            assert_eq!(query.from, Timestamp(77 * HOUR));
            assert_eq!(query.until, Timestamp(101 * HOUR));
        }
    }
}
