//! `streamproof lesson check`, `new` and `show`: lessons in a terminal.

use super::check::Check;
use super::course::Course;
use super::glossary::{self, Glossary};
use super::proof::{self, Finding, SEEDS, Solutions};
use super::{Lesson, LessonError, Step, show};
use crate::sim::{catalog, control, json, suggest};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

pub const USAGE: &str = "\
usage: streamproof lesson check [PATH] [--seeds N] [--solutions FILE]
       streamproof lesson new NAME [--scenario PRESET]
       streamproof lesson show PATH [--solutions FILE]

check reads a lesson, or every lesson of a folder (lessons), and holds it against the simulator: what cannot be read, claims
that do not hold, tasks that nothing has to be done for, questions without a prediction, blanks. Each with file and line;
exit status 1 if there is any. Claims are held with the scenario's own seed, and with seeds 1 to N (20) if they name no number.
FILE says by lesson and step which patches pass the tasks and which do not (docs/writing-lessons.md); they are tried too.
new writes a lesson that check accepts once its blanks are filled: NAME.md, or with NAME as MODULE/NAME
lessons/en/MODULE/NAME.md. PRESET is the scenario it runs (order-billing); a classic mistake brings its claim and its task.
show prints a lesson as JSON, its answers included: what a program needs to go through it. FILE is the same as for check.
";

/// What stands where a writer has to write. `check` finds it.
const BLANK: &str = "BLANK";
const COURSE: &str = "course.json";

/// What goes to the terminal, and whether everything held.
pub fn run(words: &[&str]) -> Result<(String, bool), String> {
    match words {
        ["check", rest @ ..] => check(rest),
        ["new", rest @ ..] => Ok((new(rest)?, true)),
        ["show", rest @ ..] => Ok((shown(rest)?, true)),
        [] | ["--help" | "-h", ..] => Ok((USAGE.into(), true)),
        [other, ..] => {
            let hint = suggest::did_you_mean(other, ["check", "new", "show"]);
            Err(format!(
                "lesson: no verb named \"{other}\"{hint}; accepted are check, new, show\n\n{USAGE}"
            ))
        }
    }
}

/// The words without options, and the value of each option named.
fn options<'a, const N: usize>(
    words: &[&'a str],
    names: [&str; N],
) -> Result<(Vec<&'a str>, [Option<&'a str>; N]), String> {
    let mut plain = Vec::new();
    let mut values = [None; N];
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        if let Some(at) = names.iter().position(|name| *name == word) {
            let next = words.next().copied();
            values[at] = Some(next.ok_or_else(|| format!("{word} needs a value"))?);
        } else if word.starts_with('-') {
            let hint = suggest::did_you_mean(word, names);
            let accepted = names.join(", ");
            return Err(format!(
                "no option named \"{word}\"{hint}; accepted are {accepted}"
            ));
        } else {
            plain.push(word);
        }
    }
    Ok((plain, values))
}

fn check(words: &[&str]) -> Result<(String, bool), String> {
    let (paths, [seeds, solutions]) = options(words, ["--seeds", "--solutions"])?;
    let seeds = match seeds {
        None => SEEDS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|seeds| (1..=1000).contains(seeds))
            .ok_or_else(|| format!("--seeds: \"{text}\" is no whole number from 1 to 1000"))?,
    };
    let path = match paths.as_slice() {
        [] => Path::new("lessons"),
        [path] => Path::new(path),
        [_, extra, ..] => {
            return Err(format!(
                "one file or folder at a time: \"{extra}\" is one too many"
            ));
        }
    };
    let solutions = read_solutions(solutions)?;
    let mut files = Vec::new();
    gather(path, &mut files)?;
    if files.is_empty() {
        return Err(format!("{}: no lesson in this folder", path.display()));
    }
    let mut text = String::new();
    let (mut lessons, mut found) = (0, 0);
    for file in &files {
        let name = file.display().to_string();
        let content = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        let is_course = file.ends_with(COURSE);
        if is_course || file.ends_with(glossary::FILE) {
            let errors = match is_course {
                true => of_course(file, &name, &content),
                false => Glossary::parse(&content).err().into_iter().collect(),
            };
            found += errors.len();
            for error in errors {
                let _ = writeln!(text, "{error}");
            }
            continue;
        }
        lessons += 1;
        let id = file.file_stem().and_then(|stem| stem.to_str());
        let solutions = id.and_then(|id| solutions.get(id));
        let (findings, summary) = of_lesson(&name, &content, seeds, solutions);
        if findings.is_empty() {
            let _ = writeln!(text, "{name}: {summary}");
        }
        found += findings.len();
        for Finding { line, problem } in findings {
            let _ = writeln!(text, "{name}:{line}: {problem}");
        }
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let findings = match found {
        0 => "nothing to complain about".into(),
        _ => format!("{found} finding{}", s(found)),
    };
    let _ = writeln!(text, "{lessons} lesson{}, {findings}", s(lessons));
    Ok((text, found == 0))
}

