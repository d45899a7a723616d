//! The records behind a counter: no dead figures.

use super::stage::View;
use crate::app::head::{Head, Move};
use crate::app::lab::{Action, Lab};
use crate::replay::board::Belief;
use crate::replay::explain::seconds;
use crate::sim::OutcomeKind;
use crate::sim::compact::{gather, sort_by_rank};
use crate::sim::kernel::Time;
use crate::sim::ordered::OrdSet;
use yew::{Callback, Html, Properties, UseReducerHandle, component, html};

#[derive(Properties, PartialEq)]
pub struct ListingProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
}

/// A table of the orders that a counter counts.
#[component]
pub fn Listing(props: &ListingProps) -> Html {
    let ListingProps { view, lab, head } = props;
    let Some(name) = lab.listing else {
        return html! {};
    };
    let entries = entries(view, name);
    let close = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::List(None)))
    };
    html! {
        <section class="panel listing" aria-label={format!("{name}: the orders")}>
            <header><h2>{ format!("{name}: {}", entries.len()) }</h2><button class="btn quiet" onclick={close}>{ "Close" }<kbd>{ "Esc" }</kbd></button></header>
            if entries.is_empty() {
                <p>{ "None so far." }</p>
            } else {
                <ol>
                    { for entries.into_iter().map(|(order, at, note)| {
                        let pick = {
                            let (lab, head) = (lab.clone(), head.clone());
                            Callback::from(move |_| {
                                if let Some(at) = at {
                                    head.dispatch(Move::Seek(at));
                                }
                                lab.dispatch(Action::Select(Some(order)));
                                lab.dispatch(Action::Explain(true));
                            })
                        };
                        html! { <li><button class="pick-order" onclick={pick}><b>{ format!("#{order}") }</b><span>{ note }</span></button></li> }
                    }) }
                </ol>
            }
        </section>
    }
}

fn entries(view: &View, name: &str) -> Vec<(u32, Option<Time>, String)> {
    let outcomes = |wanted: fn(&OutcomeKind) -> bool| {
        view.outcomes().filter(move |o| wanted(&o.kind)).map(|o| {
            (
                o.order,
                Some(o.at),
                format!("{:?}, {}", o.kind, seconds(o.at)),
            )
        })
    };
    match name {
        "duplicates" => outcomes(|kind| matches!(kind, OutcomeKind::Duplicated(_)))
            .map(|(order, at, _)| {
                (
                    order,
                    at,
                    format!("twice since {}", seconds(at.unwrap_or_default())),
                )
            })
            .collect(),
        "lost" => outcomes(|kind| matches!(kind, OutcomeKind::Lost(_) | OutcomeKind::Refused))
            .map(|(order, at, note)| {
                (
                    order,
                    at,
                    if note.starts_with("Refused") {
                        "reported to the application".into()
                    } else {
                        "silent".into()
                    },
                )
            })
            .collect(),
        "late" => outcomes(|kind| *kind == OutcomeKind::DroppedLate)
            .map(|(order, at, _)| (order, at, "dropped behind the watermark".into()))
            .collect(),
        "delivered" => view.with_board(|board| {
            let orders: OrdSet<u32> = gather(board.rows.iter().map(|row| row.order));
            orders
                .into_iter()
                .map(|order| (order, None, super::scene::money(board.amount(order))))
                .collect()
        }),
        "stored" => view.with_board(|board| {
            let slots = board.partitions.iter().flat_map(|p| {
                p.slots
                    .iter()
                    .filter(|slot| slot.offset < p.high_watermark)
                    .map(move |slot| {
                        (
                            slot.order,
                            None,
                            format!("partition {}, offset {}", p.id.0, slot.offset),
                        )
                    })
            });
            let mut slots: Vec<(u32, Option<Time>, String)> = slots.collect();
            sort_by_rank(&mut slots, |&(order, ..)| (order.into(), 0));
            slots
        }),
        _ => view.with_board(|board| {
            (1..=board.producer.last_emitted)
                .map(|order| {
                    let belief = match board.belief(order) {
                        Belief::Stored => "acknowledged",
                        Belief::Failed => "reported as failed",
                        Belief::Unknown => "no report yet",
                    };
                    (order, None, belief.to_string())
                })
                .collect()
        }),
    }
}
