//! Every lesson is read, its claims hold on its runs, its tasks cannot be had for nothing, and its wrong answers are wrong.

use std::collections::BTreeMap;
use std::fs;
use streamproof::lesson::check::{Evidence, Standing};
use streamproof::lesson::course::Course;
use streamproof::lesson::glossary::Glossary;
use streamproof::lesson::proof::{self, Finding, Solutions};
use streamproof::lesson::{AskKind, Lesson, Part, Step};
use streamproof::sim::{Keep, OutcomeKind, Patch, Run, Scenario, Simulation};

const COURSE: &str = "lessons/course.json";

fn course() -> Course {
    let text = fs::read_to_string(COURSE).expect("the course can be read");
    Course::parse(COURSE, &text).unwrap_or_else(|error| panic!("{error}"))
}

fn lessons() -> Vec<(String, Lesson)> {
    let course = course();
    let ids = course
        .modules
        .iter()
        .flat_map(|module| module.lessons.clone());
    ids.map(|id| {
        let path = format!(
            "lessons/{}",
            course.place(&id, "en").expect("is in the course").path
        );
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let lesson = Lesson::parse(&path, &text).unwrap_or_else(|error| panic!("{error}"));
        (id, lesson)
    })
    .collect()
}

/// Nothing is found in any lesson.
fn none_is_found(by: impl Fn(&Lesson) -> Vec<Finding>) {
    for (id, lesson) in lessons() {
        let found: Vec<String> = by(&lesson)
            .into_iter()
            .map(|finding| format!("{id}:{}: {}", finding.line, finding.problem))
            .collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

fn lesson(id: &str) -> Lesson {
    lessons()
        .into_iter()
        .find(|(found, _)| found == id)
        .expect("there is one")
        .1
}

fn run(scenario: &Scenario, seed: u64) -> Run {
    let mut scenario = scenario.clone();
    scenario.seed = seed;
    Simulation::run(&scenario, Keep::LedgerOnly)
}

fn standing(step: &Step, task: usize, base: &Scenario, patch: &str, seed: u64) -> Standing {
    let scenario = base
        .patched(&Patch::parse(patch).expect("valid"))
        .unwrap_or_else(|error| panic!("{error}"));
    let evidence = Evidence {
        run: &run(&scenario, seed),
        scenario: &scenario,
        base,
        base_run: Some(&run(base, seed)),
        answered: &[],
        traced: &[],
    };
    step.tasks()
        .nth(task)
        .expect("a task")
        .check
        .standing(&evidence)
}

#[test]
fn every_claim_holds_on_the_run_of_its_step_and_with_other_seeds() {
    none_is_found(|lesson| proof::claims(lesson, proof::SEEDS));
    let claims = |lesson: &Lesson| lesson.steps.iter().map(|step| step.claims().len()).sum();
    let claims: Vec<usize> = lessons().iter().map(|(_, lesson)| claims(lesson)).collect();
    assert!(claims.iter().all(|claims| *claims > 0), "{claims:?}");
}

#[test]
fn outcomes_and_totals_tell_the_same() {
    let of = |run: &Run, wanted: fn(&OutcomeKind) -> bool| {
        run.outcomes
            .iter()
            .filter(|outcome| wanted(&outcome.kind))
            .count() as u32
    };
    for (id, lesson) in lessons() {
        let mut before = None;
        for number in 0..lesson.steps.len() {
            let scenario = lesson.scenario(number).expect("valid");
            if before.as_ref() == Some(&scenario) {
                continue;
            }
            for seed in 1..=5 {
                let run = run(&scenario, seed);
                let counts = run.verdict.counts;
                let told = [
                    of(&run, |kind| *kind == OutcomeKind::Refused),
                    of(&run, |kind| matches!(kind, OutcomeKind::Lost(_))),
                    of(&run, |kind| *kind == OutcomeKind::DroppedLate),
                ];
                assert_eq!(
                    told,
                    [counts.refused, counts.lost, counts.late],
                    "{id}, step {}, seed {seed}: refused, lost, late",
                    number + 1
                );
            }
            before = Some(scenario);
        }
    }
}

#[test]
fn no_task_is_passed_by_the_run_it_starts_from() {
    none_is_found(|lesson| proof::tasks(lesson, proof::SEEDS));
}

#[test]
fn every_control_exists_every_lesson_predicts_and_the_right_answer_has_no_place_of_its_own() {
    none_is_found(proof::questions);
}

fn step_with(lesson: &Lesson, heading: &str) -> usize {
    lesson
        .steps
        .iter()
        .position(|step| step.heading == heading)
        .unwrap_or_else(|| panic!("no step \"{heading}\""))
}

#[test]
fn lost_ack_the_first_task_needs_the_retries_and_nothing_else() {
    let lesson = lesson("lost-ack");
    let number = step_with(&lesson, "Trade lost orders for doubled ones");
    let (step, base) = (
        &lesson.steps[number],
        lesson.scenario(number).expect("valid"),
    );
    for seed in 1..=20 {
        assert!(
            matches!(standing(step, 0, &base, "{}", seed), Standing::NotYet(_)),
            "seed {seed}: passes with retries=0"
        );
        for retries in ["2147483647", "10"] {
            let patch = format!(r#"{{"producer": {{"retries": {retries}}}}}"#);
            assert_eq!(
                standing(step, 0, &base, &patch, seed),
                Standing::Passed,
                "seed {seed}, retries={retries}"
            );
        }
        let too_much = r#"{"producer": {"retries": 2147483647, "linger.ms": 20}}"#;
        assert!(
            matches!(
                standing(step, 0, &base, too_much, seed),
                Standing::NotYet(_)
            ),
            "seed {seed}: passes with another change"
        );
        let removed = r#"{"producer": {"retries": 2147483647}, "faults": {"lost-requests": null}}"#;
        assert!(
            matches!(standing(step, 0, &base, removed, seed), Standing::NotYet(_)),
            "seed {seed}: passes without the fault"
        );
    }
}

#[test]
fn lost_ack_the_second_task_needs_idempotence() {
    let lesson = lesson("lost-ack");
    let number = step_with(&lesson, "Pay neither price");
    let (step, base) = (
        &lesson.steps[number],
        lesson.scenario(number).expect("valid"),
    );
    for seed in 1..=20 {
        for patch in [
            r#"{"producer": {"retries": 2147483647, "enable.idempotence": true}}"#,
            r#"{"producer": {"retries": 2147483647, "enable.idempotence": null}}"#,
            r#"{"producer": {"retries": 2147483647, "enable.idempotence": true, "max.in.flight.requests.per.connection": 1}}"#,
        ] {
            for task in 0..2 {
                assert_eq!(
                    standing(step, task, &base, patch, seed),
                    Standing::Passed,
                    "seed {seed}, task {task}: {patch}"
                );
            }
        }
        for patch in [
            "{}",
            r#"{"producer": {"retries": 2147483647}}"#,
            r#"{"producer": {"retries": 2147483647, "max.in.flight.requests.per.connection": 1}}"#,
        ] {
            assert!(
                matches!(standing(step, 0, &base, patch, seed), Standing::NotYet(_)),
                "seed {seed}: passes with {patch}"
            );
        }
    }
}

#[test]
fn lost_ack_the_wrong_answers_are_refuted_by_runs() {
    let lesson = lesson("lost-ack");
    let of = |ask: &str, option: &str| {
        let number = lesson
            .steps
            .iter()
            .position(|step| step.asks().any(|found| found.id == ask))
            .expect("a step");
        let AskKind::Choice(options) = &lesson.steps[number]
            .asks()
            .find(|found| found.id == ask)
            .expect("an ask")
            .kind
        else {
            panic!("{ask} is no choice")
        };
        let option = options
            .iter()
            .find(|found| found.say.starts_with(option))
            .unwrap_or_else(|| panic!("no option {option}"));
        let patch = option
            .refuted_by
            .as_ref()
            .unwrap_or_else(|| panic!("{} is not refuted", option.say));
        let scenario = lesson
            .scenario(number)
            .expect("valid")
            .patched(patch)
            .expect("valid");
        run(&scenario, scenario.seed).verdict
    };
    // Two rows for one order: neither none nor one.
    assert_eq!(of("p1", "None").dup, 1);
    assert_eq!(of("p1", "One").dup, 1);
    assert_eq!(of("p2", "Only the break on the way there").dup, 0);
    assert_eq!(of("p2", "Both").dup, 0);
    assert!(of("p2", "Neither").dup > 0);
    assert!(of("q1", "No.").phantom > 0);
    assert!(of("q1", "Yes").counts.refused > 0);
    let one_in_flight = of("q2", "max.in.flight");
    assert!(one_in_flight.dup > 0 && one_in_flight.reorder == 0);
    assert!(of("q2", "A longer").dup > 0);
}

/// `tests/lessons/solutions.json`: by lesson and heading of a task's step, patches that pass all of its checks and patches
/// that leave one undone, each over seeds 1 to 20.
#[test]
fn tasks_are_passed_by_what_solves_them_and_by_nothing_less() {
    let text = fs::read_to_string("tests/lessons/solutions.json").expect("there is one");
    let solutions: BTreeMap<String, Solutions> = serde_json::from_str(&text).expect("solutions");
    let lessons: BTreeMap<String, Lesson> = lessons().into_iter().collect();
    // Half of them in a thread of their own: it is the longest test of this file.
    let failed = |all: Vec<(&String, &Solutions)>| -> Vec<String> {
        all.into_iter()
            .flat_map(|(id, solutions)| {
                assert!(
                    solutions.values().all(|step| !step.pass.is_empty()),
                    "{id}: a step without a solution"
                );
                let lesson = lessons.get(id).unwrap_or_else(|| panic!("no lesson {id}"));
                let found = proof::solved(lesson, solutions, proof::SEEDS);
                found
                    .into_iter()
                    .map(move |finding| format!("{id}: {}", finding.problem))
            })
            .collect()
    };
    let (even, odd): (Vec<_>, Vec<_>) = solutions.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let found = std::thread::scope(|scope| {
        let halves = [even, odd].map(|half| half.into_iter().map(|(_, one)| one).collect());
        let halves = halves.map(|half| scope.spawn(move || failed(half)));
        halves.map(|half| half.join().expect("no panic")).concat()
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_gauntlet_is_run_against_solutions() {
    let text = fs::read_to_string("tests/lessons/solutions.json").expect("there is one");
    let solutions: BTreeMap<String, Solutions> = serde_json::from_str(&text).expect("solutions");
    for (id, lesson) in lessons() {
        for step in &lesson.steps {
            let is_solved = solutions
                .get(&id)
                .is_some_and(|of| of.contains_key(&step.heading));
            let suites: Vec<&str> = step.tasks().flat_map(|task| task.check.suites()).collect();
            assert!(
                suites.is_empty() || is_solved,
                "{id}, \"{}\": {} without a solution in solutions.json",
                step.heading,
                suites.join(", ")
            );
        }
    }
}

#[test]
fn every_term_of_a_lesson_is_in_the_glossary_and_met_where_it_says() {
    let text = fs::read_to_string("lessons/en/glossary.md").expect("there is one");
    let glossary = Glossary::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert!(glossary.terms.len() >= 60, "{}", glossary.terms.len());
    assert_eq!(glossary.misplaced(&course()), []);
    let lessons: BTreeMap<String, Lesson> = lessons().into_iter().collect();
    for (id, lesson) in &lessons {
        let parts = lesson.steps.iter().flat_map(|step| &step.parts);
        let terms = parts.filter_map(|part| match part {
            Part::Glossary(terms) => Some(terms),
            _ => None,
        });
        for (term, _) in terms.flatten() {
            assert!(glossary.find(term).is_some(), "{id}: no term \"{term}\"");
        }
    }
    for term in &glossary.terms {
        let place = course().place(&term.lesson, "en").expect("is there").path;
        let place = format!("lessons/{place}");
        let text = fs::read_to_string(&place)
            .expect("can be read")
            .to_ascii_lowercase();
        let mut names = std::iter::once(&term.term).chain(&term.also);
        let is_met = names.any(|name| text.contains(&name.to_ascii_lowercase()));
        assert!(is_met, "{place} does not speak of \"{}\"", term.term);
    }
}

/// Every wrong answer that names a run has a valid scenario that runs to its end.
#[test]
fn every_refutation_runs() {
    none_is_found(proof::refutations);
}

/// A lesson that breaks one rule: what is found, without its place.
fn found_in(body: &str) -> Vec<String> {
    let head = "# T\n\n```lesson\n{\"scenario\": \"order-billing\"}\n```\n\n";
    let text = format!("{head}{body}");
    let lesson = Lesson::parse("l.md", &text).unwrap_or_else(|error| panic!("{error}"));
    let found = proof::of(&lesson, 2);
    found
        .into_iter()
        .map(|finding| format!("{}: {}", finding.line, finding.problem))
        .collect()
}

#[test]
fn what_does_not_hold_is_found_with_its_line() {
    let asked = "## predict: a\n\n```ask\n{\"id\": \"p\", \"sure\": true, \"kind\": \"number\", \"ask\": \"?\", \"answer\": \"dup\"}\n```\n\n";
    let fine = "[one](check:dup == 1 && rows == 41) and [none](check:lost == 0)\n";
    assert_eq!(found_in(&format!("{asked}{fine}")), [""; 0]);
    for (body, problem) in [
        (
            format!("{asked}x\n\n[two](check:dup == 2)\n"),
            "15: claim \"dup == 2\" of step 1, with seed 42: dup is 1, it should be == 2",
        ),
        // The half of the latencies lies elsewhere with each seed.
        (
            format!("{asked}[seed](check:p50 < 780)\n"),
            "13: claim \"p50 < 780\" of step 1, with seed 1: p50 is",
        ),
        (
            format!("{asked}## task: b\n\n```check\nrun(dup > 0) # Done.\n```\n"),
            "16: step 2: all tasks are passed before anything is changed, with seed 42",
        ),
        (
            fine_only(),
            "1: nothing is predicted; expected an ask with \"sure\": true",
        ),
        (
            asked.replace("dup", "fresh_p95"),
            "9: ask \"p\": answer \"fresh_p95\": fresh_p95 has no value in this run",
        ),
        (
            format!(
                "{asked}{}",
                CHOICE
                    .replace("WRONG", "{\"producer\": {\"acks\": \"2\"}}")
                    .replace("RIGHT", "null")
            ),
            "13: ask \"q\", refutation of \"x\": producer: unknown variant",
        ),
        (
            format!(
                "{asked}{}",
                CHOICE.replace("WRONG", "null").replace("RIGHT", "{}")
            ),
            "13: ask \"q\": the right answer has a refutation",
        ),
    ] {
        let found = found_in(&body);
        assert!(
            found.len() == 1 && found[0].starts_with(problem),
            "{body}: {found:?}"
        );
    }
}

fn fine_only() -> String {
    "## scene: a\n\n[one](check:dup == 1)\n".into()
}

const CHOICE: &str = "```ask\n{\"id\": \"q\", \"kind\": \"choice\", \"ask\": \"?\", \"options\": [{\"say\": \"x\", \"why\": \"y\", \"refuted_by\": WRONG}, {\"say\": \"z\", \"right\": true, \"why\": \"y\", \"refuted_by\": RIGHT}]}\n```\n";
