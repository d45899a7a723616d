//! The walls of `docs/architecture.md` and `docs/style.md`, as a test: who may use whom, and what must not be there.
//!
//! Comments are not read as code, and neither are unit tests where a rule says so. An error names the file, the line and
//! what is expected instead.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of this package: its path from the root, and its lines.
struct Source {
    path: String,
    lines: Vec<String>,
}

impl Source {
    fn read(path: &Path) -> Source {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text =
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let path = path.strip_prefix(root).expect("inside the package");
        Source {
            path: path.to_string_lossy().replace('\\', "/"),
            lines: text.lines().map(str::to_string).collect(),
        }
    }

    /// The lines of code with their numbers: comments are blanked, and so are unit tests.
    fn code(&self) -> Vec<(usize, String)> {
        let mut code = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            // Unit tests stand at the end of a file.
            if line == "#[cfg(test)]" {
                break;
            }
            code.push((index + 1, without_comment(line).to_string()));
        }
        code
    }
}

/// A line up to its comment; `//` inside a text does not begin one.
fn without_comment(line: &str) -> &str {
    let mut in_text = false;
    let mut previous = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '"' if previous != '\\' && previous != '\'' => in_text = !in_text,
            '/' if previous == '/' && !in_text => return &line[..at - 1],
            _ => {}
        }
        previous = c;
    }
    line
}

/// Every file with this ending under a folder of the package, or the file itself.
fn sources(place: &str, ending: &str) -> Vec<Source> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(place)];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries =
                fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            waiting.extend(entries.map(|entry| entry.expect("a folder can be listed").path()));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    assert!(
        !found.is_empty(),
        "{place} has no {ending}: the rule about it checks nothing"
    );
    found.iter().map(|path| Source::read(path)).collect()
}

/// Whether `word` stands in `line` as a word or path of its own.
fn names(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let starts = !word.starts_with(part_of_word) || !before.is_some_and(part_of_word);
        let ends = !word.ends_with(part_of_word) || !after.is_some_and(part_of_word);
        starts && ends
    })
}

#[derive(Default)]
struct Complaints(String);

impl Complaints {
    fn add(&mut self, path: &str, line: usize, found: &str, expected: &str) {
        writeln!(self.0, "{path}:{line}: {found}; {expected}")
            .expect("writing to memory cannot fail");
    }

    /// Every use of one of these words in the code of these files.
    fn forbid(&mut self, files: &[Source], words: &[&str], expected: &str) {
        for file in files {
            for (number, line) in file.code() {
                for word in words.iter().filter(|word| names(&line, word)) {
                    self.add(&file.path, number, word, expected);
                }
            }
        }
    }

    fn are_none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}

fn except(files: Vec<Source>, allowed: &[&str]) -> Vec<Source> {
    let kept = files
        .into_iter()
        .filter(|file| !allowed.iter().any(|place| file.path.starts_with(place)));
    kept.collect()
}

// ---- what the simulator must not know ----------------------------------------------------------------------------

#[test]
fn the_simulator_knows_no_browser_and_no_application() {
    let mut complaints = Complaints::default();
    let sim = sources("src/sim", ".rs");
    complaints.forbid(
        &sim,
        &[
            "yew",
            "gloo",
            "web_sys",
            "wasm_bindgen",
            "js_sys",
            "plotters",
            "plotters_canvas",
        ],
        "src/sim is plain Rust; what needs a browser lives in src/app",
    );
    complaints.forbid(
        &sim,
        &[
            "crate::app",
            "crate::job",
            "crate::replay",
            "crate::lesson",
            "crate::plot",
        ],
        "src/sim is used by these and uses none of them",
    );
    complaints.are_none();
}

#[test]
fn the_simulator_reads_no_clock_and_touches_no_machine() {
    let mut complaints = Complaints::default();
    let sim = sources("src/sim", ".rs");
    complaints.forbid(
        &sim,
        &["Instant::now", "SystemTime", "std::time", "UNIX_EPOCH"],
        "no clock: the time is Context::now, simulated",
    );
    complaints.forbid(
        &sim,
        &[
            "std::thread",
            "std::sync",
            "std::fs",
            "std::env",
            "std::net",
            "std::process",
            "std::io",
            "async fn",
        ],
        "no threads and no input or output: a scenario goes in, a run comes out",
    );
    complaints.forbid(
        &sim,
        &[
            "static mut",
            "thread_local",
            "OnceLock",
            "OnceCell",
            "LazyLock",
            "LazyCell",
            "Mutex",
            "RwLock",
            "RefCell",
            "Cell",
            "AtomicU32",
            "AtomicU64",
            "AtomicUsize",
            "AtomicBool",
            "unsafe",
        ],
        "no state outside the hosts: it belongs into a Disk or a Memory",
    );
    complaints.are_none();
}

