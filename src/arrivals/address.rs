//! The settings of the event-time lab as the query of an address, and back: readable, and never with a learner's own arrivals.
//!
//! ```text
//! ?example=phones&window=tumbling:2s&strategy=fixed:5s&below.p95=10s&atmost.late=0.018
//! ```
//!
//! Only what differs from the defaults is written. A value that cannot be used is refused by its field and what is accepted,
//! and the default stands in for it; the other fields still count.

use super::models::{self, Because, Delay, EXAMPLES, Model, Outage, Phase, Silence};
use super::pace::{Engine, Flink, OutputMode, Spark};
use super::replay::Config;
use super::sla::{Bound, Sla};
use super::strategy::Strategy;
use super::units;
use super::windows::Windows;
use crate::sim::suggest;

/// Where arrivals come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// One that comes with the program, by its id.
    Example(&'static str),
    Model(Box<Model>),
    /// The learner's own. An address says nothing of it.
    Own,
}

/// What an address can say.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub source: Source,
    pub config: Config,
    pub sla: Sla,
}

impl Default for Settings {
    /// The contract of the course, and a window and delay that keep it.
    fn default() -> Self {
        Settings {
            source: Source::Example("phones"),
            config: Config {
                windows: Windows::Tumbling { size_ms: 2_000 },
                strategy: Strategy::Fixed { delay_ms: 5_000 },
                ..Config::default()
            },
            sla: Sla::parse("p95 < 10s, late <= 1.8%").expect("it is readable"),
        }
    }
}

/// Every field but those of the contract.
const FIELDS: [&str; 23] = [
    "example",
    "delay",
    "then",
    "seed",
    "events",
    "every",
    "keys",
    "partitions",
    "outage",
    "skew",
    "silence",
    "window",
    "windows-by",
    "strategy",
    "engine",
    "trigger",
    "mode",
    "interval",
    "generators",
    "idle",
    "lateness",
    "processing",
    "row-bytes",
];

/// The model that a form begins with.
pub fn plain_model() -> Model {
    (EXAMPLES[1].model)()
}

