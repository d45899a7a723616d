//! Explain this order: one sentence, and the way back from what is seen to what has no cause.

use super::prevent::Prevent;
use super::stage::View;
use super::thread::Thread;
use crate::app::head::{Head, Move};
use crate::app::lab::{Action, Lab};
use crate::replay::explain::{LinkKind, explain, seconds};
use yew::{
    Callback, Html, Properties, UseReducerHandle, classes, component, html, use_effect_with,
    use_node_ref,
};

#[derive(Properties, Clone, PartialEq)]
pub struct ExplainProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
}

/// The chain of one order; each row leads to its moment.
#[component]
pub fn Explain(props: &ExplainProps) -> Html {
    let ExplainProps { view, lab, head } = props;
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with(view.followed, move |_| {
            if let Some(element) = node.cast::<web_sys::HtmlElement>() {
                let _ = element.focus();
            }
        });
    }
    // The whole story of the order is told, also while an earlier moment is looked at.
    let explanation = view.followed.and_then(|order| {
        explain(
            &view.done.scenario,
            &view.done.run,
            order,
            view.done.run.end.max(view.at),
        )
    });
    let Some(explanation) = explanation else {
        return html! {};
    };
    let close = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Explain(false)))
    };
    let tone = match explanation.outcome.map(|outcome| outcome.kind) {
        Some(crate::sim::OutcomeKind::Duplicated(_)) => "dup",
        Some(_) => "lost",
        None => "ok",
    };
    html! {
        <section class="panel explain" aria-label={format!("Order {}: {}", explanation.order, explanation.heading)} data-tone={tone} tabindex="-1" ref={node}>
            <header>
                <h2>{ format!("Order {}: {}", explanation.order, explanation.heading) }</h2>
                <button class="btn quiet" onclick={close}>{ "Close" }<kbd>{ "Esc" }</kbd></button>
            </header>
            <p class="because">{ explanation.sentence.clone() }</p>
            <Thread done={view.done.clone()} explanation={explanation.clone()} {tone} />
            <h3>{ "Back from what is seen to the first cause" }</h3>
            <ol class="chain">
                { for explanation.chain.iter().map(|link| {
                    let at = link.at;
                    let seek = {
                        let head = head.clone();
                        Callback::from(move |_| head.dispatch(Move::Seek(at)))
                    };
                    let kind = match link.kind { LinkKind::Symptom => "symptom", LinkKind::Step => "", LinkKind::Fault => "fault" };
                    html! {
                        <li class={classes!(kind)}>
                            <button class="when" onclick={seek} aria-label={format!("Go to {}", seconds(at))}>{ seconds(at).trim_end_matches(" s").to_string() }</button>
                            <b>{ link.place.clone() }</b>
                            <span>{ link.text.clone() }</span>
                            if link.kind == LinkKind::Fault { <em>{ "fault" }</em> } else if let Some(setting) = &link.setting { <code>{ setting.clone() }</code> }
                        </li>
                    }
                }) }
            </ol>
            if tone != "ok" { <Prevent view={view.clone()} lab={lab.clone()} head={head.clone()} /> }
        </section>
    }
}
