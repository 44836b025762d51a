//! Figures of mail: the page with its chart and table, and the chart and lines of other pages.

mod bars;
mod chart;
mod choices;
mod format;
mod last_day;
mod page;
mod request;
mod scale;
mod table;

pub use chart::FiguresChart;
pub use last_day::RelayLastDay;
pub use page::{FIGURES_FILE, FiguresPage};
pub use request::{FIGURES, figures_path};
