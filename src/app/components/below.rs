//! What stands below the sink's rows: windows, the last commits in words, the files of a table, the other branches.

use super::glyphs::{self, px, text};
use super::instants;
use super::scene::{self, money};
use crate::replay::Board;
use crate::replay::branches::{Branch, is_windowed};
use crate::replay::table::{Action, DataFile};
use crate::sim::Scenario;
use crate::sim::sinks::SinkKind;
use crate::sim::sinks::hudi::QueryType;
use yew::{Html, html};

/// A line: what it is about, and how it stands.
pub struct Line {
    pub left: String,
    pub right: String,
    /// Orders that came too late for it.
    pub late: usize,
    /// Still to change: dashed. What is closed has a lid.
    pub open: bool,
    pub lid: bool,
    /// The right side is a number.
    pub sum: bool,
    pub words: String,
}

impl Line {
    fn plain(left: impl Into<String>, right: impl Into<String>) -> Line {
        let (left, right) = (left.into(), right.into());
        Line {
            words: format!("{left}: {right}"),
            left,
            right,
            late: 0,
            open: false,
            lid: false,
            sum: false,
        }
    }
}

/// Lines with a heading.
pub struct Section {
    pub title: String,
    /// The newest last.
    pub lines: Vec<Line>,
    /// What it says where there is no line yet.
    pub none: &'static str,
    /// It keeps room for so many.
    pub places: usize,
}

const HEADING: f64 = 13.0;
const LINE: f64 = 18.0;

impl Section {
    fn height(&self) -> f64 {
        HEADING + LINE * self.places as f64
    }

    /// The lines that there is room for.
    pub fn shown(&self) -> &[Line] {
        &self.lines[self.lines.len().saturating_sub(self.places)..]
    }
}

/// The sections of a scenario, those first that are looked for first; `room` is what they may take together.
pub fn sections(board: &Board, scenario: &Scenario, room: f64) -> Vec<Section> {
    let all = [
        windows(board, scenario),
        commits(board, scenario),
        files(board, scenario),
        branches(board),
    ];
    let mut left = room;
    let fits = |section: &Section| {
        let fits = section.height() <= left;
        left -= if fits { section.height() } else { 0.0 };
        fits
    };
    all.into_iter().flatten().filter(fits).collect()
}

/// What they take.
pub fn height(sections: &[Section]) -> f64 {
    sections.iter().map(Section::height).sum()
}

fn windows(board: &Board, scenario: &Scenario) -> Option<Section> {
    let own = is_windowed(&scenario.engine);
    let branch = board.branches.iter().find(|branch| branch.windowed);
    let title = match (own, branch) {
        (true, _) => match board.engine.watermark {
            Some(at) => format!("watermark {}", scene::clock(at, 1)),
            None => "no watermark yet".into(),
        },
        (false, Some(branch)) => format!("{} by window", branch.name),
        (false, None) => return None,
    };
    let line = |sum: scene::Sum| Line {
        left: sum.from,
        right: money(sum.sum),
        late: sum.late,
        open: !sum.closed,
        lid: sum.closed,
        sum: true,
        words: sum.words,
    };
    Some(Section {
        title,
        lines: scene::windows(board).into_iter().map(line).collect(),
        none: "none yet",
        places: 2,
    })
}

/// The commits of a sink whose dots alone do not say it all: a job's transactions, and actions that are no plain commit.
fn commits(board: &Board, scenario: &Scenario) -> Option<Section> {
    let table = scenario.sink.kind == SinkKind::Hudi;
    let plain = |one: &crate::replay::table::Instant| one.action == Action::Commit;
    let timeline = &board.timeline.instants;
    if table && timeline.iter().all(plain) || !table && board.job.transactions.is_empty() {
        return None;
    }
    let lines = instants::in_words(board, scenario).into_iter();
    Some(Section {
        title: if table { "timeline" } else { "transactions" }.into(),
        lines: lines
            .map(|(left, right, _)| Line::plain(left, right))
            .collect(),
        none: "",
        places: 2,
    })
}

/// A merge-on-read table's files, and who reads them.
fn files(board: &Board, scenario: &Scenario) -> Option<Section> {
    let hudi = &scenario.sink.hudi;
    if scenario.sink.kind != SinkKind::Hudi || !hudi.is_merge_on_read() {
        return None;
    }
    let line = |name: &str, files: Vec<&DataFile>| {
        let rows: u32 = files.iter().map(|file| file.rows).sum();
        Line::plain(format!("{} {name}", files.len()), format!("{rows} rows"))
    };
    let mut logs = line("log", board.files.logs().collect());
    logs.open = hudi.query == QueryType::ReadOptimized;
    Some(Section {
        title: match hudi.query {
            QueryType::ReadOptimized => "read: base files only",
            QueryType::Snapshot => "read: base and log files",
            QueryType::Incremental => "read: what commits changed",
        }
        .into(),
        lines: vec![line("base", board.files.bases().collect()), logs],
        none: "",
        places: 2,
    })
}

