//! The terminal: the simulator without a browser.
//!
//! Exit status 0, 1 if a recording differs, or 2 with a message for bad input.

use serde_json::{Map, Value, json};
#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;
use std::process::ExitCode;
#[cfg(not(target_arch = "wasm32"))]
use streamproof::conform::Conformance;
use streamproof::replay::anomalies::{self, Anomaly, Class};
use streamproof::replay::promises::{self, Promise};
use streamproof::sim::catalog;
use streamproof::sim::ledger::Guarantee;
use streamproof::sim::tiers::{MAIN, Tiers};
use streamproof::sim::{Keep, Patch, Run, Scenario, Simulation};

const USAGE: &str = "\
usage: streamproof presets
       streamproof run SCENARIO [--patch JSON] [--seed N] [--trace FILE] [--json]
       streamproof arrivals FILE|EXAMPLE [--window KIND] [--sla PROMISES] [--json] and more, see arrivals --help
       streamproof conform PATH... [--json]

SCENARIO is a preset's name or a scenario file. A patch is a JSON merge patch, such as
'{\"producer\": {\"enable.idempotence\": true}}'. --trace writes one fact a line.
conform holds recordings of real systems, files or folders, against the simulator; exit status 1 if one differs.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["presets"] => {
            presets();
            Ok(())
        }
        ["run", rest @ ..] => run(rest),
        #[cfg(not(feature = "lean"))]
        ["arrivals", rest @ ..] => arrivals(rest),
        ["conform", rest @ ..] => match conform(rest) {
            Ok(0) => Ok(()),
            Ok(_) => return ExitCode::from(1),
            Err(problem) => Err(problem),
        },
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        [verb, ..] => Err(format!(
            "no verb named \"{verb}\"; accepted are presets, run, arrivals and conform\n\n{USAGE}"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("streamproof: {problem}");
            ExitCode::from(2)
        }
    }
}

fn presets() {
    for preset in catalog::all() {
        println!("{}\t{}", preset.id, preset.title());
    }
}

/// Answers how many recordings differ.
#[cfg(not(target_arch = "wasm32"))]
fn conform(words: &[&str]) -> Result<usize, String> {
    let (options, paths): (Vec<&str>, Vec<&str>) =
        words.iter().partition(|word| word.starts_with('-'));
    if let Some(option) = options.iter().find(|&&option| option != "--json") {
        return Err(format!("no option named \"{option}\"; accepted is --json"));
    }
    if paths.is_empty() {
        return Err(format!(
            "conform needs a recording or a folder of them\n\n{USAGE}"
        ));
    }
    let paths: Vec<&Path> = paths.into_iter().map(Path::new).collect();
    let conformance = Conformance::of(&paths).map_err(|error| error.to_string())?;
    if options.is_empty() {
        print!("{conformance}");
    } else {
        println!("{}", conformance.to_json());
        eprintln!("{}", conformance.summary());
    }
    Ok(conformance.failed())
}

#[cfg(target_arch = "wasm32")]
fn conform(_: &[&str]) -> Result<usize, String> {
    Err("conform reads files, so it exists in native builds only".into())
}

/// The learner's own arrivals.
#[cfg(not(feature = "lean"))]
fn arrivals(words: &[&str]) -> Result<(), String> {
    use streamproof::arrivals::command;
    if words.contains(&"--help") {
        print!("{}", command::USAGE);
        return Ok(());
    }
    let read = |path: &str| std::fs::read(path).map_err(|error| error.to_string());
    let (text, files) = command::run(words, read)?;
    for (path, content) in files {
        std::fs::write(&path, content).map_err(|error| format!("cannot write {path}: {error}"))?;
    }
    print!("{text}");
    Ok(())
}

fn run(words: &[&str]) -> Result<(), String> {
    let options = Options::parse(words)?;
    let mut scenario = load(options.scenario)?;
    if let Some(patch) = options.patch {
        let patch = Patch::parse(patch).map_err(|error| format!("--patch: {error}"))?;
        scenario = scenario
            .patched(&patch)
            .map_err(|error| format!("--patch: {error}"))?;
    }
    if let Some(seed) = options.seed {
        scenario.seed = seed;
    }
    // A trace takes memory, and anomalies are read from it.
    let keep = if options.trace.is_some() || scenario.workload.orders <= JUDGED_ORDERS {
        Keep::Trace
    } else {
        Keep::LedgerOnly
    };
    let run = Simulation::run(&scenario, keep);
    if let (Some(path), Some(trace)) = (options.trace, &run.trace) {
        std::fs::write(path, trace.text())
            .map_err(|error| format!("--trace: cannot write {path}: {error}"))?;
    }
    if options.json {
        println!("{}", to_json(&scenario, &run));
    } else {
        print!("{}", to_text(&scenario, &run));
    }
    Ok(())
}

