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
use streamproof::share::{Link, Reader};
use streamproof::sim::catalog;
use streamproof::sim::kernel::Time;
use streamproof::sim::{Keep, Patch, Run, Scenario, Simulation};

const USAGE: &str = "\
usage: streamproof presets
       streamproof run SCENARIO [--patch JSON] [--seed N] [--trace FILE] [--json]
       streamproof link SCENARIO [--patch JSON] [--seed N] [--at MS] [--file]
       streamproof export SCENARIO [--patch JSON] [--as FORMAT]
       streamproof conform PATH... [--json]

SCENARIO is a preset's name, a scenario file, a run file or a link. A patch is a JSON merge patch, such as
'{\"producer\": {\"enable.idempotence\": true}}'. --trace writes one fact a line.
link writes the run as the end of the page's address, with its digest; with --file as a run file.
export writes the settings that a scenario stands for, as the real systems read them: all that are in use, or one FORMAT of
producer, consumer, topic, brokers, pyspark, hudi.
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
        ["link", rest @ ..] => link(rest),
        ["export", rest @ ..] => export(rest),
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
            "no verb named \"{verb}\"; accepted are presets, run, link, export and conform\n\n{USAGE}"
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

fn run(words: &[&str]) -> Result<(), String> {
    let options = Options::parse("run", words, &["--patch", "--seed", "--trace", "--json"])?;
    let shared = options.shared()?;
    let scenario = shared.scenario;
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
    let reproduced = shared.digest.map(|digest| digest == run.digest);
    if options.json {
        let mut json = to_json(&scenario, &run);
        if let Some(reproduced) = reproduced {
            json["reproduced"] = reproduced.into();
        }
        println!("{json}");
    } else {
        print!("{}", to_text(&scenario, &run));
        match reproduced {
            None => {}
            Some(true) => println!("the run that was shared, reproduced exactly"),
            Some(false) => println!(
                "not the run that was shared: that was made with another simulator, so results may differ"
            ),
        }
    }
    Ok(())
}

fn link(words: &[&str]) -> Result<(), String> {
    let options = Options::parse("link", words, &["--patch", "--seed", "--at", "--file"])?;
    let mut shared = options.shared()?;
    shared.digest = Some(Simulation::run(&shared.scenario, Keep::LedgerOnly).digest);
    if options.file {
        print!("{}", shared.to_file());
        return Ok(());
    }
    let link = shared
        .write()
        .map_err(|error| format!("{error}; --file writes a run file instead"))?;
    println!("#{link}");
    Ok(())
}

#[cfg(not(target_arch = "wasm32"))]
fn export(words: &[&str]) -> Result<(), String> {
    use streamproof::export::{Format, export};
    let options = Options::parse("export", words, &["--patch", "--as"])?;
    let scenario = options.shared()?.scenario;
    let formats = match options.format {
        None => Format::in_use(&scenario),
        Some(name) => vec![Format::find(name).map_err(|error| format!("--as: {error}"))?],
    };
    let texts = formats
        .into_iter()
        .map(|format| export(&scenario, format).map_err(|error| format!("--as: {error}")));
    print!(
        "{}",
        texts.collect::<Result<Vec<String>, String>>()?.join("\n")
    );
    Ok(())
}

#[cfg(target_arch = "wasm32")]
fn export(_: &[&str]) -> Result<(), String> {
    Err("export exists in native builds only".into())
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
    at: Option<u64>,
    format: Option<&'a str>,
    json: bool,
    file: bool,
}

impl<'a> Options<'a> {
    /// The options of a verb, which accepts those named.
    fn parse(verb: &str, words: &[&'a str], accepted: &[&str]) -> Result<Self, String> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if !word.starts_with('-') {
                if !options.scenario.is_empty() {
                    return Err(format!(
                        "one scenario at a time: \"{word}\" is one too many"
                    ));
                }
                options.scenario = word;
                continue;
            }
            if !accepted.contains(&word) {
                return Err(format!(
                    "no option named \"{word}\"; accepted are {}",
                    accepted.join(", ")
                ));
            }
            let mut value = || {
                words
                    .next()
                    .copied()
                    .ok_or_else(|| format!("{word} needs a value"))
            };
            let number = |text: &str| {
                text.parse().map_err(|_| {
                    format!(
                        "{word}: \"{text}\" is no whole number from 0 to {}",
                        u64::MAX
                    )
                })
            };
            match word {
                "--patch" => options.patch = Some(value()?),
                "--trace" => options.trace = Some(value()?),
                "--as" => options.format = Some(value()?),
                "--seed" => options.seed = Some(number(value()?)?),
                "--at" => options.at = Some(number(value()?)?),
                "--json" => options.json = true,
                _ => options.file = true,
            }
        }
        if options.scenario.is_empty() {
            return Err(format!("{verb} needs a scenario\n\n{USAGE}"));
        }
        Ok(options)
    }

    /// The scenario that is meant, with the changes asked for.
    fn shared(&self) -> Result<Link, String> {
        let mut shared = load(self.scenario)?;
        if let Some(patch) = self.patch {
            shared.scenario = Patch::parse(patch)
                .and_then(|patch| shared.scenario.patched(&patch))
                .map_err(|error| format!("--patch: {error}"))?;
        }
        if let Some(seed) = self.seed {
            shared.scenario.seed = seed;
        }
        if self.patch.is_some() || self.seed.is_some() {
            shared.digest = None;
        }
        shared.at = self.at.map(Time::from_ms).or(shared.at);
        Ok(shared)
    }
}

fn load(name: &str) -> Result<Link, String> {
    if let Some(preset) = catalog::find(name) {
        return Ok(Link {
            id: preset.id,
            scenario: preset.scenario(),
            at: None,
            digest: None,
        });
    }
    // A link by itself or at the end of an address.
    if let Some(at) = name
        .find("r=1")
        .filter(|&at| at == 0 || ["#", "?"].contains(&&name[at - 1..at]))
    {
        return Link::read(&name[at..], Reader::Terminal).map_err(|error| error.to_string());
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        let known: Vec<&str> = catalog::all().iter().map(|preset| preset.id).collect();
        format!(
            "\"{name}\" is neither a preset ({}), nor a link, nor a file that can be read: {error}",
            known.join(", ")
        )
    })?;
    Link::read_file(&text, Reader::Terminal).map_err(|error| format!("{name}: {error}"))
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
    object.insert("digest".into(), run.digest_text().into());
    object.insert("ended".into(), json!(run.ended));
    object.insert("end_ms".into(), run.end.ms().into());
    object.insert("events".into(), run.events.into());
    Value::Object(object)
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
    text + &format!(
        "digest {}, ended {:?} at {} s after {} events\n",
        run.digest_text(),
        run.ended,
        run.end,
        run.events
    )
}
