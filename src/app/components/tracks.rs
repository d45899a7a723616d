//! Runs that were left for another one, each a thin track under the timeline: pressed, it is looked at again, as it was.

use super::glyphs::{self, path, px, text};
use super::stage::{Fit, View};
use super::timeline::{Axis, LEFT, RIGHT, TRACK, axis};
use crate::app::lab::{Action, Done, Lab, Shared};
use crate::replay::explain::{describe, seconds, strike};
use crate::sim::control;
use crate::sim::kernel::Time;
use crate::sim::trace::TraceEvent;
use crate::sim::{OutcomeKind, Scenario};
use yew::{Callback, Html, Properties, UseReducerHandle, component, html, use_memo};

#[derive(Properties, Clone, PartialEq)]
pub struct TracksProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
    /// Of the whole stage.
    pub width: u32,
    pub fit: Fit,
}

/// All of them, the newest next to the timeline.
#[component]
pub fn Tracks(props: &TracksProps) -> Html {
    let TracksProps {
        view,
        lab,
        width,
        fit,
    } = props;
    let axis = axis(*width, *fit, view.horizon());
    html! {
        <ul class="tracks" aria-label="Runs that were left">
            { for lab.tracks.iter().rev().map(|track| html! { <li key={track.number}><Track track={track.clone()} now={view.done.clone()} lab={lab.clone()} {axis} zoom={fit.zoom()} /></li> }) }
        </ul>
    }
}

#[derive(Properties, PartialEq)]
struct TrackProps {
    track: Shared<Done>,
    now: Shared<Done>,
    lab: UseReducerHandle<Lab>,
    axis: Axis,
    zoom: f64,
}

#[component]
fn Track(props: &TrackProps) -> Html {
    let TrackProps {
        track,
        now,
        lab,
        axis,
        zoom,
    } = props;
    let parted = use_memo((track.clone(), now.clone()), |(track, now)| {
        parted(track, now)
    });
    let back = {
        let (lab, number) = (lab.clone(), track.number);
        Callback::from(move |_| lab.dispatch(Action::Track(number)))
    };
    let name = format!("run {}", track.number);
    let words = differs(&lab.base, &track.scenario);
    let from = axis.x(*parted);
    let end = axis.x(track.run.end.min(axis.horizon));
    // The words stand on the line.
    let (middle, line) = (TRACK / 2.0, TRACK - 6.0);
    let marks = track.run.outcomes.iter().map(|outcome| {
        let x = axis.x(outcome.at);
        match outcome.kind {
            OutcomeKind::Duplicated(_) => glyphs::doubled_small(x, middle),
            OutcomeKind::Lost(_) | OutcomeKind::Refused => glyphs::gone_small(x, middle),
            OutcomeKind::DroppedLate => glyphs::late_small(x, middle),
        }
    });
    let flags = track
        .scenario
        .faults
        .keys()
        .filter_map(|id| strike(track.run.trace.as_ref()?, id))
        .map(|(at, _)| glyphs::flag_small(axis.x(at), TRACK));
    let verdict = &track.run.verdict;
    let about = format!(
        "Back to {name}: {words}. {} duplicates, {} lost. The same up to {}.",
        verdict.dup,
        verdict.counts.lost,
        seconds(*parted)
    );
    html! {
        <button class="track" onclick={back} disabled={lab.running} title={about.clone()} data-run={track.number.to_string()}>
            <span class="vh">{ about }</span>
            <svg width={px(axis.width * zoom)} height={px(TRACK * zoom)} viewBox={format!("0 0 {} {}", px(axis.width), px(TRACK))} aria-hidden="true">
                <rect class="lane" x={px(LEFT)} y="1" width={px(axis.width - LEFT - RIGHT)} height={px(TRACK - 2.0)} />
                { path(format!("M{} 1C{} {line} {} {line} {} {line}H{}", px(from - 14.0), px(from - 6.0), px(from - 8.0), px(from), px(end.max(from))), "branch") }
                <g class="left-marks">{ for flags }{ for marks }</g>
                { text(LEFT - 8.0, middle + 4.0, name, "s12 mu e") }
                { text(LEFT + 6.0, middle + 1.0, words, "s11 m mu halo") }
            </svg>
        </button>
    }
}

/// How a scenario differs from the one that was chosen, in a few words.
pub fn differs(base: &Scenario, scenario: &Scenario) -> String {
    let mut words: Vec<String> = control::changed(base, scenario)
        .into_iter()
        .filter_map(|key| {
            let control = control::in_use(scenario, key)?;
            let value = control.value(scenario)?;
            Some(format!("{key}={}", control.label(&value)))
        })
        .collect();
    if base.seed != scenario.seed {
        words.push(format!("seed {}", scenario.seed));
    }
    if base.faults != scenario.faults {
        words.push(match scenario.faults.len() {
            0 => "no fault".into(),
            1 => "another fault".into(),
            many => format!("{many} faults"),
        });
    }
    if words.is_empty() {
        "as the scenario is".into()
    } else {
        words.join(", ")
    }
}

/// Up to when two runs tell the same.
fn parted(a: &Done, b: &Done) -> Time {
    let (Some(a), Some(b)) = (&a.run.trace, &b.run.trace) else {
        return Time::ZERO;
    };
    let same = |(a, b): &(&TraceEvent, &TraceEvent)| {
        (a.at, a.host) == (b.at, b.host) && describe(&a.fact) == describe(&b.fact)
    };
    let pairs = a.events.iter().zip(&b.events);
    let last = pairs.take_while(same).last();
    last.map_or(Time::ZERO, |(event, _)| event.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Patch, Simulation, catalog};

    #[test]
    fn a_track_says_what_was_changed_and_up_to_when_nothing_differs() {
        let base = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let patch = Patch::at(&["producer", "enable.idempotence"], true.into());
        let cured = base.patched(&patch).expect("accepted");
        let done = |scenario: &Scenario| Done {
            run: Simulation::run(scenario, Keep::Trace),
            scenario: scenario.clone(),
            patch: Patch::default(),
            number: 1,
        };
        assert_eq!(differs(&base, &base), "as the scenario is");
        assert_eq!(differs(&base, &cured), "enable.idempotence=true");
        let [plain, cured] = [&base, &cured].map(done);
        assert_eq!(
            parted(&plain, &plain),
            plain
                .run
                .trace
                .as_ref()
                .map_or(Time::ZERO, |trace| trace.events[trace.events.len() - 1].at)
        );
        let at = parted(&plain, &cured);
        assert!(at < plain.run.outcomes[0].at, "{at:?}");
    }
}
