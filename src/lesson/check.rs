//! What a task demands of a run.
//!
//! ```text
//! name   := metric | branch.metric | preset.metric
//! expr   := number | name | number "*" name | expr + expr | expr - expr
//! pred   := expr op expr | cfg["real.option.name"] op value | pred && pred | pred || pred | !pred | (pred)
//! check  := run(pred) | gauntlet(SUITE, pred) | compare(A, B, pred) | changed_only("opt", ...)
//!         | predicted(ask) | traced(event) | suite.kills(n) | points <= n | check && check
//! ```
//!
//! `op` is one of `== != < <= > >=`. The metrics are those of [`Verdict::names`]; in `compare` they stand behind `d.`
//! (B minus A) or `ratio.` (B by A). `||` binds weaker than `&&`, and a dash inside a word belongs to the word.

use crate::sim::compact::{decimal, decimal_text};
use crate::sim::control;
use crate::sim::json::Text;
use crate::sim::ledger::Verdict;
use crate::sim::{Patch, Run, Scenario, suggest};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    Run(Pred),
    /// Every script of a suite.
    Gauntlet {
        suite: String,
        pred: Pred,
    },
    /// Two runs of one seed: `preset`, which need not be said, and then `mine`.
    Compare {
        a: Option<String>,
        b: String,
        pred: Pred,
    },
    ChangedOnly(Vec<String>),
    Predicted(String),
    Traced(String),
    Kills(u32),
    /// What was changed is in the backlog, and costs so much at most.
    PointsAtMost {
        points: u32,
        /// Filled in by the lesson's reader.
        backlog: Vec<Item>,
    },
    All(Vec<Check>),
}

/// What a plan can buy: settings that may be changed together, at a price.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub item: String,
    pub points: u32,
    pub settings: Vec<String>,
}

/// In `changed_only`, the fault script.
const FAULTS: &str = "faults";

#[derive(Clone, Debug, PartialEq)]
pub enum Pred {
    Compare(Expr, Op, Expr),
    Setting(String, Op, Value),
    And(Box<Pred>, Box<Pred>),
    Or(Box<Pred>, Box<Pred>),
    Not(Box<Pred>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Number(f64),
    Name(Name),
    Times(f64, Name),
    Plus(Box<Expr>, Box<Expr>),
    Minus(Box<Expr>, Box<Expr>),
}

/// A metric, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub of: Of,
    pub metric: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// The run at hand.
    Run,
    /// One branch of it.
    Branch(String),
    /// The run of the unchanged scenario, same seed.
    Preset,
    /// The second run minus the first.
    Difference,
    /// The second run divided by the first.
    Ratio,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// What a check is held against.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    pub run: &'a Run,
    /// What was run.
    pub scenario: &'a Scenario,
    /// What the step began with.
    pub base: &'a Scenario,
    /// The run of `base`, where it is at hand.
    pub base_run: Option<&'a Run>,
    /// The asks that were answered.
    pub answered: &'a [String],
    /// The orders whose explanation was opened.
    pub traced: &'a [u32],
}

/// How a check stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Passed,
    /// What is missing, with the values found.
    NotYet(String),
    /// What would have to be known first.
    CannotTell(String),
}

impl Check {
    /// A run that `compare` names and that nobody can have.
    pub fn unknown_run(&self) -> Option<&str> {
        match self {
            Check::Compare { a, b, .. } => {
                let first = a.as_deref().filter(|a| *a != PRESET);
                first.or_else(|| Some(b.as_str()).filter(|b| *b != MINE))
            }
            Check::All(checks) => checks.iter().find_map(Check::unknown_run),
            _ => None,
        }
    }

    /// Reads a check; `branches` are the names that may stand before a metric.
    pub fn parse(text: &str, branches: &[&str]) -> Result<Check, String> {
        let mut parser = Parser::new(text, branches)?;
        let check = parser.check()?;
        parser.end()?;
        Ok(check)
    }

    /// Whether it needs a backlog.
    pub fn counts_points(&self) -> bool {
        match self {
            Check::PointsAtMost { .. } => true,
            Check::All(checks) => checks.iter().any(Check::counts_points),
            _ => false,
        }
    }

