//! How the page looks: a choice in the header, kept in the address as a view parameter.

use crate::app::hooks::{chosen_theme, use_theme};
use crate::app::link::set_parameter;
use js_sys::{Function, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlSelectElement;
use yew::{Callback, Event, Html, MouseEvent, component, html};

const THEMES: [(&str, &str); 4] = [
    ("auto", "As the system"),
    ("light", "Light"),
    ("dark", "Dark"),
    ("projector", "Projector"),
];

/// Puts a theme on the page and into the address; `auto` leaves it to the system.
pub fn choose(theme: &str) {
    let look = Reflect::get(&js_sys::global(), &"streamproofLook".into());
    let wish = Object::new();
    // `static/view.js` checks nothing here: the words are ours.
    let _ = Reflect::set(&wish, &"theme".into(), &theme.into());
    if let Some(look) = look.ok().and_then(|look| look.dyn_into::<Function>().ok()) {
        let _ = look.call1(&JsValue::NULL, &wish);
    }
    set_parameter("theme", (theme != "auto").then_some(theme));
}

/// The choice of the theme.
#[component]
pub fn Themes() -> Html {
    // A course page may have chosen another one.
    use_theme();
    let now = chosen_theme().unwrap_or_else(|| "auto".into());
    let on_change = Callback::from(|event: Event| {
        let select = event
            .target()
            .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok());
        if let Some(select) = select {
            choose(&select.value());
        }
    });
    html! {
        <select id="theme" class="themes" aria-label="Theme" onchange={on_change} onclick={|event: MouseEvent| event.stop_propagation()}>
            { for THEMES.map(|(id, name)| html! { <option value={id} selected={id == now}>{ name }</option> }) }
        </select>
    }
}
