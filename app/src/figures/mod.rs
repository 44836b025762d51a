//! Figures of mail: the page with its chart and table, and the chart for other pages.

mod chart;
mod choices;
mod format;
mod page;
mod request;
mod scale;
mod table;

pub use chart::FiguresChart;
pub use page::FiguresPage;
pub use request::{FIGURES, figures_path};