    /// The same with what its points are counted by.
    pub fn with_backlog(self, items: &[Item]) -> Check {
        match self {
            Check::PointsAtMost { points, .. } => Check::PointsAtMost {
                points,
                backlog: items.to_vec(),
            },
            Check::All(checks) => {
                let checks = checks.into_iter().map(|check| check.with_backlog(items));
                Check::All(checks.collect())
            }
            other => other,
        }
    }

    pub fn standing(&self, evidence: &Evidence) -> Standing {
        let tested = |pred: &Pred| match pred.shortfall(evidence) {
            Ok(None) => Standing::Passed,
            Ok(Some(missing)) => Standing::NotYet(missing),
            Err(unknown) => Standing::CannotTell(unknown),
        };
        let done = |done: bool, missing: &str| {
            if done {
                Standing::Passed
            } else {
                Standing::NotYet(missing.into())
            }
        };
        match self {
            Check::Run(pred) => tested(pred),
            Check::ChangedOnly(keys) => changed_only(keys, evidence),
            Check::Predicted(ask) => {
                done(evidence.answered.contains(ask), "make the prediction first")
            }
            Check::Traced(order) => done(
                evidence
                    .traced
                    .iter()
                    .any(|traced| traced.to_string() == *order),
                &format!("open the explanation of order {order}"),
            ),
            Check::All(checks) => {
                let standings = checks.iter().map(|check| check.standing(evidence));
                standings
                    .into_iter()
                    .find(|standing| *standing != Standing::Passed)
                    .unwrap_or(Standing::Passed)
            }
            Check::Gauntlet { suite, .. } => {
                Standing::CannotTell(format!("suite {suite} has not been run"))
            }
            Check::Compare { pred, .. } => match self.unknown_run() {
                Some(name) => Standing::CannotTell(format!(
                    "there is no run named {name}; the runs are {PRESET} and {MINE}, in this order"
                )),
                None => Check::Run(pred.clone()).standing(evidence),
            },
            Check::Kills(_) => Standing::CannotTell("this lesson keeps no such count".into()),
            Check::PointsAtMost { points, backlog } => planned(*points, backlog, evidence),
        }
    }
}

/// The runs that `compare` knows: that of the unchanged scenario, and the learner's.
const PRESET: &str = "preset";
const MINE: &str = "mine";

/// Nothing but these settings differs: with them set back the scenario is the step's own, faults included.
fn changed_only(keys: &[String], evidence: &Evidence) -> Standing {
    let named = keys.iter().filter_map(|key| {
        control::in_use(evidence.base, key).or_else(|| control::in_use(evidence.scenario, key))
    });
    // All at once: set back one by one, what is left in between may be no scenario.
    let back = named.fold(Patch::default(), |back, control| {
        let value = control.value(evidence.base).unwrap_or(Value::Null);
        back.then(&control.patch(value))
    });
    let mut rest = match evidence.scenario.patched(&back) {
        Ok(rest) => rest,
        Err(error) => return Standing::NotYet(error.to_string()),
    };
    if keys.iter().any(|key| key == FAULTS) {
        rest.faults = evidence.base.faults.clone();
    }
    if rest == *evidence.base {
        return Standing::Passed;
    }
    let others: Vec<&str> = control::changed(evidence.base, &rest);
    Standing::NotYet(match others.as_slice() {
        [] => "the faults or the workload differ too; set them back".into(),
        others => format!("set back what else was changed: {}", others.join(", ")),
    })
}

/// Whoever touches a setting of an item has bought the item.
fn planned(most: u32, backlog: &[Item], evidence: &Evidence) -> Standing {
    if backlog.is_empty() {
        return Standing::CannotTell("this lesson has no backlog".into());
    }
    let keys = backlog.iter().flat_map(|item| item.settings.clone());
    let standing = changed_only(&keys.collect::<Vec<_>>(), evidence);
    if standing != Standing::Passed {
        return standing;
    }
    let changed = control::changed(evidence.base, evidence.scenario);
    let is_bought = |item: &&Item| item.settings.iter().any(|key| changed.contains(&&**key));
    let bought: Vec<&Item> = backlog.iter().filter(is_bought).collect();
    let points: u32 = bought.iter().map(|item| item.points).sum();
    if points <= most {
        return Standing::Passed;
    }
    let items = bought
        .iter()
        .map(|item| format!("{} ({})", item.item, item.points));
    let items = items.collect::<Vec<_>>().join(", ");
    Standing::NotYet(format!(
        "the plan costs {points} points, there are {most}: {items}"
    ))
}

