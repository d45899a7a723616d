//! `streamproof arrivals`: the lab in a terminal. Words and files go in, text comes out.

use super::import::Options as Columns;
use super::models;
use super::pace::{Engine, Flink, OutputMode, Spark};
use super::replay::Config;
use super::report;
use super::session::{Ask, Lab, Told};
use super::sla::Sla;
use super::strategy::Strategy;
use super::timestamp::Unit;
use super::units;
use super::windows::Windows;
use crate::sim::suggest;
use serde_json::json;

pub const USAGE: &str = "\
usage: streamproof arrivals FILE|EXAMPLE [--window KIND]... [--strategy STRATEGY]... [--delay TIME] [--sla PROMISES]
           [--late SHARE] [--sweep N] [--engine spark|flink] [--trigger TIME] [--update] [--interval TIME]
           [--per-partition] [--idle TIME] [--lateness TIME] [--processing TIME] [--all-keys]
           [--event COLUMN] [--arrival COLUMN] [--key COLUMN] [--partition COLUMN] [--unit s|ms|us|ns|iso]
           [--save FILE] [--scenario FILE] [--json]

FILE is CSV or NDJSON with an event time and an arrival time a record (docs/arrivals.md); EXAMPLE is plant, phones or fleet.
KIND is tumbling:10s, sliding:60s:10s or session:30s. STRATEGY is fixed:5s, or with --engine flink percentile:99%, p2:99%,
k-slack or quality:1%, each with a memory in records if you like, as in percentile:99%:2000. PROMISES are such as
'p95 < 10s, late < 1%, state < 5000'. --sweep tries N delays for each window. --save writes the arrivals as CSV, --scenario
as a scenario for streamproof run.
";

/// What the words asked for.
struct Wanted<'a> {
    file: &'a str,
    columns: Columns,
    configs: Vec<Config>,
    sweep: Option<usize>,
    late_ppm: u32,
    sla: Sla,
    save: Option<&'a str>,
    scenario: Option<&'a str>,
    json: bool,
}

/// A file that is to be written: its path and what goes into it.
pub type Written = (String, String);

