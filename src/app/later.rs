//! Parts of the page that are fetched after the first picture: docs/decisions/0010.
//!
//! Which function starts a part is said in `src/bin/app.rs`. Whatever only such a function calls is in a file of its own.

use super::components::course::CourseProps;
use super::components::decide::DecideProps;
use super::components::explain::ExplainProps;
use super::components::lesson::LessonPanelProps;
use super::components::present::PresentProps;
use super::components::run_sheet::RunSheetProps;
use super::components::settings::SettingsProps;
use super::components::sql::SqlProps;
use super::components::stage::OnStageProps;
use super::components::study::StudyProps;
use super::lab::Beside;
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use yew::{
    BaseComponent, Html, Properties, component, html, use_context, use_effect_with, use_state,
};

/// Draws a component that is there.
pub type Draw<P> = fn(&P) -> Html;
/// A component on its way; nothing if it cannot be fetched.
pub type Coming<P> = Pin<Box<dyn Future<Output = Option<Draw<P>>>>>;

/// How each component that comes later is fetched.
#[derive(Clone, Copy)]
pub struct Parts {
    pub lesson: fn() -> Coming<LessonPanelProps>,
    pub settings: fn() -> Coming<SettingsProps>,
    pub charts: fn() -> Coming<OnStageProps>,
    pub explain: fn() -> Coming<ExplainProps>,
    pub decide: fn() -> Coming<DecideProps>,
    pub study: fn() -> Coming<StudyProps>,
    pub course: fn() -> Coming<CourseProps>,
    pub sql: fn() -> Coming<SqlProps>,
    pub present: fn() -> Coming<PresentProps>,
    pub run_sheet: fn() -> Coming<RunSheetProps>,
    pub spacetime: fn() -> Coming<OnStageProps>,
    pub seeds: fn() -> Coming<OnStageProps>,
    pub cards: fn() -> Coming<OnStageProps>,
}

impl PartialEq for Parts {
    /// There is one program, and it has one set of parts.
    fn eq(&self, _: &Parts) -> bool {
        true
    }
}

impl Parts {
    /// Fetches what has not been fetched yet, the first needed first.
    pub fn fetch(self) {
        spawn_local(async move {
            (self.settings)().await;
            (self.lesson)().await;
            // Whoever prints by the browser's own key gives no time to fetch anything.
            (self.run_sheet)().await;
        });
    }
}

/// Draws a component; naming one makes it part of the file that this is called from.
pub fn draw<C>(props: &C::Properties) -> Html
where
    C: BaseComponent,
    C::Properties: Clone,
{
    html! { <C ..props.clone() /> }
}

/// A part that is there: draws what its own properties say.
type Drawn = Rc<dyn Fn(&dyn Any) -> Html>;
type Fetching = Pin<Box<dyn Future<Output = Option<Drawn>>>>;

/// Any part's properties. One component shows all of them: a component each would be in the page's own program several times.
#[derive(Properties)]
struct LaterProps {
    props: Rc<dyn Any>,
    same: fn(&dyn Any, &dyn Any) -> bool,
    fetch: Rc<dyn Fn(&Parts) -> Fetching>,
    /// Stands there in the meantime.
    waiting: Html,
}

impl PartialEq for LaterProps {
    fn eq(&self, other: &Self) -> bool {
        (self.same)(&*self.props, &*other.props)
    }
}

#[component]
fn Later(props: &LaterProps) -> Html {
    let fetched = use_state(|| None::<Option<Drawn>>);
    let parts = use_context::<Parts>().expect("the page provides it");
    {
        let (fetched, fetch) = (fetched.clone(), props.fetch.clone());
        use_effect_with((), move |()| {
            spawn_local(async move { fetched.set(Some(fetch(&parts).await)) });
        });
    }
    match &*fetched {
        None => props.waiting.clone(),
        Some(Some(draw)) => draw(&*props.props),
        Some(None) => {
            html! { <p class="problem" role="alert">{ "This part of the page could not be fetched. Reload the page to try again." }</p> }
        }
    }
}

/// By its name one part in the place of another is known to be another one.
fn later<P: PartialEq + 'static>(
    name: &'static str,
    part: fn(&Parts) -> fn() -> Coming<P>,
    props: P,
    waiting: Html,
) -> Html {
    let fetch: Rc<dyn Fn(&Parts) -> Fetching> = Rc::new(move |parts: &Parts| -> Fetching {
        let coming = part(parts)();
        Box::pin(async move {
            let draw = coming.await?;
            let drawn: Drawn = Rc::new(move |props: &dyn Any| {
                props.downcast_ref::<P>().map_or_else(Html::default, draw)
            });
            Some(drawn)
        })
    });
    let same: fn(&dyn Any, &dyn Any) -> bool = |one, other| {
        let one = one.downcast_ref::<P>();
        one.is_some() && one == other.downcast_ref::<P>()
    };
    let props = LaterProps {
        props: Rc::new(props),
        same,
        fetch,
        waiting,
    };
    html! { <Later key={name} ..props /> }
}

pub fn lesson(props: LessonPanelProps) -> Html {
    let waiting = html! { <main class="lesson" id="lesson" aria-label="Lesson" tabindex="-1"><p class="crumb" role="status">{ "Loading the lesson" }</p></main> };
    later("lesson", |parts| parts.lesson, props, waiting)
}

/// Below everything else on the start page, so nothing moves when it comes.
pub fn study(props: StudyProps) -> Html {
    later("study", |parts| parts.study, props, Html::default())
}

pub fn course(props: CourseProps) -> Html {
    later("course", |parts| parts.course, props, Html::default())
}

pub fn settings(props: SettingsProps) -> Html {
    let waiting = html! { <aside class="settings" id="settings" aria-label="Settings"></aside> };
    later("settings", |parts| parts.settings, props, waiting)
}

pub fn charts(props: OnStageProps) -> Html {
    later("charts", |parts| parts.charts, props, Html::default())
}

pub fn explain(props: ExplainProps) -> Html {
    later("explain", |parts| parts.explain, props, Html::default())
}

/// Fetched when it is opened, and not before.
pub fn decide(props: DecideProps) -> Html {
    let waiting = html! { <main class="decide" aria-label="Decision framework"><p class="crumb" role="status">{ "Loading the questions" }</p></main> };
    later("decide", |parts| parts.decide, props, waiting)
}

pub fn sql(props: SqlProps) -> Html {
    let waiting = html! { <section class="panel sql" aria-label="SQL"><p role="status">{ "Loading the SQL lab" }</p></section> };
    later("sql", |parts| parts.sql, props, waiting)
}

/// Fetched when the picture is first shown to a room, or the keys are asked for.
pub fn present(props: PresentProps) -> Html {
    later("present", |parts| parts.present, props, Html::default())
}

pub fn run_sheet(props: RunSheetProps) -> Html {
    later("run_sheet", |parts| parts.run_sheet, props, Html::default())
}

/// What stands in the charts' place.
pub fn beside(what: Beside, props: OnStageProps) -> Html {
    let waiting =
        html! { <section class="panel beside"><p role="status">{ "Loading" }</p></section> };
    match what {
        Beside::Spacetime => later("spacetime", |parts| parts.spacetime, props, waiting),
        Beside::Seeds => later("seeds", |parts| parts.seeds, props, waiting),
    }
}

pub fn cards(props: OnStageProps) -> Html {
    later("cards", |parts| parts.cards, props, Html::default())
}
