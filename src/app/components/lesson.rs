//! The lesson beside the run: recall, predict, run, observe, explain, tasks checked from the run.

use super::ask::Question;
use super::glyphs;
use super::guarantee::Underway;
use super::handout::handout;
use super::progress::{read_course, warning};
use super::prose::{self, Reading};
use crate::app::frame::{first_step, use_progress};
use crate::app::head::{Head, Move};
use crate::app::hooks::{PRINT_LESSON, Printing, announce, use_print, use_printing};
use crate::app::lab::{Action, Done, Lab, Panel, Shared};
use crate::app::learner::{
    Learned, Learner, Loaded, LoadedLesson, OPENING, SURE, Slide, Wanted, predicted_for,
};
use crate::app::many::{Asking, use_many};
use crate::app::storage::{self, Kept, LARGEST, today, use_kept};
use crate::app::{fetch, parameter};
use crate::job::What;
use crate::lesson::check::{Evidence, Standing};
use crate::lesson::glossary::Glossary;
use crate::lesson::progress::{INTERVALS, task_key};
use crate::lesson::{Ask, AskKind, Lesson, Part, Step, StepKind, Task};
use crate::sim::explore::gauntlet::GauntletReport;
use crate::sim::kernel::Time;
use crate::sim::{Patch, catalog};
use web_sys::HtmlSelectElement;
use yew::{
    Callback, Event, Html, MouseEvent, Properties, TargetCast, UseReducerDispatcher,
    UseReducerHandle, component, html, use_effect_with, use_memo, use_mut_ref, use_node_ref,
    use_reducer_eq, use_state,
};

#[derive(Properties, Clone, PartialEq)]
pub struct LessonPanelProps {
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerDispatcher<Head>,
    /// The run was played up to its outcome.
    pub watched: bool,
    /// The run is being played.
    pub playing: bool,
    /// Which settings the step is about.
    pub on_lit: Callback<Vec<String>>,
    /// The lesson that somebody asked for.
    pub wanted: Option<Shared<Wanted>>,
    pub on_go: Callback<Wanted>,
    /// Opens the list of lessons.
    pub on_browse: Callback<bool>,
    /// Which step of which lesson is open.
    pub on_slide: Callback<Slide>,
}

/// A lesson that cannot be shown: why, and the line of its file that it is about.
#[derive(Clone, PartialEq)]
struct NoLesson {
    problem: String,
    line: Option<String>,
}

impl From<String> for NoLesson {
    fn from(problem: String) -> NoLesson {
        NoLesson {
            problem,
            line: None,
        }
    }
}

/// Loads the lesson and shows it.
#[component]
pub fn LessonPanel(props: &LessonPanelProps) -> Html {
    let loaded = use_state(|| None::<(u32, Result<LoadedLesson, NoLesson>)>);
    let loads = use_mut_ref(|| 0_u32);
    {
        let (loaded, loads) = (loaded.setter(), loads.clone());
        let linked = props.lab.linked;
        use_effect_with(props.wanted.clone(), move |wanted| {
            let wanted = match wanted {
                Some(wanted) => (**wanted).clone(),
                None => unasked(linked),
            };
            *loads.borrow_mut() += 1;
            let nth = *loads.borrow();
            wasm_bindgen_futures::spawn_local(async move {
                let found = load(&wanted).await;
                // A newer one may have been faster.
                if *loads.borrow() == nth {
                    loaded.set(Some((nth, found)));
                }
            });
        });
    }
    let on_choose = props.on_go.reform(|event: Event| {
        let select: HtmlSelectElement = event.target_unchecked_into();
        Wanted::lesson(&select.value())
    });
    let LessonPanelProps {
        lab,
        head,
        watched,
        playing,
        on_lit,
        on_slide,
        on_go,
        ..
    } = props;
    let chosen = props.wanted.is_some();
    let browse = props.on_browse.reform(|_: MouseEvent| true);
    let back = on_go.reform(|_: MouseEvent| Wanted::lesson(OPENING));
    html! {
        <main class="lesson" id="lesson" aria-label="Lesson" tabindex="-1">
            { match &*loaded {
                None => html! { <p class="crumb" role="status">{ "Loading the lesson" }</p> },
                Some((_, Err(NoLesson { problem, line }))) => html! {
                    <>
                        <div class="problem" role="alert"><p>{ problem.clone() }</p>if let Some(line) = line { <pre tabindex="0"><code>{ line.clone() }</code></pre> }</div>
                        <p class="do"><button class="btn" onclick={browse}>{ "All lessons" }</button><button class="btn quiet" onclick={back}>{ "The opening lesson" }</button></p>
                    </>
                },
                Some((nth, Ok(loaded))) => html! {
                    <>
                        <div class="which">
                            <select id="lessons" aria-label="Lessons" onchange={on_choose}>
                                if loaded.module.is_empty() { <option selected=true>{ loaded.id.clone() }</option> }
                                { for loaded.others.iter().map(|(id, name)| html! { <option value={id.clone()} selected={*id == loaded.id}>{ name.clone() }</option> }) }
                            </select>
                            <button class="btn" id="browse" onclick={browse} aria-haspopup="dialog">{ "All" }</button>
                        </div>
                        <Reader key={nth.to_string()} loaded={loaded.clone()} lab={lab.clone()} head={head.clone()} watched={*watched} playing={*playing} on_lit={on_lit.clone()} on_slide={on_slide.clone()} {chosen} on_go={on_go.clone()} />
                    </>
                },
            } }
        </main>
    }
}

