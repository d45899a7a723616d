//! The decision framework as an instrument: one question at a time, the path through the tree, the profile with its settings,
//! and what runs say about it. What it knows is in `crate::decide`; this shows it and asks the worker.

use crate::app::files;
use crate::app::lab::{Action, Lab, Shared};
use crate::app::runner::Runner;
use crate::decide::measure::Ratio;
use crate::decide::plan::{Ask, Findings, Told, outline, title};
use crate::decide::profile::Setting;
use crate::decide::questions::Question;
use crate::decide::tree::{self, Leaf, Next, TREE};
use crate::decide::{Case, Plan, Refused, measure, record};
use crate::job::{Found, Reply, What};
use std::rc::Rc;
use web_sys::{HtmlElement, HtmlSelectElement};
use yew::{
    Callback, Event, Html, MouseEvent, NodeRef, Properties, Reducible, SubmitEvent, TargetCast,
    UseReducerDispatcher, UseReducerHandle, component, html, use_effect_with, use_node_ref,
    use_reducer,
};

#[derive(Properties, PartialEq, Clone)]
pub struct DecideProps {
    pub lab: UseReducerDispatcher<Lab>,
    pub runner: Runner,
    pub on_close: Callback<()>,
}

/// What is on the desk: the answers, which question is open, and what was found so far.
#[derive(Clone)]
struct Desk {
    /// One a segment of the pipeline. The first reads the topic.
    cases: Vec<Case>,
    /// The segment that is answered.
    open: usize,
    /// Which of the questions that are asked; behind the last: none.
    at: usize,
    /// What follows, once all is answered.
    plan: Option<Result<Rc<Plan>, Refused>>,
    /// Answers of the simulator to the plan's questions, in their order.
    told: Vec<Told>,
    measuring: bool,
    /// Parts of the exploration under way.
    progress: (u64, u64),
    findings: Option<Shared<Findings>>,
    problem: Option<String>,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk {
            cases: vec![Case::default()],
            open: 0,
            at: 0,
            plan: None,
            told: Vec::new(),
            measuring: false,
            progress: (0, 0),
            findings: None,
            problem: None,
        }
    }
}

/// What segments are called.
const NAMES: [&str; 4] = ["billing", "monitoring", "compliance", "analytics"];

enum Turn {
    Answer(&'static str, &'static str),
    /// Another segment, which is open then.
    Add,
    /// The open segment goes.
    Remove,
    /// Another segment is opened.
    Open(usize),
    /// What the open segment reads: another one's output, or the topic.
    From(Option<String>),
    Go(usize),
    Measure(bool),
    Heard(Reply),
}

impl Reducible for Desk {
    type Action = Turn;

    fn reduce(self: Rc<Self>, turn: Turn) -> Rc<Self> {
        let mut desk = (*self).clone();
        match turn {
            Turn::Answer(id, value) => {
                let case = &mut desk.cases[desk.open];
                // The page offers what the question accepts.
                let _ = case.answer(id, value);
                // An answer that is not asked for any more, or an engine that does not write there, is taken back.
                let asked = tree::asked(case);
                for id in ["id", "replace"] {
                    if asked.iter().all(|question| question.id != id) {
                        case.forget(id);
                    }
                }
                if id != "engine" && tree::engine(case).is_err() && case.given("sink").is_some() {
                    case.forget("engine");
                }
                desk = desk.anew();
            }
            Turn::Add => {
                for case in &mut desk.cases {
                    if case.name.is_empty() {
                        case.name = NAMES[0].into();
                    }
                }
                let taken = |name: &&str| desk.cases.iter().any(|case| case.name == *name);
                if let Some(name) = NAMES.into_iter().find(|name| !taken(name)) {
                    desk.cases.push(Case::new(name));
                    desk.open = desk.cases.len() - 1;
                    desk.at = 0;
                }
                desk = desk.anew();
            }
            Turn::Remove => {
                let gone = desk.cases.remove(desk.open);
                for case in &mut desk.cases {
                    if case.from.as_ref() == Some(&gone.name) {
                        case.from = None;
                    }
                }
                // The first one reads the topic.
                if let Some(first) = desk.cases.first_mut() {
                    first.from = None;
                }
                if let [alone] = &mut desk.cases[..] {
                    alone.name.clear();
                }
                desk.open = desk.open.min(desk.cases.len() - 1);
                desk.at = desk.asked();
                desk = desk.anew().planned();
            }
            Turn::Open(open) => {
                desk.open = open;
                desk.at = desk.first_open();
                desk = desk.planned();
            }
            Turn::From(from) => {
                let open = desk.open;
                desk.cases[open].from = from;
                desk = desk.anew().planned();
            }
            Turn::Go(at) => {
                desk.at = at.min(desk.asked());
                desk = desk.planned();
            }
            Turn::Measure(on) => {
                desk.measuring = on;
                desk.told.clear();
                desk.progress = (0, 0);
                desk.problem = None;
            }
            Turn::Heard(_) if !desk.measuring => return self,
            Turn::Heard(reply) => desk.hear(reply),
        }
        Rc::new(desk)
    }
}