/// By the id of the lesson; none without a file.
fn read_solutions(path: Option<&str>) -> Result<BTreeMap<String, Solutions>, String> {
    let Some(path) = path else {
        return Ok(BTreeMap::new());
    };
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    json::parse(&text).map_err(|(line, problem)| format!("{path}:{line}: {problem}"))
}

fn shown(words: &[&str]) -> Result<String, String> {
    let (paths, [solutions]) = options(words, ["--solutions"])?;
    let [path] = paths.as_slice() else {
        return Err(format!("show needs one lesson's file\n\n{USAGE}"));
    };
    let solutions = read_solutions(solutions)?;
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let lesson = Lesson::parse(path, &text).map_err(|error| error.to_string())?;
    let id = Path::new(path).file_stem().and_then(|stem| stem.to_str());
    let id = id.unwrap_or_default();
    let shown = show::lesson(id, &lesson, solutions.get(id));
    Ok(format!("{shown:#}\n"))
}

/// The lessons and the course below a path, in the order of their names.
fn gather(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let error = |error: std::io::Error| format!("{}: {error}", path.display());
    if !fs::metadata(path).map_err(error)?.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(error)?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(error)?;
    entries.sort();
    for entry in entries {
        let lesson = entry.extension().is_some_and(|ending| ending == "md");
        if entry.is_dir() || lesson || entry.ends_with(COURSE) {
            gather(&entry, files)?;
        }
    }
    Ok(())
}

/// What is wrong with the course, its missing files included.
fn of_course(file: &Path, name: &str, content: &str) -> Vec<LessonError> {
    let course = match Course::parse(name, content) {
        Err(error) => return vec![error],
        Ok(course) => course,
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let lessons = course.lessons().filter_map(|(_, id, title)| {
        let path = folder.join(course.place(id, "en")?.path);
        let Ok(text) = fs::read_to_string(&path) else {
            return Some(format!("there is no {}", path.display()));
        };
        let own = text.lines().next()?.strip_prefix("# ")?.trim();
        // A lesson that the course gives no title is listed by its id.
        let differs = course.titles.contains_key(id) && own != title;
        differs.then(|| format!("titles: \"{id}\" is \"{title}\" here and \"{own}\" in its file"))
    });
    let error = |problem| LessonError {
        file: name.into(),
        line: 1,
        problem,
    };
    lessons.map(error).collect()
}

/// What was found, and in a line what was held.
fn of_lesson(
    name: &str,
    content: &str,
    seeds: u64,
    solutions: Option<&Solutions>,
) -> (Vec<Finding>, String) {
    let mut found: Vec<Finding> = (1..)
        .zip(content.lines())
        .filter_map(|(line, text)| {
            let (_, blank) = text.split_once(BLANK)?;
            let end = blank.find(['"', ']']).unwrap_or(blank.len());
            let problem = format!("to be filled{}", blank[..end].trim_end());
            Some(Finding { line, problem })
        })
        .collect();
    let lesson = match Lesson::parse(name, content) {
        Ok(lesson) => lesson,
        Err(LessonError { line, problem, .. }) => {
            found.push(Finding { line, problem });
            return (found, String::new());
        }
    };
    found.extend(proof::of(&lesson, seeds));
    if let Some(solutions) = solutions {
        found.extend(proof::solved(&lesson, solutions, seeds));
    }
    found.sort_by_key(|finding| finding.line);
    let count = |of: fn(&Step) -> usize| lesson.steps.iter().map(of).sum::<usize>();
    let gauntlets = count(|step| {
        let suites = |check: &Check| check.suites().len();
        step.tasks().map(|task| suites(&task.check)).sum()
    });
    let mut summary = format!(
        "{} steps, {} claims hold, {} tasks, {} questions",
        lesson.steps.len(),
        count(|step| step.claims().len()),
        count(|step| step.tasks().count()),
        count(|step| step.asks().count())
    );
    if gauntlets > 0 && solutions.is_none() {
        let _ = write!(summary, ", {gauntlets} suites that were not run");
    }
    (found, summary)
}

fn new(words: &[&str]) -> Result<String, String> {
    let (names, [scenario]) = options(words, ["--scenario"])?;
    let [name] = names.as_slice() else {
        return Err(format!("new needs one name\n\n{USAGE}"));
    };
    let preset = scenario.unwrap_or(catalog::OPENING);
    let text = skeleton(preset)?;
    let (module, id) = name
        .split_once('/')
        .map_or((None, *name), |(module, id)| (Some(module), id));
    let plain = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    };
    if !module.is_none_or(plain) || !plain(id) {
        return Err(format!(
            "\"{name}\" is no name; expected NAME or MODULE/NAME of small letters, digits and dashes, such as lost-ack"
        ));
    }
    let path = match module {
        None => PathBuf::from(format!("{id}.md")),
        Some(module) => Path::new("lessons/en")
            .join(module)
            .join(format!("{id}.md")),
    };
    let shown = path.display();
    if path.exists() {
        return Err(format!("{shown} is there already; it is left as it is"));
    }
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)
    };
    write().map_err(|error| format!("cannot write {shown}: {error}"))?;
    let course = match module {
        None => String::new(),
        Some(module) => {
            format!("add \"{id}\" to the module \"{module}\" of lessons/course.json\n")
        }
    };
    Ok(format!(
        "{shown}\n{course}streamproof lesson check {shown} says what is to be filled\n"
    ))
}

