//! The lesson beside the run: recall, predict, run, observe, explain, tasks checked from the run.

use super::ask::Question;
use super::glyphs;
use super::guarantee::Underway;
use super::prose;
use crate::app::frame::{first_step, use_progress};
use crate::app::head::{Head, Move};
use crate::app::lab::{Action, Lab, Panel, Shared};
use crate::app::learner::{Learned, Learner, Loaded, LoadedLesson, SURE, predicted_for};
use crate::app::many::{Asking, use_many};
use crate::app::{fetch, parameter};
use crate::job::What;
use crate::lesson::check::{Evidence, Standing};
use crate::lesson::course::Course;
use crate::lesson::{Ask, AskKind, Lesson, Part, Step, StepKind, Task};
use crate::sim::explore::gauntlet::GauntletReport;
use crate::sim::kernel::Time;
use crate::sim::{Patch, catalog};
use wasm_bindgen::JsCast;
use web_sys::HtmlSelectElement;
use yew::{
    Callback, Event, Html, Properties, UseReducerDispatcher, UseReducerHandle, component, html,
    use_effect_with, use_memo, use_mut_ref, use_node_ref, use_reducer_eq, use_state,
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
}

/// Loads the lesson and shows it.
#[component]
pub fn LessonPanel(props: &LessonPanelProps) -> Html {
    let loaded = use_state(|| None::<Result<LoadedLesson, String>>);
    let chosen = use_state(|| false);
    let wanted = use_state(|| parameter("lesson").unwrap_or_else(|| OPENING.to_string()));
    {
        let loaded = loaded.clone();
        use_effect_with((*wanted).clone(), move |id| {
            let id = id.clone();
            wasm_bindgen_futures::spawn_local(async move { loaded.set(Some(load(&id).await)) });
        });
    }
    let on_choose = {
        let (wanted, chosen) = (wanted.clone(), chosen.clone());
        Callback::from(move |event: Event| {
            let select = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok());
            if let Some(select) = select {
                wanted.set(select.value());
                chosen.set(true);
            }
        })
    };
    let LessonPanelProps {
        lab,
        head,
        watched,
        playing,
        on_lit,
    } = props;
    html! {
        <main class="lesson" id="lesson" aria-label="Lesson" tabindex="-1">
            { match &*loaded {
                None => html! { <p class="crumb" role="status">{ "Loading the lesson" }</p> },
                Some(Err(problem)) => html! { <p class="problem" role="alert">{ problem.clone() }</p> },
                Some(Ok(loaded)) => html! { <>
                    <select id="lessons" aria-label="Lessons" onchange={on_choose}>
                        { for loaded.others.iter().map(|(id, name)| html! { <option value={id.clone()} selected={*id == *wanted}>{ name.clone() }</option> }) }
                    </select>
                    <Reader key={(*wanted).clone()} loaded={loaded.clone()} lab={lab.clone()} head={head.clone()} watched={*watched} playing={*playing} on_lit={on_lit.clone()} chosen={*chosen} />
                </> },
            } }
        </main>
    }
}

/// The lesson that the page opens with, unless the address names another.
const OPENING: &str = "lost-ack";

/// Fetches the course and a lesson of it.
async fn load(id: &str) -> Result<LoadedLesson, String> {
    const COURSE: &str = "./lessons/course.json";
    let course = Course::parse("lessons/course.json", &fetch::text(COURSE).await?)
        .map_err(|error| error.to_string())?;
    let others = course.modules.iter().zip(1..).flat_map(|(module, m)| {
        let name = move |(id, n): (&String, u32)| {
            (id.clone(), format!("{m}.{n} {}", id.replace('-', " ")))
        };
        module.lessons.iter().zip(1..).map(name)
    });
    let others = others.collect();
    let place = course.place(id, "en").ok_or_else(|| {
        format!("the address asks for lesson \"{id}\", and the course has none of this name")
    })?;
    let text = fetch::text(&format!("./lessons/{}", place.path)).await?;
    let lesson = Lesson::parse(&format!("lessons/{}", place.path), &text)
        .map_err(|error| error.to_string())?;
    Ok(Shared::new(Loaded {
        id: id.to_string(),
        lesson,
        module: place.title,
        number: format!("{}.{}", place.module, place.lesson),
        others,
    }))
}