impl Desk {
    /// The segment that is answered.
    fn case(&self) -> &Case {
        &self.cases[self.open]
    }

    /// How many questions it is asked.
    fn asked(&self) -> usize {
        tree::asked(self.case()).len()
    }

    /// The first of its questions without an answer.
    fn first_open(&self) -> usize {
        let asked = tree::asked(self.case());
        let silent = |question: &&Question| standing(self.case(), question).is_none();
        asked.iter().position(silent).unwrap_or(asked.len())
    }

    /// The answers are other ones: what followed from the old ones goes.
    fn anew(self) -> Desk {
        Desk {
            cases: self.cases,
            open: self.open,
            at: self.at,
            ..Desk::default()
        }
    }

    /// Behind the last question stands what follows, from the answers of all segments.
    fn planned(mut self) -> Desk {
        if self.at == self.asked() && self.plan.is_none() {
            self.plan = Some(Plan::of(&self.cases).map(Rc::new));
        }
        self
    }

    fn hear(&mut self, reply: Reply) {
        match reply {
            Reply::Done { run, .. } => self.told.push(Told::Run(measure::Measures::of(&run))),
            Reply::Found { found, .. } => match found {
                Found::Explored(report) => self.told.push(Told::Explored(*report)),
                _ => self.measuring = false,
            },
            Reply::Part { done, of, .. } => self.progress = (done, of),
            Reply::Refused { problem, .. } => {
                self.measuring = false;
                self.problem = Some(problem);
            }
            Reply::Ready | Reply::Progress { .. } => {}
        }
        let Some(Ok(plan)) = &self.plan else { return };
        if self.told.len() == plan.asks().len() {
            self.findings = plan
                .findings(std::mem::take(&mut self.told))
                .map(Shared::new);
            self.measuring = false;
        }
    }
}

#[component]
pub fn Decide(props: &DecideProps) -> Html {
    let desk = use_reducer(Desk::default);
    let top = use_node_ref();
    {
        let top = top.clone();
        use_effect_with((desk.at, desk.open), move |_| focus(&top));
    }
    {
        // One question to the simulator after the other.
        let (desk, runner) = (desk.clone(), props.runner.clone());
        use_effect_with(
            (desk.measuring, desk.told.len()),
            move |&(measuring, told)| {
                let Some(Ok(plan)) = desk.plan.as_ref().filter(|_| measuring) else {
                    return;
                };
                let dispatch = desk.dispatcher();
                let hear = Callback::from(move |reply| dispatch.dispatch(Turn::Heard(reply)));
                match plan.asks().get(told) {
                    Some(Ask::Run(scenario)) => runner.ask_beside(scenario, What::Run, hear),
                    Some(Ask::Explore(scenario, reach)) => {
                        runner.ask_beside(scenario, What::Explore(reach.clone()), hear);
                    }
                    None => {}
                }
            },
        );
    }
    let close = props.on_close.reform(|_| ());
    html! {
        <main class="decide" aria-label="Decision framework">
            <header>
                <h1>{ "Which guarantee, and with which settings?" }</h1>
                <button class="btn" id="decide-close" onclick={close}>{ "Back to the run" }</button>
            </header>
            <div class="desk">
                <Asking desk={desk.clone()} top={top} />
                <Tree desk={desk.clone()} />
                <Outcome desk={desk.clone()} lab={props.lab.clone()} on_close={props.on_close.clone()} />
            </div>
        </main>
    }
}

fn focus(place: &NodeRef) {
    if let Some(element) = place.cast::<HtmlElement>() {
        let _ = element.focus();
    }
}

#[derive(Properties)]
struct DeskProps {
    desk: UseReducerHandle<Desk>,
    #[prop_or_default]
    top: NodeRef,
}

impl PartialEq for DeskProps {
    /// Every turn changes something of it.
    fn eq(&self, _: &DeskProps) -> bool {
        false
    }
}

