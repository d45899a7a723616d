//! Two runs of one seed: what was changed, where they part, and what came of it. The run before is A, this one is B.

use super::guarantee::Underway;
use super::prevent::latency_words;
use super::stage::View;
use crate::app::lab::{Done, Lab, Shared};
use crate::app::many::{Asking, Known, Many, use_many};
use crate::job::What;
use crate::sim::explore::compare::{Comparison, outcome_words};
use crate::sim::explore::prevent::setting_words;
use crate::sim::ledger::Verdict;
use yew::{Callback, Html, Properties, UseReducerHandle, component, html};

/// The run before, if the two can be compared: settings against settings on one seed.
pub fn partner(lab: &Lab, view: &View) -> Option<Shared<Done>> {
    let before = view.before.clone()?;
    let (a, b) = (&before.scenario, &view.done.scenario);
    (!lab.stale && a.seed == b.seed && a != b && a.workload == b.workload).then_some(before)
}

/// Opens the comparison, and asks for it.
pub fn open(many: &UseReducerHandle<Many>, before: &Done, view: &View) {
    let what = What::Compare(Box::new(view.done.scenario.clone()));
    many.dispatch(Asking::Ask(what, Box::new(before.scenario.clone())));
    many.dispatch(Asking::Compare(true));
}

#[derive(Properties, PartialEq)]
pub struct CompareProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
}

#[component]
pub fn Compare(props: &CompareProps) -> Html {
    let CompareProps { view, lab } = props;
    let many = use_many();
    let Some(before) = partner(lab, view).filter(|_| many.comparing) else {
        return html! {};
    };
    let close = {
        let many = many.clone();
        Callback::from(move |_| many.dispatch(Asking::Compare(false)))
    };
    let both = |known: &&Shared<Known<Comparison>>| {
        known.scenario == before.scenario
            && known.found.digests == [before.run.digest, view.done.run.digest]
    };
    let body = match many.compared.as_ref().filter(both) {
        Some(known) => told(
            &known.found,
            before.scenario.faults != view.done.scenario.faults,
        ),
        None => html! { <Underway of="runs" /> },
    };
    html! {
        <section class="panel listing compare" aria-label="Comparison with the run before">
            <header><h2>{ format!("A, the run before, and B, this one; seed {}", view.done.scenario.seed) }</h2><button class="btn quiet" onclick={close}>{ "Close" }</button></header>
            { body }
        </section>
    }
}

/// Counters and percentiles of a run.
fn counters(verdict: &Verdict) -> Vec<(&'static str, String)> {
    let counts = verdict.counts;
    let [p50, p95, p99] = verdict.latency.map(latency_words);
    vec![
        ("sent", counts.src.to_string()),
        ("stored", verdict.stored.to_string()),
        ("delivered", counts.delivered.to_string()),
        ("duplicates", verdict.dup.to_string()),
        ("lost", counts.lost.to_string()),
        ("refused", counts.refused.to_string()),
        ("late", counts.late.to_string()),
        ("in flight", counts.pending.to_string()),
        ("P50", p50),
        ("P95", p95),
        ("P99", p99),
    ]
}

fn told(found: &Comparison, faults: bool) -> Html {
    let Some(main) = found.segments.first() else {
        return html! {};
    };
    let changed = found.settings.iter().map(|(key, a, b)| {
        let a = setting_words(key, a);
        let value = a.split_once('=').map_or("", |(_, value)| value).to_string();
        html! { <li><code>{ setting_words(key, b) }</code>{ format!(" instead of {value}") }</li> }
    });
    let fact = |n: usize| match &found.parting {
        Some(parting) => parting.facts[n]
            .clone()
            .unwrap_or_else(|| "nothing more".into()),
        None => String::new(),
    };
    let consequence = main.first().map(|(which, outcome)| {
        let (at, order) = (outcome.at, outcome.order);
        let words = outcome_words(&outcome.kind);
        format!(
            "The first consequence: order {order} is {words} at {at} s in {} only.",
            ["A", "B"][which]
        )
    });
    let [a, b] = &main.verdicts;
    html! { <>
        <p><b>{ "What differs" }</b></p>
        <ul class="changed">{ for changed }if faults { <li>{ "the script of faults" }</li> }</ul>
        if let Some(parting) = &found.parting {
            <p>{ format!("The first {} facts are the same. Then:", parting.after) }</p>
            <dl class="parting"><dt>{ "A" }</dt><dd>{ fact(0) }</dd><dt>{ "B" }</dt><dd>{ fact(1) }</dd></dl>
        } else { <p>{ "No fact differs." }</p> }
        if let Some(consequence) = consequence { <p>{ consequence }</p> }
        <div class="sides" tabindex="0" role="group" aria-label="Counters of both runs"><table>
            <thead><tr><th></th>{ for counters(a).iter().map(|(name, _)| html! { <th scope="col">{ *name }</th> }) }</tr></thead>
            <tbody>{ for [("A", a, b), ("B", b, a)].into_iter().map(|(name, own, other)| html! {
                <tr><th scope="row">{ name }</th>{ for counters(own).into_iter().zip(counters(other)).map(|(own, other)| html! { <td data-differs={(own.1 != other.1).to_string()}>{ own.1 }</td> }) }</tr>
            }) }</tbody>
        </table></div>
    </> }
}
