//! The terminal: the simulator without a browser.
//!
//! Exit status 0, 1 if a recording differs or a lesson does not hold, or 2 with a message for bad input.

use serde_json::{Map, Value, json};
#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;
use std::process::ExitCode;
#[cfg(not(target_arch = "wasm32"))]
use streamproof::conform::Conformance;
use streamproof::replay::anomalies::{self, Anomaly, Class};
use streamproof::replay::promises::{self, Promise};
use streamproof::share::{Link, Reader};
use streamproof::sim::explore;
use streamproof::sim::explore::compare::Comparing;
use streamproof::sim::explore::crash_points::{Exploration, Reach};
use streamproof::sim::explore::matrix::Filling;
use streamproof::sim::explore::prevent::Search;
use streamproof::sim::explore::seeds::Seeds;
use streamproof::sim::kernel::Time;
use streamproof::sim::ledger::Guarantee;
use streamproof::sim::tiers::{MAIN, Tiers};
use streamproof::sim::{Keep, Patch, Run, Scenario, Simulation, catalog, suggest};

const USAGE: &str = "\
usage: streamproof presets
       streamproof run SCENARIO [--patch JSON] [--seed N] [--trace FILE] [--json]
       streamproof arrivals FILE|EXAMPLE [--window KIND] [--sla PROMISES] [--json] and more, see arrivals --help
       streamproof link SCENARIO [--patch JSON] [--seed N] [--at MS] [--file]
       streamproof decide [--answer KEY=VALUE]... [--json] [--record FILE], see decide --help
       streamproof export SCENARIO [--patch JSON] [--as FORMAT]
       streamproof explore SCENARIO [--patch JSON] [--seed N] [--faults NAMES] [--hosts NAMES] [--pairs N]
                           [--no-outbox] [--keep-faults] [--unmerged] [--strip] [--json]
       streamproof matrix SCENARIO [--patch JSON] [--seed N] [--orders N] [--json]
       streamproof compare SCENARIO --with JSON [--patch JSON] [--seed N] [--json]
       streamproof seeds SCENARIO [--seeds N] [--patch JSON] [--seed N] [--json]
       streamproof prevent SCENARIO [--order N] [--patch JSON] [--seed N] [--json]
       streamproof conform PATH... [--json]
       streamproof lesson check [PATH], new NAME or show PATH, see lesson --help

SCENARIO is a preset's name, a scenario file, a run file or a link. A patch is a JSON merge patch, such as
'{\"producer\": {\"enable.idempotence\": true}}'. --trace writes one fact a line.
link writes the run as the end of the page's address, with its digest; with --file as a run file.
export writes the settings that a scenario stands for, as the real systems read them: all that are in use, or one FORMAT of
producer, consumer, topic, brokers, pyspark, hudi, flink-java, flink-sql.
explore crashes each host before each of its steps, loses each acknowledgement, and counts what comes of it; the scenario's
own faults are left out unless --keep-faults is given. --faults takes names of the fault menu, --hosts names of hosts, both
with commas between them. --no-outbox: the producing application forgets what it has not sent when it dies. --pairs runs up to so many pairs of faults. --unmerged runs points that cannot differ one by one.
--strip adds the outcome at every single point to --json.
matrix explores every combination of settings with the first few orders (6). compare runs the scenario (A) and the same with
one more patch (B) on one seed. seeds runs so many seeds (100) from --seed on. prevent changes one setting at a time and
tells which change would have helped, all orders or one.
conform holds recordings of real systems, files or folders, against the simulator; exit status 1 if one differs.
";

const VERBS: [&str; 13] = [
    "presets", "run", "arrivals", "link", "decide", "export", "explore", "matrix", "compare",
    "seeds", "prevent", "conform", "lesson",
];

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
        ["link", rest @ ..] => link(rest),
        ["decide", rest @ ..] => decide(rest),
        ["export", rest @ ..] => export(rest),
        ["explore", rest @ ..] => crash_points(rest),
        ["matrix", rest @ ..] => matrix(rest),
        ["compare", rest @ ..] => compare(rest),
        ["seeds", rest @ ..] => seeds(rest),
        ["prevent", rest @ ..] => prevent(rest),
        ["conform", rest @ ..] => match conform(rest) {
            Ok(0) => Ok(()),
            Ok(_) => return ExitCode::from(1),
            Err(problem) => Err(problem),
        },
        ["lesson", rest @ ..] => match lesson(rest) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::from(1),
            Err(problem) => Err(problem),
        },
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        [verb, ..] => {
            let hint = suggest::did_you_mean(verb, VERBS);
            let accepted = VERBS.join(", ");
            Err(format!(
                "no verb named \"{verb}\"{hint}; accepted are {accepted}\n\n{USAGE}"
            ))
        }
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