impl Settings {
    /// What a query says, and what in it was refused. Fields that belong to the page, such as `theme`, are passed over.
    pub fn read(query: &str, of_page: &[&str]) -> (Settings, Vec<String>) {
        let mut reader = Reader {
            settings: Settings::default(),
            model: plain_model(),
            of_model: None,
            example: None,
            spark: Spark::default(),
            flink: Flink::default(),
            use_flink: false,
            promises: Vec::new(),
            has_promises: false,
        };
        let mut problems = Vec::new();
        let fields = query.trim_start_matches('?').split('&');
        for field in fields.filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let read = match (decoded(name), decoded(value)) {
                (Some(name), Some(_)) if of_page.contains(&name.as_str()) => Ok(()),
                (Some(name), Some(value)) => reader
                    .field(&name, &value)
                    .map_err(|why| format!("{name}: {why}")),
                _ => Err(format!(
                    "{name}: what follows a % are two digits from 0 to f"
                )),
            };
            problems.extend(read.err());
        }
        let settings = reader.finish(&mut problems);
        (settings, problems)
    }

    /// The same with one field changed, as an address would say it; an empty value takes the field away. Fields that go with
    /// another engine go with it.
    pub fn with(&self, name: &str, value: &str) -> Result<Settings, String> {
        let written = self.write();
        let mut parts: Vec<String> = written
            .split('&')
            .filter(|part| !part.is_empty() && part.split('=').next() != Some(name))
            .map(str::to_string)
            .collect();
        let of = |part: &str, names: &[&str]| {
            part.split('=')
                .next()
                .is_some_and(|field| names.contains(&field))
        };
        match (name, value) {
            ("engine", "spark") => {
                let other = ["interval", "generators", "idle", "lateness"];
                parts.retain(|part| !of(part, &other));
                // Spark takes a fixed delay only.
                if !matches!(self.config.strategy, Strategy::Fixed { .. }) {
                    parts.retain(|part| !of(part, &["strategy"]));
                }
            }
            ("engine", _) => parts.retain(|part| !of(part, &["trigger", "mode"])),
            // Idleness is looked at by generators of partitions only.
            ("generators", "one") => parts.retain(|part| !of(part, &["idle"])),
            _ => {}
        }
        if !value.is_empty() {
            let value = value
                .replace('%', "%25")
                .replace('&', "%26")
                .replace('+', "%2B");
            parts.push(format!("{name}={value}"));
        }
        let (mut settings, problems) = Settings::read(&parts.join("&"), &[]);
        match problems.into_iter().next() {
            Some(problem) => {
                let field = format!("{name}: ");
                Err(problem.strip_prefix(&field).unwrap_or(&problem).to_string())
            }
            None => {
                if self.source == Source::Own {
                    settings.source = Source::Own;
                }
                Ok(settings)
            }
        }
    }

    /// As a query without its question mark; empty if everything is as it comes.
    pub fn write(&self) -> String {
        let plain = Settings::default();
        let mut parts: Vec<String> = Vec::new();
        let mut put = |name: &str, value: String, differs: bool| {
            if differs {
                parts.push(format!("{name}={value}"));
            }
        };
        match &self.source {
            Source::Example(id) => put("example", (*id).into(), self.source != plain.source),
            Source::Own => {}
            Source::Model(model) => write_model(model, &mut put),
        }
        let (config, usual) = (&self.config, &plain.config);
        put(
            "window",
            config.windows.words(),
            config.windows != usual.windows,
        );
        put("windows-by", "all".into(), config.by_key != usual.by_key);
        put(
            "strategy",
            config.strategy.words(),
            config.strategy != usual.strategy,
        );
        match config.engine {
            Engine::Spark(spark) => {
                let usual = Spark::default();
                let trigger = units::duration(spark.trigger_ms);
                put("trigger", trigger, spark.trigger_ms != usual.trigger_ms);
                put("mode", "update".into(), spark.mode == OutputMode::Update);
            }
            Engine::Flink(flink) => {
                let usual = Flink::default();
                put("engine", "flink".into(), true);
                let interval = units::duration(flink.interval_ms);
                put("interval", interval, flink.interval_ms != usual.interval_ms);
                put("generators", "partition".into(), flink.per_partition);
                let idle = units::duration(flink.idle_ms.unwrap_or(0));
                put("idle", idle, flink.idle_ms.is_some());
                let lateness = units::duration(flink.allowed_lateness_ms);
                put("lateness", lateness, flink.allowed_lateness_ms > 0);
            }
        }
        let processing = units::duration(config.processing_ms);
        put(
            "processing",
            processing,
            config.processing_ms != usual.processing_ms,
        );
        put(
            "row-bytes",
            config.row_bytes.to_string(),
            config.row_bytes != usual.row_bytes,
        );
        if self.sla != plain.sla {
            put("promise", "none".into(), self.sla.0.is_empty());
            for promise in &self.sla.0 {
                let bound = match promise.bound {
                    Bound::Below => "below",
                    Bound::AtMost => "atmost",
                };
                let name = format!("{bound}.{}", promise.metric.name());
                put(&name, promise.value_words(), true);
            }
        }
        parts.join("&")
    }
}

