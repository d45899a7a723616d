//! A Flink job in the diagram: its tasks, the barriers on the channels between them, and what a restart goes on from.

use super::diagram::{Drawing, EngineLines};
use super::glyphs::{self, path, px, text};
use super::scene::seconds;
use crate::replay::Board;
use crate::replay::board::CheckpointView;
use crate::replay::job::Task;
use crate::sim::Scenario;
use crate::sim::engines::flink::{CheckpointingMode, FlinkConfig};
use crate::sim::kafka::protocol::PartitionId;
use crate::sim::trace::Cast;
use yew::{Html, html};

/// The middle of all tasks' rows, and the most that two of them are apart.
const MIDDLE: f64 = 206.0;
const PITCH: f64 = 61.0;
/// Where the sources end, and the operators behind the exchange begin and end.
const SOURCE: f64 = 508.0;
const FROM: f64 = 518.0;
const TO: f64 = 566.0;
pub const EXIT: f64 = 604.0;
/// Where the flag of a fault stands, clear of the rows.
pub const FLAG: f64 = 138.0;

/// The middle of a task's row.
pub fn row(tasks: usize, n: usize) -> f64 {
    let pitch = (PITCH * 2.0 / tasks.max(1) as f64).min(PITCH);
    MIDDLE + (n as f64 - (tasks as f64 - 1.0) / 2.0) * pitch
}

/// The task that reads a partition: they are dealt out in turn.
pub fn reader(tasks: usize, partition: PartitionId) -> usize {
    usize::from(partition.0) % tasks.max(1)
}

/// What is in the box: `entries` are the partitions and the heights at which their rails come in.
pub fn draw(drawing: &Drawing, entries: &[(PartitionId, f64)]) -> Html {
    let (board, job) = (drawing.board, &drawing.board.job);
    let config = &drawing.scenario.engine.flink;
    let tasks = job.tasks.len();
    let lines = lines(board, drawing.scenario);
    let shown = board.engine.checkpoints.len().saturating_sub(4);
    html! {
        <g>
            { text(SOURCE, 74.0, lines.title, "s14 b") }
            { for board.engine.checkpoints[shown..].iter().enumerate().map(|(n, one)| tab(one, SOURCE + 24.0 * n as f64, 81.0)) }
            { for lines.sub.first().map(|line| text(SOURCE, 108.0, line.clone(), "s11 mu")) }
            { for entries.iter().map(|&(partition, y)| {
                let to = row(tasks, reader(tasks, partition));
                path(format!("M500 {}H504V{}H{}", px(y), px(to), px(SOURCE)), "thin")
            }) }
            { for pairs(config, tasks).map(|(from, to)| channel(drawing, from, to)) }
            { for job.tasks.iter().enumerate().map(|(n, task)| {
                let y = row(tasks, n);
                let name = drawing.cast.host(task.host).to_string();
                let dead = board.down.contains(&task.host);
                html! { <g class={if dead { "dead" } else { "" }}>
                    <rect class="box" x={px(SOURCE)} y={px(y - 7.0)} width="10" height="14" rx="2" />
                    <rect class="box" x={px(TO)} y={px(y - 8.0)} width={px(EXIT - TO)} height="16" rx="3" />
                    { path(format!("M{} {}H610", px(EXIT), px(y)), "thin") }
                    { text((TO + EXIT) / 2.0, y + 4.0, name, "s11 m c") }
                    { text(SOURCE, y + 20.0, state(board, config, task, &drawing.cast), "s11 mu halo") }
                </g> }
            }) }
            { text(SOURCE, 285.0, lines.foot, "s12 mu") }
        </g>
    }
}

/// Who sends to whom: with an exchange, everybody to everybody.
fn pairs(config: &FlinkConfig, tasks: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let exchanged = config.is_windowed();
    (0..tasks).flat_map(move |from| {
        let to = (0..tasks).filter(move |&to| exchanged || to == from);
        to.map(move |to| (from, to))
    })
}

/// Whether an input that has brought its barrier waits for the others.
fn blocks(config: &FlinkConfig) -> bool {
    config.checkpointing_mode == CheckpointingMode::ExactlyOnce && !config.unaligned
}

/// The channel between two tasks, and the barrier on it.
fn channel(drawing: &Drawing, from: usize, to: usize) -> Html {
    let job = &drawing.board.job;
    let config = &drawing.scenario.engine.flink;
    let (sender, receiver) = (&job.tasks[from], &job.tasks[to]);
    let (y, end) = (row(job.tasks.len(), from), row(job.tasks.len(), to));
    let inputs = job.inputs(config.is_windowed());
    let arrived = receiver.arrived.contains(&sender.host);
    let aligning = receiver.is_aligning(inputs);
    let part = match (sender.sent, arrived, aligning) {
        (true, false, _) => Some(0.45),
        (_, true, true) => Some(0.86),
        _ => None,
    };
    let blocked = arrived && aligning && blocks(config);
    let overtaken = receiver.snapshot.is_some_and(|(_, over)| over > 0) && !arrived;
    html! { <>
        { path(format!("M{} {}L{} {}", px(FROM), px(y), px(TO), px(end)), if blocked { "channel blocked" } else { "channel" }) }
        if overtaken {
            { for [0.55, 0.65, 0.75].map(|part: f64| html! { <circle class="dot open" cx={px(FROM + part * (TO - FROM))} cy={px(y + part * (end - y))} r="2" /> }) }
        }
        { for part.map(|part: f64| glyphs::barrier(FROM + part * (TO - FROM), y + part * (end - y), 7.0)) }
    </> }
}

