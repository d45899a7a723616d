//! The consumers of a group in the diagram: who reads which partition, what it holds, and who only believes to.

use super::diagram::{Drawing, EngineLines};
use super::glyphs::{path, px, text};
use crate::replay::Board;
use crate::replay::board::Partition;
use crate::replay::consumers::Member;
use crate::sim::{Scenario, cast};
use yew::{Html, html};

/// The engine's box with one reader beside each partition, at the given heights of block and read rail.
pub fn draw(drawing: &Drawing, blocks: &[(&Partition, f64, f64)]) -> Html {
    let board = drawing.board;
    let others: Vec<&Member> = board
        .group
        .members
        .iter()
        .filter(|member| {
            let reads = |(partition, ..): &(&Partition, f64, f64)| {
                board.group.owner(partition.id).map(|owner| owner.host) == Some(member.host)
            };
            !blocks.iter().any(reads)
        })
        .collect();
    html! {
        <g>
            <rect class="box" x="500" y="56" width="110" height="236" rx="4" />
            { for blocks.iter().map(|(partition, y, rail)| html! { <>
                { path(format!("M500 {}H610", px(*rail)), "thin") }
                { for reader(drawing, partition).into_iter().enumerate().map(|(n, (line, class))| {
                    text(508.0, y + 21.0 + 15.0 * n as f64, line, class)
                }) }
            </> }) }
            { for others.iter().rev().enumerate().map(|(n, member)| {
                let y = 284.0 - 17.0 * n as f64;
                let ghost = member.zombie || !member.alive;
                html! { <>
                    if ghost { <rect class="ghost-member" x="503" y={px(y - 12.0)} width="104" height="16" rx="3" /> }
                    { text(508.0, y, state(drawing, member), if ghost { "s11 b" } else { "s11 mu" }) }
                    if member.fenced { { path(format!("M503 {}L607 {}", px(y + 4.0), px(y - 12.0)), "fenced") } }
                </> }
            }) }
        </g>
    }
}

/// The lines of a partition's reader.
fn reader(drawing: &Drawing, partition: &Partition) -> Vec<(String, &'static str)> {
    let board = drawing.board;
    let Some(member) = board.group.owner(partition.id) else {
        return vec![("nobody reads".into(), "s12 mu")];
    };
    let held: Vec<String> = member
        .in_hand
        .iter()
        .filter(|(own, ..)| *own == partition.id)
        .map(|(.., order)| format!("#{order}"))
        .collect();
    let hands = match held.as_slice() {
        [] => "waits for records".to_string(),
        some if some.len() <= 3 => format!("holds {}", some.join(" ")),
        [first, rest @ ..] => format!("holds {first} +{}", rest.len()),
    };
    let paused = member.paused_until > board.at;
    let mut lines = vec![
        (state(drawing, member), "s14 b"),
        (if paused { "stands still".into() } else { hands }, "s12"),
    ];
    if member.transaction.is_some() {
        lines.push(("transaction open".into(), "s12"));
    }
    if let Some((words, class)) = crash_now(board, partition) {
        lines.push((words, class));
    }
    lines
}

/// What a crash at this moment would do to the partition: what is worked through and not committed comes again, what is
/// committed and not worked through does not.
fn crash_now(board: &Board, partition: &Partition) -> Option<(String, &'static str)> {
    let worked = board.group.worked(partition.id)?;
    let records = |from: u64, to: u64| {
        let between = |slot: &&crate::replay::board::Slot| (from..to).contains(&slot.offset);
        partition.slots.iter().filter(between).count()
    };
    let (again, skipped) = (
        records(partition.committed, worked),
        records(worked, partition.committed),
    );
    match (again, skipped) {
        (0, 0) => None,
        (0, skipped) => Some((format!("crash now: {skipped} lost"), "s12 b lost-word")),
        (again, _) => Some((format!("crash now: {again} again"), "s12 b dup-word")),
    }
}

fn state(drawing: &Drawing, member: &Member) -> String {
    let name = drawing.cast.host(member.host);
    if !member.alive {
        format!("{name} down")
    } else if member.fenced {
        format!("{name} refused, gen {}", member.generation)
    } else if member.zombie {
        format!("{name} zombie, gen {}", member.generation)
    } else if member.partitions.is_empty() {
        format!("{name} without work")
    } else {
        format!("{name} gen {}", member.generation)
    }
}

/// The same in few words, for narrow places.
pub fn lines(board: &Board, scenario: &Scenario) -> EngineLines {
    let cast = cast(scenario);
    let words = |member: &Member| {
        let name = cast.host(member.host);
        let parts: Vec<String> = member.partitions.iter().map(|p| p.0.to_string()).collect();
        match (member.alive, member.zombie, parts.is_empty()) {
            (false, ..) => format!("{name} down"),
            (_, true, _) => format!("{name} zombie"),
            (.., true) => format!("{name} idle"),
            (.., false) => format!("{name} reads {}", parts.join(", ")),
        }
    };
    let mut members: Vec<String> = board.group.members.iter().map(words).collect();
    // There is room for two lines.
    let rest = members.split_off(members.len().min(2));
    if let Some(last) = members.last_mut() {
        for more in rest {
            *last += &format!("; {more}");
        }
    }
    EngineLines {
        title: String::new(),
        sub: members,
        ticks: Vec::new(),
        foot: String::new(),
        state: None,
    }
}