/// The question that is open, and those that are answered.
#[component]
fn Asking(props: &DeskProps) -> Html {
    let desk = &props.desk;
    let asked = tree::asked(desk.case());
    let go = |at: usize| {
        let desk = desk.clone();
        Callback::from(move |_| desk.dispatch(Turn::Go(at)))
    };
    let answered = asked.iter().enumerate().filter_map(|(place, question)| {
        let given = desk.case().given(question.id);
        // What was passed without an answer is answered all the same.
        let value = given.or_else(|| standing(desk.case(), question).filter(|_| place < desk.at))?;
        let says = question.choice(value).map_or(value, |choice| choice.says);
        Some(html! { <li><button class="link" onclick={go(place)} aria-current={(place == desk.at).then_some("step")}>{ question.id }</button>{ format!(" {says}") }</li> })
    });
    let open = match asked.get(desk.at) {
        Some(question) => ask(desk, question, asked.len(), props.top.clone()),
        None => html! { <>
            <p class="crumb">{ format!("All {} questions are answered", asked.len()) }</p>
            <h2 ref={props.top.clone()} tabindex="-1">{ "Your answers" }</h2>
            <p>{ "Each can be opened again." }</p>
        </> },
    };
    html! {
        <section class="panel asking" aria-label="Questions">
            <Segments desk={desk.clone()} />
            { open }
            <ol class="given">{ for answered }</ol>
        </section>
    }
}

/// The segments of the pipeline: which one is open, what it reads, one more, one less.
#[component]
fn Segments(props: &DeskProps) -> Html {
    let desk = &props.desk;
    let turn = |turn: fn() -> Turn| {
        let desk = desk.clone();
        Callback::from(move |_: MouseEvent| desk.dispatch(turn()))
    };
    let add = html! {
        if desk.cases.len() < NAMES.len() { <button class="btn" id="decide-add" type="button" onclick={turn(|| Turn::Add)}>{ "Add a segment" }</button> }
    };
    if desk.cases.len() == 1 {
        return html! { <div class="segments"><p class="crumb">{ "One segment. A pipeline may have more, each with answers of its own." }</p>{ add }</div> };
    }
    let from = {
        let desk = desk.clone();
        Callback::from(move |event: Event| {
            let name = event.target_unchecked_into::<HtmlSelectElement>().value();
            desk.dispatch(Turn::From(Some(name).filter(|name| !name.is_empty())));
        })
    };
    let case = desk.case();
    html! {
        <div class="segments" role="group" aria-label="Segments of the pipeline">
            { for desk.cases.iter().enumerate().map(|(place, case)| {
                let open = {
                    let desk = desk.clone();
                    Callback::from(move |_: MouseEvent| desk.dispatch(Turn::Open(place)))
                };
                html! { <button class="btn quiet" key={case.name.clone()} type="button" onclick={open} aria-current={(place == desk.open).then_some("true")}>{ case.name.clone() }</button> }
            }) }
            { add }
            if desk.open > 0 {
                <label class="reads">{ "It reads " }
                    <select id="decide-from" onchange={from}>
                        <option value="" selected={case.from.is_none()}>{ "the topic" }</option>
                        { for desk.cases[..desk.open].iter().map(|other| html! { <option value={other.name.clone()} selected={case.from.as_ref() == Some(&other.name)}>{ format!("what {} writes", other.name) }</option> }) }
                    </select>
                </label>
            }
            <button class="link" id="decide-remove" type="button" onclick={turn(|| Turn::Remove)}>{ format!("Remove {}", case.name) }</button>
        </div>
    }
}

/// The answer in force: as given, or what stands for silence. What does the work goes with the sink.
fn standing(case: &Case, question: &Question) -> Option<&'static str> {
    match question.id {
        "engine" => tree::engine(case).ok(),
        id => case.get(id),
    }
}

fn ask(
    desk: &UseReducerHandle<Desk>,
    question: &'static Question,
    of: usize,
    top: NodeRef,
) -> Html {
    let at = desk.at;
    let silent = standing(desk.case(), question);
    let sink = desk.case().given("sink").unwrap_or_default();
    let fits = |value: &str| question.id != "engine" || tree::fitting(sink).contains(&value);
    let choices = question.choices.iter().filter(|choice| fits(choice.value));
    let submit = {
        let desk = desk.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            desk.dispatch(Turn::Go(at + 1));
        })
    };
    let back = {
        let desk = desk.clone();
        Callback::from(move |_| desk.dispatch(Turn::Go(at.saturating_sub(1))))
    };
    html! {
        <form onsubmit={submit}>
            <p class="crumb">{ format!("Question {} of {of}", at + 1) }</p>
            <fieldset>
                <legend><h2 ref={top} tabindex="-1">{ question.ask }</h2></legend>
                <p class="why">{ question.why }</p>
                { for choices.map(|choice| {
                    let pick = {
                        let (desk, id, value) = (desk.clone(), question.id, choice.value);
                        Callback::from(move |_| desk.dispatch(Turn::Answer(id, value)))
                    };
                    let checked = silent == Some(choice.value);
                    html! { <label key={choice.value}><input type="radio" name={question.id} value={choice.value} checked={checked} onchange={pick} />{ choice.says }</label> }
                }) }
            </fieldset>
            <div class="turns">
                <button class="btn" type="button" onclick={back} disabled={at == 0}>{ "Back" }</button>
                <button class="btn primary" type="submit" id="decide-next" disabled={silent.is_none()}>{ if at + 1 == of { "Decide" } else { "Next" } }</button>
            </div>
        </form>
    }
}