/// Longer runs are not searched for anomalies, unless their trace is asked for.
const JUDGED_ORDERS: u32 = 20_000;

/// Anomalies of the run, and what its settings promise; none without a trace.
fn judged(scenario: &Scenario, run: &Run) -> Option<(Vec<Anomaly>, Vec<Promise>)> {
    let anomalies = anomalies::of(scenario, run.trace.as_ref()?);
    let promises = promises::of(scenario, run, &anomalies);
    Some((anomalies, promises))
}

#[derive(Default)]
struct Options<'a> {
    scenario: &'a str,
    patch: Option<&'a str>,
    seed: Option<u64>,
    trace: Option<&'a str>,
    json: bool,
}

impl<'a> Options<'a> {
    fn parse(words: &[&'a str]) -> Result<Self, String> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .copied()
                    .ok_or_else(|| format!("{word} needs a value"))
            };
            match word {
                "--patch" => options.patch = Some(value()?),
                "--trace" => options.trace = Some(value()?),
                "--seed" => {
                    let text = value()?;
                    options.seed = Some(text.parse().map_err(|_| {
                        format!(
                            "--seed: \"{text}\" is no whole number from 0 to {}",
                            u64::MAX
                        )
                    })?);
                }
                "--json" => options.json = true,
                option if option.starts_with('-') => {
                    return Err(format!(
                        "no option named \"{option}\"; accepted are --patch, --seed, --trace and --json"
                    ));
                }
                name if options.scenario.is_empty() => options.scenario = name,
                extra => {
                    return Err(format!(
                        "one scenario at a time: \"{extra}\" is one too many"
                    ));
                }
            }
        }
        if options.scenario.is_empty() {
            return Err(format!("run needs a scenario\n\n{USAGE}"));
        }
        Ok(options)
    }
}

fn load(name: &str) -> Result<Scenario, String> {
    if let Some(preset) = catalog::find(name) {
        return Ok(preset.scenario());
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        let known: Vec<&str> = catalog::all().iter().map(|preset| preset.id).collect();
        format!(
            "\"{name}\" is neither a preset ({}) nor a file that can be read: {error}",
            known.join(", ")
        )
    })?;
    Scenario::parse(&text).map_err(|error| format!("{name}: {error}"))
}

fn to_json(scenario: &Scenario, run: &Run) -> Value {
    let mut object = Map::new();
    if let Value::Object(metrics) = run.verdict.to_json() {
        object.extend(metrics);
    }
    let branches = run
        .branches
        .iter()
        .map(|(name, verdict)| (name.clone(), verdict.to_json()));
    object.insert("branches".into(), Value::Object(branches.collect()));
    if let Some((anomalies, promises)) = judged(scenario, run) {
        let found = anomalies::tally(&anomalies);
        let class = |&(class, found, legal): &(Class, usize, usize)| {
            let counts = json!({"found": found, "legal": legal});
            (class.name().to_string(), counts)
        };
        let found = found.iter().map(class).collect();
        object.insert("anomalies".into(), Value::Object(found));
        let promise = |promise: &Promise| json!({"promise": promise.says, "because": promise.because, "violations": promise.broken});
        object.insert("promises".into(), promises.iter().map(promise).collect());
    }
    let whole = &run.end_to_end;
    object.insert(
        "end_to_end".into(),
        json!({
            "ends": whole.ends.iter().map(|name| segment_name(name)).collect::<Vec<_>>(),
            "src": whole.counts.src, "delivered": whole.counts.delivered, "lost": whole.counts.lost,
            "refused": whole.counts.refused, "late": whole.counts.late, "pending": whole.counts.pending,
            "dup": whole.dup, "stale": whole.stale, "not_refuted": whole.guarantee(),
        }),
    );
    object.insert("digest".into(), run.digest_text().into());
    object.insert("ended".into(), json!(run.ended));
    object.insert("end_ms".into(), run.end.ms().into());
    object.insert("events".into(), run.events.into());
    Value::Object(object)
}