impl Pred {
    pub fn parse(text: &str, branches: &[&str]) -> Result<Pred, String> {
        let mut parser = Parser::new(text, branches)?;
        let pred = parser.pred()?;
        parser.end()?;
        Ok(pred)
    }

    /// Nothing if it holds, else what is missing, or an error for what cannot be known.
    pub fn shortfall(&self, evidence: &Evidence) -> Result<Option<String>, String> {
        Ok(match self {
            Pred::Compare(left, op, right) => {
                let (a, b) = (left.value(evidence)?, right.value(evidence)?);
                (!op.holds(a, b))
                    .then(|| format!("{left} is {}, it should be {op} {right}", number(a)))
            }
            Pred::Setting(key, op, wanted) => {
                let found = control::setting(evidence.scenario, key)
                    .ok_or_else(|| format!("this scenario has no {key}"))?;
                let holds = match (found.as_f64(), wanted.as_f64()) {
                    (Some(found), Some(wanted)) => op.holds(found, wanted),
                    _ => (found == *wanted) == (*op == Op::Equal),
                };
                (!holds).then(|| {
                    format!(
                        "{key} is {}, it should be {op} {}",
                        Text(&found),
                        Text(wanted)
                    )
                })
            }
            Pred::And(left, right) => match (left.shortfall(evidence)?, right.shortfall(evidence)?)
            {
                (Some(a), Some(b)) => Some(format!("{a}; {b}")),
                (a, b) => a.or(b),
            },
            Pred::Or(left, right) => {
                match (left.shortfall(evidence)?, right.shortfall(evidence)?) {
                    (Some(a), Some(b)) => Some(format!("{a}, or {b}")),
                    _ => None,
                }
            }
            Pred::Not(inner) => match inner.shortfall(evidence)? {
                Some(_) => None,
                None => Some(format!("{inner} should not hold")),
            },
        })
    }
}

impl Expr {
    pub fn parse(text: &str, branches: &[&str]) -> Result<Expr, String> {
        let mut parser = Parser::new(text, branches)?;
        let expr = parser.expr()?;
        parser.end()?;
        Ok(expr)
    }

    /// Its value, or what cannot be known.
    pub fn value(&self, evidence: &Evidence) -> Result<f64, String> {
        Ok(match self {
            Expr::Number(value) => *value,
            Expr::Name(name) => name.value(evidence)?,
            Expr::Times(factor, name) => factor * name.value(evidence)?,
            Expr::Plus(left, right) => left.value(evidence)? + right.value(evidence)?,
            Expr::Minus(left, right) => left.value(evidence)? - right.value(evidence)?,
        })
    }
}

impl Name {
    fn value(&self, evidence: &Evidence) -> Result<f64, String> {
        let base = || {
            let base = evidence.base_run;
            base.ok_or("the unchanged scenario has not been run yet")
        };
        if let Of::Difference | Of::Ratio = self.of {
            let value = |run: &Run| {
                let value = run.verdict.metric(&self.metric);
                value.ok_or_else(|| format!("{} has no value in one of the runs", self.metric))
            };
            let (first, second) = (value(base()?)?, value(evidence.run)?);
            let found = match self.of {
                Of::Difference => second - first,
                _ => second / first,
            };
            // Nothing divided by nothing, or two endless times.
            return match found.is_nan() {
                true => Err(format!(
                    "{self} has no value: {} and {}",
                    number(second),
                    number(first)
                )),
                false => Ok(found),
            };
        }
        let verdict = match &self.of {
            Of::Run => &evidence.run.verdict,
            Of::Branch(branch) => evidence
                .run
                .branches
                .get(branch)
                .ok_or_else(|| format!("this run has no branch {branch}"))?,
            Of::Preset => &base()?.verdict,
            Of::Difference | Of::Ratio => unreachable!("answered above"),
        };
        verdict
            .metric(&self.metric)
            .ok_or_else(|| format!("{self} has no value in this run"))
    }
}