/// The tree with the path taken so far.
#[component]
fn Tree(props: &DeskProps) -> Html {
    let (steps, end) = tree::walk(props.desk.case());
    let yes = |word: &str| word == "yes";
    // Each line of the outline is reached by an answer to the line above that is one less deep.
    let mut above: Vec<usize> = Vec::new();
    let lines = outline().into_iter().map(|(depth, word, next)| {
        above.truncate(depth);
        let by = above.last().copied();
        let taken = match by {
            None => true,
            Some(place) => steps.contains(&(place, yes(word))),
        };
        let (says, leaf) = match next {
            Next::Ask(place) => {
                above.push(place);
                (TREE[place].ask.to_string(), false)
            }
            Next::Stop(leaf) => (format!("{} {}", leaf.code(), leaf.name()), true),
        };
        let here = taken && end.as_ref().ok().is_some_and(|leaf| next == Next::Stop(*leaf));
        let depth = depth.to_string();
        html! {
            <li data-depth={depth} data-taken={taken.to_string()} data-leaf={leaf.to_string()} aria-current={here.then_some("true")}>
                if !word.is_empty() { <b>{ word }</b> }
                <span>{ says }</span>
                if taken { <span class="vh">{ " (on the path)" }</span> }
            </li>
        }
    });
    html! {
        <section class="panel tree" aria-label="Tree"><h2>{ "The tree" }</h2><ol>{ for lines.collect::<Vec<Html>>() }</ol><p class="crumb">{ "Prefer a key to a protocol: a key survives restarts, new checkpoints and backfills." }</p></section>
    }
}

#[derive(Properties)]
struct OutcomeProps {
    desk: UseReducerHandle<Desk>,
    lab: UseReducerDispatcher<Lab>,
    on_close: Callback<()>,
}

impl PartialEq for OutcomeProps {
    fn eq(&self, _: &OutcomeProps) -> bool {
        false
    }
}

/// The profile, what was found about it, and what can be done with it.
#[component]
fn Outcome(props: &OutcomeProps) -> Html {
    let desk = &props.desk;
    let plan = match &desk.plan {
        None => {
            return html! { <section class="panel outcome" aria-label="Profile"><h2>{ "The profile" }</h2><p class="crumb">{ "It stands here when the questions are answered." }</p></section> };
        }
        Some(Err(refused)) => {
            return html! { <section class="panel outcome" aria-label="Profile"><h2>{ "No profile follows" }</h2><p class="problem" role="alert">{ refused.to_string() }</p></section> };
        }
        Some(Ok(plan)) => plan.clone(),
    };
    let apply = {
        let (lab, close, plan) = (props.lab.clone(), props.on_close.clone(), plan.clone());
        let digest = desk.findings.as_ref().map(|findings| findings.run.digest);
        Callback::from(move |_| {
            let mut link = record::link(&plan, 0);
            link.digest = digest;
            lab.dispatch(Action::Open(Box::new(link)));
            close.emit(());
        })
    };
    let measure = {
        let (desk, on) = (desk.clone(), !desk.measuring);
        Callback::from(move |_| desk.dispatch(Turn::Measure(on)))
    };
    html! {
        <section class="panel outcome" aria-label="Profile">
            { for plan.segments.iter().map(|segment| html! { <>
                <h2>{ match segment.case.name.as_str() { "" => title(segment), name => format!("{name}: {}", title(segment)) } }</h2>
                <p data-leaf={segment.leaf.code()}>{ promise(segment.leaf) }</p>
            </> }) }
            <div class="turns">
                <button class="btn" id="decide-apply" onclick={apply}>{ "Apply to the run" }</button>
                <button class="btn primary" id="decide-measure" onclick={measure}>{ if desk.measuring { "Cancel" } else { "Run and explore it" } }</button>
            </div>
            if desk.measuring {
                <p class="underway" role="status">
                    <progress max={plan.asks().len().to_string()} value={desk.told.len().to_string()} aria-label="jobs"></progress>
                    { format!("{} of {} jobs", desk.told.len(), plan.asks().len()) }
                    if desk.progress.1 > 0 { { format!("; {} of {} runs of this one", desk.progress.0, desk.progress.1) } }
                </p>
            }
            if let Some(problem) = &desk.problem { <p class="problem" role="alert">{ problem.clone() }</p> }
            if let Some(findings) = &desk.findings { { found(&plan, findings) } }
            <h3>{ "Settings" }</h3>
            { settings(&plan.settings) }
            <h3>{ "Residual risks" }</h3>
            <ul class="risks">{ for plan.risks.iter().map(|(segment, risk)| html! { <li>if !segment.is_empty() { <b>{ segment.clone() }</b>{ ": " } }{ risk.clone() }</li> }) }</ul>
        </section>
    }
}