/// A checkpoint as a tab: on its way, kept, or failed.
fn tab(one: &CheckpointView, x: f64, y: f64) -> Html {
    let (class, words) = match (one.failed, one.completed) {
        (true, _) => ("tab failed", "failed".to_string()),
        (_, Some(at)) => ("tab", format!("completed at {}", seconds(at))),
        _ => ("tab open", "on its way".to_string()),
    };
    html! {
        <g {class}>
            <rect x={px(x)} y={px(y)} width="21" height="15" rx="2" />
            { text(x + 10.5, y + 11.5, one.id.to_string(), "s11 m c") }
            if one.failed { { path(format!("M{} {}l21 -15", px(x), px(y + 15.0)), "fenced") } }
            <title>{ format!("checkpoint {}, {words}", one.id) }</title>
        </g>
    }
}

/// What a task does about the checkpoint in hand, in few words.
fn state(board: &Board, config: &FlinkConfig, task: &Task, cast: &Cast) -> String {
    let job = &board.job;
    let missing = || {
        let late = job
            .tasks
            .iter()
            .find(|other| !task.arrived.contains(&other.host));
        late.map_or("all", |other| cast.host(other.host))
            .to_string()
    };
    if board.down.contains(&task.host) {
        return "down".into();
    }
    let aligning = task.is_aligning(job.inputs(config.is_windowed()));
    match task.snapshot {
        Some((_, over)) if over > 0 => format!("overtook {over}"),
        Some(_) if task.acknowledged => "acknowledged".into(),
        Some(_) => "state copied".into(),
        None if aligning && blocks(config) => format!("waits for {}", missing()),
        None if aligning => format!("{} is late", missing()),
        None if task.sent => "barrier sent".into(),
        None if task.rows > 0 => format!("{} in state", task.rows),
        None => String::new(),
    }
}

/// The job in words: the checkpoint in hand, from where it went on, what is kept.
pub fn lines(board: &Board, scenario: &Scenario) -> EngineLines {
    let job = &board.job;
    let title = match (job.checkpoint, job.starts) {
        _ if board.engine.failed => "failed".to_string(),
        _ if !board.engine.alive => "no manager".into(),
        (_, 0) => "starts".into(),
        _ if job.restart_at.is_some() => "restarts".into(),
        (Some(id), _) => format!("checkpoint {id}"),
        (None, _) => "reads".into(),
    };
    let began = match job.restored {
        _ if job.starts < 2 && job.restored.is_none() => None,
        Some(id) => Some(format!("went on from {id}")),
        None => Some("began anew".to_string()),
    };
    let kept = job.completed.last();
    let foot = match (job.restart_at, kept) {
        (Some(at), _) if at > board.at => format!("again at {}", seconds(at)),
        (_, Some(id)) => format!("kept: {id}"),
        _ if !scenario.engine.flink.has_checkpoints() => "no checkpoints".into(),
        _ => "none kept yet".into(),
    };
    EngineLines {
        title,
        sub: began.into_iter().collect(),
        ticks: Vec::new(),
        foot,
        state: None,
    }
}

/// The whole job as a list, for those who do not see the picture.
pub fn told(board: &Board, scenario: &Scenario, cast: &Cast) -> Vec<String> {
    let lines = lines(board, scenario);
    let mut told = vec![format!("Flink: {}, {}", lines.title, lines.foot)];
    told.extend(lines.sub.into_iter().map(|line| format!("Flink: {line}")));
    for task in &board.job.tasks {
        let state = state(board, &scenario.engine.flink, task, cast);
        if !state.is_empty() {
            told.push(format!("{}: {state}", cast.host(task.host)));
        }
    }
    for one in board.engine.checkpoints.iter().filter(|one| one.failed) {
        told.push(format!("Checkpoint {} failed", one.id));
    }
    told
}

/// The job in a narrow box of this height at the left: one cell a task.
pub fn draw_low(drawing: &Drawing, top: f64) -> Html {
    let (board, job) = (drawing.board, &drawing.board.job);
    let config = &drawing.scenario.engine.flink;
    let lines = lines(board, drawing.scenario);
    let head = std::iter::once(lines.title)
        .chain(lines.sub)
        .chain([lines.foot]);
    let head = head.collect::<Vec<String>>().join(", ");
    let width = 342.0 / job.tasks.len().max(1) as f64;
    html! { <>
        { text(80.0, top + 21.0, head, "s12") }
        { for job.tasks.iter().enumerate().map(|(n, task)| {
            let x = 16.0 + width * n as f64;
            let name = drawing.cast.host(task.host);
            let state = state(board, config, task, &drawing.cast);
            // Of many tasks the mark alone says it.
            let words = if state.is_empty() || job.tasks.len() > 3 { name.to_string() } else { format!("{name} {state}") };
            html! { <>
                if task.sent && task.snapshot.is_none() { { glyphs::barrier(x + 3.0, top + 34.0, 5.0) } } else if task.snapshot.is_some() { { glyphs::tick(x - 2.0, top + 34.0) } }
                { text(x + 11.0, top + 38.0, words, "s11 mu") }
            </> }
        }) }
    </> }
}