impl Op {
    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Op::Equal => a == b,
            Op::Unequal => a != b,
            Op::Less => a < b,
            Op::AtMost => a <= b,
            Op::More => a > b,
            Op::AtLeast => a >= b,
        }
    }
}

/// A value as a reader would write it.
pub fn number(value: f64) -> String {
    if value.is_infinite() {
        "infinite".into()
    } else {
        decimal_text(value)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Equal => "==",
            Op::Unequal => "!=",
            Op::Less => "<",
            Op::AtMost => "<=",
            Op::More => ">",
            Op::AtLeast => ">=",
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Of::Run => {}
            Of::Branch(branch) => write!(f, "{branch}.")?,
            Of::Preset => f.write_str("preset.")?,
            Of::Difference => f.write_str("d.")?,
            Of::Ratio => f.write_str("ratio.")?,
        }
        f.write_str(&self.metric)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Number(value) => f.write_str(&decimal_text(*value)),
            Expr::Name(name) => write!(f, "{name}"),
            Expr::Times(factor, name) => write!(f, "{factor} * {name}"),
            Expr::Plus(left, right) => write!(f, "{left} + {right}"),
            Expr::Minus(left, right) => write!(f, "{left} - {right}"),
        }
    }
}

impl fmt::Display for Pred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pred::Compare(left, op, right) => write!(f, "{left} {op} {right}"),
            Pred::Setting(key, op, value) => write!(f, "cfg[\"{key}\"] {op} {}", Text(value)),
            Pred::And(left, right) => write!(f, "{left} && {right}"),
            Pred::Or(left, right) => write!(f, "({left} || {right})"),
            Pred::Not(inner) => write!(f, "!({inner})"),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Number(f64),
    Text(String),
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "\"{word}\""),
            Token::Number(value) => f.write_str(&decimal_text(*value)),
            Token::Text(text) => write!(f, "\"{text}\""),
            Token::Sign(sign) => write!(f, "\"{sign}\""),
        }
    }
}

// The longer ones first, because the first that fits is taken.
const SIGNS: [&str; 17] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", "*", "+", "-",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let token = if first.is_ascii_digit() {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (digits, tail) = rest.split_at(end);
            rest = tail;
            Token::Number(decimal(digits).ok_or_else(|| format!("\"{digits}\" is no number"))?)
        } else if first.is_ascii_alphabetic() {
            let part_of_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            let end = rest.find(|c| !part_of_word(c)).unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            rest = tail;
            Token::Word(word.to_string())
        } else if first == '"' {
            let (inside, tail) = rest[1..].split_once('"').ok_or("a \" without its end")?;
            rest = tail;
            Token::Text(inside.to_string())
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or_else(|| format!("\"{first}\" means nothing in a check"))?;
            rest = &rest[sign.len()..];
            Token::Sign(sign)
        };
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    branches: &'a [&'a str],
    /// Inside `compare`, where metrics are of two runs.
    two_runs: bool,
}

const CHECKS: [&str; 8] = [
    "run",
    "gauntlet",
    "compare",
    "changed_only",
    "predicted",
    "traced",
    "suite.kills",
    "points",
];