#[test]
fn no_ordered_map_costs_the_page_kilobytes() {
    let mut complaints = Complaints::default();
    for place in ["src/sim", "src/replay", "src/app", "src/job.rs"] {
        complaints.forbid(
            &sources(place, ".rs"),
            &["BTreeMap", "BTreeSet"],
            "these compile to 3 kB or more for each type; OrdMap and OrdSet of sim::ordered do the same",
        );
    }
    complaints.are_none();
}

#[test]
fn nothing_in_the_simulator_depends_on_hash_order_or_pointer_width() {
    let mut complaints = Complaints::default();
    let sim = sources("src/sim", ".rs");
    complaints.forbid(
        &sim,
        &["HashMap", "HashSet", "RandomState", "DefaultHasher"],
        "the order of a hash map is not reproducible: OrdMap, OrdSet or Vec",
    );
    complaints.forbid(
        &sim,
        &[
            "SmallRng",
            "StdRng",
            "ThreadRng",
            "random_range",
            "thread_rng",
            "getrandom",
        ],
        "chance comes from Context::draw, which is the same on every platform",
    );
    complaints.forbid(
        &except(sim, &["src/sim/kernel/rng.rs"]),
        &["rand", "Xoshiro256PlusPlus", "libm"],
        "only kernel/rng.rs draws; others ask a Draw",
    );
    complaints.are_none();
}

#[test]
fn floats_of_the_platform_are_not_called() {
    let clippy = Source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("clippy.toml"));
    let method = |line: &String| {
        let path = line.split("path = \"").nth(1)?.split('"').next()?;
        path.split("::")
            .nth(1)
            .map(|name| (format!(".{name}("), path.to_string()))
    };
    let methods: Vec<(String, String)> = clippy.lines.iter().filter_map(method).collect();
    assert!(
        methods.len() > 10,
        "clippy.toml names no float functions any more"
    );
    let mut complaints = Complaints::default();
    for file in sources("src", ".rs") {
        for (number, line) in file.code() {
            for (call, path) in &methods {
                if line.contains(call) || names(&line, path) {
                    complaints.add(
                        &file.path,
                        number,
                        path,
                        "differs in the last bit between platforms; use libm in kernel/rng.rs",
                    );
                }
            }
        }
    }
    complaints.are_none();
}

#[test]
fn the_simulator_states_why_it_cannot_fail() {
    let mut complaints = Complaints::default();
    complaints.forbid(
        &sources("src/sim", ".rs"),
        &[
            ".unwrap()",
            "todo!",
            "unimplemented!",
            "dbg!",
            "println!",
            "eprintln!",
        ],
        "what a user wrote is refused with an error; what cannot happen is an expect that says why",
    );
    complaints.are_none();
}

// ---- who may use whom --------------------------------------------------------------------------------------------

/// Both ways in which a module of the simulator is named.
fn module(name: &str) -> Vec<String> {
    let deep = [
        "super::",
        "super::super::",
        "super::super::super::",
        "super::super::super::super::",
    ];
    let mut spellings = vec![format!("sim::{name}")];
    spellings.extend(deep.iter().map(|up| format!("{up}{name}")));
    spellings
}

fn forbid_modules(complaints: &mut Complaints, files: &[Source], modules: &[&str], expected: &str) {
    for name in modules {
        let spellings = module(name);
        let spellings: Vec<&str> = spellings.iter().map(String::as_str).collect();
        complaints.forbid(files, &spellings, expected);
    }
}

#[test]
fn kafka_knows_neither_engines_nor_sinks() {
    let mut complaints = Complaints::default();
    forbid_modules(
        &mut complaints,
        &sources("src/sim/kafka", ".rs"),
        &["engines", "sinks", "store", "ledger", "explore"],
        "kafka is known by its protocol and knows nobody",
    );
    complaints.are_none();
}

#[test]
fn the_kernel_knows_no_system() {
    let mut complaints = Complaints::default();
    forbid_modules(
        &mut complaints,
        &sources("src/sim/kernel", ".rs"),
        &[
            "kafka", "engines", "sinks", "store", "ledger", "workload", "scenario", "explore",
        ],
        "the kernel carries messages and facts without looking inside",
    );
    complaints.are_none();
}

