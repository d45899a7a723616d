//! The charts as a program of their own: what the page asks it, and what it answers.
//!
//! The page computes the data of a run's charts and hands them over; how they are drawn, told in words and written out is
//! not in the page's own program. Questions and answers are postcard bytes, as with a worker.

use crate::plot::{Chart, Frame, Spread, Theme, View};
use crate::replay::series::Series;
use serde::{Deserialize, Serialize};

/// Which of a run's, or of many seeds'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChartKind {
    Outcomes,
    Lag,
    Clocks,
    Latency,
    State,
    Cost,
    /// How many orders are doubled, by seed.
    Duplicates,
    Losses,
    P95,
}

impl ChartKind {
    /// Those of a run.
    pub const ALL: [ChartKind; 6] = [
        ChartKind::Outcomes,
        ChartKind::Lag,
        ChartKind::Clocks,
        ChartKind::Latency,
        ChartKind::State,
        ChartKind::Cost,
    ];
    /// Those of many seeds, in the order of [`Question::Spread`].
    pub const SPREADS: [ChartKind; 3] = [ChartKind::Duplicates, ChartKind::Losses, ChartKind::P95];

    pub const fn title(self) -> &'static str {
        match self {
            ChartKind::Outcomes => "Outcomes",
            ChartKind::Lag => "Lag",
            ChartKind::Clocks => "Two clocks",
            ChartKind::Latency => "Latency",
            ChartKind::State => "State",
            ChartKind::Cost => "Cost",
            ChartKind::Duplicates => "Duplicates by seed",
            ChartKind::Losses => "Losses by seed",
            ChartKind::P95 => "P95 by seed",
        }
    }

    pub const fn file_name(self) -> &'static str {
        match self {
            ChartKind::Outcomes => "outcomes",
            ChartKind::Lag => "lag",
            ChartKind::Clocks => "clocks",
            ChartKind::Latency => "latency",
            ChartKind::State => "state",
            ChartKind::Cost => "cost",
            ChartKind::Duplicates => "duplicates-by-seed",
            ChartKind::Losses => "losses-by-seed",
            ChartKind::P95 => "p95-by-seed",
        }
    }
}

/// A row of the percentiles: its name, the value among what was delivered, and the honest one.
pub type Percentile = (String, String, String);

/// What is asked. But for the first, a question is about the run that was shown last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Question {
    /// From now on it is about this run. No answer.
    Show(Series),
    /// How many seeds came out, beside the run. No answer.
    Spread([Spread; 3]),
    /// A chart on the canvas that comes with the question. No answer.
    Draw {
        chart: ChartKind,
        frame: Frame,
        theme: Theme,
        view: View,
    },
    /// One or two sentences for those who do not see it: a `String`.
    Summary { chart: ChartKind, view: View },
    /// Its data: a [`Table`](crate::plot::Table).
    Table { chart: ChartKind, view: View },
    /// The same as the text of a file: a `String`.
    Csv { chart: ChartKind, view: View },
    /// The chart as the text of a file: a `String`.
    Svg {
        chart: ChartKind,
        width: u32,
        height: u32,
        view: View,
        footer: String,
    },
    /// How long orders took that are delivered by then, in µs: a list of [`Percentile`].
    Percentiles { playhead: u64 },
}

impl Question {
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a question is plain data")
    }
}

/// The program's side: the charts of the run that was shown last.
pub struct Charts {
    outcomes: Chart,
    lag: Chart,
    clocks: Chart,
    latency: Chart,
    state: Chart,
    cost: Chart,
    spreads: [Chart; 3],
    series: Series,
}

impl Charts {
    pub fn new(series: Series) -> Self {
        Charts {
            outcomes: Chart::Outcomes(series.outcomes.clone()),
            lag: Chart::Lag(series.lag.clone()),
            clocks: Chart::Clocks(series.clocks.clone()),
            latency: Chart::Latency(series.latency.clone()),
            state: Chart::State(series.state.clone()),
            cost: Chart::Cost(series.cost.clone()),
            spreads: [(); 3].map(|()| Chart::Spread(Spread::default())),
            series,
        }
    }

    /// What many seeds came to.
    pub fn spread(&mut self, spreads: [Spread; 3]) {
        self.spreads = spreads.map(Chart::Spread);
    }

    pub fn chart(&self, kind: ChartKind) -> &Chart {
        match kind {
            ChartKind::Outcomes => &self.outcomes,
            ChartKind::Lag => &self.lag,
            ChartKind::Clocks => &self.clocks,
            ChartKind::Latency => &self.latency,
            ChartKind::State => &self.state,
            ChartKind::Cost => &self.cost,
            ChartKind::Duplicates => &self.spreads[0],
            ChartKind::Losses => &self.spreads[1],
            ChartKind::P95 => &self.spreads[2],
        }
    }

    /// The answer to a question that has one.
    pub fn answer(&self, question: &Question) -> Vec<u8> {
        match question {
            Question::Show(_) | Question::Spread(_) | Question::Draw { .. } => Vec::new(),
            Question::Summary { chart, view } => bytes(&self.chart(*chart).summary(view)),
            Question::Table { chart, view } => bytes(&self.chart(*chart).table(view)),
            Question::Csv { chart, view } => bytes(&self.chart(*chart).table(view).to_csv()),
            Question::Svg {
                chart,
                width,
                height,
                view,
                footer,
            } => {
                let palette = Theme::Light.palette();
                let chart = self.chart(*chart);
                bytes(&chart.to_svg(*width, *height, &palette, view, Some(footer)))
            }
            Question::Percentiles { playhead } => {
                bytes::<Vec<Percentile>>(&self.series.latency.percentiles(*playhead))
            }
        }
    }
}

fn bytes<T: Serialize>(answer: &T) -> Vec<u8> {
    postcard::to_stdvec(answer).expect("an answer is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Table;
    use crate::sim::kernel::Time;
    use crate::sim::{Keep, Simulation, catalog};

    #[test]
    fn what_is_asked_of_the_opening_run_survives_the_wire_and_is_answered() {
        let scenario = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let series = Series::of(&scenario, &run, Time::from_ms(10_000));
        let view = View {
            playhead: 9_000_000,
            from: 0,
            to: 10_000_000,
            highlight: None,
            plot_left: 84,
            plot_right: 14,
            playhead_line: true,
        };
        let show = Question::Show(series.clone());
        assert_eq!(postcard::from_bytes(&show.to_bytes()), Ok(show));
        let charts = Charts::new(series);
        for chart in ChartKind::ALL {
            let asked = |question: Question| {
                let heard: Question = postcard::from_bytes(&question.to_bytes()).expect("readable");
                assert_eq!(heard, question);
                charts.answer(&heard)
            };
            let summary: String =
                postcard::from_bytes(&asked(Question::Summary { chart, view })).expect("a text");
            assert!(summary.contains("at 9.00 s"), "{summary}");
            let table: Table =
                postcard::from_bytes(&asked(Question::Table { chart, view })).expect("a table");
            assert!(!table.rows.is_empty(), "{chart:?}");
        }
        let percentiles = charts.answer(&Question::Percentiles {
            playhead: 9_000_000,
        });
        let rows: Vec<Percentile> = postcard::from_bytes(&percentiles).expect("rows");
        assert_eq!(rows.len(), 3);
    }
}