fn write_model(model: &Model, put: &mut impl FnMut(&str, String, bool)) {
    let plain = plain_model();
    let first = model.phases.first().map(|phase| phase.delay);
    put("delay", first.map(delay_words).unwrap_or_default(), true);
    for phase in model.phases.iter().skip(1) {
        let from = units::duration(phase.from_ms);
        put("then", format!("{from}:{}", delay_words(phase.delay)), true);
    }
    put("seed", model.seed.to_string(), model.seed != plain.seed);
    put(
        "events",
        model.events.to_string(),
        model.events != plain.events,
    );
    put(
        "every",
        format!("{}us", model.every_us),
        model.every_us != plain.every_us,
    );
    put("keys", model.keys.to_string(), model.keys != plain.keys);
    put(
        "partitions",
        model.partitions.to_string(),
        model.partitions != plain.partitions,
    );
    if let Some(outage) = model.outage {
        let words = [
            units::duration(outage.from_ms),
            units::duration(outage.until_ms),
            units::share(outage.keys_ppm),
            units::duration(outage.catch_up_ms),
        ];
        put("outage", words.join(":"), true);
    }
    put(
        "skew",
        units::duration(model.skew_ms),
        model.skew_ms != plain.skew_ms,
    );
    if let Some(silence) = model.silence {
        let because = match silence.because {
            Because::Empty => "empty",
            Because::Stuck => "stuck",
        };
        let (from, until) = (
            units::duration(silence.from_ms),
            units::duration(silence.until_ms),
        );
        put(
            "silence",
            format!("{}:{from}:{until}:{because}", silence.partition),
            true,
        );
    }
}

/// What [`delay`] reads.
pub fn delay_words(delay: Delay) -> String {
    let time = units::duration;
    match delay {
        Delay::Constant { ms } => format!("constant:{}", time(ms)),
        Delay::Exponential { mean_ms } => format!("exponential:{}", time(mean_ms)),
        Delay::LogNormal {
            median_ms,
            sigma_milli,
        } => format!(
            "lognormal:{}:{}",
            time(median_ms),
            units::thousandths(sigma_milli)
        ),
        Delay::Pareto {
            least_ms,
            alpha_milli,
            most_ms,
        } => format!(
            "pareto:{}:{}:{}",
            time(least_ms),
            units::thousandths(alpha_milli),
            time(most_ms)
        ),
        Delay::Mobile {
            median_ms,
            sigma_milli,
            offline_ppm,
            offline_least_ms,
            offline_most_ms,
        } => format!(
            "mobile:{}:{}:{}:{}:{}",
            time(median_ms),
            units::thousandths(sigma_milli),
            units::share(offline_ppm),
            time(offline_least_ms),
            time(offline_most_ms)
        ),
    }
}

/// Reads `lognormal:800ms:0.6` and its like.
pub fn delay(text: &str) -> Result<Delay, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let time = units::duration_ms;
    Ok(match parts.as_slice() {
        ["constant", ms] => Delay::Constant { ms: time(ms)? },
        ["exponential", mean] => Delay::Exponential {
            mean_ms: time(mean)?,
        },
        ["lognormal", median, sigma] => Delay::LogNormal {
            median_ms: time(median)?,
            sigma_milli: units::milli(sigma)?,
        },
        ["pareto", least, alpha, most] => Delay::Pareto {
            least_ms: time(least)?,
            alpha_milli: units::milli(alpha)?,
            most_ms: time(most)?,
        },
        ["mobile", median, sigma, offline, least, most] => Delay::Mobile {
            median_ms: time(median)?,
            sigma_milli: units::milli(sigma)?,
            offline_ppm: units::share_ppm(offline)?,
            offline_least_ms: time(least)?,
            offline_most_ms: time(most)?,
        },
        _ => {
            return Err(format!(
                "\"{text}\" is no delay; accepted are constant:TIME, exponential:MEAN, lognormal:MEDIAN:SIGMA, pareto:LEAST:ALPHA:MOST and mobile:MEDIAN:SIGMA:OFFLINE:LEAST:MOST, such as lognormal:800ms:0.6"
            ));
        }
    })
}

/// Bytes for `%2C` and its like; `+` stands for a blank. None if the text is not written so.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let [high, low, tail @ ..] = tail else {
                    return None;
                };
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push((digit(high)? * 16 + digit(low)?) as u8);
                rest = tail;
            }
            &other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