#[derive(Properties, PartialEq)]
struct ReaderProps {
    loaded: LoadedLesson,
    lab: UseReducerHandle<Lab>,
    head: UseReducerDispatcher<Head>,
    watched: bool,
    playing: bool,
    on_lit: Callback<Vec<String>>,
    /// The learner chose this lesson, so its scenario takes the place of any other.
    chosen: bool,
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
        chosen,
    } = props;
    let lesson = &loaded.lesson;
    let learner = use_reducer_eq(|| Learner {
        step: if *chosen {
            0
        } else {
            first_step(lesson.steps.len())
        },
        ..Learner::default()
    });
    use_progress(loaded, &learner);
    let number = learner.step;
    let step = &lesson.steps[number];
    let scenarios = use_memo(loaded.clone(), |loaded| {
        (0..loaded.lesson.steps.len())
            .map(|step| loaded.lesson.scenario(step))
            .collect::<Vec<_>>()
    });
    let heading = use_node_ref();
    let entered = use_mut_ref(|| false);
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
        let (entered, chosen) = (entered.clone(), *chosen);
        use_effect_with(number, move |&number| {
            // The lesson that the page opens with takes no scenario away that was chosen meanwhile, or that a link names.
            let other = lab.linked || lab.base_id != catalog::OPENING;
            let keeps = !entered.replace(true) && !chosen && other;
            if let Ok(scenario) = &scenarios[number]
                && let Some(preset) = preset
                && *scenario != lab.base
                && !keeps
            {
                head.dispatch(Move::Seek(Time::ZERO));
                lab.dispatch(Action::Base(preset.id, Box::new(scenario.clone())));
            }
            on_lit.emit(lit);
        });
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
    let of_base = base.and_then(|base| {
        [&lab.done, &lab.before]
            .into_iter()
            .flatten()
            .find(|done| done.scenario == *base)
    });
    let evidence = base.zip(done).map(|(base, done)| Evidence {
        run: &done.run,
        scenario: &done.scenario,
        base,
        base_run: of_base.map(|done| &done.run),
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
        let learner = learner.dispatcher();
        use_effect_with((number, passed), move |(number, passed)| {
            for &task in passed {
                learner.dispatch(Learned::Passed(*number, task));
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
            <Question key={ask.id.clone()} ask={ask.clone()} answer={learner.answers.get(&ask.id).cloned().unwrap_or_default()} revealed={learner.revealed(lesson, number)} {shown} learner={learner.dispatcher()} on_refute={on_refute.clone()} />
        }
    };
    let last = lesson.steps.len() - 1;
    let unfold = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Explain(false)))
    };
    let to = |step: usize| {
        let enter = enter.clone();
        Callback::from(move |_| enter.emit(step))
    };
    let mut tasks = step.tasks().zip(&standings).enumerate().peekable();
    html! {
        <>
            <button class="unfold" onclick={unfold}>{ format!("Lesson {}: {}, step {} of {}", loaded.number, lesson.title, number + 1, last + 1) }</button>
            <p class="crumb">{ format!("{} · {}", loaded.number, loaded.module) }</p>
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
            if let Err(error) = &scenarios[number] { <p class="problem" role="alert">{ error.to_string() }</p> }
            <div class="body" key={number}>
                { predictions(lesson, &learner, number) }
                if step.kind == StepKind::Explain {
                    { for step.asks().map(ask) }
                    <details class="fold" open={step.asks().all(|ask| learner.locked(&ask.id))}>
                        <summary>{ "Explanation" }</summary>
                        <div class="body">{ texts(step, evidence.as_ref()) }</div>
                    </details>
                } else {
                    { for step.parts.iter().map(|part| match part {
                        Part::Text(block) => prose::block(block, evidence.as_ref()),
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
                <button class="btn quiet" disabled={number == 0} onclick={to(number.saturating_sub(1))}>{ "Back" }</button>
                if number < last {
                    <span class="crumb">{ format!("Next: {}", lesson.steps[number + 1].kind.word()) }</span>
                    <button class="btn" id="next-step" onclick={to(number + 1)}>{ "Next" }</button>
                } else {
                    <span class="crumb">{ "The last step" }</span>
                }
            </div>
        </>
    }
}

fn texts(step: &Step, evidence: Option<&Evidence>) -> Html {
    let texts = step.parts.iter().filter_map(|part| {
        if let Part::Text(block) = part {
            Some(block)
        } else {
            None
        }
    });
    prose::blocks(texts, evidence)
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