/// The lesson that the page opens with: the one that the address names; with a run in the address the last one, for then the
/// page was most likely loaded once more.
fn unasked(linked: bool) -> Wanted {
    if let Some(id) = parameter("lesson") {
        return Wanted::lesson(&id);
    }
    let kept = storage::kept().progress;
    let last = kept.last().filter(|_| linked);
    Wanted::lesson(last.map_or(OPENING, |(id, _)| id))
}

/// Fetches the course and a lesson of it, or reads the one that is given.
async fn load(wanted: &Wanted) -> Result<LoadedLesson, NoLesson> {
    let course = read_course().await?;
    let others = course.lessons();
    let others = others.map(|(number, id, title)| (id.to_string(), format!("{number} {title}")));
    let glossary = fetch::text("./lessons/en/glossary.md").await;
    let mut loaded = Loaded {
        id: wanted.id().to_string(),
        lesson: Lesson::default(),
        module: String::new(),
        number: String::new(),
        others: others.collect(),
        // Without its glossary a lesson can be read as well.
        glossary: Glossary::parse(&glossary.unwrap_or_default()).unwrap_or_default(),
        wanted: wanted.clone(),
        review: None,
        step: None,
    };
    match wanted {
        Wanted::Lesson { id, step, review } => {
            let place = course
                .place(id, "en")
                .ok_or_else(|| format!("there is no lesson \"{id}\" in the course"))?;
            let text = fetch::text(&format!("./lessons/{}", place.path)).await?;
            let lesson = Lesson::parse(&format!("lessons/{}", place.path), &text);
            loaded.lesson = lesson.map_err(|error| error.to_string())?;
            loaded.module = place.title;
            loaded.number = format!("{}.{}", place.module, place.lesson);
            loaded.step = *step;
            loaded.review = *review;
        }
        Wanted::File { name, text } => {
            if text.len() > LARGEST {
                let problem = format!(
                    "{name} is larger than {} kB; a lesson is a text of some kB",
                    LARGEST / 1024
                );
                return Err(problem.into());
            }
            loaded.lesson = Lesson::parse(name, text).map_err(|error| NoLesson {
                problem: error.to_string(),
                line: text.lines().nth(error.line - 1).map(str::to_string),
            })?;
        }
    }
    Ok(Shared::new(loaded))
}

#[derive(Properties, PartialEq)]
struct ReaderProps {
    loaded: LoadedLesson,
    lab: UseReducerHandle<Lab>,
    head: UseReducerDispatcher<Head>,
    watched: bool,
    playing: bool,
    on_lit: Callback<Vec<String>>,
    on_slide: Callback<Slide>,
    /// The learner chose this lesson, so its scenario takes the place of any other.
    chosen: bool,
    on_go: Callback<Wanted>,
}