/// How a branch stands.
pub fn branch(branch: &Branch) -> String {
    match branch.wrong() {
        (0, 0) => branch.delivered().to_string(),
        wrong => format!("{}, {}", branch.delivered(), wrong_words(wrong)),
    }
}

fn wrong_words(wrong: (usize, usize)) -> String {
    match wrong {
        (doubled, 0) => format!("{doubled} twice"),
        (0, lost) => format!("{lost} lost"),
        (doubled, lost) => format!("{doubled}+ {lost}−"),
    }
}

/// What went wrong in branches although all is well in the main sink: "analytics 13 twice".
pub fn wrong_branches(board: &Board) -> Vec<String> {
    let wrong = board.branches.iter().filter(|one| one.wrong() != (0, 0));
    wrong
        .map(|one| format!("{} {}", one.name, wrong_words(one.wrong())))
        .collect()
}

fn branches(board: &Board) -> Option<Section> {
    let counted = board.branches.iter().filter(|branch| !branch.windowed);
    let line = |one: &Branch| Line {
        // Beside a long name there is room for what went wrong alone.
        right: match one.wrong() {
            (0, 0) => one.delivered().to_string(),
            wrong => wrong_words(wrong),
        },
        ..Line::plain(one.name.clone(), branch(one))
    };
    let lines: Vec<Line> = counted.map(line).collect();
    (!lines.is_empty()).then(|| Section {
        title: "branches".into(),
        places: lines.len().min(3),
        lines,
        none: "",
    })
}

/// The sections from a height on.
pub fn draw(sections: &[Section], x: f64, top: f64) -> Html {
    let mut y = top;
    html! { { for sections.iter().map(|section| {
        let top = y;
        y += section.height();
        html! { <g>
            { text(x, top + 9.0, section.title.clone(), "s11 mu") }
            if section.lines.is_empty() { { text(x + 6.0, top + 25.0, section.none, "s11 mu") } }
            { for section.shown().iter().enumerate().map(|(n, line)| draw_line(line, x, top + HEADING + LINE * n as f64, 126.0)) }
        </g> }
    }) } }
}

/// A line on a plate of its own.
pub fn draw_line(line: &Line, x: f64, y: f64, width: f64) -> Html {
    html! { <g>
        <rect class={if line.open { "row open" } else { "row" }} x={px(x)} y={px(y)} width={px(width)} height="16" rx="2" />
        if line.lid { <path class="lid" d={format!("M{} {}h{}", px(x), px(y), px(width))} /> }
        { text(x + 6.0, y + 12.0, line.left.clone(), "m s11") }
        if line.late > 0 { { glyphs::late_small(x + 50.0, y + 8.0) }{ text(x + 59.0, y + 12.0, line.late.to_string(), "m s11 late-word") } }
        { text(x + width - 5.0, y + 12.0, line.right.clone(), if line.sum { "m s11 e" } else { "s11 e" }) }
        <title>{ line.words.clone() }</title>
    </g> }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Simulation, catalog};

    fn at_end(id: &str) -> Vec<(String, Vec<String>)> {
        let scenario = catalog::find(id).expect("a preset").scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.as_ref().expect("kept");
        let mut board = Board::new(&scenario, &run);
        (0..trace.events.len()).for_each(|index| board.fold(trace, index));
        let sections = sections(&board, &scenario, 154.0);
        assert!(height(&sections) <= 154.0);
        let words = |line: &Line| line.words.clone();
        let told = |one: &Section| (one.title.clone(), one.shown().iter().map(words).collect());
        sections.iter().map(told).collect()
    }

    fn titles(id: &str) -> Vec<String> {
        at_end(id).into_iter().map(|(title, _)| title).collect()
    }

    #[test]
    fn revenue_is_summed_by_the_branch_that_does_and_by_no_other() {
        assert_eq!(titles("order-billing"), ["revenue by window"]);
        let four = at_end("four-branches");
        assert_eq!(four.len(), 1);
        assert_eq!(four[0].0, "branches");
        let names = ["analytics", "audit", "billing"];
        assert!(
            names
                .iter()
                .zip(&four[0].1)
                .all(|(name, line)| line.starts_with(name))
        );
        assert!(
            four[0].1.iter().any(|line| line.contains("twice")),
            "{four:?}"
        );
    }

    #[test]
    fn a_job_says_what_became_of_its_transactions_and_its_windows() {
        assert_eq!(titles("flink-transaction-timeout"), ["transactions"]);
        let windowed = titles("flink-ahead-of-the-barrier");
        assert!(windowed[0].starts_with("watermark "), "{windowed:?}");
        assert_eq!(titles("zombie-consumer"), [""; 0]);
    }

    #[test]
    fn a_merge_on_read_table_says_which_files_are_read() {
        let sections = at_end("read-optimized-view");
        assert_eq!(sections[0].0, "timeline");
        assert_eq!(
            sections[1],
            (
                "read: base files only".into(),
                vec!["1 base: 30 rows".into(), "2 log: 8 rows".into()]
            )
        );
    }
}
