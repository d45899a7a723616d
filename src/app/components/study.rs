//! Where a learner who comes back goes on: the last lesson, what is due for review, and what was begun. Nothing on a first visit.

use super::progress::{reviews, state, use_course, warning};
use crate::app::learner::Wanted;
use crate::app::storage::use_kept;
use yew::{Callback, Html, MouseEvent, Properties, component, html};

#[derive(Properties, Clone, PartialEq)]
pub struct StudyProps {
    pub on_go: Callback<Wanted>,
}

#[component]
pub fn Study(props: &StudyProps) -> Html {
    let StudyProps { on_go } = props;
    let kept = use_kept();
    let course = use_course();
    let begun = !kept.progress.lessons.is_empty();
    let Some(course) = course.filter(|_| begun || kept.trouble.is_some()) else {
        return html! {};
    };
    let to = |id: &str| {
        let wanted = Wanted::lesson(id);
        on_go.reform(move |_: MouseEvent| wanted.clone())
    };
    let mine: Vec<_> = course
        .lessons()
        .filter_map(|(number, id, title)| Some((number, id, title, kept.progress.lessons.get(id)?)))
        .collect();
    let last = kept.progress.last();
    let last = last.and_then(|(last, _)| mine.iter().find(|(_, id, ..)| id == last));
    html! {
        <section class="study" aria-label="Your course">
            { warning(&kept) }
            if let Some((number, id, title, record)) = last {
                <p class="continue"><button class="btn" id="continue" onclick={to(id)}>{ format!("Continue: {number} {title}") }</button>{ state(Some(record)) }</p>
            }
            { reviews(&course, &kept, on_go) }
            if mine.len() > 1 {
                <ul class="mine" aria-label="Lessons that you have begun">
                    { for mine.iter().map(|(number, id, title, record)| html! {
                        <li key={id.to_string()}><button class="link" onclick={to(id)}>{ format!("{number} {title}") }</button>{ state(Some(record)) }</li>
                    }) }
                </ul>
            }
        </section>
    }
}