#[test]
fn engines_know_kafka_by_its_protocol_only() {
    let mut complaints = Complaints::default();
    for file in except(sources("src/sim/engines", ".rs"), &[])
        .iter()
        .chain(&sources("src/sim/sinks", ".rs"))
    {
        for (number, line) in file.code() {
            for rule in [
                "broker",
                "producer",
                "controller",
                "log",
                "partitioner",
                "config",
            ] {
                if names(&line, &format!("kafka::{rule}")) {
                    complaints.add(
                        &file.path,
                        number,
                        &format!("kafka::{rule}"),
                        "only kafka::protocol may be used here",
                    );
                }
            }
        }
    }
    complaints.are_none();
}

#[test]
fn hosts_never_read_the_ledger() {
    let mut complaints = Complaints::default();
    let mut hosts = Vec::new();
    for place in [
        "src/sim/kafka",
        "src/sim/engines",
        "src/sim/sinks",
        "src/sim/kernel",
        "src/sim/store.rs",
        "src/sim/fault.rs",
        "src/sim/workload.rs",
    ] {
        hosts.extend(sources(place, ".rs"));
    }
    forbid_modules(
        &mut complaints,
        &hosts,
        &["ledger"],
        "the ledger judges from outside; nobody inside may ask it",
    );
    complaints.are_none();
}

#[test]
fn ledger_and_replay_read_facts_and_never_hosts() {
    let mut complaints = Complaints::default();
    let mut readers = sources("src/sim/ledger", ".rs");
    readers.extend(sources("src/replay", ".rs"));
    complaints.forbid(
        &readers,
        &[
            "Host", "Program", "Kernel", "Context", "Agenda", "Network", "Node",
        ],
        "only facts may be read: the trace is the only door to a run",
    );
    complaints.forbid(
        &readers,
        &[
            "kafka::broker",
            "kafka::producer",
            "kafka::controller",
            "kafka::log",
            "kafka::partitioner",
            "spark::driver",
            "spark::executor",
            "spark::progress",
            "spark::window",
            "hudi::write",
            "hudi::Timeline",
            "sim::store",
            "sim::message",
        ],
        "only facts may be read; names of kafka::protocol are data in facts",
    );
    complaints.are_none();
}

#[test]
fn the_dye_is_read_in_three_places_only() {
    let allowed = [
        "src/sim/origin.rs",
        "src/sim/trace.rs",
        "src/sim/ledger",
        "src/replay",
    ];
    let mut complaints = Complaints::default();
    for file in except(sources("src", ".rs"), &allowed) {
        for (number, line) in file.code() {
            let imports = line.contains("origin::{")
                || names(&line, "origin::number")
                || names(&line, "origin::*");
            if imports {
                complaints.add(&file.path, number, "origin::number", "only trace, ledger and replay may call it; the simulated systems must not tell copies apart");
            }
        }
    }
    complaints.are_none();
}

#[test]
fn the_dye_cannot_be_compared_ordered_hashed_or_shown() {
    let file = &sources("src/sim/origin.rs", ".rs")[0];
    let mut complaints = Complaints::default();
    for (number, line) in file.code() {
        for word in [
            "PartialEq",
            "Eq",
            "PartialOrd",
            "Ord",
            "Hash",
            "Display",
            "ToString",
            "Deref",
        ] {
            if names(&line, word) {
                complaints.add(
                    &file.path,
                    number,
                    word,
                    "Origin has none of these, so that nothing can deduplicate by it",
                );
            }
        }
        if line.contains("pub struct Origin(pub") {
            complaints.add(
                &file.path,
                number,
                "a public field",
                "the number is read through origin::number",
            );
        }
    }
    complaints.are_none();
}

#[test]
fn only_the_application_needs_a_browser() {
    let mut complaints = Complaints::default();
    complaints.forbid(
        &except(sources("src", ".rs"), &["src/app"]),
        &[
            "yew",
            "gloo",
            "web_sys",
            "js_sys",
            "wasm_bindgen",
            "wasm_bindgen_futures",
            "plotters_canvas",
        ],
        "only src/app may use it",
    );
    complaints.are_none();
}