fn promise(leaf: Leaf) -> String {
    match (leaf.promises(), leaf.promises_itself()) {
        (None, _) => "Nothing is promised.".into(),
        (Some(whole), Some(own)) if whole != own => format!(
            "It promises {} from the source to the reader, and {} as long as what it reads was written once.",
            whole.name(),
            own.name()
        ),
        (Some(whole), _) => format!(
            "It promises {} from the source to the reader.",
            whole.name()
        ),
    }
}

/// One table a layer.
fn settings(settings: &[Setting]) -> Html {
    let mut layers: Vec<&str> = settings.iter().map(|setting| setting.layer).collect();
    layers.dedup();
    html! { <>{ for layers.into_iter().map(|layer| html! {
        <table class="layer">
            <caption>{ layer }</caption>
            <tbody>{ for settings.iter().filter(|setting| setting.layer == layer).map(|setting| html! {
                <tr><th scope="row"><code>{ setting.key }</code><span>{ setting.plain() }</span></th><td><code>{ setting.text() }</code></td></tr>
            }) }</tbody>
        </table>
    }) }</> }
}

/// What runs and explorations say, and the record of it.
fn found(plan: &Rc<Plan>, findings: &Shared<Findings>) -> Html {
    let save = {
        let (plan, findings) = (plan.clone(), findings.clone());
        Callback::from(move |_| {
            files::save(
                "decision.md",
                "text/markdown",
                &record::markdown(&plan, &findings),
            );
        })
    };
    let print = Callback::from(|_| {
        if let Some(window) = web_sys::window() {
            let _ = window.print();
        }
    });
    let kept = plan.kept(findings);
    html! { <>
        <h3>{ "Evidence" }</h3>
        <ul class="kept">
            { for kept.iter().map(|kept| html! {
                <li data-refuted={kept.refuted.to_string()}>
                    { record::sentence(plan, kept) }
                    <span class="crumb">{ format!(" {}", plan.explorations[kept.probe].words) }</span>
                </li>
            }) }
            if kept.is_empty() { <li>{ "Nothing is promised, so nothing had to hold." }</li> }
        </ul>
        <h3>{ "Costs, beside best effort on the same seed" }</h3>
        <dl class="costs">{ for findings.run.against(&findings.baseline).iter().map(bars) }</dl>
        <p>{ record::freshness(plan, &findings.run) }</p>
        <h3>{ "Alternatives considered" }</h3>
        <ul>{ for plan.alternatives.iter().zip(&findings.alternatives).map(|(other, (measures, report))| html! {
            <li><b>{ other.name.clone() }</b>{ format!(": {} {}", other.why_not, record::beside(measures, report.as_ref(), &findings.run)) }</li>
        }) }</ul>
        <div class="turns">
            <button class="btn" id="decide-record" onclick={save}>{ "Download decision record" }</button>
            <button class="btn" id="decide-print" onclick={print}>{ "Print" }</button>
        </div>
    </> }
}

/// Two bars with their numbers: this profile and the baseline.
fn bars(ratio: &Ratio) -> Html {
    let (value, baseline) = (ratio.value.unwrap_or(0.0), ratio.baseline.unwrap_or(0.0));
    let most = value.max(baseline);
    let width = |part: f64| {
        let share = if most > 0.0 && most.is_finite() {
            part / most * 100.0
        } else {
            0.0
        };
        measure::number(share)
    };
    html! { <>
        <dt>{ ratio.name }</dt>
        <dd>
            <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="own" width={width(value)} height="5" /><rect class="other" y="6" width={width(baseline)} height="4" /></svg>
            <span>{ ratio.words() }</span>
        </dd>
    </> }
}
