//! The lesson beside the run.

use crate::app::head::Head;
use crate::app::lab::Lab;
use yew::{Callback, Html, Properties, UseReducerHandle, component, html};

#[derive(Properties, PartialEq)]
pub struct LessonPanelProps {
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
    pub on_lit: Callback<Vec<String>>,
}

#[component]
pub fn LessonPanel(_props: &LessonPanelProps) -> Html {
    html! { <main class="lesson" id="lesson" aria-label="Lesson"></main> }
}