/// One step of the lesson at a time.
#[component]
fn Reader(props: &ReaderProps) -> Html {
    let ReaderProps {
        loaded,
        lab,
        head,
        watched,
        playing,
        on_lit,
        on_slide,
        chosen,
        on_go,
    } = props;
    let lesson = &loaded.lesson;
    // A review begins with nothing known.
    let record = use_memo((), |()| match loaded.review {
        Some(_) => None,
        None => storage::record(&loaded.id),
    });
    let learner = use_reducer_eq(|| {
        let mut learner = match &*record {
            Some(record) => Learner::resumed(lesson, record),
            None => Learner::default(),
        };
        let asked = loaded
            .step
            .or_else(|| (!*chosen).then(first_step).flatten());
        let reviewed = || first_tasks(lesson).filter(|_| loaded.review.is_some());
        if let Some(step) = asked.or_else(reviewed) {
            learner.step = step.min(lesson.steps.len() - 1);
        }
        learner
    });
    use_progress(loaded, &learner);
    let number = learner.step;
    let step = &lesson.steps[number];
    let scenarios = use_memo(loaded.clone(), |loaded| {
        let seeded = |step| {
            let scenario = loaded.lesson.scenario(step)?;
            match loaded.review {
                Some(seed) => scenario.patched(&Patch::at(&["seed"], seed.into())),
                None => Ok(scenario),
            }
        };
        (0..loaded.lesson.steps.len())
            .map(seeded)
            .collect::<Vec<_>>()
    });
    let heading = use_node_ref();
    let entered = use_mut_ref(|| false);
    let keeps_progress = loaded.review.is_none();
    {
        // The step's starting point becomes the lab's.
        let (lab, head, scenarios, on_lit) =
            (lab.clone(), head.clone(), scenarios.clone(), on_lit.clone());
        let lit = if matches!(step.kind, StepKind::Task | StepKind::Gauntlet) {
            lesson.setup.controls.clone()
        } else {
            Vec::new()
        };
        let preset = catalog::find(&lesson.setup.scenario);
        let (entered, chosen, record) = (entered.clone(), *chosen, record.clone());
        let (on_slide, slide) = (on_slide.clone(), (loaded.clone(), number));
        use_effect_with(number, move |&number| {
            on_lit.emit(lit);
            on_slide.emit(slide);
            let (Ok(scenario), Some(preset)) = (&scenarios[number], preset) else {
                return;
            };
            let first = !entered.replace(true);
            // What the learner had changed when they left this step.
            let place = record.as_ref().as_ref().map(|record| &record.place);
            let changed = place
                .filter(|place| first && place.step as usize == number)
                .and_then(|place| Patch::of(place.changed.clone()?).ok())
                .filter(|changed| scenario.patched(changed).is_ok());
            let mine = changed.clone().unwrap_or_default();
            if first && scenario.patched(&mine).as_ref() == Ok(&lab.scenario) {
                // The address had the very run: only what counts as changed is told anew.
                lab.dispatch(Action::Rebase(preset.id, Box::new(scenario.clone()), mine));
                return;
            }
            // The lesson that the page opens with takes no scenario away that was chosen meanwhile, or that a link names; a
            // lesson that was begun comes back to its own only if somebody asks for it.
            let asked = chosen || parameter("lesson").is_some();
            let other = lab.linked || lab.base_id != catalog::OPENING || place.is_some() && !asked;
            if first && !chosen && other {
                return;
            }
            if *scenario != lab.base {
                head.dispatch(Move::Seek(Time::ZERO));
                lab.dispatch(Action::Base(preset.id, Box::new(scenario.clone())));
            }
            if let Some(changed) = changed {
                lab.dispatch(Action::Patch(changed));
                lab.dispatch(Action::Rerun);
            }
        });
    }
    {
        // What the learner does is kept, and what they change on the step's own starting point.
        let own = scenarios[number].as_ref() == Ok(&lab.base);
        let changed = (own && !lab.patch.is_empty()).then(|| lab.patch.clone());
        let (loaded, known) = (loaded.clone(), record.is_some());
        let before = use_mut_ref(|| None::<(Learner, Option<Patch>)>);
        use_effect_with(
            ((*learner).clone(), changed, own),
            move |(learner, changed, own)| {
                let now = Some((learner.clone(), changed.clone()));
                let before = before.replace(now.clone());
                // Whoever only looks in has not begun yet; and nothing is told of a scenario that is not the lesson's.
                let begins = before.is_none() && (!known || changed.is_none());
                if !keeps_progress || begins || before == now {
                    return;
                }
                storage::change_lesson(&loaded.id, |record| {
                    learner.keep(&loaded.lesson, record);
                    if *own {
                        record.place.changed = changed.clone().map(|Patch(changed)| changed);
                    }
                });
            },
        );
    }
    {
        let (learner, scenarios, base, loaded) = (
            learner.dispatcher(),
            scenarios.clone(),
            lab.base.clone(),
            loaded.clone(),
        );
        use_effect_with(*watched, move |&watched| {
            if watched {
                let shown = |step: &usize| {
                    loaded.lesson.steps[*step].kind == StepKind::Run
                        && scenarios[*step].as_ref() == Ok(&base)
                };
                learner.dispatch(Learned::Seen((0..scenarios.len()).filter(shown).collect()));
            }
        });
    }
    let answered = learner.answered();
    let traced: Vec<u32> = lab
        .selected
        .filter(|_| lab.explaining)
        .into_iter()
        .collect();
    let base = scenarios[number].as_ref().ok();
    // A run that is being watched has not shown its end yet.
    let told = *watched || !*playing;
    let done = lab
        .done
        .as_ref()
        .filter(|_| !lab.stale && !lab.running && told);
    // The unchanged run is looked back on however many others came after it.
    let unchanged = use_mut_ref(|| None::<Shared<Done>>);
    let mut known = unchanged.borrow_mut();
    let of_base = base.and_then(|base| {
        [&lab.done, &lab.before, &*known]
            .into_iter()
            .flatten()
            .find(|done| done.scenario == *base)
            .cloned()
    });
    if of_base.is_some() {
        known.clone_from(&of_base);
    }
    drop(known);
    let evidence = base.zip(done).map(|(base, done)| Evidence {
        run: &done.run,
        scenario: &done.scenario,
        base,
        base_run: of_base.as_ref().map(|done| &done.run),
        answered: &answered,
        traced: &traced,
    });
    let many = use_many();
    let ran: Vec<&GauntletReport> = many
        .gauntlets
        .iter()
        .filter(|known| done.is_some_and(|done| done.scenario == known.scenario))
        .map(|known| &known.found)
        .collect();
    let standings: Vec<Option<Standing>> = step
        .tasks()
        .map(|task| {
            evidence
                .as_ref()
                .map(|evidence| task.check.standing_after(evidence, &ran))
        })
        .collect();
    // The first suite that has not been run on this configuration.
    let suite = step
        .tasks()
        .flat_map(|task| task.check.suites())
        .find(|suite| !ran.iter().any(|report| report.suite == *suite))
        .map(str::to_string);
    {
        let passed: Vec<usize> = (0..standings.len())
            .filter(|&task| standings[task] == Some(Standing::Passed))
            .collect();
        let (learner, loaded, seed) = (learner.clone(), loaded.clone(), lab.scenario.seed);
        use_effect_with((number, passed), move |(number, passed)| {
            let step = &loaded.lesson.steps[*number];
            let new = passed
                .iter()
                .filter(|task| !learner.passed.contains(&(*number, **task)));
            for &task in new {
                learner.dispatch(Learned::Passed(*number, task));
                if keeps_progress {
                    storage::change_lesson(&loaded.id, |record| {
                        record.passed(task_key(step, task), seed, today());
                        if record.is_through(&loaded.lesson) {
                            record.finished(today());
                        }
                    });
                }
            }
        });
    }
    let enter = {
        let (learner, heading) = (learner.dispatcher(), heading.clone());
        Callback::from(move |step: usize| {
            learner.dispatch(Learned::Enter(step));
            if let Some(element) = heading.cast::<web_sys::HtmlElement>() {
                let _ = element.focus();
                element.scroll_into_view();
            }
        })
    };
    let on_refute = {
        let (lab, head) = (lab.clone(), head.clone());
        Callback::from(move |patch: Patch| {
            lab.dispatch(Action::Patch(patch));
            lab.dispatch(Action::Run);
            head.dispatch(Move::Seek(Time::ZERO));
        })
    };
    let ask = |ask: &Ask| {
        let shown = match &ask.kind {
            AskKind::Number { answer, .. } => evidence
                .as_ref()
                .filter(|_| *watched)
                .map(|evidence| answer.value(evidence)),
            _ => None,
        };
        html! {
            <Question key={ask.id.clone()} ask={ask.clone()} answer={learner.answers.get(&ask.id).cloned().unwrap_or_default()} revealed={learner.revealed(lesson, number)} {shown} run={done.filter(|_| *watched).cloned()} learner={learner.dispatcher()} on_refute={on_refute.clone()} />
        }
    };
    let printing = use_printing() == Printing::Lesson;
    use_print(printing);
    let print = |_: MouseEvent| announce(PRINT_LESSON);
    let kept = use_kept();
    let reviewed =
        !keeps_progress && first_tasks(lesson).is_some_and(|step| learner.tasks_done(lesson, step));
    {
        let id = loaded.id.clone();
        use_effect_with(reviewed, move |&reviewed| {
            if reviewed {
                storage::change_lesson(&id, |record| record.reviewed(true, today()));
            }
        });
    }
    let reading = Reading::new(evidence.as_ref(), Some((&loaded.glossary, on_go.clone())));
    let last = lesson.steps.len() - 1;
    let unfold = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Explain(false)))
    };
    let to = |step: usize| {
        let enter = enter.clone();
        Callback::from(move |_| enter.emit(step))
    };
    let rejoin = match (&scenarios[number], catalog::find(&lesson.setup.scenario)) {
        (Ok(scenario), Some(preset)) if *scenario != lab.base => {
            let (lab, head, scenario) = (lab.clone(), head.clone(), scenario.clone());
            Some(Callback::from(move |_: MouseEvent| {
                head.dispatch(Move::Seek(Time::ZERO));
                lab.dispatch(Action::Base(preset.id, Box::new(scenario.clone())));
            }))
        }
        _ => None,
    };
    let mut tasks = step.tasks().zip(&standings).enumerate().peekable();
    html! {
        <>
            <button class="unfold" onclick={unfold}>{ format!("Lesson {}: {}, step {} of {}", loaded.number, lesson.title, number + 1, last + 1) }</button>
            { warning(&kept) }
            <p class="crumb">{ match loaded.module.as_str() { "" => "Opened from a file".to_string(), module => format!("{} · {module}", loaded.number) } }</p>
            <h1>{ lesson.title.clone() }</h1>
            <ol class="steps" aria-label="Steps">
                { for lesson.steps.iter().enumerate().map(|(n, step)| html! {
                    <li class={learner.done(lesson, n).then_some("done")}>
                        <button onclick={to(n)} aria-current={(n == number).then_some("step")} aria-label={format!("Step {}, {}: {}{}", n + 1, step.kind.word(), step.heading, if learner.done(lesson, n) { ", done" } else { "" })} title={step.heading.clone()}></button>
                    </li>
                }) }
            </ol>
            <p class="step-no">{ format!("Step {} of {}: {}", number + 1, last + 1, step.kind.word()) }</p>
            <h2 tabindex="-1" ref={heading}>{ step.heading.clone() }</h2>
            if let Some(seed) = loaded.review { { review(loaded, seed, reviewed.then_some(&kept), on_go) } }
            if let Some(rejoin) = rejoin { <p class="elsewhere">{ "The picture shows another scenario than this step. " }<button class="link" id="rejoin" onclick={rejoin}>{ "Show this step's" }</button></p> }
            if let Err(error) = &scenarios[number] { <p class="problem" role="alert">{ error.to_string() }</p> }
            <div class="body" key={number}>
                { predictions(lesson, &learner, number) }
                if step.kind == StepKind::Explain {
                    { for step.asks().map(ask) }
                    <details class="fold" open={step.asks().all(|ask| learner.locked(&ask.id))}>
                        <summary>{ "Explanation" }</summary>
                        <div class="body">{ texts(step, &reading) }</div>
                    </details>
                } else {
                    { for step.parts.iter().map(|part| match part {
                        Part::Text(block) => prose::block(block, &reading),
                        Part::Ask(found) => ask(found),
                        Part::Glossary(terms) => glossary(terms),
                        Part::Plot(_) => to_plots(lab),
                        Part::Task(_) | Part::Patch(_) | Part::Notes(_) => html! {},
                    }) }
                    if tasks.peek().is_some() {
                        <ul class="checks" aria-label="Tasks">
                            { for tasks.map(|(n, (task, standing))| check(task, standing.as_ref(), learner.passed.contains(&(number, n)), lab.stale)) }
                        </ul>
                    }
                    if matches!(step.kind, StepKind::Run | StepKind::Task | StepKind::Gauntlet) { { run_button(props, &learner, number) } }
                    if let Some(suite) = suite { <RunGauntlet {suite} lab={lab.clone()} /> }
                }
            </div>
            <Key />
            <div class="nav">
                <button class="btn quiet" id="previous-step" disabled={number == 0} onclick={to(number.saturating_sub(1))}>{ "Back" }</button>
                if number < last {
                    <span class="crumb">{ format!("Next: {}", lesson.steps[number + 1].kind.word()) }</span>
                    <button class="btn" id="next-step" onclick={to(number + 1)}>{ "Next" }</button>
                } else {
                    <span class="crumb">{ "The last step" }</span>
                }
            </div>
            <p class="paper-button"><button class="link" id="handout" onclick={print}>{ "Print this lesson as a handout" }</button></p>
            if printing { { handout(loaded, scenarios[0].as_ref().ok()) } }
            if keeps_progress && *learner != Learner::default() { { anew(loaded, on_go) } }
        </>
    }
}