impl<'a> Parser<'a> {
    fn new(text: &str, branches: &'a [&'a str]) -> Result<Self, String> {
        Ok(Parser {
            tokens: tokens(text)?,
            at: 0,
            branches,
            two_runs: false,
        })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self, expected: &str) -> Result<Token, String> {
        let token = self
            .peek()
            .cloned()
            .ok_or_else(|| format!("ends where {expected} was expected"))?;
        self.at += 1;
        Ok(token)
    }

    fn has(&mut self, sign: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, sign: &'static str) -> Result<(), String> {
        match self.next(&format!("\"{sign}\""))? {
            Token::Sign(found) if found == sign => Ok(()),
            found => Err(format!("{found} where \"{sign}\" was expected")),
        }
    }

    fn end(&self) -> Result<(), String> {
        self.peek().map_or(Ok(()), |token| {
            Err(format!("{token} is left over at the end"))
        })
    }

    fn word(&mut self, expected: &str) -> Result<String, String> {
        match self.next(expected)? {
            Token::Word(word) => Ok(word),
            found => Err(format!("{found} where {expected} was expected")),
        }
    }

    fn check(&mut self) -> Result<Check, String> {
        let mut checks = vec![self.one_check()?];
        while self.has("&&") {
            checks.push(self.one_check()?);
        }
        Ok(if checks.len() == 1 {
            checks.remove(0)
        } else {
            Check::All(checks)
        })
    }

    fn one_check(&mut self) -> Result<Check, String> {
        let kind = self.word("a check such as run(dup == 0)")?;
        if kind == "points" {
            self.need("<=")?;
            return Ok(Check::PointsAtMost {
                points: self.whole()?,
                backlog: Vec::new(),
            });
        }
        if !CHECKS.contains(&kind.as_str()) {
            return Err(format!(
                "no check \"{kind}\"{}",
                suggest::did_you_mean(&kind, CHECKS)
            ));
        }
        self.need("(")?;
        let check = match kind.as_str() {
            "run" => Check::Run(self.pred()?),
            "gauntlet" => {
                let mut suite = self.word("a suite")?;
                while self.has("+") {
                    suite = format!("{suite}+{}", self.word("a suite")?);
                }
                self.need(",")?;
                Check::Gauntlet {
                    suite,
                    pred: self.pred()?,
                }
            }
            "compare" => {
                let first = self.word("the name of a run")?;
                self.need(",")?;
                self.two_runs = true;
                // A second name is followed by a comma; a predicate never is.
                let second = match (self.peek(), self.tokens.get(self.at + 1)) {
                    (Some(Token::Word(word)), Some(Token::Sign(","))) => Some(word.clone()),
                    _ => None,
                };
                let (a, b) = match second {
                    Some(second) => {
                        self.at += 2;
                        (Some(first), second)
                    }
                    None => (None, first),
                };
                let pred = self.pred()?;
                self.two_runs = false;
                Check::Compare { a, b, pred }
            }
            "changed_only" => {
                let mut keys = vec![self.key_or_faults()?];
                while self.has(",") {
                    keys.push(self.key_or_faults()?);
                }
                Check::ChangedOnly(keys)
            }
            "predicted" => Check::Predicted(self.word("the id of an ask")?),
            "traced" => Check::Traced(self.whole()?.to_string()),
            _ => Check::Kills(self.whole()?),
        };
        self.need(")")?;
        Ok(check)
    }

    fn whole(&mut self) -> Result<u32, String> {
        match self.next("a whole number")? {
            Token::Number(value) if value == f64::from(value as u32) => Ok(value as u32),
            found => Err(format!("{found} where a whole number was expected")),
        }
    }

    fn key_or_faults(&mut self) -> Result<String, String> {
        if self.peek() == Some(&Token::Text(FAULTS.into())) {
            self.at += 1;
            return Ok(FAULTS.into());
        }
        self.key()
    }

    /// The name of a setting, in quotes.
    fn key(&mut self) -> Result<String, String> {
        match self.next("the name of a setting in quotes")? {
            Token::Text(key) if control::find(&key).is_some() => Ok(key),
            Token::Text(key) => {
                let known = control::CONTROLS.iter().map(|control| control.key);
                Err(format!(
                    "no setting \"{key}\"{}",
                    suggest::did_you_mean(&key, known)
                ))
            }
            found => Err(format!(
                "{found} where the name of a setting in quotes was expected"
            )),
        }
    }

    fn pred(&mut self) -> Result<Pred, String> {
        let mut left = self.all_of()?;
        while self.has("||") {
            left = Pred::Or(Box::new(left), Box::new(self.all_of()?));
        }
        Ok(left)
    }

    fn all_of(&mut self) -> Result<Pred, String> {
        let mut left = self.one_pred()?;
        while self.has("&&") {
            left = Pred::And(Box::new(left), Box::new(self.one_pred()?));
        }
        Ok(left)
    }

    fn one_pred(&mut self) -> Result<Pred, String> {
        if self.has("!") {
            return Ok(Pred::Not(Box::new(self.one_pred()?)));
        }
        if self.has("(") {
            let inner = self.pred()?;
            self.need(")")?;
            return Ok(inner);
        }
        if self.peek() == Some(&Token::Word("cfg".into())) {
            self.at += 1;
            self.need("[")?;
            let key = self.key()?;
            self.need("]")?;
            let op = self.op()?;
            let value = match self.next("a value")? {
                Token::Number(value) if value.fract() == 0.0 => Value::from(value as i64),
                Token::Number(value) => Value::from(value),
                Token::Text(text) => Value::from(text),
                Token::Word(word) if word == "true" || word == "false" => {
                    Value::from(word == "true")
                }
                found => {
                    return Err(format!(
                        "{found} is no value; accepted are numbers, texts in quotes, true and false"
                    ));
                }
            };
            if !value.is_number() && !matches!(op, Op::Equal | Op::Unequal) {
                return Err(format!(
                    "{op} compares numbers; for {value} there are == and !="
                ));
            }
            return Ok(Pred::Setting(key, op, value));
        }
        let left = self.expr()?;
        let op = self.op()?;
        Ok(Pred::Compare(left, op, self.expr()?))
    }

    fn op(&mut self) -> Result<Op, String> {
        Ok(match self.next("a comparison such as ==")? {
            Token::Sign("==") => Op::Equal,
            Token::Sign("!=") => Op::Unequal,
            Token::Sign("<") => Op::Less,
            Token::Sign("<=") => Op::AtMost,
            Token::Sign(">") => Op::More,
            Token::Sign(">=") => Op::AtLeast,
            found => return Err(format!("{found} where one of == != < <= > >= was expected")),
        })
    }

    fn expr(&mut self) -> Result<Expr, String> {
        let mut left = self.term()?;
        loop {
            if self.has("+") {
                left = Expr::Plus(Box::new(left), Box::new(self.term()?));
            } else if self.has("-") {
                left = Expr::Minus(Box::new(left), Box::new(self.term()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn term(&mut self) -> Result<Expr, String> {
        match self.next("a number or a metric")? {
            Token::Number(factor) if self.has("*") => {
                let word = self.word("a metric")?;
                Ok(Expr::Times(factor, self.name(&word)?))
            }
            Token::Number(value) => Ok(Expr::Number(value)),
            Token::Word(word) => Ok(Expr::Name(self.name(&word)?)),
            found => Err(format!("{found} where a number or a metric was expected")),
        }
    }

    fn name(&self, word: &str) -> Result<Name, String> {
        let known: Vec<String> = Verdict::names().collect();
        let (of, metric) = match word.split_once('.') {
            _ if known.iter().any(|name| name == word) && !self.two_runs => (Of::Run, word),
            Some(("d", metric)) if self.two_runs => (Of::Difference, metric),
            Some(("ratio", metric)) if self.two_runs => (Of::Ratio, metric),
            Some(("preset", metric)) => (Of::Preset, metric),
            Some((branch, metric)) if self.branches.contains(&branch) => {
                (Of::Branch(branch.into()), metric)
            }
            _ if self.two_runs => {
                return Err(format!(
                    "\"{word}\" is of one run; between two runs there are d.{word} and ratio.{word}"
                ));
            }
            _ => (Of::Run, word),
        };
        if !known.iter().any(|name| name == metric) {
            return Err(format!(
                "no metric \"{word}\"{}",
                suggest::did_you_mean(metric, known.iter().map(String::as_str))
            ));
        }
        Ok(Name {
            of,
            metric: metric.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Patch, Simulation, catalog};

    fn opening() -> Scenario {
        catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario()
    }

    fn standing(text: &str, patch: &str) -> Standing {
        held(&Check::parse(text, &["revenue"]).expect("valid"), patch)
    }

    fn held(check: &Check, patch: &str) -> Standing {
        let base = opening();
        let scenario = base
            .patched(&Patch::parse(patch).expect("valid"))
            .expect("valid");
        let (run, base_run) = (
            Simulation::run(&scenario, Keep::LedgerOnly),
            Simulation::run(&base, Keep::LedgerOnly),
        );
        let evidence = Evidence {
            run: &run,
            scenario: &scenario,
            base: &base,
            base_run: Some(&base_run),
            answered: &["p1".into()],
            traced: &[17],
        };
        check.standing(&evidence)
    }

    #[test]
    fn checks_are_held_against_the_run() {
        for text in [
            "run(dup == 1 && lost == 0)",
            "run(dup > 5 || rows == 41)",
            "run(!(dup == 0))",
            "run(revenue.dup == 1)",
            "run(rows - delivered == dup)",
            "run(2 * dup + lost <= 2)",
            "run(dup == preset.dup)",
            "run(dup_by.producer_retry == 1)",
            r#"run(cfg["acks"] == "all" && cfg["enable.idempotence"] != true)"#,
            r#"run(cfg["watermark.delay"] >= 1000) && changed_only("retries") && predicted(p1) && traced(17)"#,
        ] {
            assert_eq!(standing(text, "{}"), Standing::Passed, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_the_values_found() {
        for (text, missing) in [
            (
                "run(dup == 0 && reorder > 0)",
                "dup is 1, it should be == 0; reorder is 0, it should be > 0",
            ),
            (
                "run(dup == 0 || late == 7)",
                "dup is 1, it should be == 0, or late is 0, it should be == 7",
            ),
            ("run(!(dup == 1))", "dup == 1 should not hold"),
            ("predicted(p2)", "make the prediction first"),
            ("traced(3)", "open the explanation of order 3"),
        ] {
            assert_eq!(
                standing(text, "{}"),
                Standing::NotYet(missing.into()),
                "{text}"
            );
        }
        assert!(matches!(
            standing("gauntlet(G-NET, dup == 0)", "{}"),
            Standing::CannotTell(_)
        ));
    }

    #[test]
    fn a_run_is_compared_with_that_of_the_unchanged_scenario() {
        let fixed = r#"{"producer": {"enable.idempotence": true}}"#;
        for (text, patch, found) in [
            (
                "compare(mine, d.dup == 0 && ratio.rows == 1)",
                "{}",
                Standing::Passed,
            ),
            (
                "compare(mine, d.dup < 0 && ratio.dup == 0 && d.lost == 0)",
                fixed,
                Standing::Passed,
            ),
            (
                "compare(preset, mine, ratio.rows < 1)",
                fixed,
                Standing::Passed,
            ),
            (
                "compare(mine, d.dup < 0)",
                "{}",
                Standing::NotYet("d.dup is 0, it should be < 0".into()),
            ),
            (
                "compare(mine, ratio.lost < 1)",
                "{}",
                Standing::CannotTell("ratio.lost has no value: 0 and 0".into()),
            ),
            (
                "compare(mine, preset, d.dup > 0)",
                "{}",
                Standing::CannotTell(
                    "there is no run named mine; the runs are preset and mine, in this order"
                        .into(),
                ),
            ),
        ] {
            assert_eq!(standing(text, patch), found, "{text} with {patch}");
        }
    }

    #[test]
    fn changed_only_sees_settings_faults_and_workload() {
        let only = r#"changed_only("enable.idempotence")"#;
        let fixed = r#"{"producer": {"enable.idempotence": true}}"#;
        assert_eq!(standing(only, fixed), Standing::Passed);
        assert_eq!(
            standing(
                only,
                r#"{"producer": {"enable.idempotence": true, "linger.ms": 50}}"#
            ),
            Standing::NotYet("set back what else was changed: linger.ms".into())
        );
        assert!(
            matches!(standing(only, r#"{"faults": {"lost-ack": null}}"#), Standing::NotYet(why) if why.contains("faults"))
        );
    }

    #[test]
    fn of_settings_with_one_name_changed_only_means_the_one_in_use() {
        let delay =
            r#"{"branches": {"revenue": {"engine": {"spark": {"watermark.delay": 3000}}}}}"#;
        let only = r#"changed_only("watermark.delay")"#;
        assert_eq!(standing(only, delay), Standing::Passed);
        // Neither of these two can be set back without the other.
        let session = r#"{"branches": {"revenue": {"engine": {"spark": {"window.type": "session", "window.gap": 500, "group.by": "customer"}}}}}"#;
        let only = r#"changed_only("window.type", "window.gap", "group.by")"#;
        assert_eq!(standing(only, session), Standing::Passed);
    }

    #[test]
    fn the_fault_script_can_be_left_to_the_learner() {
        let script =
            r#"{"faults": {"lost-ack": null, "mine": {"do": "driver.crash.C5", "at": 3000}}}"#;
        let only_faults = r#"changed_only("faults")"#;
        assert_eq!(standing(only_faults, script), Standing::Passed);
        let both = r#"{"producer": {"retries": 3}, "faults": {"lost-ack": null}}"#;
        let Standing::NotYet(why) = standing(only_faults, both) else {
            panic!("a setting was changed too");
        };
        assert_eq!(why, "set back what else was changed: retries");
        assert_eq!(
            standing(r#"changed_only("faults", "retries")"#, both),
            Standing::Passed
        );
    }

    #[test]
    fn a_plan_costs_what_was_touched_and_nothing_else_may_be() {
        let item = |item: &str, points, settings: &[&str]| Item {
            item: item.into(),
            points,
            settings: settings.iter().map(|key| (*key).into()).collect(),
        };
        let backlog = [
            item("producer", 2, &["acks", "enable.idempotence"]),
            item("key", 3, &["hoodie.datasource.write.operation"]),
        ];
        let check = |points| {
            let check = Check::parse(&format!("points <= {points}"), &[]).expect("valid");
            check.with_backlog(&backlog)
        };
        let producer = r#"{"producer": {"enable.idempotence": true}}"#;
        let both = r#"{"producer": {"enable.idempotence": true}, "sink": {"hudi": {"hoodie.datasource.write.operation": "upsert"}}}"#;
        let other = r#"{"producer": {"retries": 3}}"#;
        for (points, patch, found) in [
            (0, "{}", Standing::Passed),
            (2, producer, Standing::Passed),
            (
                1,
                producer,
                Standing::NotYet("the plan costs 2 points, there are 1: producer (2)".into()),
            ),
            (5, both, Standing::Passed),
            (
                4,
                both,
                Standing::NotYet(
                    "the plan costs 5 points, there are 4: producer (2), key (3)".into(),
                ),
            ),
            (
                5,
                other,
                Standing::NotYet("set back what else was changed: retries".into()),
            ),
        ] {
            assert_eq!(held(&check(points), patch), found, "{points}: {patch}");
        }
        let none = Check::parse("points <= 5", &[]).expect("valid");
        assert!(matches!(held(&none, "{}"), Standing::CannotTell(_)));
    }

    #[test]
    fn what_cannot_be_read_names_the_word_and_what_was_expected() {
        for (text, problem) in [
            ("rum(dup == 0)", "no check \"rum\"; did you mean \"run\"?"),
            (
                "run(dupp == 0)",
                "no metric \"dupp\"; did you mean \"dup\"?",
            ),
            ("run(revenu.dup == 0)", "no metric \"revenu.dup\""),
            ("run(dup = 0)", "\"=\" means nothing in a check"),
            ("run(dup == 0", "ends where \")\" was expected"),
            (
                "run(dup)",
                "\")\" where one of == != < <= > >= was expected",
            ),
            ("run(dup == 0) dup", "\"dup\" is left over at the end"),
            (
                r#"changed_only("retrys")"#,
                "no setting \"retrys\"; did you mean \"retries\"?",
            ),
            (
                r#"run(cfg["acks"] < "all")"#,
                "< compares numbers; for \"all\" there are == and !=",
            ),
            (
                "compare(a, b, dup > 0)",
                "\"dup\" is of one run; between two runs there are d.dup and ratio.dup",
            ),
            ("", "ends where a check such as run(dup == 0) was expected"),
            ("run(1.2.3 == 0)", "\"1.2.3\" is no number"),
            ("traced(1.5)", "1.5 where a whole number was expected"),
        ] {
            assert_eq!(
                Check::parse(text, &["revenue"]).expect_err("wrong"),
                problem,
                "{text}"
            );
        }
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        for text in [
            "gauntlet(G-NET+G-BROKER, lost + refused == 0)",
            "compare(b, d.dup > 0 && ratio.p95 < 1.5)",
            "compare(a, b, d.dup > 0)",
            "suite.kills(7)",
            "points <= 12",
            r#"changed_only("retries", "acks")"#,
            "run(dup_by.app_resend > 0 && p95 <= 1500)",
        ] {
            Check::parse(text, &[]).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        }
    }
}