struct Reader {
    settings: Settings,
    model: Model,
    /// A field that only a model has.
    of_model: Option<String>,
    example: Option<&'static str>,
    spark: Spark,
    flink: Flink,
    use_flink: bool,
    promises: Vec<String>,
    has_promises: bool,
}

impl Reader {
    fn field(&mut self, name: &str, value: &str) -> Result<(), String> {
        let config = &mut self.settings.config;
        let time = units::duration_ms;
        if let Some((bound, metric)) = name.split_once('.') {
            let sign = match bound {
                "below" => "<",
                "atmost" => "<=",
                _ => {
                    return Err(
                        "accepted are below. and atmost. with a metric, such as below.p95".into(),
                    );
                }
            };
            let promise = format!("{metric} {sign} {value}");
            // Each by itself, so that the one that is wrong is named.
            Sla::parse(&promise)?;
            self.promises.push(promise);
            self.has_promises = true;
            return Ok(());
        }
        let one_of = |accepted: &[&str]| match accepted.iter().position(|&known| known == value) {
            Some(place) => Ok(place),
            None => Err(format!(
                "\"{value}\" is none; accepted are {}",
                accepted.join(", ")
            )),
        };
        match name {
            "promise" => {
                one_of(&["none"])?;
                self.has_promises = true;
            }
            "example" => {
                let known = EXAMPLES.map(|example| example.id);
                let place = one_of(&known)?;
                self.example = Some(known[place]);
            }
            "window" => config.windows = Windows::parse(value)?,
            "windows-by" => config.by_key = one_of(&["key", "all"])? == 0,
            "strategy" => config.strategy = Strategy::parse(value)?,
            "engine" => self.use_flink = one_of(&["spark", "flink"])? == 1,
            "trigger" => self.spark.trigger_ms = time(value)?,
            "mode" => {
                self.spark.mode =
                    [OutputMode::Append, OutputMode::Update][one_of(&["append", "update"])?];
            }
            "interval" => self.flink.interval_ms = time(value)?,
            "generators" => self.flink.per_partition = one_of(&["one", "partition"])? == 1,
            "idle" => self.flink.idle_ms = Some(time(value)?),
            "lateness" => self.flink.allowed_lateness_ms = time(value)?,
            "processing" => config.processing_ms = time(value)?,
            "row-bytes" => config.row_bytes = whole(value)?,
            _ if FIELDS.contains(&name) => {
                self.model_field(name, value)?;
                self.of_model = Some(name.to_string());
            }
            _ => {
                let hint = suggest::did_you_mean(name, FIELDS);
                return Err(format!("no such field{hint}"));
            }
        }
        Ok(())
    }

    fn model_field(&mut self, name: &str, value: &str) -> Result<(), String> {
        let model = &mut self.model;
        let time = units::duration_ms;
        let parts: Vec<&str> = value.split(':').collect();
        match name {
            "delay" => {
                let delay = delay(value)?;
                model.phases.retain(|phase| phase.from_ms > 0);
                model.phases.insert(0, Phase { from_ms: 0, delay });
            }
            "then" => {
                let (from, rest) = value
                    .split_once(':')
                    .ok_or("accepted is a time and a delay, such as 100s:lognormal:800ms:0.6")?;
                let phase = Phase {
                    from_ms: time(from)?,
                    delay: delay(rest)?,
                };
                model.phases.push(phase);
            }
            "seed" => model.seed = whole(value)?,
            "events" => model.events = whole(value)?,
            "every" => {
                model.every_us = match value.strip_suffix("us") {
                    Some(micros) => whole(micros)?,
                    None => time(value)? * 1_000,
                }
            }
            "keys" => model.keys = whole(value)?,
            "partitions" => model.partitions = whole(value)?,
            "skew" => model.skew_ms = time(value)?,
            "outage" => {
                let [from, until, share, catch_up] = parts.as_slice() else {
                    return Err(format!(
                        "\"{value}\" is no outage; accepted is FROM:UNTIL:SHARE:CATCH-UP, such as 200s:230s:0.5:5s"
                    ));
                };
                model.outage = Some(Outage {
                    from_ms: time(from)?,
                    until_ms: time(until)?,
                    keys_ppm: units::share_ppm(share)?,
                    catch_up_ms: time(catch_up)?,
                });
            }
            _ => {
                let [partition, from, until, because @ ("empty" | "stuck")] = parts.as_slice()
                else {
                    return Err(format!(
                        "\"{value}\" is no silence; accepted is PARTITION:FROM:UNTIL:empty or :stuck, such as 4:250s:270s:stuck"
                    ));
                };
                let because = match *because {
                    "empty" => Because::Empty,
                    _ => Because::Stuck,
                };
                model.silence = Some(Silence {
                    partition: whole(partition)?,
                    from_ms: time(from)?,
                    until_ms: time(until)?,
                    because,
                });
            }
        }
        Ok(())
    }