/// The step whose tasks are a review: the first one that has some.
fn first_tasks(lesson: &Lesson) -> Option<usize> {
    let asks = |step: &Step| step.kind == StepKind::Task && step.tasks().next().is_some();
    lesson.steps.iter().position(asks)
}

/// What a review asks for; once it is passed, when it comes back.
fn review(
    loaded: &LoadedLesson,
    seed: u64,
    passed: Option<&Kept>,
    on_go: &Callback<Wanted>,
) -> Html {
    let record = passed.and_then(|kept| kept.progress.lessons.get(&loaded.id));
    if let Some(record) = record {
        let stage = record.review.map_or(0, |review| review.stage);
        let days = INTERVALS[usize::from(stage).min(INTERVALS.len() - 1)];
        let days = match days {
            1 => "a day".to_string(),
            days => format!("{days} days"),
        };
        return html! { <div class="review" role="status"><p>{ format!("Remembered. It comes back in {days}.") }</p></div> };
    }
    let forgotten = {
        let (id, on_go) = (loaded.id.clone(), on_go.clone());
        Callback::from(move |_: MouseEvent| {
            storage::change_lesson(&id, |record| {
                record.reviewed(false, today());
                record.place.step = 0;
            });
            on_go.emit(Wanted::lesson(&id));
        })
    };
    html! {
        <div class="review" role="status">
            <p>{ format!("A review, with seed {seed}: pass the tasks of this step once more.") }</p>
            <button class="link" onclick={forgotten}>{ "I need the lesson again" }</button>
        </div>
    }
}