#[test]
fn the_application_holds_no_rule_of_a_simulated_system() {
    let mut complaints = Complaints::default();
    let app = sources("src/app", ".rs");
    complaints.forbid(
        &app,
        &[
            "kafka::broker",
            "kafka::producer",
            "kafka::controller",
            "kafka::log",
            "kafka::partitioner",
            "spark::driver",
            "spark::executor",
            "spark::progress",
            "spark::window",
            "spark::leaders",
            "hudi::write",
            "hudi::place",
            "hudi::Timeline",
            "hudi::WriteTask",
            "hudi::record_key",
            "hudi::changes",
            "sim::store",
            "sim::message",
            "sim::workload",
        ],
        "the fact is missing from the trace, or the description from Control",
    );
    complaints.forbid(
        &app,
        &["Program", "Agenda", "Kernel", "Recorder"],
        "the application looks at a run through its trace only",
    );
    complaints.are_none();
}

// ---- what every file must have -----------------------------------------------------------------------------------

/// The lines of the text at the top of a file.
fn module_text(file: &Source) -> Vec<&str> {
    let top = file.lines.iter().take_while(|line| line.starts_with("//!"));
    top.map(|line| line.trim_start_matches("//!").trim())
        .collect()
}

#[test]
fn every_file_says_what_it_is() {
    let mut complaints = Complaints::default();
    let mut files = sources("src", ".rs");
    files.extend(sources("tests", ".rs"));
    for file in files {
        if module_text(&file)
            .first()
            .is_none_or(|first| first.is_empty())
        {
            complaints.add(
                &file.path,
                1,
                "no module text",
                "the first line says in the field's words what this is",
            );
        }
    }
    complaints.are_none();
}

#[test]
fn whatever_imitates_a_real_system_says_what_it_mirrors() {
    // Lists of folders, and the stand that unit tests use.
    let lists = [
        "src/sim/engines/mod.rs",
        "src/sim/sinks/mod.rs",
        "src/sim/kafka/mod.rs",
        "src/sim/kafka/stand.rs",
    ];
    let mut complaints = Complaints::default();
    for place in ["src/sim/kafka", "src/sim/engines", "src/sim/sinks"] {
        for file in except(sources(place, ".rs"), &lists) {
            if !module_text(&file)
                .iter()
                .any(|line| line.contains("Mirrors:"))
            {
                complaints.add(
                    &file.path,
                    1,
                    "no \"Mirrors:\" line",
                    "name the class, document or protocol of the real system",
                );
            }
        }
    }
    complaints.are_none();
}

#[test]
fn no_page_sets_styles_or_markup_by_hand() {
    let mut complaints = Complaints::default();
    let mut files = sources("src/app", ".rs");
    files.extend(sources("index.html", ".html"));
    files.extend(sources("event-time.html", ".html"));
    files.extend(sources("speaker.html", ".html"));
    for file in &files {
        for (number, line) in file.code() {
            let attribute = line.match_indices("style=").any(|(at, _)| {
                line[..at]
                    .chars()
                    .next_back()
                    .is_none_or(|c| !c.is_alphanumeric() && c != '-' && c != '_')
            });
            if attribute || line.contains("\"style\"") {
                complaints.add(&file.path, number, "a style attribute", "the page's policy blocks it: a class in static/css, or geometry as SVG attributes");
            }
            for word in [
                "inner_html",
                "set_inner_html",
                "from_html_unchecked",
                "insert_adjacent_html",
                "innerHTML",
            ] {
                if names(&line, word) {
                    complaints.add(
                        &file.path,
                        number,
                        word,
                        "markup is built by html!, text by text nodes",
                    );
                }
            }
        }
    }
    complaints.are_none();
}

#[test]
fn no_test_is_skipped_and_none_sleeps() {
    let mut complaints = Complaints::default();
    let mut files = sources("src", ".rs");
    files.extend(except(sources("tests", ".rs"), &["tests/tidy.rs"]));
    for file in files {
        for (index, line) in file.lines.iter().enumerate() {
            let line = without_comment(line);
            for word in ["#[ignore", "thread::sleep", "Instant::now"] {
                if line.contains(word) {
                    complaints.add(
                        &file.path,
                        index + 1,
                        word,
                        "assert the present behaviour and say so",
                    );
                }
            }
        }
    }
    complaints.are_none();
}

#[test]
fn a_comment_is_not_code_and_a_word_is_not_a_part_of_one() {
    assert_eq!(without_comment("let a = 1; // HashMap"), "let a = 1; ");
    assert_eq!(
        without_comment(r#"let a = "http://x"; // y"#),
        r#"let a = "http://x"; "#
    );
    assert!(names("use rand::Rng;", "rand") && !names("let random = 1;", "rand"));
    assert!(names("use crate::sim::kafka::log;", "sim::kafka"));
    assert!(!names("NodeId", "Node") && names("Node::new()", "Node"));
}