/// Answers whether every lesson held.
#[cfg(not(any(target_arch = "wasm32", feature = "lean")))]
fn lesson(words: &[&str]) -> Result<bool, String> {
    let (text, held) = streamproof::lesson::command::run(words)?;
    print!("{text}");
    Ok(held)
}

#[cfg(any(target_arch = "wasm32", feature = "lean"))]
fn lesson(_: &[&str]) -> Result<bool, String> {
    Err("lesson reads and writes files, so it exists in native builds only".into())
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

/// From answers to a decision record.
#[cfg(not(any(target_arch = "wasm32", feature = "lean")))]
fn decide(words: &[&str]) -> Result<(), String> {
    use streamproof::decide::command;
    if words.contains(&"--help") {
        print!("{}", command::USAGE);
        return Ok(());
    }
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .map_err(|error| format!("--check: cannot read {path}: {error}"))
    };
    let (text, files) = command::run(words, read)?;
    for (path, content) in files {
        std::fs::write(&path, content).map_err(|error| format!("cannot write {path}: {error}"))?;
    }
    print!("{text}");
    Ok(())
}

#[cfg(any(target_arch = "wasm32", feature = "lean"))]
fn decide(_: &[&str]) -> Result<(), String> {
    Err("decide exists in native builds only".into())
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

const EXPLORE: &[&str] = &[
    "--patch",
    "--seed",
    "--faults",
    "--hosts",
    "--pairs",
    "--no-outbox",
    "--keep-faults",
    "--unmerged",
    "--strip",
    "--json",
];

fn crash_points(words: &[&str]) -> Result<(), String> {
    let options = Options::parse("explore", words, EXPLORE)?;
    if options.strip && !options.json {
        return Err("--strip is a part of --json; give both".into());
    }
    let report = Exploration::run(&options.load()?, options.reach())
        .map_err(|error| format!("--{error}"))?;
    if options.json {
        let mut json = report.to_json();
        if options.strip {
            json["strip"] =
                serde_json::to_value(&report.strip).map_err(|error| error.to_string())?;
        }
        println!("{json}");
    } else {
        print!("{}", report.to_text());
    }
    Ok(())
}

/// Prints one of the two.
fn print(json: bool, object: impl FnOnce() -> Value, text: impl FnOnce() -> String) {
    if json {
        println!("{}", object());
    } else {
        print!("{}", text());
    }
}

fn matrix(words: &[&str]) -> Result<(), String> {
    let options = Options::parse(
        "matrix",
        words,
        &["--patch", "--seed", "--orders", "--json"],
    )?;
    let orders = options.orders.unwrap_or(6).max(1);
    let axes = explore::matrix::axes();
    let matrix = Filling::run(&options.load()?, &axes, orders, &Reach::default());
    let matrix = matrix.map_err(|error| error.to_string())?;
    print(options.json, || matrix.to_json(), || matrix.to_text());
    Ok(())
}

fn compare(words: &[&str]) -> Result<(), String> {
    let accepted = ["--with", "--patch", "--seed", "--json"];
    let options = Options::parse("compare", words, &accepted)?;
    let scenario = options.load()?;
    let other = options.with.ok_or(
        "compare needs --with, the patch that makes B of A, such as '{\"producer\": {\"acks\": \"1\"}}'",
    )?;
    let other = Patch::parse(other).and_then(|patch| scenario.patched(&patch));
    let other = other.map_err(|error| format!("--with: {error}"))?;
    let comparison =
        Comparing::run(&scenario, &other).map_err(|error| format!("--with: {error}"))?;
    print(
        options.json,
        || comparison.to_json(),
        || comparison.to_text(),
    );
    Ok(())
}

fn seeds(words: &[&str]) -> Result<(), String> {
    let accepted = ["--seeds", "--patch", "--seed", "--json"];
    let options = Options::parse("seeds", words, &accepted)?;
    let report = Seeds::run(&options.load()?, options.seeds.unwrap_or(100));
    let report = report.map_err(|error| format!("--{error}"))?;
    print(options.json, || report.to_json(), || report.to_text());
    Ok(())
}

fn prevent(words: &[&str]) -> Result<(), String> {
    let accepted = ["--order", "--patch", "--seed", "--json"];
    let options = Options::parse("prevent", words, &accepted)?;
    let found = Search::run(&options.load()?, options.order);
    let found = found.map_err(|error| format!("--{error}"))?;
    print(options.json, || found.to_json(), || found.to_text());
    Ok(())
}

#[derive(Default)]
struct Options<'a> {
    scenario: &'a str,
    patch: Option<&'a str>,
    seed: Option<u64>,
    trace: Option<&'a str>,
    at: Option<u64>,
    format: Option<&'a str>,
    faults: Vec<String>,
    hosts: Vec<String>,
    pairs: u32,
    orders: Option<u32>,
    order: Option<u32>,
    seeds: Option<u32>,
    with: Option<&'a str>,
    no_outbox: bool,
    keep_faults: bool,
    unmerged: bool,
    strip: bool,
    json: bool,
    file: bool,
}