/// Begins the lesson anew, after a second press.
fn anew(loaded: &LoadedLesson, on_go: &Callback<Wanted>) -> Html {
    let forget = {
        let (loaded, on_go) = (loaded.clone(), on_go.clone());
        Callback::from(move |_: MouseEvent| {
            storage::change(|progress| {
                let record = progress.opened(&loaded.id, today());
                *record = record.begun_anew(today());
            });
            on_go.emit(match &loaded.wanted {
                Wanted::Lesson { id, .. } => Wanted::Lesson {
                    id: id.clone(),
                    step: Some(0),
                    review: None,
                },
                file => file.clone(),
            });
        })
    };
    html! {
        <details class="anew">
            <summary>{ "Begin this lesson anew" }</summary>
            <p>{ "Your answers in it and the tasks that you passed are forgotten." }</p>
            <button class="btn" id="anew" onclick={forget}>{ "Forget them" }</button>
        </details>
    }
}

fn texts(step: &Step, reading: &Reading) -> Html {
    let texts = step.parts.iter().filter_map(|part| {
        if let Part::Text(block) = part {
            Some(block)
        } else {
            None
        }
    });
    prose::blocks(texts, reading)
}

fn glossary(terms: &[(String, String)]) -> Html {
    html! {
        <dl class="terms">
            { for terms.iter().map(|(term, meaning)| html! { <div><dt>{ term.clone() }</dt><dd>{ prose::coded(meaning) }</dd></div> }) }
        </dl>
    }
}