    fn finish(mut self, problems: &mut Vec<String>) -> Settings {
        let plain = Settings::default();
        let settings = &mut self.settings;
        match (self.example, self.of_model) {
            (Some(_), Some(field)) => problems.push(format!(
                "{field}: belongs to a model, and example names one that comes with the program; only one of them is accepted"
            )),
            (None, Some(_)) => match self.model.validate() {
                Ok(()) => settings.source = Source::Model(Box::new(self.model)),
                Err(why) => problems.push(why),
            },
            (Some(id), None) => settings.source = Source::Example(id),
            (None, None) => {}
        }
        settings.config.engine = if self.use_flink {
            Engine::Flink(self.flink)
        } else {
            Engine::Spark(self.spark)
        };
        for (named, belongs, other) in [
            (
                self.flink != Flink::default(),
                self.use_flink,
                "interval, generators, idle and lateness belong to engine=flink",
            ),
            (
                self.spark != Spark::default(),
                !self.use_flink,
                "trigger and mode belong to engine=spark",
            ),
        ] {
            if named && !belongs {
                problems.push(format!("engine: {other}"));
            }
        }
        if let Err(why) = settings.config.validate() {
            problems.push(why);
            settings.config = plain.config;
        }
        if self.has_promises {
            settings.sla = match self.promises.is_empty() {
                true => Sla::default(),
                false => Sla::parse(&self.promises.join(", ")).unwrap_or(plain.sla),
            };
        }
        self.settings
    }
}

fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let parsed = text.trim().parse();
    parsed.map_err(|_| format!("\"{text}\" is no whole number in range"))
}

