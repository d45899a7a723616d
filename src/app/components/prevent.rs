//! What would have prevented it: the same seed and the same script, one setting changed at a time, found by running.

use super::guarantee::{Underway, shortened};
use super::scene::seconds;
use super::stage::View;
use crate::app::head::{Head, Move};
use crate::app::lab::{Action, Lab, Shared};
use crate::app::many::{Asking, Known, Many, use_many};
use crate::job::What;
use crate::sim::explore::prevent::{Prevention, Trial};
use crate::sim::kernel::Time;
use crate::sim::ledger::{Quantile, Verdict};
use yew::{Callback, Html, Properties, UseReducerHandle, component, html, use_state};

#[derive(Properties, PartialEq)]
pub struct PreventProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
}

/// What is known of this order in this run.
pub fn known(many: &Many, view: &View, order: u32) -> Option<Shared<Known<Prevention>>> {
    let known = many.prevented.clone()?;
    (known.found.order == Some(order) && known.scenario == view.done.scenario).then_some(known)
}

/// Asks for it.
pub fn ask(many: &UseReducerHandle<Many>, view: &View, order: u32) {
    many.dispatch(Asking::Ask(
        What::Prevent(Some(order)),
        Box::new(view.done.scenario.clone()),
    ));
}

/// Changes a setting, and runs again.
pub fn take(trial: &Trial, lab: &UseReducerHandle<Lab>, head: &UseReducerHandle<Head>) {
    if let Some(patch) = trial.patch() {
        lab.dispatch(Action::Patch(lab.patch.then(&patch)));
        head.dispatch(Move::Seek(Time::ZERO));
        lab.dispatch(Action::Run);
    }
}

/// The table in the explanation of an order.
#[component]
pub fn Prevent(props: &PreventProps) -> Html {
    /// More are behind a button.
    const SHOWN: usize = 6;
    let PreventProps { view, lab, head } = props;
    let many = use_many();
    let all = use_state(|| false);
    let Some(order) = view.followed else {
        return html! {};
    };
    let asking = many.is_asking(|what| matches!(what, What::Prevent(_)));
    let heading = html! { <h3>{ "What would have prevented it" }</h3> };
    let Some(known) = known(&many, view, order) else {
        let (many, view) = (many.clone(), view.clone());
        let problem = many.problem.clone();
        let start = Callback::from(move |_| ask(&many, &view, order));
        return html! { <>
            { heading }
            if asking { <Underway of="changes" /> } else {
                <p><button class="btn" id="prevent" onclick={start}>{ "Try every setting, one at a time" }</button></p>
            }
            if let Some(problem) = problem { <p class="problem" role="alert">{ problem }</p> }
        </> };
    };
    let found = &known.found;
    let whole = found
        .record
        .as_ref()
        .is_none_or(|record| record.delivered && record.outcomes.is_empty());
    if whole {
        return html! { <>{ heading }<p>{ "Nothing went wrong with this order, so there is nothing to prevent." }</p></> };
    }
    let helps = found.best();
    let more = helps.len().saturating_sub(SHOWN);
    let shown = if *all { helps.len() } else { SHOWN };
    let row = |trial: &&Trial| {
        let (lab, head) = (lab.clone(), head.clone());
        let words = trial.words();
        let label = format!("Set {words}, run again");
        let trial = (*trial).clone();
        let record = trial.record.as_ref().map(|record| record.words());
        let (counters, p95) = (
            counters(&found.verdict, &trial.verdict),
            p95(&found.verdict, &trial.verdict),
        );
        let on_take = Callback::from(move |_| take(&trial, &lab, &head));
        html! { <tr>
            <th scope="row"><button class="link" onclick={on_take} aria-label={label}><code>{ shortened(&words) }</code></button></th>
            <td>{ record }</td><td>{ counters }</td><td>{ p95 }</td>
        </tr> }
    };
    let open = {
        let all = all.clone();
        Callback::from(move |_| all.set(true))
    };
    html! { <>
        { heading }
        if helps.is_empty() {
            <p>{ format!("No single setting prevents this: {} changes were tried, each with the same seed and the same faults.", found.tried) }</p>
        } else {
            <table class="prevents">
                <caption>{ format!("{} changes tried, seed {}, same faults; these saved order {order}. Whether they hold elsewhere, only exploring tells.", found.tried, known.scenario.seed) }</caption>
                <thead><tr><th scope="col">{ "Change" }</th><th scope="col">{ format!("Order {order}") }</th><th scope="col">{ "Counters" }</th><th scope="col">{ "P95" }</th></tr></thead>
                <tbody>{ for helps.iter().take(shown).map(row) }</tbody>
            </table>
            if more > 0 && !*all { <button class="link" onclick={open}>{ format!("{more} more") }</button> }
        }
    </> }
}

/// "duplicates 1 → 0, stored 41 → 40".
fn counters(before: &Verdict, after: &Verdict) -> String {
    let of = |v: &Verdict| {
        [
            ("duplicates", u64::from(v.dup)),
            ("lost", u64::from(v.counts.lost)),
            ("refused", u64::from(v.counts.refused)),
            ("phantom", u64::from(v.phantom)),
            ("late", u64::from(v.counts.late)),
            ("in flight", u64::from(v.counts.pending)),
            ("stored", v.stored),
        ]
    };
    let pairs = of(before).into_iter().zip(of(after));
    let moved = pairs.filter(|(a, b)| a.1 != b.1);
    let words: Vec<String> = moved
        .map(|(a, b)| format!("{} {} → {}", a.0, a.1, b.1))
        .collect();
    words.join(", ")
}

pub fn latency_words(quantile: Quantile) -> String {
    match quantile {
        Quantile::None => "none".to_string(),
        Quantile::Micros(micros) => seconds(Time::from_ms(micros / 1000)),
        Quantile::Infinite => "∞".to_string(),
    }
}

fn p95(before: &Verdict, after: &Verdict) -> String {
    let [before, after] = [before, after].map(|verdict| latency_words(verdict.latency[1]));
    if before == after {
        after
    } else {
        format!("{before} → {after}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;
    use crate::sim::explore::prevent::Search;

    #[test]
    fn the_table_of_the_opening_run_names_idempotence_and_upsert_first_and_what_they_change() {
        let opening = catalog::find(catalog::OPENING).expect("there is one");
        let found = Search::run(&opening.scenario(), Some(17)).expect("valid");
        let helps = found.best();
        let named: Vec<String> = helps.iter().map(|trial| trial.words()).collect();
        let place = |words: &str| named.iter().position(|name| name == words);
        assert!(
            place("enable.idempotence=true").is_some_and(|place| place < 3),
            "{named:?}"
        );
        assert!(
            place("hoodie.datasource.write.operation=upsert").is_some_and(|place| place < 3),
            "{named:?}"
        );
        let first = helps[place("enable.idempotence=true").expect("named")];
        assert_eq!(
            counters(&found.verdict, &first.verdict),
            "duplicates 1 → 0, stored 41 → 40"
        );
    }
}