fn to_plots(lab: &UseReducerHandle<Lab>) -> Html {
    let lab = lab.clone();
    let show = Callback::from(move |_| lab.dispatch(Action::Show(Panel::Plots)));
    html! { <p><button class="link" onclick={show}>{ "See it in the plots" }</button></p> }
}

/// The predictions that this step's run or tasks have shown right or wrong, beside what happened.
fn predictions(lesson: &Lesson, learner: &Learner, number: usize) -> Html {
    let Some(step) = predicted_for(lesson, number).filter(|&step| learner.revealed(lesson, step))
    else {
        return html! {};
    };
    let beside = |ask: &Ask| {
        let AskKind::Choice(options) = &ask.kind else {
            return None;
        };
        let answer = learner
            .answers
            .get(&ask.id)
            .filter(|answer| answer.locked)?;
        let said = options.get(answer.pick?)?;
        let shown = options.iter().find(|option| option.right)?;
        Some(html! {
            <dl class="beside" data-right={said.right.to_string()}>
                <div><dt>{ "You predicted" }</dt><dd>{ prose::coded(&said.say) }<small>{ answer.sure.map(|sure| SURE[sure]) }</small></dd></div>
                <div><dt>{ "The run shows" }</dt><dd>{ prose::coded(&shown.say) }<small>{ if said.right { "as you said" } else { "read why below" } }</small></dd></div>
            </dl>
        })
    };
    let why = |ask: &Ask| {
        let AskKind::Choice(options) = &ask.kind else {
            return None;
        };
        let answer = learner
            .answers
            .get(&ask.id)
            .filter(|answer| answer.locked)?;
        let said = options.get(answer.pick?)?;
        let right = options.iter().find(|option| option.right)?;
        Some(
            html! { <p class="said" data-right={said.right.to_string()}>{ super::ask::calibration(said.right, answer.sure) }{ " " }{ prose::coded(&right.why) }</p> },
        )
    };
    lesson.steps[step]
        .asks()
        .map(|ask| html! { <>{ for beside(ask) }{ for why(ask) }</> })
        .collect()
}