/// An example that comes with the program, as a model that can be changed.
pub fn model_of(source: &Source) -> Model {
    match source {
        Source::Model(model) => (**model).clone(),
        Source::Example(id) => {
            models::example(id).map_or_else(plain_model, |example| (example.model)())
        }
        Source::Own => plain_model(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Settings {
        let (settings, problems) = Settings::read(query, &["theme"]);
        assert!(problems.is_empty(), "{query}: {problems:?}");
        settings
    }

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(Settings::default().write(), "");
        for query in [
            "",
            "example=plant",
            "window=sliding:60s:10s&windows-by=all&strategy=fixed:250ms&trigger=500ms&mode=update",
            "strategy=percentile:0.99:2000&engine=flink&interval=0s&generators=partition&lateness=2s",
            "strategy=k-slack&engine=flink&generators=partition&idle=10s&processing=1s&row-bytes=400",
            "below.p95=10s&atmost.late=0.005&below.state=5000",
            "promise=none",
            "delay=lognormal:800ms:0.6&then=100s:mobile:1200ms:0.704:0.0103:20s:120s&seed=3&events=1000&every=700us&keys=3&partitions=2&outage=200s:230s:0.5:5s&skew=200ms&silence=1:250s:270s:stuck",
            "delay=pareto:200ms:1.5:60s",
            "delay=constant:5ms",
            "delay=exponential:1s&silence=1:2s:3s:empty",
        ] {
            assert_eq!(read(query).write(), query);
        }
        assert_eq!(read("?theme=dark&example=fleet").write(), "example=fleet");
        assert_eq!(
            read("atmost.late=1.8%25&below.p95=10+s").sla.words(),
            "late <= 1.8%, p95 < 10s"
        );
    }

    #[test]
    fn one_field_is_changed_and_what_hangs_on_it_goes_along() {
        let plain = Settings::default();
        let flink = plain
            .with("trigger", "2s")
            .and_then(|with| with.with("engine", "flink"));
        let flink = flink.expect("accepted");
        assert_eq!(flink.write(), "engine=flink");
        let idle = flink
            .with("generators", "partition")
            .and_then(|with| with.with("idle", "5 s"));
        let idle = idle
            .and_then(|with| with.with("strategy", "k-slack"))
            .expect("accepted");
        assert_eq!(
            idle.write(),
            "strategy=k-slack&engine=flink&generators=partition&idle=5s"
        );
        let one = idle.with("generators", "one").expect("accepted");
        assert_eq!(one.write(), "strategy=k-slack&engine=flink");
        assert_eq!(idle.with("engine", "spark").expect("accepted"), plain);
        assert_eq!(
            plain.with("trigger", "5"),
            Err("\"5\" is no duration; accepted are ms, s, m and h, such as 250ms or 10s".into())
        );
        assert!(
            plain
                .with("strategy", "quality:1%")
                .is_err_and(|why| why.contains("Spark takes one fixed delay"))
        );
        let own = Settings {
            source: Source::Own,
            ..plain.clone()
        };
        assert_eq!(
            own.with("window", "tumbling:5s").expect("accepted").source,
            Source::Own
        );
    }

    #[test]
    fn the_learners_own_arrivals_are_not_in_it() {
        let own = Settings {
            source: Source::Own,
            ..Settings::default()
        };
        assert_eq!(own.write(), "");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_its_field_and_the_rest_counts() {
        for (query, words) in [
            ("window=hopping:1s", "window: \"hopping:1s\" is no window"),
            (
                "widnow=tumbling:1s",
                "widnow: no such field; did you mean \"window\"?",
            ),
            (
                "engine=storm",
                "engine: \"storm\" is none; accepted are spark, flink",
            ),
            ("strategy=k-slack", "strategy: Spark takes one fixed delay"),
            (
                "lateness=1s",
                "engine: interval, generators, idle and lateness belong to engine=flink",
            ),
            (
                "engine=flink&mode=update",
                "engine: trigger and mode belong to engine=spark",
            ),
            (
                "below.p59=1s",
                "below.p59: nothing named \"p59\" can be promised",
            ),
            ("above.p95=1s", "above.p95: accepted are below. and atmost."),
            (
                "example=plnt",
                "example: \"plnt\" is none; accepted are plant, phones, fleet",
            ),
            ("example=plant&seed=4", "seed: belongs to a model"),
            ("delay=normal:1s", "delay: \"normal:1s\" is no delay"),
            ("events=2000000", "events: 2000000 is out of range"),
            ("events=many", "events: \"many\" is no whole number"),
            ("outage=1s", "outage: \"1s\" is no outage"),
            (
                "silence=1:2s:3s:asleep",
                "silence: \"1:2s:3s:asleep\" is no silence",
            ),
            ("trigger=%zz", "trigger: what follows a %"),
            ("keys", "keys: \"\" is no whole number"),
        ] {
            let (settings, problems) = Settings::read(&format!("{query}&processing=1s"), &[]);
            assert_eq!(problems.len(), 1, "{query}: {problems:?}");
            assert!(problems[0].starts_with(words), "{query}: {problems:?}");
            // A configuration that makes no sense as a whole is refused as a whole.
            let expected = if query == "strategy=k-slack" {
                300
            } else {
                1_000
            };
            assert_eq!(settings.config.processing_ms, expected, "{query}");
        }
    }
}