impl<'a> Options<'a> {
    /// The options of a verb, which accepts those named.
    fn parse(verb: &str, words: &[&'a str], accepted: &[&str]) -> Result<Self, String> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if word.starts_with('-') && !accepted.contains(&word) {
                let hint = suggest::did_you_mean(word, accepted.iter().copied());
                let accepted = accepted.join(", ");
                return Err(format!(
                    "no option named \"{word}\"{hint}; accepted are {accepted}"
                ));
            }
            let mut value = || {
                let value = words.next().copied();
                value.ok_or_else(|| format!("{word} needs a value"))
            };
            match word {
                "--patch" => options.patch = Some(value()?),
                "--trace" => options.trace = Some(value()?),
                "--seed" => options.seed = Some(whole(word, value()?)?),
                "--faults" => options.faults = names(value()?),
                "--hosts" => options.hosts = names(value()?),
                "--pairs" => options.pairs = whole(word, value()?)?,
                "--orders" => options.orders = Some(whole(word, value()?)?),
                "--order" => options.order = Some(whole(word, value()?)?),
                "--seeds" => options.seeds = Some(whole(word, value()?)?),
                "--with" => options.with = Some(value()?),
                "--no-outbox" => options.no_outbox = true,
                "--keep-faults" => options.keep_faults = true,
                "--unmerged" => options.unmerged = true,
                "--strip" => options.strip = true,
                "--as" => options.format = Some(value()?),
                "--at" => options.at = Some(whole(word, value()?)?),
                "--file" => options.file = true,
                "--json" => options.json = true,
                name if options.scenario.is_empty() => options.scenario = name,
                extra => {
                    return Err(format!(
                        "one scenario at a time: \"{extra}\" is one too many"
                    ));
                }
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

    /// The scenario alone.
    fn load(&self) -> Result<Scenario, String> {
        Ok(self.shared()?.scenario)
    }

    fn reach(&self) -> Reach {
        Reach {
            faults: self.faults.clone(),
            hosts: self.hosts.clone(),
            pairs: self.pairs,
            merge: !self.unmerged,
            outbox: !self.no_outbox,
            keep_faults: self.keep_faults,
            ..Reach::default()
        }
    }
}

/// A whole number that fits.
fn whole<T: TryFrom<u64>>(option: &str, text: &str) -> Result<T, String> {
    let most = u64::MAX >> (64 - 8 * size_of::<T>());
    text.parse()
        .ok()
        .and_then(|value: u64| T::try_from(value).ok())
        .ok_or_else(|| format!("{option}: \"{text}\" is no whole number from 0 to {most}"))
}

fn names(list: &str) -> Vec<String> {
    list.split(',')
        .map(|name| name.trim().to_string())
        .collect()
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
        .filter(|&at| at == 0 || name[..at].ends_with(['#', '?']))
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