/// One task: what it demands, and how it stands.
fn check(task: &Task, standing: Option<&Standing>, passed: bool, stale: bool) -> Html {
    let (mark, text) = match (passed, standing) {
        (true, _) if task.praise.is_empty() => ("passed", "Done.".to_string()),
        (true, _) => ("passed", task.praise.clone()),
        (false, _) if stale => ("open", "Changed: run again to check.".to_string()),
        (false, None) => ("open", "Checked when the run is through.".to_string()),
        (false, Some(Standing::Passed)) => ("passed", String::new()),
        (false, Some(Standing::NotYet(missing))) => ("open", format!("Not yet: {missing}.")),
        (false, Some(Standing::CannotTell(unknown))) => {
            ("open", format!("Not known yet: {unknown}."))
        }
    };
    html! {
        <li data-passed={passed.to_string()}>
            <svg viewBox="-10 -10 20 20" role="img" aria-label={mark}>
                <circle r="8.5" class={if passed { "ring passed" } else { "ring" }} />
                if passed { <path class="tick" d="M-4 0l3 3 5-6" /> }
            </svg>
            <span><code>{ task.source.clone() }</code><small role="status">{ text }</small></span>
        </li>
    }
}

/// Runs the step's scenario as the learner has it, once the predictions are in.
fn run_button(props: &ReaderProps, learner: &Learner, number: usize) -> Html {
    let lesson = &props.loaded.lesson;
    let locked = predicted_for(lesson, number)
        .filter(|_| props.loaded.review.is_none())
        .is_none_or(|step| lesson.steps[step].asks().all(|ask| learner.locked(&ask.id)));
    let run = {
        let (lab, head) = (props.lab.clone(), props.head.clone());
        Callback::from(move |_| {
            lab.dispatch(Action::Show(Panel::None));
            if lab.stale || lab.done.is_none() {
                head.dispatch(Move::Seek(Time::ZERO));
                lab.dispatch(Action::Run);
            } else {
                head.dispatch(Move::Restart {
                    stop: lab.first_stop(),
                });
            }
        })
    };
    html! {
        <p class="do">
            <button class="btn primary" id="lesson-run" disabled={!locked} onclick={run}>{ if props.lab.stale { "Run again, same seed" } else { "Run" } }</button>
            if !locked { <small>{ "Lock in your prediction first." }</small> }
        </p>
    }
}