/// What goes to the terminal, and the files to write. `read` gives the bytes of a file.
pub fn run(
    words: &[&str],
    read: impl Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<(String, Vec<Written>), String> {
    let wanted = parse(words)?;
    let mut lab = Lab::default();
    let ask = if models::example(wanted.file).is_some() {
        Ask::Example {
            id: wanted.file.into(),
        }
    } else {
        let bytes = read(wanted.file).map_err(|why| {
            let known = models::EXAMPLES.map(|example| example.id);
            format!(
                "\"{}\" is neither an example ({}) nor a file that can be read: {why}",
                wanted.file,
                known.join(", ")
            )
        })?;
        Ask::Import {
            bytes,
            options: wanted.columns.clone(),
        }
    };
    let (report, delays) = match lab.answer(ask) {
        Told::Loaded { report, delays } => (report, delays),
        other => return Err(format!("{}: {}", wanted.file, refusal(other))),
    };
    let first = *wanted
        .configs
        .first()
        .expect("there is a configuration even if none was named");
    let mut answers = Vec::new();
    let mut windows: Vec<Windows> = Vec::new();
    for config in &wanted.configs {
        if !windows.contains(&config.windows) {
            windows.push(config.windows);
            match lab.answer(Ask::Delay {
                config: *config,
                late_ppm: wanted.late_ppm,
            }) {
                Told::Delay { answer, curve } => answers.push((answer, curve)),
                other => return Err(refusal(other)),
            }
        }
    }
    let (configs, sla) = (wanted.configs.clone(), wanted.sla.clone());
    let ask = match wanted.sweep {
        Some(each) => Ask::SweepDelays { configs, each, sla },
        None => Ask::Sweep { configs, sla },
    };
    let judged = match lab.answer(ask) {
        Told::Swept(judged) => judged,
        other => return Err(refusal(other)),
    };
    let arrivals = lab.arrivals().expect("they were loaded above");
    let mut files = Vec::new();
    if let Some(path) = wanted.save {
        files.push((path.to_string(), arrivals.to_csv()));
    }
    if let Some(path) = wanted.scenario {
        let scenario =
            super::scenario::of(arrivals, &first).map_err(|why| format!("--scenario: {why}"))?;
        let text =
            serde_json::to_string_pretty(&scenario.to_value()).expect("a scenario is plain data");
        files.push((path.to_string(), text + "\n"));
    }
    if wanted.json {
        let value = json!({
            "file": wanted.file,
            "read": report,
            "delays": report::delays(&delays),
            "answers": answers.iter().map(|(answer, curve)| report::answer(answer, curve)).collect::<Vec<_>>(),
            "sla": wanted.sla.0.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "configurations": judged.iter().map(report::judged).collect::<Vec<_>>(),
        });
        return Ok((format!("{value}\n"), files));
    }
    let mut text = report::loaded_text(&report, &delays);
    for (answer, _) in &answers {
        text += "\n";
        text += &report::answer_text(answer);
    }
    text += "\n";
    text += &report::judged_text(&judged, !wanted.sla.0.is_empty());
    Ok((text, files))
}

fn refusal(told: Told) -> String {
    match told {
        Told::Refused(problem) => problem,
        _ => "no answer came".into(),
    }
}

const NAMES: [&str; 22] = [
    "--window",
    "--strategy",
    "--delay",
    "--sla",
    "--late",
    "--sweep",
    "--engine",
    "--trigger",
    "--update",
    "--interval",
    "--per-partition",
    "--idle",
    "--lateness",
    "--processing",
    "--all-keys",
    "--event",
    "--arrival",
    "--key",
    "--partition",
    "--unit",
    "--save",
    "--scenario",
];

fn parse<'a>(words: &[&'a str]) -> Result<Wanted<'a>, String> {
    let plain = Config::default();
    let (mut spark, mut flink, mut use_flink) = (Spark::default(), Flink::default(), false);
    let (mut by_key, mut processing_ms) = (plain.by_key, plain.processing_ms);
    let (mut windows, mut strategies) = (Vec::new(), Vec::new());
    // Options of one engine are refused with the other.
    let (mut of_spark, mut of_flink) = (None, None);
    let mut wanted = Wanted {
        file: "",
        columns: Columns::default(),
        configs: Vec::new(),
        sweep: None,
        late_ppm: 5_000,
        sla: Sla::default(),
        save: None,
        scenario: None,
        json: false,
    };
    let mut late_named = false;
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut value = || {
            words
                .next()
                .copied()
                .ok_or_else(|| format!("{word} needs a value"))
        };
        let named = |why: String| format!("{word}: {why}");
        let time = |text: &str| units::duration_ms(text).map_err(named);
        match word {
            "--window" => windows.push(Windows::parse(value()?).map_err(named)?),
            "--strategy" => strategies.push(Strategy::parse(value()?).map_err(named)?),
            "--delay" => strategies.push(Strategy::Fixed {
                delay_ms: time(value()?)?,
            }),
            "--sla" => wanted.sla = Sla::parse(value()?).map_err(named)?,
            "--late" => {
                wanted.late_ppm = units::share_ppm(value()?).map_err(named)?;
                late_named = true;
            }
            "--sweep" => {
                let count = units::count(value()?).map_err(named)?;
                if !(2..=200).contains(&count) {
                    return Err(format!(
                        "--sweep: {count} is out of range; 2 to 200 is accepted"
                    ));
                }
                wanted.sweep = Some(count as usize);
            }
            "--engine" => {
                use_flink = match value()? {
                    "flink" => true,
                    "spark" => false,
                    other => {
                        return Err(format!(
                            "--engine: \"{other}\" is none; accepted are spark and flink"
                        ));
                    }
                }
            }
            "--trigger" => (spark.trigger_ms, of_spark) = (time(value()?)?, Some(word)),
            "--update" => (spark.mode, of_spark) = (OutputMode::Update, Some(word)),
            "--interval" => (flink.interval_ms, of_flink) = (time(value()?)?, Some(word)),
            "--per-partition" => (flink.per_partition, of_flink) = (true, Some(word)),
            "--idle" => (flink.idle_ms, of_flink) = (Some(time(value()?)?), Some(word)),
            "--lateness" => (flink.allowed_lateness_ms, of_flink) = (time(value()?)?, Some(word)),
            "--processing" => processing_ms = time(value()?)?,
            "--all-keys" => by_key = false,
            "--event" => wanted.columns.event = Some(value()?.into()),
            "--arrival" => wanted.columns.arrival = Some(value()?.into()),
            "--key" => wanted.columns.key = Some(value()?.into()),
            "--partition" => wanted.columns.partition = Some(value()?.into()),
            "--unit" => {
                let text = value()?;
                let unit = Unit::NAMES.into_iter().find(|named| named.0 == text);
                let unit = unit.ok_or_else(|| {
                    format!("--unit: \"{text}\" is none; accepted are s, ms, us, ns and iso")
                })?;
                wanted.columns.unit = Some(unit.1);
            }
            "--save" => wanted.save = Some(value()?),
            "--scenario" => wanted.scenario = Some(value()?),
            "--json" => wanted.json = true,
            option if option.starts_with('-') => {
                let hint = suggest::did_you_mean(option, NAMES);
                return Err(format!("no option named \"{option}\"{hint}\n\n{USAGE}"));
            }
            file if wanted.file.is_empty() => wanted.file = file,
            extra => return Err(format!("one file at a time: \"{extra}\" is one too many")),
        }
    }
    if wanted.file.is_empty() {
        return Err(format!("arrivals needs a file or an example\n\n{USAGE}"));
    }
    if let (Some(option), _, true) | (_, Some(option), false) = (of_spark, of_flink, use_flink) {
        let other = if use_flink { "spark" } else { "flink" };
        return Err(format!("{option} belongs to --engine {other}"));
    }
    if !late_named {
        wanted.late_ppm = wanted.sla.late_ppm().unwrap_or(wanted.late_ppm);
    }
    let engine = if use_flink {
        Engine::Flink(flink)
    } else {
        Engine::Spark(spark)
    };
    if windows.is_empty() {
        windows.push(plain.windows);
    }
    if strategies.is_empty() {
        strategies.push(plain.strategy);
    }
    for windows in windows {
        for &strategy in &strategies {
            let config = Config {
                windows,
                by_key,
                engine,
                strategy,
                processing_ms,
                ..plain
            };
            config.validate()?;
            wanted.configs.push(config);
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str]) -> String {
        run(words, |_| Err("no such file".into())).expect_err("refused")
    }

    #[test]
    fn wrong_words_are_refused_with_what_is_accepted() {
        for (words, expected) in [
            (&[][..], "needs a file or an example"),
            (
                &["nothing.csv"],
                "\"nothing.csv\" is neither an example (plant, phones, fleet) nor a file",
            ),
            (&["plant", "--widnow", "x"], "did you mean \"--window\"?"),
            (
                &["plant", "--window", "hopping:1s"],
                "--window: \"hopping:1s\" is no window",
            ),
            (&["plant", "--window"], "--window needs a value"),
            (&["plant", "--delay", "5"], "--delay: \"5\" is no duration"),
            (
                &["plant", "--strategy", "k-slack"],
                "Spark takes one fixed delay per source",
            ),
            (
                &["plant", "--engine", "flink", "--trigger", "1s"],
                "--trigger belongs to --engine spark",
            ),
            (
                &["plant", "--idle", "1s"],
                "--idle belongs to --engine flink",
            ),
            (
                &["plant", "--sla", "p95 < 10"],
                "--sla: p95: \"10\" is no duration",
            ),
            (&["plant", "--sweep", "1"], "--sweep: 1 is out of range"),
            (&["plant", "phones"], "\"phones\" is one too many"),
        ] {
            let problem = refused(words);
            assert!(problem.contains(expected), "{words:?}: {problem}");
        }
    }
}