/// How a segment is called where it stands beside others.
fn segment_name(name: &str) -> &str {
    if name.is_empty() { MAIN } else { name }
}

/// One line a segment and one for the whole, if the pipeline has several tiers or more than one branch.
fn tiers_to_text(scenario: &Scenario, run: &Run) -> String {
    let tiers = Tiers::of(scenario);
    if !tiers.are_chained() && run.branches.len() < 2 {
        return String::new();
    }
    let mut text =
        String::from("\nsegment by segment: what was not refuted, and what each added itself\n");
    let verdicts = std::iter::once(&run.verdict).chain(run.branches.values());
    let names = std::iter::once("").chain(run.branches.keys().map(String::as_str));
    let names: Vec<&str> = names.map(segment_name).collect();
    for ((&name, verdict), before) in names.iter().zip(verdicts).zip(&tiers.before) {
        let from = before.map_or(scenario.topic.name.as_str(), |place| names[place]);
        let counts = verdict.counts;
        let found = Guarantee::not_refuted(verdict.dup, counts.lost).name();
        text += &format!(
            "  {name} (from {from}): {found}; {} of {} delivered, {} duplicates ({} own), {} lost ({} own), {} stale\n",
            counts.delivered,
            counts.src,
            verdict.dup,
            verdict.own_dup,
            counts.lost,
            verdict.own_lost,
            verdict.stale
        );
    }
    let whole = &run.end_to_end;
    let ends: Vec<&str> = whole.ends.iter().map(|name| segment_name(name)).collect();
    text + &format!(
        "  end to end ({}): {}; {} of {} everywhere, {} duplicates, {} lost, {} refused, {} late, {} in flight, {} stale\n\n",
        ends.join(", "),
        whole.guarantee().name(),
        whole.counts.delivered,
        whole.counts.src,
        whole.dup,
        whole.counts.lost,
        whole.counts.refused,
        whole.counts.late,
        whole.counts.pending,
        whole.stale
    )
}

fn to_text(scenario: &Scenario, run: &Run) -> String {
    let counts = run.verdict.counts;
    let mut text = format!(
        "{} sent = {} delivered + {} lost + {} refused + {} late + {} in flight\n{} duplicates, {} rows, {} log entries\n",
        counts.src,
        counts.delivered,
        counts.lost,
        counts.refused,
        counts.late,
        counts.pending,
        run.verdict.dup,
        run.verdict.rows,
        run.verdict.stored
    );
    for outcome in &run.outcomes {
        text += &format!(
            "{:>12} s  order {} {:?}\n",
            outcome.at.to_string(),
            outcome.order,
            outcome.kind
        );
    }
    for (name, verdict) in &run.branches {
        let counts = verdict.counts;
        text += &format!(
            "{name}: {} sent = {} delivered + {} lost + {} refused + {} late + {} in flight, {} counted twice\n",
            counts.src,
            counts.delivered,
            counts.lost,
            counts.refused,
            counts.late,
            counts.pending,
            verdict.dup
        );
    }
    if let Some((anomalies, promises)) = judged(scenario, run) {
        let class = |(class, found, legal): (Class, usize, usize)| match (found, legal) {
            (found, 0) => format!("{} {found}", class.name()),
            (0, legal) => format!("{} {legal} (legal)", class.name()),
            (found, legal) => format!("{} {found} and {legal} (legal)", class.name()),
        };
        let found: Vec<String> = anomalies::tally(&anomalies)
            .into_iter()
            .map(class)
            .collect();
        let found = if found.is_empty() {
            "none".into()
        } else {
            found.join(", ")
        };
        text += &format!("anomalies: {found}\n");
        for promise in promises {
            let kept = match promise.broken {
                0 => "kept in this run".to_string(),
                n => format!("VIOLATED {n} times"),
            };
            text += &format!("promise: {} ({}): {kept}\n", promise.says, promise.because);
        }
    }
    text += &tiers_to_text(scenario, run);
    text + &format!(
        "digest {}, ended {:?} at {} s after {} events\n",
        run.digest_text(),
        run.ended,
        run.end,
        run.events
    )
}