/// A lesson that only lacks its words.
fn skeleton(preset: &str) -> Result<String, String> {
    let found = catalog::find(preset).ok_or_else(|| {
        let hint = suggest::did_you_mean(preset, catalog::all().iter().map(|preset| preset.id));
        format!("--scenario: no preset \"{preset}\"{hint}")
    })?;
    let scenario = found.scenario();
    let (claim, task, controls) = match found.mistake() {
        Some(mistake) => {
            let cured = scenario
                .patched(&mistake.cure)
                .map_err(|error| format!("{preset}: its cure: {error}"))?;
            let controls = control::changed(&scenario, &cured);
            (mistake.shows, mistake.cured, controls)
        }
        None if preset == catalog::OPENING => {
            let claim = "rows == 41".into();
            (claim, "dup == 0".into(), vec!["enable.idempotence"])
        }
        None => ("src > 0".into(), "dup > 0 && lost > 0".into(), vec![]),
    };
    let controls: Vec<String> = controls.iter().map(|key| format!("\"{key}\"")).collect();
    Ok(SKELETON
        .replace("{scenario}", preset)
        .replace("{controls}", &controls.join(", "))
        .replace("{claim}", &claim)
        .replace("{task}", &task))
}

const SKELETON: &str = r#"# BLANK: what the lesson is about

```lesson
{
  "scenario": "{scenario}",
  "controls": [{controls}],
  "minutes": 10
}
```

## scene: BLANK: who, and what is at stake

BLANK: three to five sentences about the pipeline and what happens to it.

## predict: BLANK: the question in a few words

```ask
{
  "id": "p1",
  "kind": "choice",
  "ask": "BLANK: what will the run show?",
  "sure": true,
  "options": [
    { "say": "BLANK: a wrong answer", "why": "BLANK: why it is wrong", "refuted_by": {} },
    { "say": "BLANK: the right answer", "right": true, "why": "BLANK: why it is right" }
  ]
}
```

## run: BLANK: what to watch

Press **Run**.

## observe: BLANK: what was to be seen

[BLANK: what the run shows](check:{claim}).

## explain: BLANK: the cause in a few words

```ask
{
  "id": "e1",
  "kind": "text",
  "ask": "BLANK: why did it happen?",
  "model": "BLANK: an answer to hold one's own against"
}
```

You may have expected BLANK: the wrong idea. It fails because BLANK: the reason.

## task: BLANK: what to reach

```check
run({task}) # BLANK: what the learner reads when it passes.
```

## quiz: Without the page's help

```ask
{
  "id": "q1",
  "kind": "choice",
  "ask": "BLANK: the same idea, in another place",
  "options": [
    { "say": "BLANK: the right answer", "right": true, "why": "BLANK: why it is right" },
    { "say": "BLANK: a wrong answer", "why": "BLANK: why it is wrong" }
  ]
}
```

## production: Where you will meet it again

- BLANK: names, defaults, and what to watch.
"#;
