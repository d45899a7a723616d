//! The counters and the law they obey, drawn as one bar.

use super::glyphs::px;
use super::stage::View;
use crate::app::lab::{Action, Lab};
use crate::replay::Board;
use yew::{Callback, Html, Properties, UseReducerHandle, component, html};

#[derive(Properties, PartialEq)]
pub struct CountersProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
}

/// Sent, stored, delivered, lost, duplicates; the sum beside them.
#[component]
pub fn Counters(props: &CountersProps) -> Html {
    let CountersProps { view, lab } = props;
    let counters = view.with_board(Board::counters);
    let counts = counters.counts;
    let before = view.before.as_ref().map(|before| &before.run.verdict);
    let missing = counts.lost + counts.refused;
    let split = match (counts.lost, counts.refused) {
        (0, 0) => String::new(),
        (silent, 0) => format!("{silent} silent"),
        (0, reported) => format!("{reported} reported"),
        (silent, reported) => format!("{silent} silent, {reported} reported"),
    };
    let ghost = |was: Option<u32>, is: u32| {
        was.filter(|&was| was != is)
            .map_or(String::new(), |was| format!("was {was}"))
    };
    let tile = |name: &'static str, value: u64, note: String, tone: &'static str| {
        let open = lab.listing == Some(name);
        let on_click = {
            let lab = lab.clone();
            Callback::from(move |_| lab.dispatch(Action::List(Some(name))))
        };
        html! {
            <button class="tile" data-tone={tone} data-counter={name} aria-expanded={open.to_string()} onclick={on_click}>
                <span>{ name }</span><b>{ value }</b><i>{ note }</i>
            </button>
        }
    };
    html! {
        <section class="panel counters" aria-label="Counters">
            { tile("sent", counts.src.into(), String::new(), "") }
            { tile("stored", counters.stored, String::new(), "") }
            { tile("delivered", counts.delivered.into(), String::new(), "") }
            { tile("lost", missing.into(), if missing > 0 { split } else { ghost(before.map(|v| v.counts.lost + v.counts.refused), missing) }, if missing > 0 { "lost" } else { "" }) }
            { tile("duplicates", counters.duplicates.into(), ghost(before.map(|v| v.dup), counters.duplicates), if counters.duplicates > 0 { "dup" } else { "" }) }
            <Law {counters} />
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct LawProps {
    counters: crate::sim::ledger::Counters,
}

/// `sent = delivered + lost + late + in flight`, as a bar; duplicates stand outside it.
#[component]
fn Law(props: &LawProps) -> Html {
    let counters = &props.counters;
    let counts = counters.counts;
    let missing = counts.lost + counts.refused;
    let words = format!(
        "{} sent = {} delivered + {missing} lost + {} late + {} in flight",
        counts.src, counts.delivered, counts.late, counts.pending
    );
    let width = 340.0;
    let unit = width / f64::from(counts.src.max(1));
    let mut x = 2.0;
    let mut part = |n: u32, class: &'static str| {
        let from = x;
        x += f64::from(n) * unit;
        if n == 0 {
            html! {}
        } else {
            html! { <rect class={class} x={px(from)} y="28" width={px((f64::from(n) * unit - 1.0).max(1.0))} height="14" /> }
        }
    };
    let parts = [
        part(counts.delivered, "law-ok"),
        part(missing, "law-lost"),
        part(counts.late, "law-late"),
        part(counts.pending, "law-pending"),
    ];
    let marks = (1..counts.src).take(if counts.src <= 60 { 60 } else { 0 }).map(|n| html! { <path class="law-mark" d={format!("M{} 28v14", px(1.5 + f64::from(n) * unit))} /> });
    let outside = match counters.duplicates {
        0 => String::new(),
        1 => "1 row more, outside the sum".into(),
        n => format!("{n} rows more, outside the sum"),
    };
    html! {
        <div class="law">
            <svg viewBox="0 0 346 66" role="img" aria-label={format!("{words}. {outside}")} preserveAspectRatio="xMinYMid meet">
                <text class="s12 sb" x="2" y="18">{ words.clone() }</text>
                { for parts }
                { for marks }
                if counters.duplicates > 0 {
                    <g class="doubled"><rect class="front" x="2" y="47" width={px((f64::from(counters.duplicates) * unit).clamp(6.0, 120.0))} height="13" rx="2" /></g>
                    <text class="s12 dup-word" x={px((f64::from(counters.duplicates) * unit).clamp(6.0, 120.0) + 10.0)} y="58">{ outside }</text>
                }
            </svg>
        </div>
    }
}