#[derive(Properties, PartialEq)]
struct RunGauntletProps {
    suite: String,
    lab: UseReducerHandle<Lab>,
}

/// Runs every script of a suite on the configuration as it is.
#[component]
fn RunGauntlet(props: &RunGauntletProps) -> Html {
    let RunGauntletProps { suite, lab } = props;
    let many = use_many();
    if many.is_asking(|what| matches!(what, What::Gauntlet(_))) {
        return html! { <Underway of="scripts" /> };
    }
    let run = {
        let (many, suite, lab) = (many.clone(), suite.clone(), lab.clone());
        Callback::from(move |_| {
            let what = What::Gauntlet(suite.clone());
            many.dispatch(Asking::Ask(what, Box::new(lab.scenario.clone())));
        })
    };
    html! {
        <p class="do">
            <button class="btn" id="gauntlet" disabled={lab.stale} onclick={run}>{ format!("Run the gauntlet {suite}") }</button>
            if lab.stale { <small>{ "Changed: run it once first." }</small> }
            if let Some(problem) = &many.problem { <small class="problem" role="alert">{ problem.clone() }</small> }
        </p>
    }
}

/// What the shapes of the picture mean.
#[component]
fn Key() -> Html {
    let entry = |glyph: Html, words: &'static str| html! { <li><svg viewBox="-16 -18 34 34" aria-hidden="true">{ glyph }</svg>{ words }</li> };
    html! {
        <section class="key">
            <h2>{ "Reading the track" }</h2>
            <ul>
                { entry(glyphs::flying(0.0, 0.0, 24, 1), "in flight") }
                { entry(glyphs::doubled(0.0, 2.0, 17, None), "extra copy") }
                { entry(glyphs::car(0.0, 0.0, 16, glyphs::Car::Stored), "stored") }
                { entry(glyphs::gone(0.0, 0.0, None), "lost") }
                { entry(glyphs::car(0.0, 0.0, 23, glyphs::Car::Above), "stored above HW") }
                { entry(html! { <path class="read-to" d="M-6 5h12l-6 -10z" /> }, "read up to here") }
                { entry(html! { <path class="route" d="M-15 0H17" /> }, "first send") }
                { entry(html! { <><path class="route-extra" d="M-15 0H17" /><path class="route-extra-inner" d="M-15 0H17" /></> }, "second send") }
            </ul>
        </section>
    }
}
